"""Training rows asked of the base before it is tuned: which rows, in which words, and what share it knows."""

from __future__ import annotations

import asyncio
import json

import pytest

from evalkit.arms.build import build_composer
from evalkit.calls.build import build_caller
from evalkit.clock import Clock
from evalkit.models.build import build_model
from evalkit.pipeline import spine
from evalkit.pipeline.base_knowledge import probe_arm, probe_cases, record_base_knowledge, tuned_on
from evalkit.records.case import Example
from evalkit.runner.journal import Journal
from evalkit.runner.progress import Silent
from evalkit.runner.run_start import start_run
from evalkit.runner.session import Session
from evalkit.runner.stop_signal import StopSignal
from evalkit.scoring.metric_loop import MetricLoop
from evalkit.store.cache import NoCache
from evalkit.suite.load import load_suite
from evalkit.suite.models import OpenAIModelConfig
from tests.builders.callers import unpriced

SUITE = """\
name: known
cases: cases.jsonl
models:
  base: {type: embedded}
  tuned: {type: tuned, base: base, train: train.jsonl}
prompts: {house: {system: Answer., user: "Q: {{input}}", shots: 2, examples: {path: train.jsonl}}}
arms:
  few_shot: {model: base}
  fine_tuned: {model: tuned, prompt: {base: house, shots: 0}}
metrics: [exact_match]
"""


def row(index, **fields):
    return Example(
        id=f"r{index}", input=f"row {index}", output="yes" if index % 4 else "no", cluster="c", fields=fields
    )


def test_at_most_a_hundred_rows_are_asked_evenly_over_the_file():
    cases = probe_cases([row(index) for index in range(250)])
    assert len(cases) == 100
    assert [case.id for case in cases[:4]] == ["r0", "r2", "r5", "r7"]
    assert cases[0].reference == ("no",)
    assert len(probe_cases([row(index) for index in range(7)])) == 7


@pytest.fixture
def known(tmp_path):
    folder = tmp_path / "known"
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE)
    write = (folder / "cases.jsonl").write_text
    write(
        "".join(json.dumps({"id": f"c{i}", "input": f"q {i}", "reference": "yes"}) + "\n" for i in range(5))
    )
    train = [{"id": f"r{i}", "input": f"row {i}", "output": "yes" if i % 4 else "no"} for i in range(250)]
    (folder / "train.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in train))
    return load_suite(folder)


def test_rows_are_asked_in_the_words_of_the_training(known):
    """What the tune will see, less the answer: no shots, no passages, earlier turns in their place."""
    earlier = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    for example in (row(1), row(2, messages=earlier), row(3, messages="a column of that name")):
        (case,) = probe_cases([example])
        asked = probe_arm(known, "tuned").compose(case).messages
        assert asked == build_composer(known, "tuned").training_messages(example)[:-1]


def test_the_share_goes_into_the_profile_and_the_answers_into_a_journal_of_their_own(
    known, tmp_path, chat_server
):
    """The server always says yes: right on 75 of the 100 rows. Asked once, not again on resume."""
    prepared = spine.prepare(known)
    run = start_run(prepared.experiment, tmp_path / "reports", clock=Clock())
    spine.profile_data(prepared, run)
    assert (
        record_base_knowledge(prepared, run, MetricLoop()).training["train.jsonl"].base_already_right is None
    )

    async def ask():
        # A server that says yes stands in for the base.
        config = OpenAIModelConfig(type="openai", model="base", base_url=chat_server.url)
        model = build_model(config, folder=known.folder)
        with Journal(run) as journal:
            session = Session(journal, Silent(), StopSignal(None), 0, 3, 8)
            caller = build_caller(
                model, config, cache=NoCache(), clock=Clock(), spending=session.stop.spending, price=unpriced
            )
            await spine.ask_training_rows(prepared, run, "base", caller, session)
        await model.close()

    asyncio.run(ask())
    asyncio.run(ask())
    assert len(chat_server.requests) == 100
    assert list(run.samples()) == []
    found = record_base_knowledge(prepared, run, MetricLoop()).training["train.jsonl"]
    right = sum(case.reference == ("yes",) for case in probe_cases([row(i) for i in range(250)]))
    assert (found.base_already_right, found.base_asked) == (right / 100, 100)


def test_a_stopped_run_asks_nothing_more(known, tmp_path, chat_server):
    prepared = spine.prepare(known)
    run = start_run(prepared.experiment, tmp_path / "reports", clock=Clock())
    stop = StopSignal(None)
    stop.interrupt()
    with Journal(run) as journal:
        session = Session(journal, Silent(), stop, 0, 1, 8)
        asyncio.run(spine.ask_training_rows(prepared, run, "base", None, session))
    assert chat_server.requests == []


def test_only_models_that_the_run_tunes_are_probed(known):
    assert list(tuned_on(known, "base")) == ["tuned"]
    assert tuned_on(known, "tuned") == {}
