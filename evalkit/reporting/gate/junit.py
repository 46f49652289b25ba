"""The gate as JUnit XML, which Jenkins, GitLab, Buildkite and others show as test results.

A test case each: every rule, every must-pass case, every changed case; never every case of the suite. None fails where
the gate does not: a changed case fails only if a rule of its arm and metric failed. The message is repeated as content,
since GitLab reads nothing else; no test case has properties, which Jenkins' schema does not know; names are unique,
since of equal ones GitLab keeps the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from evalkit.digest import digest_bytes
from evalkit.plain import unobeyed
from evalkit.records.gate import ChangedCase, GateResult
from evalkit.reporting.gate import gate_words as words
from evalkit.reporting.gate.gate_tests import (
    GateTest,
    Outcome,
    excerpts,
    must_pass_test,
    rule_test,
    shown_text,
)
from evalkit.reporting.words import metric_name
from evalkit.text.number_format import count

MOST_BYTES = 25_000_000
"""GitLab takes 30 MB."""
MOST_TESTS = 10_000
"""Of each kind. GitLab takes 250,000 of all reports of a pipeline; nobody reads so many."""
_LONGEST_NAME = 250
_LONGEST_TEXT = 1_000


def render_junit(result: GateResult) -> str:
    """The gate as JUnit XML by the rules of Jenkins' ``junit-10.xsd``, under GitLab's 30 MB; ends with a newline."""
    suite = shown_text(result.suite, _LONGEST_NAME)
    groups: dict[str, Iterable[GateTest]] = {
        "rules": (rule_test(rule, result) for rule in result.rules),
        "must_pass": map(must_pass_test, result.must_pass),
        "changed_cases": _changed(result),
    }
    made: list[_Suite] = []
    room = MOST_BYTES
    for group, tests in groups.items():
        made.append(_Suite.of(tests, f"evalkit.gate.{suite.replace('.', '_')}.{group}", room))
        room -= sum(len(case.encode()) for case in made[-1].cases)
    total = _attributes(
        name=f"evalkit gate: {suite}",
        tests=str(sum(len(each.cases) for each in made)),
        failures=str(sum(each.counts["failure"] for each in made)),
        errors="0",
    )
    body = "".join(each.element(group) for group, each in zip(groups, made, strict=True))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{total}>\n{body}</testsuites>\n'


@dataclass(frozen=True, slots=True)
class _Suite:
    """The test cases that there was room for, as XML; how many ended which way; how many were left out."""

    cases: list[str]
    counts: Counter[Outcome]
    left_out: int

    @classmethod
    def of(cls, tests: Iterable[GateTest], classname: str, room: int) -> _Suite:
        taken: set[str] = set()
        cases: list[str] = []
        counts: Counter[Outcome] = Counter()
        left_out = 0
        for test in tests:
            case = "" if len(cases) >= MOST_TESTS else _element(test, classname, taken)
            size = len(case.encode())
            if not case or size > room:
                left_out += 1
                continue
            room -= size
            cases.append(case)
            counts[test.outcome] += 1
        return cls(cases, counts, left_out)

    def element(self, name: str) -> str:
        """The whole suite as XML."""
        head = _attributes(
            name=name,
            tests=str(len(self.cases)),
            failures=str(self.counts["failure"]),
            errors="0",
            skipped=str(self.counts["skipped"]),
        )
        note = (
            f"<system-out>{count(self.left_out)} more stand in gate.json.</system-out>\n"
            if self.left_out
            else ""
        )
        return f"<testsuite{head}>\n{''.join(self.cases)}{note}</testsuite>\n"


def _element(test: GateTest, classname: str, taken: set[str]) -> str:
    message = shown_text(test.message, _LONGEST_TEXT)
    content = escape("\n".join(unobeyed(line) for line in (message, *test.lines)), quote=False)
    if test.outcome == "passed":
        inside = f"<system-out>{content}</system-out>"
    else:
        inside = (
            f"<{test.outcome}{_attributes(type=test.outcome, message=message)}>{content}</{test.outcome}>"
        )
    head = _attributes(classname=classname, name=_unique(test.name, taken))
    return f"<testcase{head}>{inside}</testcase>\n"


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in values.items())


def _unique(name: str, taken: set[str]) -> str:
    """The name, fit for XML and unlike all before; a long one ends with a digest of the whole."""
    shown = shown_text(name, 10 * len(name))
    if len(shown) > _LONGEST_NAME:
        shown = f"{shown[:_LONGEST_NAME]}… {digest_bytes(name.encode(errors='surrogatepass'))[:12]}"
    base, number = shown, 1
    while shown in taken:
        number += 1
        shown = f"{base} ({number})"
    taken.add(shown)
    return shown


def _changed(result: GateResult) -> Iterator[GateTest]:
    failed = {(rule.arm, rule.metric) for rule in result.rules if rule.verdict == "fail"}
    for case in result.changed:
        said = words.status(case)
        message = (
            f"{words.name(case.arm)}, {metric_name(case.metric)}: {words.scores(case)}"
            f"{f' ({said})' if said else ''}."
        )
        yield GateTest(
            f"{case.case_id} ({case.arm}, {case.metric})",
            _changed_outcome(case, failed),
            message,
            tuple(excerpts(case)),
        )


def _changed_outcome(case: ChangedCase, failed: set[tuple[str, str | None]]) -> Outcome:
    if case.quarantined or case.status in ("not_confirmed", "unstable"):
        return "skipped"
    return "failure" if case.worse and (case.arm, case.metric) in failed else "passed"
