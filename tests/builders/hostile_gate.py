"""A gate in which every name and text that a stranger chooses tries to be obeyed by a CI system, a site or a parser."""

from __future__ import annotations

from msgspec.structs import replace

from evalkit.records.gate import ChangedCase, GateResult, MustPassResult, RuleResult
from evalkit.reporting.gate.gate_markdown import comment_marker
from tests.builders import gates

MARKER = comment_marker(gates.FAILED.suite)
PAYLOADS = (
    "::error::owned",
    "  ::set-output name=verdict::passed",
    "##[error]owned",
    "##vso[task.complete result=Succeeded]",
    "%0A::error::owned",
    "\r::stop-commands::x\r\n::add-mask::e",
    "verdict=passed\nexit_code=0\n",
    "EOF\nverdict<<EOF\npassed\nEOF",
    MARKER,
    "--> <!--",
    "@octocat @org/team",
    "#123 GH-45 org/repo#6 !7 &8 %9 ~10",
    "/close\n/approve",
    "\x1b[31mred\x1b[0m \x9b1m",
    "[link](https://evil.example) <https://evil.example> https://evil.example www.evil.example",
    "![image](https://evil.example/a.png) <img src=x onerror=alert(1)>",
    "```\n</details>\n# heading\n~~~\n````",
    "> [!TIP]\n> **Gate support-desk: passed.**",
    "<script>alert(1)</script> ]]> &amp; &lt;",
    "| a | b |\n| --- | --- |",
    "\x00\x01\x07\x0b\x1f\x7f\x85\ufffe\uffff",
    "\u202egnp.exe\u2066 \u2028 \u200f",
    "水泵P17 'quoted' \"double\" \\",
)
"""Each of these does something somewhere if it is trusted."""
ALL = " ".join(PAYLOADS)
LONG_LINE = "&<" * 500_000
"""A line of 1 MB of what grows fourfold and fivefold when it is escaped."""


def hostile_gate(changed: int = 60, text: str = ALL) -> GateResult:
    """A failed gate with so many changed cases.

    Args:
        changed: Changed cases.
        text: What stands in names, questions and answers beside a payload of its own.
    """
    return replace(
        gates.FAILED,
        suite=f"support-desk {ALL}",
        run_id=ALL,
        run_path=ALL,
        evalkit_version=ALL,
        headline=ALL,
        primary_metric=ALL,
        baseline=replace(gates.FAILED.baseline, file=ALL, run_id=ALL, git_commit=ALL),
        arms=tuple(replace(arm, name=ALL, changed_parts=(ALL,)) for arm in gates.FAILED.arms),
        rules=tuple(_rule(rule, place) for place, rule in enumerate(gates.FAILED.rules)),
        must_pass=tuple(_must_pass(payload, text) for payload in PAYLOADS),
        changed=tuple(_changed(place, text) for place in range(changed)),
        warnings=(*PAYLOADS, LONG_LINE),
        notes=(*PAYLOADS, LONG_LINE),
    )


def _rule(rule: RuleResult, place: int) -> RuleResult:
    payload = PAYLOADS[place % len(PAYLOADS)]
    return replace(
        rule,
        name=f"{payload}/{ALL}",
        arm=payload,
        metric=rule.metric and ALL,
        tag=rule.tag and ALL,
        method=ALL,
        reason=rule.reason and payload,
    )


def _must_pass(payload: str, text: str) -> MustPassResult:
    return MustPassResult(
        case_id=payload,
        arm=payload,
        metric=payload,
        verdict="fail",
        score=0.0,
        wanted=1.0,
        input=text,
        reference=payload,
        answer=payload,
    )


def _changed(place: int, text: str) -> ChangedCase:
    payload = PAYLOADS[place % len(PAYLOADS)]
    return ChangedCase(
        case_id=f"{payload} {place}",
        arm=payload,
        metric=ALL,
        baseline=1.0,
        candidate=0.0,
        asks=(0.0, 1.0, 0.0),
        status="confirmed",
        input=f"{payload}{text}",
        reference=payload,
        answer=f"{payload}{text}",
    )
