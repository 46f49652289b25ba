"""The gate as Markdown: ``gate.md``, made to be one comment that is updated in place, and the summary of a CI step.

Both begin with the verdict as an alert. What does not fit is left out from the end, and said: texts become shorter and
lists end earlier until the whole is under the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evalkit.digest import digest_bytes
from evalkit.records.gate import ChangedCase, GateResult, case_count
from evalkit.reporting.gate import gate_words as words
from evalkit.reporting.gate.gate_tables import changed_table, must_pass_table, rules_table
from evalkit.reporting.markdown_text import escaped, fenced, table_lines
from evalkit.reporting.words import clipped, title
from evalkit.text.number_format import count

COMMENT_BYTES = 65_000
"""GitHub takes comments of 65,536 characters. Counted in bytes, of which no site counts fewer."""
MOST_CASES_IN_A_COMMENT = 50
_ALERTS = {"failed": "CAUTION", "inconclusive": "WARNING", "passed": "TIP"}
_SENTENCE = 800


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is shown.

    Attributes:
        cases: Changed cases.
        text: Characters of each question and answer.
        rows: Rules, must-pass cases, warnings and notes, of each kind.
        fences: Changed cases whose whole text is shown in a fence.
    """

    cases: int
    text: int
    rows: int
    fences: int = 0


_COMMENT = (
    *(_Detail(cases, text, 60) for cases, text in ((50, 160), (50, 80), (50, 40), (40, 40), (30, 40))),
    *(_Detail(cases, 0, rows) for cases, rows in ((50, 60), (30, 40), (20, 20), (10, 10), (5, 5), (1, 2))),
)
_SUMMARY = (
    *(_Detail(cases, 160, 500, fences=100) for cases in (1_000, 500, 250)),
    *(_Detail(cases, 80, 200, fences=20) for cases in (500, 250, 100)),
    *_COMMENT,
    _Detail(0, 0, 0),
)


def comment_marker(suite: str) -> str:
    """The first line of a suite's comment: by it the comment is found again; no text of a case can hold it."""
    return f"<!-- evalkit-gate {digest_bytes(suite.encode(errors='surrogatepass'))[:16]} -->"


def render_comment(result: GateResult) -> str:
    """``gate.md``: marker, alert, rules, at most 50 changed cases in a fold; ends with a newline.

    Under 65,536 characters, as GitHub's comments have to be.
    """
    return _fitted(result, _COMMENT, COMMENT_BYTES, comment_marker(result.suite))


def render_summary(result: GateResult, most_bytes: int) -> str:
    """The same at length, for the page of a CI run; "" where not even the verdict fits.

    Args:
        result: The gate.
        most_bytes: In UTF-8.
    """
    return _fitted(result, _SUMMARY, most_bytes, "")


def render_refusal(message: str, exit_code: int) -> str:
    """Why nothing was judged, as Markdown; ends with a newline."""
    said = escaped(clipped(message, _SENTENCE))
    return f"> [!WARNING]\n> **The gate did not judge this run** (exit code {int(exit_code)}). {said}\n"


def _fitted(result: GateResult, details: tuple[_Detail, ...], most_bytes: int, begin: str) -> str:
    for detail in details:
        text = "\n\n".join(block for block in (begin, *_blocks(result, detail)) if block) + "\n"
        if len(text.encode()) <= most_bytes:
            return text
    return ""


def _blocks(result: GateResult, detail: _Detail) -> Iterator[str]:
    yield _alert(result)
    yield _sentences(result, detail)
    yield table_lines(rules_table(result, detail.rows)) if result.rules else "No rule was judged."
    missed = must_pass_table(result, detail.rows)
    if missed.rows or missed.note:
        yield table_lines(missed)
    elif result.must_pass:
        cases = case_count(result.must_pass)
        yield (
            "The case that has to be right is."
            if cases == 1
            else f"All {count(cases)} cases that have to be right are."
        )
    yield from _changed(result, detail)
    yield from _about(result, detail)


def _alert(result: GateResult) -> str:
    lines = (
        f"[!{_ALERTS[result.verdict]}]",
        f"**Gate {escaped(words.name(result.suite))}: {words.VERDICTS[result.verdict]}.** "
        f"{escaped(words.headline(result))}",
    )
    return "\n".join(f"> {line}" for line in lines)


def _sentences(result: GateResult, detail: _Detail) -> str:
    """Warnings, and the rules that did not pass, in words."""
    open_rules = [rule for rule in result.rules if rule.verdict in ("fail", "inconclusive", "not_judged")]
    warnings = (
        f"**Warning:** {escaped(clipped(text, _SENTENCE))}" for text in result.warnings[: detail.rows]
    )
    rules = (escaped(words.rule_sentence(rule, result)) for rule in open_rules[: detail.rows])
    lists = (
        _list(warnings, len(result.warnings) - detail.rows, "warning"),
        _list(rules, len(open_rules) - detail.rows, "rule"),
    )
    return "\n".join(filter(None, lists))


def _list(items: Iterable[str], more: int, what: str) -> str:
    lines = [f"- {item}" for item in items]
    if more > 0:
        lines.append(f"- {count(more)} more {what}{'' if more == 1 else 's'} in gate.json.")
    return "\n".join(lines)


def _changed(result: GateResult, detail: _Detail) -> Iterator[str]:
    if not result.changed:
        yield "No case changed its score."
        return
    if not detail.cases:
        yield f"{words.changed_count(result)}; see gate.json."
        return
    table = changed_table(result, detail.cases, detail.text)
    head, *rest = table_lines(table).split("\n")
    del head  # the caption stands in the fold's title
    yield _fold(words.changed_count(result), "\n".join(rest).strip())
    if detail.fences:
        shown = result.changed[: detail.fences]
        told = [_in_full(case) for case in shown if case.input is not None or case.answer is not None]
        if told:
            yield _fold(f"Questions and answers of the first {count(len(shown))}", "\n\n".join(told))


def _in_full(case: ChangedCase) -> str:
    parts = [
        f"**{escaped(words.name(case.case_id))}**, {escaped(words.name(case.arm))}: {words.scores(case)}"
    ]
    for label in ("input", "reference", "answer"):
        text: str | None = getattr(case, label)
        if text is not None:
            parts.append(f"{title(label)}:\n\n{fenced(text.splitlines())}")
    return "\n\n".join(parts)


def _about(result: GateResult, detail: _Detail) -> Iterator[str]:
    """What the figures rest on, in a fold: with what it was compared, what was asked again, false alarms, notes."""
    lines = [
        *(words.arm_sentence(arm, result.primary_metric) for arm in result.arms[: detail.rows]),
        words.baseline_sentence(result),
        words.confirmation_sentence(result),
        words.false_alarm_sentence(result),
        *(clipped(note, _SENTENCE) for note in result.notes[: detail.rows]),
        f"Run {words.name(result.run_id)}, evalkit {words.name(result.evalkit_version)}.",
    ]
    yield _fold(
        "What this rests on", "\n".join(f"- {escaped(clipped(line, 2_000))}" for line in lines if line)
    )


def _fold(heading: str, content: str) -> str:
    return f"<details><summary>{escaped(heading)}</summary>\n\n{content}\n\n</details>"
