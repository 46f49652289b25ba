"""A tuner that has models made elsewhere: submitted once, polled, found again after a kill, asked like any model."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import evalkit
from evalkit.errors import InputError, InterruptedRunError, TuningError
from evalkit.prompts.composer import Composer
from evalkit.records.case import Example
from evalkit.records.record import from_json
from evalkit.records.tuning import JobState, TuningJob
from evalkit.registry import TUNERS
from evalkit.suite.load import load_suite
from evalkit.suite.models import OpenAIModelConfig
from evalkit.suite.schema import PromptConfig
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.plan import plan_trainings, trains_here
from evalkit.tuning.tune import tune_models

TUNER = """
import json, urllib.request
from msgspec.structs import replace
from evalkit.errors import RetryableError
from evalkit.records.tuning import JobState, TuningJob, TuningRun

URL = ""


def ask(**question):
    request = urllib.request.Request(URL, json.dumps(question).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        raise RetryableError(f"status {error.code}") from error


class Provider:
    poll_every_s = 0.0

    def submit(self, spec):
        reply = ask(submit=spec.digest, rows=len(spec.rows), base=spec.base.type)
        return TuningJob(
            id=reply["id"], route="provider", state=JobState.QUEUED, submitted_at="2026-01-01T00:00:00+00:00",
            spec_digest=spec.digest,
        )

    def poll(self, job):
        reply = ask(poll=job.id)
        run = None
        if reply["state"] == "succeeded" and reply.get("told", True):
            run = TuningRun(
                model="?", method="provider", fraction=1.0, seed=1, rows=20, validation_rows=0, steps=3, tokens=99,
                seconds=60.0, trainable_parameters=0, total_parameters=0, peak_memory_bytes=0, losses=(),
                final_train_loss=0.1, final_validation_loss=None, adapter=job.id,
            )
        return replace(
            job, state=JobState(reply["state"]), model=reply.get("model"), run=run, error=reply.get("error"),
            is_input_error="rows" in reply.get("error", ""),
        )


class Nothing:
    pass


def provider():
    return Provider()


def trainer():
    return Trainer()


class Trainer:
    def tune(self, spec):
        raise NotImplementedError
"""
SUITE = """
name: tuned-elsewhere
cases: {{path: cases.jsonl, fields: {{input: question, reference: answer}}}}
prompts: {{house: {{user: "Question: {{{{input}}}}"}}}}
models:
  base: {{type: embedded}}
  before: {{type: recorded, path: before.jsonl, kind: zero_shot}}
  tuned: {{type: tuned, base: base, train: train.jsonl, method: "their_provider:{tuner}", validation_share: 0}}
arms:
  before: {{model: before}}
  fine_tuned: {{model: tuned, prompt: house}}
metrics: [exact_match]
run: {{latency: {{isolated: 0}}}}
decision: {{reference_arm: before}}
"""
EXAMPLES = [
    Example(id=str(n), input=f"What is E{n}?", output=f"Part {n}.", cluster=str(n)) for n in range(20)
]


class Jobs:
    """What the provider does: each submission is a job, and polls go through ``states``, the last one for good."""

    def __init__(self, server, replies):
        self.server, self.replies = server, replies
        self.states = ["running", "succeeded"]
        self.model = {"type": "openai", "model": "ft:tiny", "base_url": server.url, "max_tokens": 8}
        self.says_what_it_took = True
        self.submitting_takes_s = 0.0
        self.error = "the machine was taken away"
        self.submitted, self.polled_at = [], []
        server.answer = self.answer

    @property
    def polled(self):
        return len(self.polled_at)

    def answer(self, request):
        if "submit" in request:
            self.submitted.append(request)
            reply = self.replies.reply({"id": f"job-{len(self.submitted)}"})
            reply.delay_s = self.submitting_takes_s
            return reply
        if "poll" not in request:
            assert request["model"] == "ft:tiny"
            return self.replies.completion(f"Part {request['messages'][-1]['content'].split('E')[1][:-1]}.")
        state = self.states[min(self.polled, len(self.states) - 1)]
        self.polled_at.append(time.monotonic())
        if state == "away":
            return self.replies.reply({}, status=503)
        return self.replies.reply(
            {"state": state, "told": self.says_what_it_took}
            | ({"model": self.model} if state == "succeeded" else {})
            | ({"error": self.error} if state == "failed" else {})
        )


@pytest.fixture
def jobs(tmp_path, monkeypatch, chat_server, replies):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "their_provider.py").write_text(TUNER)
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    monkeypatch.delitem(__import__("sys").modules, "their_provider", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "of a test")
    import their_provider

    monkeypatch.setattr(their_provider, "URL", f"{chat_server.url}/jobs")
    return Jobs(chat_server, replies)


class Noted:
    def __init__(self):
        self.started, self.notes = [], []

    def start(self, task, total, done=0):
        self.started.append((total, done))

    def advance(self, task, ok=1, errors=0):
        pass

    def finish(self, task):
        pass

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def tune(tmp_path, jobs):
    """``tune()`` as a new process would: nothing is remembered but what is on disk."""
    folder = tmp_path / "suite"
    folder.mkdir()

    def run(*, tuner="Provider", stopped=lambda: False, progress=None):
        (folder / "suite.yaml").write_text(SUITE.format(tuner=tuner))
        planned = plan_trainings(
            load_suite(folder, allow_plugins=True),
            lambda path: EXAMPLES,
            composer_of=lambda name: Composer(PromptConfig(user="Question: {{input}}")),
        )
        cache = AdapterCache(tmp_path / "adapters")
        return tune_models(planned, progress=progress or Noted(), cache=cache, stopped=stopped)

    return run


def kept_job(tmp_path) -> TuningJob:
    (file,) = (tmp_path / "adapters" / ".jobs").glob("*.json")
    return from_json(file.read_bytes(), TuningJob)


def test_a_job_is_submitted_polled_and_becomes_a_model_configuration(tmp_path, tune, jobs):
    """No adapter, no process on this machine: what comes of it is a hosted model."""
    progress = Noted()
    outcome = tune(progress=progress)
    assert [(ask["rows"], ask["base"]) for ask in jobs.submitted] == [(20, "embedded")]
    config = outcome.config(("tuned", 1.0, 1))
    assert isinstance(config, OpenAIModelConfig) and config.model == "ft:tiny"
    assert outcome.adapters == {}
    assert [(run.model, run.seconds, run.cached) for run in outcome.report.runs] == [("tuned", 60.0, False)]
    assert progress.started == [(1, 0)] and len(progress.notes) == 1
    job = kept_job(tmp_path)
    assert (job.id, job.state, job.model) == ("job-1", JobState.SUCCEEDED, jobs.model)


def test_a_second_run_finds_the_job_and_submits_nothing(tune, jobs):
    tune()
    progress = Noted()
    again = tune(progress=progress)
    assert len(jobs.submitted) == 1
    assert progress.started == []
    assert again.report.runs[0].cached
    assert again.config(("tuned", 1.0, 1)).model == "ft:tiny"


def test_a_run_that_is_stopped_leaves_the_job_to_the_provider_and_the_next_one_polls_it(tmp_path, tune, jobs):
    jobs.states = ["running", "running", "running", "succeeded"]
    with pytest.raises(InterruptedRunError):
        tune(stopped=lambda: jobs.polled >= 1)
    assert kept_job(tmp_path).state is JobState.RUNNING
    assert tune().config(("tuned", 1.0, 1)).model == "ft:tiny"
    assert len(jobs.submitted) == 1


def test_a_job_is_kept_before_its_first_poll(tmp_path, tune, jobs):
    """Stopped or killed right after submitting, a run leaves a file from which the next one goes on."""
    with pytest.raises(InterruptedRunError):
        tune(stopped=lambda: True)
    assert (jobs.polled, kept_job(tmp_path).state) == (0, JobState.QUEUED)
    tune()
    assert len(jobs.submitted) == 1


def test_a_provider_that_is_away_for_a_while_is_asked_again(tune, jobs):
    jobs.states = ["away", "running", "away", "succeeded"]
    assert tune().config(("tuned", 1.0, 1)).model == "ft:tiny"
    assert len(jobs.submitted) == 1 and jobs.polled == 4


def test_a_failed_job_says_why_and_is_submitted_again_by_the_next_run(tmp_path, tune, jobs):
    jobs.states = ["running", "failed"]
    with pytest.raises(TuningError, match=r"model 'tuned', fraction 1, seed 1: the machine was taken away"):
        tune()
    assert kept_job(tmp_path).state is JobState.FAILED
    jobs.states = ["succeeded"]
    tune()
    assert len(jobs.submitted) == 2


def test_a_job_that_failed_for_its_rows_is_wrong_input(tune, jobs):
    """As it is where the tuner of this machine refuses rows: the suite has to change."""
    jobs.states, jobs.error = ["failed"], "file has 3 bad rows"
    with pytest.raises(InputError, match=r"model 'tuned', fraction 1, seed 1: file has 3 bad rows"):
        tune()


def test_a_provider_is_polled_no_more_often_than_its_tuner_says(tune, jobs, monkeypatch):
    monkeypatch.setattr("their_provider.Provider.poll_every_s", 0.8)
    tune()
    first, second = jobs.polled_at
    assert second - first >= 0.8


def test_a_job_that_the_provider_has_lost_is_submitted_again(tune, jobs):
    jobs.states = ["running", "lost", "succeeded"]
    with pytest.raises(InterruptedRunError):
        tune(stopped=lambda: jobs.polled >= 1)
    tune()
    assert len(jobs.submitted) == 2


def test_a_job_that_is_lost_while_it_is_waited_for_is_an_error(tune, jobs):
    """Each submission may cost money, so a new one is the user's decision."""
    jobs.states = ["running", "lost"]
    with pytest.raises(TuningError, match="job job-1 of provider is not known there any more; run again"):
        tune()
    assert len(jobs.submitted) == 1


def test_a_success_without_a_usable_model_is_an_error(tune, jobs):
    jobs.model = {"type": "openai", "modle": "ft:tiny"}
    with pytest.raises(
        TuningError, match=r"job job-1 of provider succeeded and gives no usable model(.|\n)*modle"
    ):
        tune()


def test_a_success_that_does_not_say_what_it_took_is_not_paid_for_again(tune, jobs):
    """Nothing but the tuner is at fault: the model is there, and its next poll may tell."""
    jobs.says_what_it_took = False
    for _ in range(2):
        with pytest.raises(TuningError, match="job-1 of provider succeeded and does not say what it took"):
            tune()
    assert len(jobs.submitted) == 1
    jobs.says_what_it_took = True
    assert tune().config(("tuned", 1.0, 1)).model == "ft:tiny"
    assert len(jobs.submitted) == 1


def test_two_runs_at_once_submit_one_job(tune, jobs):
    """The second begins while the provider has not answered the first, so no file says yet that there is a job."""
    jobs.submitting_takes_s = 1.0
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(tune)
        while not jobs.submitted:
            time.sleep(0.01)
        second = pool.submit(tune)
        assert first.result().jobs.keys() == second.result().jobs.keys()
    assert len(jobs.submitted) == 1


def test_an_installed_function_that_builds_a_tuner_stands_for_its_class(tune, jobs, monkeypatch):
    """An entry point may name either; a suite by itself only a class."""
    with pytest.raises(InputError, match="must be a class with `submit` and `poll`"):
        trains_here("their_provider:provider", plugins=True)
    installed = {name: f"their_provider:{name}" for name in ("provider", "trainer", "Trainer")}
    monkeypatch.setattr(TUNERS, "_plugins", installed)
    assert tune(tuner="provider").config(("tuned", 1.0, 1)).model == "ft:tiny"
    assert not trains_here("their_provider:provider")
    assert trains_here("their_provider:trainer") and trains_here("their_provider:Trainer")


def test_a_method_that_can_neither_submit_nor_tune_is_refused_by_name(tune):
    with pytest.raises(
        InputError,
        match=r"'their_provider:Nothing' is none: it must be a class with `submit` and `poll`, or with `tune`",
    ):
        tune(tuner="Nothing")


def test_a_run_answers_with_the_model_that_came_of_it(tmp_path, jobs):
    """From the suite to the report; the arm stays the fine-tuned one, and a resumed run asks for no second job."""
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE.format(tuner="Provider"))

    def write(name, rows):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("train.jsonl", [{"question": f"What is E{n}?", "answer": f"Part {n}."} for n in range(20, 40)])
    write(
        "cases.jsonl",
        [{"id": f"c{n}", "question": f"What is E{n}?", "answer": f"Part {n}."} for n in range(8)],
    )
    write("before.jsonl", [{"case_id": f"c{n}", "output": "no idea"} for n in range(8)])
    run = evalkit.run(load_suite(folder, allow_plugins=True), output=tmp_path / "reports")
    assert run.wide().mean().to_dict() == {"before": 0.0, "fine_tuned": 1.0}
    assert {arm.name: arm.kind for arm in run.manifest.arms}["fine_tuned"] == "fine_tuned"
    evalkit.run(load_suite(folder, allow_plugins=True), output=tmp_path / "reports", resume=run.path)
    assert len(jobs.submitted) == 1
