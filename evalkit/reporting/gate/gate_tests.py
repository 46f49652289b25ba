"""The gate as tests, each with a name, an end and a message: what JUnit XML and pytest show of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from evalkit.plain import visible
from evalkit.records.gate import ChangedCase, GateResult, MustPassResult, RuleResult
from evalkit.reporting.gate import gate_words as words
from evalkit.reporting.words import clipped, title
from evalkit.text.number_format import count

Outcome = Literal["passed", "failure", "skipped"]
_INCONCLUSIVE_FAILS = 101  # the exit code where the suite says `on_inconclusive: fail`
_EXCERPT = 300
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class GateTest:
    """One test: its name within its group, how it ended, why in a sentence, and what else is shown."""

    name: str
    outcome: Outcome
    message: str
    lines: tuple[str, ...] = ()


def rule_test(rule: RuleResult, result: GateResult) -> GateTest:
    """A rule; an open one fails where the suite says so, and is skipped otherwise."""
    outcome: Outcome = "passed"
    if rule.verdict == "fail" or (rule.verdict == "inconclusive" and result.exit_code == _INCONCLUSIVE_FAILS):
        outcome = "failure"
    elif rule.verdict in ("inconclusive", "not_judged"):
        outcome = "skipped"
    lines = (f"Method: {shown_text(rule.method, _EXCERPT)}",) if rule.method else ()
    return GateTest(rule.name, outcome, words.rule_sentence(rule, result), lines)


def must_pass_test(item: MustPassResult) -> GateTest:
    """A case that has to be right."""
    outcome: Outcome = {"pass": "passed", "fail": "failure", "not_judged": "skipped"}[item.verdict]  # type: ignore[assignment]
    return GateTest(
        f"{item.case_id} ({item.arm})", outcome, words.must_pass_sentence(item), tuple(excerpts(item))
    )


def worse_cases(rule: RuleResult, result: GateResult) -> Iterator[str]:
    """The first cases that became worse on a rule's arm and metric, a line each; none of other kinds of rules."""
    if rule.kind != "quality":
        return
    worse = [
        case
        for case in result.changed
        if case.worse and not case.quarantined and (case.arm, case.metric) == (rule.arm, rule.metric)
    ]
    for case in worse[:_MOST_NAMED]:
        yield f"Worse: {words.name(shown_text(case.case_id, _EXCERPT))}: {words.scores(case)}"
    if len(worse) > _MOST_NAMED:
        yield f"{count(len(worse) - _MOST_NAMED)} more stand in gate.md."


def excerpts(case: ChangedCase | MustPassResult) -> Iterator[str]:
    """What a case asks, what is right, and what was answered, where it is known, a line each."""
    for label in ("input", "reference", "answer"):
        text: str | None = getattr(case, label)
        if text is not None:
            yield f"{title(label)}: {shown_text(text, _EXCERPT)}"


def shown_text(text: str, most: int) -> str:
    """At most so many characters in one line, of those that XML may hold; others are written as ``#x07``."""
    return clipped(" ".join(visible(text[: 4 * most]).split()), most)
