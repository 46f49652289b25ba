"""What GitHub Actions reads: annotations in the log, the outputs of a step, and the step's summary.

Of all that GitHub obeys only annotations are written, with text escaped as its runner reads it. Text of models and
suites goes into no output and no environment variable: outputs are numbers and words of ours.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from evalkit.plain import one_line, unobeyed
from evalkit.records.gate import GateResult, case_count
from evalkit.reporting.gate import gate_words as words
from evalkit.reporting.words import clipped
from evalkit.text.number_format import count

MOST_OF_A_KIND = 10
"""Errors, warnings and notices each that GitHub shows of one step."""
SUMMARY_BYTES = 1024 * 1024
"""Of the summary of one step; GitHub refuses a longer one whole."""
_TOLD = ("fail", "inconclusive")
_MESSAGE = 1_000
_TITLE = 200
REFUSALS = {102: "not_comparable", 103: "cost_limit", 104: "incomplete"}
"""What the output ``verdict`` says by exit code where nothing was judged; ``unusable`` for others."""


def gate_annotations(result: GateResult) -> str:
    """The verdict as workflow commands, a line each: at most ten errors, ten warnings and ten notices."""
    rules = {verdict: [rule for rule in result.rules if rule.verdict == verdict] for verdict in _TOLD}
    missed = [item for item in result.must_pass if item.verdict == "fail"]
    errors = [
        *(partial(words.rule_sentence, rule, result) for rule in rules["fail"]),
        *(partial(words.must_pass_sentence, item) for item in missed),
    ]
    warnings = [
        *(partial(words.rule_sentence, rule, result) for rule in rules["inconclusive"]),
        *(partial(str, text) for text in result.warnings),
    ]
    lines = [
        *_commands("error", f"Gate {words.name(result.suite)}: failed", errors),
        *_commands("warning", f"Gate {words.name(result.suite)}: look at this", warnings),
    ]
    if result.exit_code == 101 and not errors:
        lines.insert(
            0, _command("error", f"Gate {words.name(result.suite)}: inconclusive", words.headline(result))
        )
    elif result.verdict == "passed":
        lines.append(_command("notice", f"Gate {words.name(result.suite)}: passed", words.headline(result)))
    return "".join(f"{line}\n" for line in lines)


def refusal_annotation(message: str) -> str:
    """The reason why nothing was judged, as a workflow command."""
    return _command("error", "The gate did not judge", message) + "\n"


def outputs(result: GateResult) -> dict[str, str]:
    """Outputs of the step: the verdict, the exit code and counts; no text of a suite or a model."""
    return {
        "verdict": words.VERDICTS[result.verdict],
        "exit_code": str(int(result.exit_code)),
        "failed_rules": str(sum(rule.verdict == "fail" for rule in result.rules)),
        "inconclusive_rules": str(sum(rule.verdict == "inconclusive" for rule in result.rules)),
        "failed_must_pass": str(case_count(item for item in result.must_pass if item.verdict == "fail")),
        "changed_cases": str(case_count(result.changed)),
        "worse_cases": str(case_count(case for case in result.changed if case.worse)),
    }


def refusal_outputs(exit_code: int) -> dict[str, str]:
    """Outputs of the step where nothing was judged."""
    return {"verdict": REFUSALS.get(exit_code, "unusable"), "exit_code": str(int(exit_code))}


def stop_commands() -> tuple[str, str]:
    """Two lines: after the first GitHub obeys nothing until the second, which nobody can guess."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n", f"::{token}::\n"


def _commands(kind: str, title: str, sentences: Sequence[Callable[[], str]]) -> Iterator[str]:
    """A command for each sentence; where there are too many, the last says how many more there are."""
    shown = sentences if len(sentences) <= MOST_OF_A_KIND else sentences[: MOST_OF_A_KIND - 1]
    for sentence in shown:
        yield _command(kind, title, sentence())
    if more := len(sentences) - len(shown):
        yield _command(kind, title, f"{count(more)} more stand in the step's summary and in gate.json.")


def _command(kind: str, title: str, message: str) -> str:
    title, message = (
        clipped(unobeyed(one_line(title)), _TITLE),
        clipped(unobeyed(one_line(message)), _MESSAGE),
    )
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Text as the runner reads it behind the second ``::``."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Text as the runner reads it as the value of a property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
