"""What GitHub Actions and others are told of a gate: annotations, outputs, the summary, and files in the run folder."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from evalkit.errors import RunError
from evalkit.records.gate import GateResult
from evalkit.records.record import from_json
from evalkit.reporting.gate.gate_markdown import render_comment
from evalkit.reporting.gate.gate_terminal import print_gate
from evalkit.reporting.gate.github import MOST_OF_A_KIND, SUMMARY_BYTES, gate_annotations
from evalkit.reporting.gate.tell_ci import commands_stopped, tell_ci, tell_ci_refusal, write_gate_reports
from tests.builders import gates
from tests.builders.github_runner import Obeyed, obeyed
from tests.builders.hostile_gate import ALL, LONG_LINE, PAYLOADS, hostile_gate


@pytest.fixture
def runner(tmp_path) -> dict[str, str]:
    """The environment of a step."""
    names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")
    for name in names:
        (tmp_path / name).touch()
    return {"GITHUB_ACTIONS": "true"} | {name: str(tmp_path / name) for name in names}


def told(result: GateResult, environ: dict[str, str]) -> tuple[list[str], list[Obeyed]]:
    log = io.StringIO()
    troubles = tell_ci(result, environ, log)
    return troubles, list(obeyed(log.getvalue()))


def read(environ: dict[str, str], name: str) -> str:
    return Path(environ[name]).read_text("utf-8")


def outputs_of(environ: dict[str, str]) -> dict[str, str]:
    return dict(line.split("=") for line in read(environ, "GITHUB_OUTPUT").splitlines())


def test_the_runner_of_these_tests_obeys_what_the_real_one_does():
    log = "::error title=a%3A b%2C c,line=3::50%25%0Adone\n x ::error::no\n  ::notice::yes\nseen ##[warning]old\n"
    assert list(obeyed(log)) == [
        Obeyed("error", {"title": "a: b, c", "line": "3"}, "50%\ndone"),
        Obeyed("notice", {}, "yes"),
        Obeyed("warning", {}, "old"),
    ]
    assert list(obeyed("::stop-commands::t\n::error::x\n::t::\n::error::y")) == [Obeyed("error", {}, "y")]


def test_failed_rules_and_cases_are_errors_and_open_ones_are_warnings(failed_gate, runner):
    troubles, commands = told(failed_gate, runner)
    assert troubles == []
    assert [(each.name, each.data.partition(": ")[0]) for each in commands] == [
        ("error", "rag, exact match"),
        ("error", "case-17 has to be right for rag"),
        ("warning", "rag, exact match, cases tagged billing"),
        ("warning", "rag, p95 latency"),
        ("warning", "rag was answered by gpt-x-2026-11, in the baseline by gpt-x-2026-05."),
    ]
    assert commands[0].properties == {"title": "Gate support-desk: failed"}
    assert "(95% interval −15.4 to −4.7)" in commands[0].data


def test_a_passed_gate_is_a_notice(passed_gate, runner):
    _, commands = told(passed_gate, runner)
    assert commands == [Obeyed("notice", {"title": "Gate support-desk: passed"}, "Nothing changed.")]


def test_an_inconclusive_gate_is_a_warning_unless_it_fails(inconclusive_gate, runner):
    _, commands = told(inconclusive_gate, runner)
    assert [each.name for each in commands] == ["warning"]
    assert (
        "The smallest true drop that would have failed here with 80% power is 21.0 points."
        in commands[0].data
    )
    _, commands = told(replace(inconclusive_gate, exit_code=101, on_inconclusive="fail"), runner)
    assert [each.name for each in commands] == ["error", "warning"]
    assert commands[0].data.endswith("That fails: gate.on_inconclusive is fail.")


@pytest.mark.parametrize("number", [9, 10, 11, 10_000])
def test_at_most_ten_of_a_kind(failed_gate, number):
    """The last of too many says how many more there are."""
    rule = failed_gate.rules[0]
    rules = tuple(replace(rule, name=f"r{place}", arm=f"arm{place}") for place in range(number))
    open_rules = tuple(replace(each, verdict="inconclusive") for each in rules)
    result = replace(failed_gate, rules=rules + open_rules, must_pass=(), warnings=())
    commands = list(obeyed(gate_annotations(result)))
    shown = min(number, MOST_OF_A_KIND)
    assert Counter(each.name for each in commands) == {"error": shown, "warning": shown}
    more = f"{number - 9:,} more stand in the step's summary and in gate.json."
    assert (commands[shown - 1].data == more) == (number > 10)


def test_nothing_hostile_is_obeyed_as_an_annotation(runner):
    """Only our own commands, each one line; what they show is the text itself, cut."""
    result = hostile_gate()
    log = gate_annotations(result)
    commands = list(obeyed(log))
    assert len(commands) == len(log.splitlines()) <= 3 * MOST_OF_A_KIND
    assert {each.name for each in commands} <= {"error", "warning", "notice"}
    for each in commands:
        assert each.properties.keys() == {"title"}
        assert re.match(
            r"Gate support-desk .*: (failed|look at this)$|Gate support-desk", each.properties["title"]
        )
        assert len(each.data) <= 1_000
        assert len(each.properties["title"]) <= 200
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", each.data)


def test_outputs_are_numbers_and_words_of_ours(failed_gate, runner):
    told(failed_gate, runner)
    assert outputs_of(runner) == {
        "verdict": "failed",
        "exit_code": "100",
        "failed_rules": "1",
        "inconclusive_rules": "2",
        "failed_must_pass": "1",
        "changed_cases": "4",
        "worse_cases": "3",
    }


def test_no_text_of_a_stranger_reaches_outputs_or_the_environment(runner):
    told(hostile_gate(), runner)
    lines = read(runner, "GITHUB_OUTPUT").splitlines()
    assert len(lines) == 7
    assert all(re.fullmatch(r"[a-z_]+=(?:\d+|failed)", line) for line in lines)
    for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"):
        assert read(runner, name) == ""


def test_the_summary_is_added_to_what_the_step_wrote(failed_gate, runner):
    Path(runner["GITHUB_STEP_SUMMARY"]).write_text("# Before\n", "utf-8")
    assert told(failed_gate, runner)[0] == []
    assert read(runner, "GITHUB_STEP_SUMMARY").startswith("# Before\n\n> [!CAUTION]\n")


@pytest.mark.parametrize("used", [0, 1, 500_000, SUMMARY_BYTES - 3_000, SUMMARY_BYTES - 100, SUMMARY_BYTES])
def test_a_step_never_writes_more_than_a_summary_may_hold(runner, used):
    """Whatever stood there before; where there is no room, that is said."""
    Path(runner["GITHUB_STEP_SUMMARY"]).write_text("x" * used, "utf-8")
    troubles, _ = told(replace(gates.FAILED, changed=gates.CHANGED * 200), runner)
    size = Path(runner["GITHUB_STEP_SUMMARY"]).stat().st_size
    assert used <= size <= SUMMARY_BYTES
    assert (size > used) == (used < SUMMARY_BYTES - 100)
    assert bool(troubles) == (used >= SUMMARY_BYTES - 100)
    if troubles:
        assert troubles == [
            f"The step's summary is full ({used:,} bytes are written): the gate is not in it."
        ]


def test_elsewhere_nothing_is_written(failed_gate, runner):
    for environ in ({}, {**runner, "GITHUB_ACTIONS": "false"}, {"GITLAB_CI": "true"}):
        assert told(failed_gate, environ) == ([], [])
    assert read(runner, "GITHUB_OUTPUT") == read(runner, "GITHUB_STEP_SUMMARY") == ""


def test_a_file_that_cannot_be_written_is_told_and_changes_nothing_else(failed_gate, runner, tmp_path):
    runner["GITHUB_OUTPUT"] = str(tmp_path / "none" / "output")
    troubles, commands = told(failed_gate, runner)
    assert len(troubles) == 1
    assert troubles[0].startswith("GITHUB_OUTPUT: the file it names cannot be written: ")
    assert len(commands) == 5
    assert "Gate support-desk: failed." in read(runner, "GITHUB_STEP_SUMMARY")


def test_a_log_whose_reader_went_away_is_no_error(failed_gate, runner):
    log = io.StringIO()
    log.close()
    assert tell_ci(failed_gate, runner, log) == []
    assert outputs_of(runner)["verdict"] == "failed"


@pytest.mark.parametrize(
    ("code", "verdict"), [(102, "not_comparable"), (103, "cost_limit"), (104, "incomplete"), (2, "unusable")]
)
def test_a_gate_that_did_not_judge_says_why(runner, code, verdict):
    log = io.StringIO()
    assert tell_ci_refusal(f"judge changed\n{ALL}", code, runner, log) == []
    (command,) = obeyed(log.getvalue())
    assert command.name == "error"
    assert command.data.startswith("judge changed\\n::error::owned   ::set-output")
    assert outputs_of(runner) == {"verdict": verdict, "exit_code": str(code)}
    assert f"**The gate did not judge this run** (exit code {code})" in read(runner, "GITHUB_STEP_SUMMARY")
    assert tell_ci_refusal("x", code, {}, io.StringIO()) == []


def test_what_is_shown_between_stopped_commands_is_not_obeyed(runner):
    """Even what no cleaner touched; and the token is another each time."""
    log = io.StringIO()
    for _ in range(2):
        with commands_stopped(runner, log):
            log.write("\n".join(PAYLOADS) + "\n")
    log.write("::notice::after\n")
    assert list(obeyed(log.getvalue())) == [Obeyed("notice", {}, "after")]
    tokens = re.findall(r"^::stop-commands::([0-9a-f]{32})$", log.getvalue(), re.MULTILINE)
    assert len(set(tokens)) == 2
    quiet = io.StringIO()
    with commands_stopped({}, quiet):
        pass
    assert quiet.getvalue() == ""


def test_the_run_folder_keeps_three_files(failed_gate, tmp_path):
    written = write_gate_reports(failed_gate, tmp_path / "run")
    assert [path.name for path in written] == ["gate.json", "gate.md", "junit.xml"]
    assert from_json(written[0].read_bytes(), GateResult) == failed_gate
    assert json.loads(written[0].read_bytes())["format_version"] == 1
    assert written[1].read_text("utf-8") == render_comment(failed_gate)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in written}


def test_hostile_text_is_written_and_read_back(tmp_path):
    result = hostile_gate()
    assert from_json(write_gate_reports(result, tmp_path)[0].read_bytes(), GateResult) == result


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(failed_gate, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        write_gate_reports(failed_gate, tmp_path / "file")


def shown(result: GateResult, width: int = 100) -> str:
    stream = io.StringIO()
    print_gate(result, Console(file=stream, width=width, emoji=False, markup=False))
    return stream.getvalue()


def test_a_terminal_has_the_verdict_first_and_loud(failed_gate, inconclusive_gate, passed_gate):
    assert shown(failed_gate).startswith("FAILED: 1 of 7 rules and 1 of 2 must-pass cases.\n")
    assert shown(passed_gate).startswith("PASSED: Nothing changed.\n")
    text = " ".join(shown(inconclusive_gate).split())
    assert text.startswith("INCONCLUSIVE: 1 of 2 rules cannot be decided on these cases. That does not fail:")
    assert "The smallest true drop that would have failed here with 80% power is 21.0 points." in text
    assert "If nothing changed in truth, 110 cases are enough to pass with 80% power." in text


def test_a_terminal_says_what_it_rests_on(failed_gate):
    text = " ".join(shown(failed_gate).split())
    assert (
        "rag: prompt changed; 48 of 201 answers differ; exact match 80.0% in the baseline, 70.0% now." in text
    )
    assert "few_shot is unchanged" in text
    assert "fine_tuned is not in the baseline and was not judged against it." in text
    assert (
        "(run 20261101-090000, 27 days old, commit 1234567890ab) on 201 cases that both have; 1 added,"
        in text
    )
    assert (
        "up to 3 asks each (94 further answers, 0.0188 USD); the majority upholds the change in 39." in text
    )
    assert (
        "at least one of ten fails in at most 22.4%, at least one of a hundred in at most 92.0%, whatever"
        in text
    )
    assert "they are held against." in text


@pytest.mark.parametrize("width", [20, 60, 100, 300])
def test_hostile_text_in_a_terminal_is_cleaned_and_short(width):
    text = shown(hostile_gate(10_000, LONG_LINE[:1_000]), width)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert len(text) < 200_000
