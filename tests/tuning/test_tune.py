"""From a suite's training rows to its adapters."""

import shutil

import pytest
from msgspec.structs import replace

from evalkit.errors import CacheWarning, SuiteError
from evalkit.models.build import adapter_model, build_model
from evalkit.prompts.composer import Composer
from evalkit.records.case import Example
from evalkit.records.record import from_json, to_json
from evalkit.records.sample import Request
from evalkit.records.tuning import JobState, TuningJob
from evalkit.suite.load import load_suite
from evalkit.suite.schema import PromptConfig
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.plan import plan_trainings
from evalkit.tuning.tune import TuningOutcome, tune_models

SUITE = """
name: tiny
cases: cases.jsonl
models:
  base: {{type: transformers, model: {base}, device: cpu{adapter}}}
  tuned:
    {{type: tuned, base: base, train: train.jsonl, fractions: [1.0, 0.5], seeds: 2, batch_size: 4, epochs: 10{more}}}
  unused: {{type: tuned, base: base, train: missing.jsonl}}
arms:
  few_shot: {{model: base}}
  fine_tuned: {{model: tuned}}
metrics: [exact_match]
run: {{seed: {seed}}}
"""
INSTANT_TUNER = """
from evalkit.records.tuning import TuningRun

class Instant:
    def tune(self, spec):
        spec.output.mkdir()
        (spec.output / "adapter_config.json").write_text("{}")
        (spec.output / "adapter_model.safetensors").write_text("")
        return TuningRun(
            model=spec.model, method="instant", fraction=spec.fraction, seed=spec.seed, rows=len(spec.rows),
            validation_rows=0, steps=0, tokens=0, seconds=0.0, trainable_parameters=0, total_parameters=0,
            peak_memory_bytes=0, losses=(), final_train_loss=0.0, final_validation_loss=None,
            adapter=spec.output.name,
        )
"""
EXAMPLES = [
    Example(id=str(index), input=f"What is E{index}?", output=f"Part {index}.", cluster=str(index))
    for index in range(20)
]


class Told:
    """Remembers what tuning said."""

    def __init__(self):
        self.begun, self.advanced, self.finished, self.notes = [], 0, 0, []

    def start(self, task, total, done=0):
        self.begun.append((task, total, done))

    def advance(self, task, ok=1, errors=0):
        self.advanced += ok

    def finish(self, task):
        self.finished += 1

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def tune(tmp_path, tiny_base):
    """``tune(more=", rank: 4")`` tunes the suite in one process and gives outcome, progress and suite."""
    cache = AdapterCache(tmp_path / "adapters")

    def run(*, more="", adapter="", seed=0, examples_of=lambda path: EXAMPLES):
        text = SUITE.format(base=tiny_base, more=more, adapter=adapter, seed=seed)
        (tmp_path / "suite.yaml").write_text(text)
        suite = load_suite(tmp_path, allow_plugins=True)
        told = Told()
        planned = plan_trainings(
            suite, examples_of, composer_of=lambda name: Composer(PromptConfig(user="Question: {{input}}"))
        )
        return tune_models(planned, progress=told, cache=cache, workers=1), told, suite

    return run


def test_every_fraction_and_seed_gets_an_adapter_that_answers_its_own_way(tmp_path, tune):
    """Then a second run, at another price, trains nothing."""
    outcome, told, suite = tune()
    keys = [("tuned", 0.5, 1), ("tuned", 0.5, 2), ("tuned", 1.0, 1), ("tuned", 1.0, 2)]
    assert list(outcome.adapters) == keys
    assert [(run.model, run.fraction, run.seed) for run in outcome.report.runs] == keys
    assert [run.rows for run in outcome.report.runs] == [10, 10, 19, 19]
    assert [run.validation_rows for run in outcome.report.runs] == [1] * 4
    assert [run.steps for run in outcome.report.runs] == [25, 25, 48, 48]
    assert [run.adapter for run in outcome.report.runs] == [path.name for path in outcome.adapters.values()]
    assert told.begun == [("tuning", 4, 0)] and told.advanced == 4 and told.finished == 1
    assert not any(run.cached for run in outcome.report.runs)

    base = suite.models["base"]
    weights = {
        build_model(adapter_model(base, path), folder=tmp_path).identity["weights"]
        for path in outcome.adapters.values()
    }
    assert len(weights) == 4
    request = Request(
        messages=Composer(PromptConfig(user="Question: {{input}}")).training_messages(EXAMPLES[0])[:-1],
        seed=0,
    )
    tuned = build_model(adapter_model(base, outcome.adapters["tuned", 1.0, 1]), folder=tmp_path)
    assert (
        tuned.complete_batch([request])[0] != build_model(base, folder=tmp_path).complete_batch([request])[0]
    )

    again, told, _ = tune(more=", device_hour: 3")
    assert told.begun == [] and told.advanced == 0
    assert all(run.cached for run in again.report.runs)
    assert [run.seconds for run in again.report.runs] == [run.seconds for run in outcome.report.runs]
    assert again.adapters == outcome.adapters


@pytest.fixture
def instant(tmp_path, monkeypatch):
    """The option that names a third party's tuner, which writes an empty adapter at once."""
    (tmp_path / "instant_tuner.py").write_text(INSTANT_TUNER)
    monkeypatch.syspath_prepend(str(tmp_path))
    return ", method: 'instant_tuner:Instant'"


def test_only_a_missing_or_damaged_adapter_is_trained_again(tune, instant):
    first, told, _ = tune(more=instant)
    assert told.begun == [("tuning", 4, 0)] and told.finished == 1
    (first.adapters["tuned", 0.5, 2] / "adapter_config.json").write_text("{")
    with pytest.warns(CacheWarning, match="the adapter is damaged"):
        again, told, _ = tune(more=instant)
    assert told.begun == [("tuning", 4, 3)] and told.advanced == 1
    assert [run.cached for run in again.report.runs] == [True, False, True, True]
    assert again.adapters == first.adapters


def test_each_training_leaves_a_job_that_says_how_its_model_is_asked(tmp_path, tune, instant):
    """A job whose process is gone is lost: it is submitted again, and its training goes on from its checkpoint."""
    outcome, _, suite = tune(more=instant)
    folder = tmp_path / "adapters" / ".jobs"
    for key, path in outcome.adapters.items():
        job = from_json((folder / f"{path.name}.json").read_bytes(), TuningJob)
        assert (job.route, job.state, job.id) == ("local", JobState.SUCCEEDED, path.name)
        assert job == outcome.jobs[key]
        assert outcome.config(key) == adapter_model(suite.models["base"], path)
    shutil.rmtree(path)
    abandoned = replace(job, state=JobState.RUNNING, model=None, run=None)
    (folder / f"{path.name}.json").write_bytes(to_json(abandoned))
    again, told, _ = tune(more=instant)
    assert told.begun == [("tuning", 4, 3)] and told.advanced == 1
    assert again.adapters == outcome.adapters


def test_what_decides_an_adapter_decides_its_key(tune, instant):
    """Rank, rows and the seed that splits them, each alone."""
    changes = [
        {"more": instant},
        {"more": instant + ", rank: 4"},
        {"more": instant, "seed": 1},
        {"more": instant, "examples_of": lambda path: EXAMPLES[1:]},
    ]
    outcomes = [tune(**change)[0] for change in changes]
    assert len({path.name for outcome in outcomes for path in outcome.adapters.values()}) == 4 * 4


def test_a_suite_without_tuned_arms_trains_nothing(tmp_path, tune):
    """A tuned model that no arm uses is not read either."""
    (tmp_path / "suite.yaml").write_text(
        "name: s\ncases: c.jsonl\nmodels: {base: {type: embedded}, t: {type: tuned, base: base, train: none.jsonl}}\n"
        "arms: {a: {model: base}}\nmetrics: [exact_match]\n"
    )
    suite = load_suite(tmp_path, allow_plugins=True)
    planned = plan_trainings(suite, lambda path: pytest.fail(path), composer_of=pytest.fail)
    outcome = tune_models(planned, progress=Told())
    assert outcome == TuningOutcome()


def test_a_base_with_an_adapter_is_refused_at_its_line(tune):
    with pytest.raises(SuiteError, match=r"suite\.yaml:5: models\.base\.adapter: .*merge it"):
        tune(adapter=", adapter: old")
