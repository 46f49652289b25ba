"""Rules, must-pass cases and changed cases as tables, for the terminal and Markdown alike."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.records.gate import ChangedCase, GateResult, MustPassResult, RuleResult, case_count
from evalkit.reporting.gate import gate_words as words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.reporting.words import clipped, metric_name
from evalkit.text.number_format import count, declared_percent, percent

BEFORE_AND_NOW = "Baseline → now"


def rules_table(result: GateResult, most: int) -> Table:
    """At most so many rules, in the order of the result: failed ones first."""
    shown = result.rules[:most]
    return Table(
        name="rules",
        caption="Rules",
        columns=(
            left("Verdict"),
            left("Arm"),
            left("Rule"),
            right(BEFORE_AND_NOW),
            right("Measured"),
            right(f"{words.level(result)} interval"),
            left("Limit"),
            right("Cases"),
        ),
        rows=tuple(Row(_rule_cells(rule)) for rule in shown),
        note=_left_out(len(result.rules) - len(shown), "rule"),
    )


def _rule_cells(rule: RuleResult) -> tuple[str, ...]:
    judged = rule.verdict != "not_judged" and (rule.verdict != "unchanged" or rule.kind != "quality")
    return (
        words.RULE_VERDICTS[rule.verdict],
        words.name(rule.arm),
        words.subject(rule),
        words.before_and_now(rule),
        words.measured(rule) if judged else "–",
        words.interval(rule) if judged else "–",
        words.bound(rule),
        count(rule.n),
    )


def must_pass_table(result: GateResult, most: int) -> Table:
    """The must-pass cases that did not pass; without rows where all did."""
    missed = [item for item in result.must_pass if item.verdict != "pass"]
    return Table(
        name="must_pass",
        caption=f"Cases that have to be right: {count(case_count(missed))} of {count(case_count(result.must_pass))} "
        "did not pass",
        columns=(left("Case"), left("Arm"), left("Verdict"), right("Score"), right("Wanted")),
        rows=tuple(Row(_must_pass_cells(item)) for item in missed[:most]),
        note=_left_out(len(missed[most:]), "such case"),
    )


def _must_pass_cells(item: MustPassResult) -> tuple[str, ...]:
    return (
        words.name(item.case_id),
        words.name(item.arm),
        "failed" if item.verdict == "fail" else "not judged",
        percent(item.score),
        declared_percent(item.wanted),
    )


def changed_table(result: GateResult, most: int, most_text: int = 0) -> Table:
    """At most so many changed cases, worse before better.

    Args:
        result: The gate.
        most: Rows.
        most_text: Characters shown of each question and answer; 0 leaves both columns out.
    """
    shown = result.changed[:most]
    several = len({case.metric for case in result.changed}) > 1
    said = any(map(words.status, shown))
    several_scores = case_count(result.changed) < len(result.changed)
    return Table(
        name="changed",
        caption=words.changed_count(result),
        columns=(
            left("Case"),
            left("Arm"),
            *([left("Metric")] if several else []),
            right(BEFORE_AND_NOW),
            *([left("Status", wraps=True)] if said else []),
            *([left("Question", wraps=True), left("Answer now", wraps=True)] if most_text else []),
        ),
        rows=tuple(
            Row(
                (
                    words.name(case.case_id),
                    words.name(case.arm),
                    *([words.name(metric_name(case.metric))] if several else []),
                    words.scores(case),
                    *([words.status(case)] if said else []),
                    *(_texts(case, most_text) if most_text else []),
                )
            )
            for case in shown
        ),
        note=_left_out(
            len(result.changed) - len(shown), "changed score" if several_scores else "changed case"
        ),
    )


def _texts(case: ChangedCase, most: int) -> Sequence[str]:
    return ["–" if text is None else clipped(text, most) for text in (case.input, case.answer)]


def _left_out(number: int, what: str) -> str:
    if not number:
        return ""
    plural = "" if number == 1 else "s"
    return f"{count(number)} more {what}{plural} in gate.json."
