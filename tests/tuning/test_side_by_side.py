"""Full, partial and low-rank tuning of the embedded model as three arms of one suite, from rows to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evalkit
from evalkit.errors import InputError
from evalkit.models.build import adapter_model, build_model
from evalkit.pipeline.train import train
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.load import load_suite
from evalkit.suite.models import TransformersModelConfig

SUITE = """
name: three-ways
cases: {path: cases.jsonl, fields: {input: question, reference: answer}}
prompts: {house: {user: "Question: {{input}}", shots: 0}}
models:
  base: {type: embedded, device_hour: 3600, max_tokens: 12}
  low_rank: {type: tuned, base: base, train: train.jsonl, method: lora, rank: 4, &short validation_share: 0.25,
             epochs: 8, batch_size: 4}
  last_layer: {type: tuned, base: base, train: train.jsonl, method: partial, layers: {last: 1},
               validation_share: 0.25, epochs: 8, batch_size: 4}
  whole: {type: tuned, base: base, train: train.jsonl, method: full, validation_share: 0.25, epochs: 30, batch_size: 4,
          learning_rate: 0.004, evaluate_every: 4}
arms:
  plain: {model: base, prompt: house}
  lora: {model: low_rank, prompt: house}
  partial: {model: last_layer, prompt: house}
  full: {model: whole, prompt: house}
metrics: [exact_match]
economics: {requests_per_month: 1000, value_per_correct: 0.02}
run: {latency: {isolated: 0}}
decision: {reference_arm: plain}
""".replace("&short ", "")


class Silent:
    def start(self, task, total, done=0):
        pass

    def advance(self, task, ok=1, errors=0):
        pass

    def finish(self, task):
        pass

    def note(self, text):
        pass


def write(path: Path, first: int, last: int) -> None:
    rows = (
        {"id": f"q{n}", "question": f"What does error E{n} mean?", "answer": f"Cause: worn part {n}."}
        for n in range(first, last)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A suite with a cache of its own in which ``whole`` is trained and exported."""
    home = tmp_path_factory.mktemp("three-ways")
    (home / "suite").mkdir()
    (home / "suite" / "suite.yaml").write_text(SUITE)
    write(home / "suite" / "train.jsonl", 10, 26)
    write(home / "suite" / "cases.jsonl", 30, 34)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALKIT_CACHE_DIR", str(home / "cache"))
        evalkit.tune(home / "suite", model="whole", export=home / "merged")
        yield home


@pytest.fixture
def home(trained, monkeypatch):
    """The same, with its cache instead of the empty one that each test gets."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(trained / "cache"))
    return trained


def test_an_exported_model_gives_the_answers_of_the_adapter(home):
    """Token by token, on rows it was trained on and on others, and its weights are those of the merged adapter."""
    suite = load_suite(home / "suite")
    outcome = train(suite, progress=Silent(), only="whole")
    adapter = outcome.adapters["whole", 1.0, 1]
    tuned = build_model(adapter_model(suite.models["base"], adapter), folder=suite.folder)
    merged = build_model(
        TransformersModelConfig(type="transformers", model=str(home / "merged"), device="cpu", max_tokens=12),
        folder=suite.folder,
    )
    requests = [
        Request(messages=(Message(role="user", content=f"Question: What does error E{n} mean?"),), seed=0)
        for n in (10, 11, 30, 31)
    ]
    answers = [
        [completion.output for completion in model.complete_batch(requests)] for model in (tuned, merged)
    ]
    assert answers[0] == answers[1]
    assert outcome.report.runs[0].cached
    assert "every parameter" in (home / "merged" / "README.md").read_text()


def test_a_folder_that_is_there_is_not_written_over(home):
    with pytest.raises(InputError, match="is there already"):
        evalkit.tune(home / "suite", model="whole", export=home / "merged")
    with pytest.raises(InputError, match=r"Name it with --model: low_rank, last_layer, whole"):
        evalkit.tune(home / "suite", export=home / "other")
    with pytest.raises(InputError, match=r"'wohle' is no model of `type: tuned`.*whole"):
        evalkit.tune(home / "suite", model="wohle")


def test_one_report_shows_three_ways_with_parameters_seconds_and_cost(home):
    """In the page, the Markdown and the JSON; the run that overfits is marked in the chart and as a red flag."""
    run = evalkit.run(home / "suite", output=home / "reports")
    report = {tuned.model: tuned for tuned in run.records().tuning.runs}
    assert list(report) == ["low_rank", "last_layer", "whole"]
    low, last, whole = report.values()
    assert low.trainable_parameters < last.trainable_parameters < whole.trainable_parameters
    assert whole.trainable_parameters == whole.total_parameters == last.total_parameters
    for tuned in report.values():
        assert (tuned.rows, tuned.validation_rows) == (12, 4)
        # 3600 an hour is 1 a second
        assert float(tuned.device_cost) == pytest.approx(tuned.seconds, abs=0.01)
    assert whole.overfitted and whole.kept_step == whole.steps != whole.best_step
    assert "overfitted" in {flag.code for flag in run.decision.red_flags}
    text = (run.path / "report.md").read_text()
    page = (run.path / "report.html").read_text()
    for words in ("lora: low-rank matrices of rank 4 on", "partial: the last 1 of", "full: every parameter"):
        assert words in text and words in page
    assert "whole, 100% (12 rows), overfits" in page
    assert json.loads((run.path / "tuning.json").read_text())["runs"][2]["best_step"] == whole.best_step
