"""The gate in a terminal: the verdict loud, then which rule, its figures, and what an open rule could have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.records.gate import GateResult
from evalkit.reporting.gate import gate_words as words
from evalkit.reporting.gate.gate_tables import BEFORE_AND_NOW, changed_table, must_pass_table, rules_table
from evalkit.reporting.printer import Printer
from evalkit.reporting.words import clipped, metric_name

if TYPE_CHECKING:
    from rich.console import Console

MOST_CHANGED = 20
_MOST_RULES = 60
_SENTENCE = 800
_STYLES = {"failed": "bold red", "inconclusive": "bold yellow", "passed": "bold green"}


def print_gate(result: GateResult, console: Console) -> None:
    """Print what the gate says; names and texts of strangers lose their control characters."""
    names = {rule.arm for rule in result.rules} | {metric_name(rule.metric or "") for rule in result.rules}
    out = Printer(console, {words.name(text) for text in names})
    out.line(f"{words.VERDICTS[result.verdict].upper()}: {words.headline(result)}", _STYLES[result.verdict])
    for warning in result.warnings:
        out.line(f"Warning: {_text(warning)}", "yellow")
    told = [rule for rule in result.rules if rule.verdict in ("fail", "inconclusive", "not_judged")]
    for rule in told[:_MOST_RULES]:
        out.line(f"- {words.rule_sentence(rule, result)}", "red" if rule.verdict == "fail" else "")
    if more := len(told[_MOST_RULES:]):
        out.line(f"- {more} more rules failed, are inconclusive or were not judged: see gate.json.")
    rules = rules_table(result, _MOST_RULES)
    kept = [column.heading for column in rules.columns if column.heading != BEFORE_AND_NOW]
    out.table(rules.only(*kept), rules.caption)
    _note(out, rules.note)
    missed = must_pass_table(result, MOST_CHANGED)
    out.table(missed, missed.caption)
    _note(out, missed.note)
    changed = changed_table(result, MOST_CHANGED)
    out.table(changed, changed.caption)
    _note(out, changed.note)
    out.line("")
    about = (
        "" if result.changed else "No case changed its score.",
        *(words.arm_sentence(arm, result.primary_metric) for arm in result.arms),
        words.baseline_sentence(result),
        words.confirmation_sentence(result),
        words.false_alarm_sentence(result),
        *map(_text, result.notes),
    )
    for sentence in about:
        if sentence:
            out.line(sentence)


def _note(out: Printer, note: str) -> None:
    if note:
        out.line(note)


def _text(sentence: str) -> str:
    return clipped(sentence, _SENTENCE)
