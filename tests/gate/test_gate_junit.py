"""The gate as JUnit XML: by Jenkins' rules, read by junitparser, within GitLab's limits."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from junitparser import Failure, JUnitXml, Skipped
from msgspec.structs import replace

from evalkit.records.gate import ChangedCase, GateResult
from evalkit.reporting.gate.junit import MOST_TESTS, render_junit
from tests.builders import gates
from tests.builders.hostile_gate import ALL, hostile_gate
from tests.builders.junit_10 import faults

GITLAB_BYTES = 30_000_000


def parsed(result: GateResult) -> dict[str, dict[str, object]]:
    """By suite and name, the results that junitparser finds."""
    return {
        suite.name: {case.name: list(case.result) for case in suite}
        for suite in JUnitXml.fromstring(render_junit(result).encode())
    }


def root_of(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


@pytest.fixture(scope="module")
def hostile_text() -> str:
    return render_junit(hostile_gate())


def test_the_rules_find_what_the_schema_refuses():
    bad = ElementTree.fromstring(
        "<testsuites skipped='1'><testsuite name='a' tests='1'>text<testcase classname='c'><properties/>"
        "<system-out>fine</system-out></testcase></testsuite></testsuites>"
    )
    assert set(faults(bad)) == {
        "testsuites may not have skipped",
        "testsuite lacks failures",
        "testsuite lacks errors",
        "text in testsuite",
        "testcase lacks name",
        "properties in testcase",
    }


@pytest.mark.parametrize("result", [gates.FAILED, gates.INCONCLUSIVE, gates.PASSED])
def test_it_keeps_to_the_rules_of_jenkins(result):
    assert list(faults(root_of(render_junit(result)))) == []


def test_rules_must_pass_and_changed_cases_are_tests_and_nothing_else(failed_gate):
    found = parsed(failed_gate)
    assert list(found) == ["rules", "must_pass", "changed_cases"]
    assert list(found["rules"]) == [rule.name for rule in failed_gate.rules]
    assert list(found["must_pass"]) == ["case-17 (rag)", "case-18 (rag)"]
    assert [name.partition(" ")[0] for name in found["changed_cases"]] == [
        case.case_id for case in failed_gate.changed
    ]


def test_who_fails_and_who_is_skipped(failed_gate):
    """Unstable and quarantined cases fail nothing, nor does one that became better."""
    kinds = {
        name: type(results[0]) if results else None
        for tests in parsed(failed_gate).values()
        for name, results in tests.items()
    }
    assert kinds == {
        "quality/rag/exact_match": Failure,
        "quality/rag/exact_match/billing": Skipped,
        "latency/rag": Skipped,
        "error_rate/rag": Skipped,
        "cost/rag": None,
        "floor/rag/token_f1": None,
        "quality/few_shot/exact_match": None,
        "case-17 (rag)": Failure,
        "case-18 (rag)": None,
        "case-17 (rag, exact_match)": Failure,
        "工单-九 (rag, exact_match)": Skipped,
        "case-80 (rag, exact_match)": Skipped,
        "case-41 (rag, exact_match)": None,
    }


@pytest.mark.parametrize(
    ("result", "failures"),
    [
        (gates.FAILED, 3),
        (gates.INCONCLUSIVE, 0),
        (replace(gates.INCONCLUSIVE, exit_code=101, on_inconclusive="fail"), 1),
        (gates.PASSED, 0),
        (replace(gates.PASSED, changed=gates.CHANGED), 0),
    ],
)
def test_the_report_fails_where_the_gate_does(result, failures):
    root = root_of(render_junit(result))
    assert root.get("failures") == str(failures)
    assert len(root.findall(".//failure")) == failures
    assert root.get("errors") == "0"
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))


def test_the_message_is_repeated_as_content(failed_gate):
    """GitLab shows nothing but the content."""
    for result in root_of(render_junit(failed_gate)).iterfind(".//testcase/*"):
        if result.tag != "system-out":
            assert result.text.partition("\n")[0] == result.get("message") != ""


def test_every_test_has_a_class_and_a_name_of_its_own():
    """Duplicates, names that differ only where they are cut, and names that are alike once cleaned."""
    long = "n" * 5_000
    same = [gates.CHANGED[0], gates.CHANGED[0]]
    cut = [replace(same[0], case_id=long + end) for end in ("a", "b")]
    cleaned = [replace(same[0], case_id=name) for name in ("\x07", "#x07", "a  b", "a b")]
    root = root_of(render_junit(replace(gates.FAILED, changed=(*same, *cut, *cleaned))))
    cases = list(root.iterfind("testsuite/testcase"))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names) == 7 + 2 + 8
    assert all(place and name and len(name) < 300 for place, name in names)
    assert {place for place, _ in names} == {
        f"evalkit.gate.support-desk.{group}" for group in ("rules", "must_pass", "changed_cases")
    }


def test_hostile_text_stays_text(hostile_text):
    """It parses, keeps to the rules, and holds nothing that a log would obey or a terminal would follow."""
    root = root_of(hostile_text)
    assert list(faults(root)) == []
    assert len(JUnitXml.fromstring(hostile_text.encode())) == 3
    assert len(root.findall(".//testcase")) == 7 + 23 + 60
    assert not re.search(r"^\s*::", hostile_text, re.MULTILINE)
    assert not re.search(r"##(?:vso|teamcity)?\[", "\n".join(t.text or "" for t in root.iter()))
    assert "<!--" not in hostile_text
    assert "<script" not in hostile_text


def test_characters_that_xml_cannot_hold_are_made_visible():
    case = replace(gates.CHANGED[0], answer="\x00\x07\x0b\x1b[31m\ufffe\uffff\u202eevil", case_id="bell\x07")
    text = render_junit(replace(gates.FAILED, changed=(case,)))
    assert "Answer: #x00#x07#x0B#x1B[31m#xFFFE#xFFFF#x202Eevil" in text
    assert 'name="bell#x07 (rag, exact_match)"' in text
    assert not re.search("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)


def changed(number: int, text: str) -> tuple[ChangedCase, ...]:
    case = replace(gates.CHANGED[0], input=text, reference=text, answer=text)
    return tuple(replace(case, case_id=f"case-{place}") for place in range(number))


def changed_suite(text: str) -> tuple[int, int, str]:
    """Of the changed cases: how many it says it has, how many there are, and what it says of the others."""
    suite = text.partition('<testsuite name="changed_cases"')[2]
    said = re.match(r' tests="(\d+)"', suite)
    note = re.search(r"\n<system-out>(.*)</system-out>\n</testsuite>", suite)
    return int(said[1]), suite.count("<testcase "), note[1] if note else ""


@pytest.mark.parametrize(
    ("number", "note"), [(MOST_TESTS, ""), (MOST_TESTS + 1, "1 more stand in gate.json.")]
)
def test_ten_thousand_changed_cases_and_one_more(number, note):
    text = render_junit(replace(gates.FAILED, changed=changed(number, "short")))
    assert changed_suite(text) == (10_000, 10_000, note)
    assert len(text.encode()) < GITLAB_BYTES


def test_a_report_is_never_larger_than_gitlab_takes():
    """10,000 cases whose texts grow fivefold: what does not fit is left out and counted."""
    text = render_junit(replace(gates.FAILED, changed=changed(10_000, "&" * 300)))
    assert 0.8 * GITLAB_BYTES < len(text.encode()) < GITLAB_BYTES
    said, there, note = changed_suite(text)
    assert said == there < 9_000
    assert note == f"{10_000 - there:,} more stand in gate.json."
    assert text.endswith("</testsuite>\n</testsuites>\n")


def test_a_line_of_a_megabyte_is_shortened():
    text = render_junit(replace(gates.FAILED, changed=changed(1, "&" * 1_000_000), headline=ALL))
    assert len(text) < 20_000
