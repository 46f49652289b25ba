"""The gate as a comment and as a step's summary."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from evalkit.records.gate import ChangedCase, GateResult
from evalkit.reporting.gate.gate_markdown import (
    comment_marker,
    render_comment,
    render_refusal,
    render_summary,
)
from evalkit.reporting.gate.github import SUMMARY_BYTES
from tests.builders import gates
from tests.builders.hostile_gate import ALL, LONG_LINE, MARKER, PAYLOADS, hostile_gate

COMMENT_CHARACTERS = 65_536


def with_changed(number: int, text: str | None = None) -> GateResult:
    cases = tuple(
        ChangedCase(
            case_id=f"case-{place:05}",
            arm="rag",
            metric="exact_match",
            baseline=1.0,
            candidate=0.0,
            input=text,
            answer=text,
        )
        for place in range(number)
    )
    return replace(gates.FAILED, changed=cases)


def tokens(text: str):
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


def shown_cases(text: str) -> int:
    return len(re.findall(r"^\| case-\d{5} ", text, re.MULTILINE))


@pytest.fixture(scope="module")
def hostile() -> GateResult:
    return hostile_gate()


def test_the_first_line_is_the_marker_and_the_verdict_comes_next(failed_gate):
    lines = render_comment(failed_gate).splitlines()
    assert lines[0] == comment_marker("support-desk") == "<!-- evalkit-gate 224641eb74f7dc47 -->"
    assert lines[2] == "> [!CAUTION]"
    assert lines[3].startswith("> **Gate support-desk: failed.** 1 of 7 rules and 1 of 2 must-pass cases.")


def test_each_verdict_has_its_alert(passed_gate, inconclusive_gate):
    assert "> [!TIP]\n> **Gate support-desk: passed.** Nothing changed." in render_comment(passed_gate)
    text = render_comment(inconclusive_gate)
    assert "> [!WARNING]\n> **Gate support-desk: inconclusive.**" in text
    assert "That does not fail: gate.on\\_inconclusive is warn." in text.replace("gate.on_", "gate.on\\_")


def test_the_difference_stands_with_its_interval_and_its_limit(failed_gate):
    text = render_comment(failed_gate)
    row = next(line for line in text.splitlines() if line.startswith("| failed | rag | exact match |"))
    assert row == (
        "| failed | rag | exact match | 80.0% → 70.0% | −10.0 points | −15.4 to −4.7 | at least −5.0 points | 200 |"
    )
    assert "The smallest true drop that would have failed here with 80% power is 21.0 points." in text
    assert "If nothing changed in truth, 110 cases are enough to pass with 80% power." in text


def test_the_marker_is_that_of_the_suite():
    assert comment_marker("a") != comment_marker("b")
    assert re.fullmatch(r"<!-- evalkit-gate [0-9a-f]{16} -->", comment_marker("--> <b>"))


@pytest.mark.parametrize(("number", "shown"), [(0, 0), (1, 1), (49, 49), (50, 50), (51, 50), (10_000, 50)])
def test_a_comment_shows_at_most_fifty_changed_cases_and_says_how_many_there_are(number, shown):
    text = render_comment(with_changed(number, "short"))
    assert shown_cases(text) == shown
    assert ("more changed case" in text) == (number > 50)
    if number == 10_000:
        assert "10,000 changed cases: 10,000 worse, 0 better" in text
        assert "9,950 more changed cases in gate.json." in text


@pytest.mark.parametrize(
    "text", [None, "x" * 300, "&" * 300, "<" * 300, "@组" * 150, "水" * 300, ALL, LONG_LINE]
)
def test_a_comment_is_never_too_long(text):
    """Whatever grows by being escaped, GitHub takes it."""
    made = render_comment(with_changed(10_000, text))
    assert len(made.encode()) <= COMMENT_CHARACTERS
    assert "Gate support-desk: failed." in made
    assert shown_cases(made) == 50


def test_many_long_rules_leave_a_comment_with_its_verdict(failed_gate):
    rules = tuple(
        replace(failed_gate.rules[0], name=f"r{n}", arm="<" * 200, tag="&" * 200) for n in range(500)
    )
    made = render_comment(replace(failed_gate, rules=rules, warnings=("&" * 2_000,) * 500))
    assert len(made.encode()) <= COMMENT_CHARACTERS
    assert "**Gate support-desk: failed.**" in made
    assert re.search(r"4\d\d more rules in gate.json", made)


def test_a_summary_of_ten_thousand_changed_cases_fits_into_a_step():
    made = render_summary(with_changed(10_000, LONG_LINE[:60]), SUMMARY_BYTES)
    assert len(made.encode()) <= SUMMARY_BYTES
    assert shown_cases(made) >= 250
    assert MARKER not in made


def test_a_summary_keeps_to_the_room_there_is():
    """At the very edge the longer form stays; one byte less gives a shorter one, and no room gives nothing."""
    result = with_changed(300, "short")
    whole = render_summary(result, SUMMARY_BYTES)
    size = len(whole.encode())
    assert render_summary(result, size) == whole
    shorter = render_summary(result, size - 1)
    assert 0 < len(shorter.encode()) < size
    assert "Gate support-desk: failed." in render_summary(result, 6_000)
    assert render_summary(result, 200) == render_summary(result, 0) == render_summary(result, -5) == ""


def test_nothing_hostile_becomes_markup(hostile):
    """The only HTML is ours; no link, picture, heading, quotation, rule or emphasis comes from a name or a text."""
    for text in (render_comment(hostile), render_summary(hostile, SUMMARY_BYTES)):
        found = tokens(text)
        inline = [child for token in found for child in token.children or []]
        html = {
            token.content.strip()
            for token in [*found, *inline]
            if token.type in ("html_block", "html_inline")
        }
        ours = (
            r"<!-- evalkit-gate [0-9a-f]{16} -->|</?details>|<details><summary>[\w ,:]+</summary>|</details>"
        )
        assert all(re.fullmatch(ours, each) for each in html), html
        assert not {"heading_open", "hr"} & {token.type for token in found}
        assert sum(token.type == "blockquote_open" for token in found) == 1
        kinds = {child.type for child in inline}
        assert not {"link_open", "image", "code_inline", "em_open"} & kinds


def test_nothing_hostile_notifies_links_or_commands(hostile):
    """Outside of fences nothing is left that a site would turn into a mention, a link or an action."""
    comment, summary = render_comment(hostile), render_summary(hostile, SUMMARY_BYTES)
    outside = "\n".join(
        token.content for token in tokens(summary) if token.type not in ("fence", "html_block", "html_inline")
    )
    for text in (comment, outside):
        assert not re.search(r"@\w", text)
        assert not re.search(r"[#!~]\d|GH-\d|&amp;\d", text)
        assert not re.search(r"\w://|www\.", text)
        assert not re.search(r"^\s*/\w", text, re.MULTILINE)
    for text in (comment, summary):
        assert not re.search(r"^\s*::", text, re.MULTILINE)
        assert not re.search(r"##(?:vso|teamcity)?\[", text)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e\u2066-\u2069\u200f]", text)


def test_a_case_cannot_forge_the_marker():
    """The text of a case holds the true marker of its suite; the comment has it once, in the first line."""
    made = render_comment(replace(hostile_gate(), suite=gates.FAILED.suite))
    assert made.startswith(MARKER + "\n")
    assert made.count("<!--") == made.count("-->") == 1


def test_a_fence_is_longer_than_any_run_of_backticks_in_it():
    ticks = "```\n`````````\n~~~~"
    made = render_summary(with_changed(1, ticks), SUMMARY_BYTES)
    fences = [token for token in tokens(made) if token.type == "fence"]
    assert [fence.content for fence in fences] == [f"{ticks}\n"] * 2
    assert fences[0].markup == "`" * 10


def test_hostile_payloads_are_still_to_be_read(hostile):
    """They are shown, not dropped."""
    made = render_comment(hostile)
    shown = re.sub("[\\\\\u2060]", "", made)
    for words in ("::error::owned", "octocat", "verdict=passed", "水泵P17"):
        assert words in shown
    assert len(PAYLOADS) > 20


def test_a_refusal_says_why_and_its_exit_code():
    made = render_refusal("judge changed: @all <!-- x", 102)
    assert made.startswith(
        "> [!WARNING]\n> **The gate did not judge this run** (exit code 102). judge changed: "
    )
    assert "<!--" not in made
    assert "@all" not in made
