"""Runs to report on: a tuned one, the same with hostile and Chinese text, and one in which nearly nothing is known.

All are made by the product; ``tests/builders/make_run_folder.py`` makes them again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from evalkit.records.comparison import ArmSummary
from evalkit.records.decision import BreakEven, Decision, Evidence, LedgerLine, RedFlag, Verdict
from evalkit.records.record import from_json, to_json
from evalkit.records.run import Excerpt, ExcerptAnswer, RunRecords
from evalkit.reporting.html import render_html
from tests.builders.decision_records import decision
from tests.builders.recorded_runs import FIXTURES, read_records

SCRIPT = "<script>alert(1)</script>"
LONG = "Donaudampfschifffahrtsgesellschaft" * 12
BREAKOUT = (
    "]]></svg></style>--><img src=x onerror=alert(2)> | `a` [x](javascript:alert(3)) \x1b[31m \u202e${{7*7}}"
)
CHINESE = "问：水泵P17嗡嗡作响但不转动，原因是什么？应当如何处理？请按照内部格式回答，并注明参考资料的编号。"
HOSTILE_NAMES = {
    "few_shot": f"提示词 {SCRIPT}",
    "rag": "检索增强生成",
    "fine_tuned": LONG[:80],
    "few_shot_nearest": BREAKOUT,
    "accuracy": "完全匹配_<b>",
}
NOT_NAMED_BY_A_USER = {"kind", "verdict", "family", "method", "status"}


@pytest.fixture
def ticket_routing() -> RunRecords:
    """A run of suites/ticket-routing; the verdict is fine_tune."""
    return tuned_run()


@pytest.fixture
def hostile() -> RunRecords:
    """Names, questions and outputs that try to break out, are Chinese, or have no place to break."""
    return hostile_run()


@pytest.fixture
def sparse() -> RunRecords:
    """A run without one answer, whose training nobody can price."""
    return sparse_run()


@pytest.fixture
def made_decision() -> Callable[..., Decision]:
    """A decision of format 2 written by hand; called with a verdict and changed fields."""
    return decision


@pytest.fixture(scope="session")
def html_of() -> Callable[[str], str]:
    """The page of one of these runs, drawn once for all tests."""
    runs = {"ticket_routing": tuned_run, "hostile": hostile_run, "sparse": sparse_run}
    return functools.cache(lambda name: render_html(runs[name]()))


@pytest.fixture
def advised_break_even(ticket_routing: RunRecords) -> BreakEven:
    """Where the recommended arm is worth as much as the best untuned one, the value of answers counted."""
    (found,) = [
        item
        for item in ticket_routing.decision.break_even
        if item.basis == "net" and item.treatment == ticket_routing.decision.recommended_arm
    ]
    return found


@pytest.fixture
def summary_of(ticket_routing: RunRecords) -> Callable[[str], ArmSummary]:
    """The summary of an arm of ``ticket_routing`` by its name."""
    return {arm.name: arm for arm in ticket_routing.comparison.arms}.__getitem__


@functools.cache
def tuned_run() -> RunRecords:
    return read_records(FIXTURES / "ticket-routing")


def renamed(value: Any) -> Any:
    """Every name that a user chooses replaced by something unfriendly; prose and codes keep their words."""
    if isinstance(value, dict):
        return {
            renamed(key): item if key in NOT_NAMED_BY_A_USER else renamed(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [renamed(item) for item in value]
    if isinstance(value, str):
        name, at, point = value.partition("@")
        return HOSTILE_NAMES.get(name, name) + at + point
    return value


@functools.cache
def hostile_run() -> RunRecords:
    """``ticket_routing`` with every name that a user chooses and every text that a model writes replaced."""
    run = from_json(json.dumps(renamed(json.loads(to_json(tuned_run())))), RunRecords)
    decided = run.decision
    first, *others = decided.checklist
    blocked = replace(
        first,
        status="blocked",
        answer=f"{CHINESE} {BREAKOUT}",
        evidence=(
            Evidence(label=SCRIPT, value=LONG, source="javascript:alert(4)"),
            Evidence(label="price", value="1", source='https://example.org/"onmouseover="alert(5)'),
        ),
    )
    leaked = RedFlag(
        code="leak_exact", severity="invalid", message=f"训练集中有 3 个测试问题：{SCRIPT}{LONG}"
    )
    return replace(
        run,
        manifest=replace(run.manifest, suite_path="suites/$(rm -rf ~)", suite="客服<台>", git_commit=None),
        decision=replace(
            decided,
            verdict=Verdict.NOT_DECIDABLE,
            reason="invalid_evidence",
            explanation=f"{CHINESE}{CHINESE} {SCRIPT}",
            confidence=0.41,
            red_flags=(leaked, *decided.red_flags),
            checklist=(blocked, *others),
            currency="CNY",
        ),
        excerpts=(
            Excerpt(
                case_id=SCRIPT,
                input=CHINESE * 3,
                reference=LONG,
                answers=(
                    ExcerptAnswer(arm=HOSTILE_NAMES["rag"], output=BREAKOUT, value=0.0),
                    ExcerptAnswer(
                        arm=HOSTILE_NAMES["few_shot"], output=LONG + "\n\n# heading\n| a | b |", value=1.0
                    ),
                ),
            ),
        ),
        use_case=f"{CHINESE}{SCRIPT}",
        embedded=False,
    )


@functools.cache
def sparse_run() -> RunRecords:
    """The run without answers, and nothing said of it: no explanation, no checklist, no economics, no prices."""
    run = read_records(FIXTURES / "no-answers" / "run")
    unpriced = LedgerLine(name="training", amount=None, basis="unknown hours x 60 per hour")
    ledger = {
        arm: replace(
            column, one_off=(unpriced,), one_off_total=None, standing_total=None, recurring_total=None
        )
        for arm, column in run.decision.ledger.items()
    }
    decided = replace(run.decision, explanation="", checklist=(), ledger=ledger)
    return replace(run, decision=decided, excerpts=(), economics=None, prices=(), target=None, use_case="")
