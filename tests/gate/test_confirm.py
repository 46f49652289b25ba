"""Confirming: only changed cases are asked again, each ask is kept and counted once, and the majority counts."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from evalkit.errors import CostLimitError, IncompleteRunError
from evalkit.pipeline.gate_run import GateOptions, gate_run, update_baseline
from evalkit.records.gate import GateResult
from evalkit.records.sample import Sample
from evalkit.reporting.gate.gate_words import confirmation_sentence
from evalkit.store.jsonl import JsonLines
from evalkit.store.run_folder import RunFolder
from tests.builders.chat_server import ChatServer, Reply, completion
from tests.builders.gate_runs import GateRun, right, write_run

N, WORSE = 60, 12  # 12 of 60 fall from right to wrong, none rises


class Desk:
    """A baseline and a worse run of a suite whose model answers on loopback."""

    def __init__(self, folder: Path, server: ChatServer, **section: object) -> None:
        self.server, self.file = server, folder / "baseline.json"
        base = {"type": "openai", "model": "acme", "base_url": server.url, "max_attempts": 1}
        more = {"models": {"base": base}}
        gate = {"confirm": 3, **section}
        before = GateRun(answers={"rag": right(50, N)}, more=more, gate=gate)
        after = GateRun(answers={"rag": right(50 - WORSE, N)}, more=more, gate=gate, system="Worse.")
        update_baseline(write_run(before, folder / "before"), self.file)
        self.run = write_run(after, folder / "after", can_ask=True)
        self.suite_folder = folder / "after-suite"

    def gate(self, cost_limit: str | None = None) -> GateResult:
        limit = None if cost_limit is None else Decimal(cost_limit)
        return gate_run(self.run, self.file, GateOptions(use_cache=False, cost_limit=limit))

    @property
    def kept(self) -> list[Sample]:
        return asks_of(self.run)

    @property
    def questions(self) -> Counter[str]:
        return Counter(request["messages"][-1]["content"] for request in self.server.requests)


def asks_of(run: RunFolder) -> list[Sample]:
    return list(JsonLines(run.file("confirmations.jsonl"), Sample))


@pytest.fixture
def desk(tmp_path, chat_server, monkeypatch) -> Desk:
    monkeypatch.setenv("OPENAI_API_KEY", "a key of this test")
    return Desk(tmp_path, chat_server)


def always(text: str):
    return lambda request: completion(text)


def test_a_drop_that_comes_again_stays_failed_and_every_ask_is_kept_once(desk):
    desk.server.answer = always("wrong")
    result = desk.gate()
    assert (result.verdict, result.exit_code) == ("failed", 100)
    assert len(desk.server.requests) == 2 * WORSE == len(desk.kept)
    assert set(desk.questions.values()) == {2}
    assert {sample.repeat for sample in desk.kept} == {1, 2}
    assert {request["seed"] for request in desk.server.requests} == {1, 2}
    assert [(case.status, case.asks) for case in result.changed] == [("confirmed", (0.0, 0.0, 0.0))] * WORSE
    record = result.confirmation
    assert (record.asks, record.cases, record.answers, record.upheld) == (3, WORSE, 2 * WORSE, WORSE)
    assert record.verdict_before == "failed"
    assert (Decimal(record.spent), record.currency) == (
        2 * WORSE * (10 * Decimal("1e-6") + 3 * Decimal("2e-6")),
        "USD",
    )
    again = desk.gate()
    assert len(desk.server.requests) == 2 * WORSE, "what was asked is not asked again"
    assert again.rules == result.rules and again.changed == result.changed


def test_a_drop_that_does_not_come_again_is_no_failure_and_no_pass(desk):
    desk.server.answer = always("right")
    result = desk.gate()
    assert (result.verdict, result.exit_code) == ("inconclusive", 0)
    assert result.confirmation.upheld == 0
    assert {(case.status, case.candidate) for case in result.changed} == {("not_confirmed", 1.0)}


def test_asks_that_differ_make_a_case_unstable_and_the_majority_counts(desk):
    seen: Counter[str] = Counter()

    def by_turns(request: dict) -> Reply:
        question = request["messages"][-1]["content"]
        seen[question] += 1
        return completion("right" if seen[question] == 1 else "wrong")

    desk.server.answer = by_turns
    result = desk.gate()
    assert {
        (case.status, case.candidate, sorted(case.asks)[0], len(case.asks)) for case in result.changed
    } == {("unstable", 0.0, 0.0, 3)}
    assert result.verdict == "failed"


def test_what_a_killed_gate_had_asked_is_not_asked_again(desk):
    desk.server.answer = always("wrong")
    desk.gate()
    file = desk.run.file("confirmations.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:10]) + lines[10][:20])  # killed inside the eleventh row
    desk.server.requests.clear()
    result = desk.gate()
    assert len(desk.server.requests) == 2 * WORSE - 10
    assert len(desk.kept) == 2 * WORSE
    assert result.verdict == "failed"


def test_the_cost_limit_holds_and_a_higher_one_goes_on(desk):
    desk.server.answer = always("wrong")
    with pytest.raises(CostLimitError, match=r"--cost-limit") as error:
        desk.gate("0.0006")  # 40 million-token prices: each answer takes 10 tokens in and up to 256 out
    assert error.value.exit_code == 103
    asked = len(desk.kept)
    assert asked < 2 * WORSE
    assert not desk.run.file("gate.json").exists()
    result = desk.gate("1")
    assert len(desk.kept) == 2 * WORSE and len(desk.server.requests) == 2 * WORSE
    assert result.verdict == "failed"


def test_answers_that_are_missing_are_owed_and_nothing_is_judged(desk):
    def refuses_one(request: dict) -> Reply:
        if "c045" in request["messages"][-1]["content"]:
            return Reply({"error": {"message": "no", "type": "server_error"}}, status=500)
        return completion("wrong")

    desk.server.answer = refuses_one
    with pytest.raises(IncompleteRunError, match=r"2 of 24 answers are missing[^`]*evalkit gate") as error:
        desk.gate()
    assert error.value.exit_code == 104
    desk.server.answer = always("wrong")
    desk.server.requests.clear()
    assert desk.gate().verdict == "failed"
    assert set(desk.questions) == {"Question c045?"}


def test_a_suite_that_changed_since_is_not_asked_and_that_is_told(desk):
    file = desk.suite_folder / "suite.yaml"
    file.write_text(file.read_text().replace("Worse.", "Another prompt."))
    result = desk.gate()
    assert result.verdict == "failed" and not desk.server.requests
    assert "changed since the run was made" in result.confirmation.not_asked["rag"]
    assert confirmation_sentence(result).startswith("rag cannot be asked again: the suite, its cases")


def test_nothing_is_asked_where_the_gate_does_not_fail_or_does_not_say_so(tmp_path, chat_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a key of this test")
    result = Desk(tmp_path, chat_server, confirm=0).gate()
    assert (result.verdict, result.confirmation) == ("failed", None)
    lenient = Desk(tmp_path / "lenient", chat_server, max_quality_drop=0.9).gate()
    assert (lenient.verdict, lenient.confirmation) == ("passed", None)
    assert not chat_server.requests


def test_cases_in_quarantine_are_not_asked_and_must_pass_cases_are(tmp_path, chat_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a key of this test")
    desk = Desk(tmp_path, chat_server, quarantine=["c040"], must_pass=["c059"])
    chat_server.answer = always("wrong")
    result = desk.gate()
    assert "Question c040?" not in desk.questions
    assert desk.questions["Question c059?"] == 2
    assert result.must_pass[0].asks == (0.0, 0.0, 0.0)
