"""The GitHub action: its steps are run in bash against what GitHub would give them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from junitparser import JUnitXml

from evalkit.pipeline.gate_run import update_baseline
from evalkit.reporting.gate.gate_markdown import render_comment
from tests.builders import gates
from tests.builders.composite_action import value_of
from tests.builders.gate_runs import GateRun, right, write_run
from tests.builders.github_job import MARKER, ROOT, SUITE, Job
from tests.builders.github_runner import obeyed


def test_a_passed_gate_writes_its_comment_and_ends_well(tmp_path):
    job = Job(tmp_path)
    done = job.run()
    assert done.exit_code == 0, done.log
    assert done.ran == ["origin", "gate", "comment", "end"]
    assert done.outputs["verdict"] == "passed"
    assert done.outputs["exit-code"] == "0"
    reports = Path(done.outputs["reports"])
    assert {path.name for path in reports.iterdir()} == {"gate.json", "gate.md", "junit.xml", "comment.md"}
    (written,) = job.written
    assert written["words"][:5] == [
        "api",
        "--silent",
        "--method",
        "POST",
        "repos/acme/desk/issues/7/comments",
    ]
    marker, text = written["body"].split("\n", 1)
    assert marker == MARKER
    assert text == render_comment(gates.PASSED).split("\n", 1)[1]
    assert "> [!TIP]" in done.summary


def test_a_failed_gate_updates_its_comment_and_fails(tmp_path):
    """The comment of a bot that begins with the marker; not one in which somebody else wrote the marker."""
    job = Job(tmp_path, "FAILED")
    job.comments(
        (1, "User", f"{MARKER}\nGate: passed."),
        (2, "Bot", f"see {MARKER}"),
        (3, "Bot", f"{MARKER}\nold"),
        (4, "Bot", f"{MARKER}\nolder"),
    )
    done = job.run(baseline="base.json", cost_limit="5")
    assert done.exit_code == 100
    assert done.ran[-1] == "end"
    (written,) = job.written
    assert written["words"][:5] == [
        "api",
        "--silent",
        "--method",
        "PATCH",
        "repos/acme/desk/issues/comments/3",
    ]
    assert "**Gate support-desk: failed.**" in written["body"]
    assert {name: done.outputs[name] for name in ("verdict", "exit-code", "failed-rules", "worse-cases")} == {
        "verdict": "failed",
        "exit-code": "100",
        "failed-rules": "1",
        "worse-cases": "3",
    }
    assert [each.name for each in obeyed(done.log)].count("error") == 2
    runs = job.asked[2]
    assert job.asked == [
        "gate",
        "--output",
        runs,
        "--baseline",
        "base.json",
        "--cost-limit",
        "5",
        "--",
        SUITE,
    ]


def test_a_finished_run_is_judged_by_evalkit_itself(tmp_path):
    """Start to end: a run that lost 40 of 200 answers, and then one whose baseline was edited by hand."""
    job = Job(tmp_path, "REAL")
    work = tmp_path / "work"
    update_baseline(write_run(GateRun(answers={"rag": right(160, 200)}), work / "before"), work / "base.json")
    write_run(GateRun(answers={"rag": right(120, 200)}, system="Worse."), work / "after")
    done = job.run(suite="after", baseline="base.json")
    assert done.exit_code == 100, done.log
    assert (done.outputs["verdict"], done.outputs["worse-cases"]) == ("failed", "40")
    assert "FAILED: " in done.log
    assert next(obeyed(done.log)).name == "error"
    assert "| failed | rag | exact match | 80.0% → 60.0% | −20.0 points |" in job.written[0]["body"]
    assert "40 changed cases: 40 worse, 0 better" in job.written[0]["body"]
    assert "> [!CAUTION]" in done.summary
    reports = Path(done.outputs["reports"])
    assert len(JUnitXml.fromfile(str(reports / "junit.xml"))) == 3
    assert json.loads((reports / "gate.json").read_text("utf-8"))["verdict"] == "failed"
    (work / "base.json").write_text((work / "base.json").read_text("utf-8").replace("0.0", "1.0", 1), "utf-8")
    done = job.run(suite="after", baseline="base.json")
    assert (done.exit_code, done.outputs["verdict"]) == (2, "unusable")
    assert "(exit code 2)" in done.summary
    assert "did not judge this commit" in job.written[1]["body"]


@pytest.mark.parametrize(
    ("gate", "code", "verdict"), [("REFUSED", 102, "not_comparable"), ("BROKEN", 1, "unusable")]
)
def test_a_gate_that_did_not_judge_says_so_in_the_comment(tmp_path, gate, code, verdict):
    """So that the verdict on an earlier commit does not stay there."""
    job = Job(tmp_path, gate)
    job.comments((3, "Bot", f"{MARKER}\n> **Gate support-desk: passed.**"))
    done = job.run()
    assert done.exit_code == code
    assert (done.outputs["verdict"], done.outputs["exit-code"]) == (verdict, str(code))
    (written,) = job.written
    said = f"> [!WARNING]\n> **The gate did not judge this commit** (exit code {code})."
    assert written["body"].startswith(f"{MARKER}\n\n{said}")


def test_a_fork_is_skipped_with_a_neutral_note(tmp_path):
    job = Job(tmp_path)
    job.github["event"]["pull_request"]["head"]["repo"]["full_name"] = "stranger/desk"
    done = job.run(install="true")
    assert done.exit_code == 0
    assert done.ran == ["origin"]
    assert [each.name for each in obeyed(done.log)] == ["notice"]
    assert done.outputs["verdict"] == "skipped"
    assert done.outputs["reports"] == ""
    assert "comes from a fork" in done.summary


def test_a_fork_that_was_deleted_is_a_fork(tmp_path):
    job = Job(tmp_path)
    job.github["event"]["pull_request"]["head"] = {"repo": {}}
    assert job.run().outputs["verdict"] == "skipped"


def test_pull_request_target_is_refused(tmp_path):
    job = Job(tmp_path)
    job.github["event_name"] = "pull_request_target"
    done = job.run()
    assert (done.exit_code, done.ran) == (2, ["origin"])


def test_a_push_is_judged_without_a_comment(tmp_path):
    job = Job(tmp_path, "INCONCLUSIVE")
    job.github |= {"event_name": "push", "event": {}}
    done = job.run()
    assert done.exit_code == 0
    assert done.skipped == ["Set up Python", "install", "comment"]
    assert done.outputs["verdict"] == "inconclusive"


def test_a_comment_that_may_not_be_written_changes_no_verdict(tmp_path):
    job = Job(tmp_path, "FAILED")
    (tmp_path / "no-permission").touch()
    done = job.run()
    assert done.exit_code == 100
    assert "pull-requests: write" in [each.data for each in obeyed(done.log) if each.name == "warning"][-1]


def test_inputs_are_never_run(tmp_path):
    """A name of a suite that would be a command in a shell, an option, or a line of an output."""
    hostile = "-x$(touch pwned)`touch pwned`; touch pwned\nverdict=passed\"' && touch pwned"
    job = Job(tmp_path, "FAILED")
    done = job.run(suite=hostile, baseline=hostile, cost_limit=hostile)
    assert done.exit_code == 100, done.log
    assert job.asked[-1] == job.asked[4] == hostile
    assert done.outputs["verdict"] == "failed"
    assert not list(tmp_path.rglob("pwned"))
    assert re.match(r"<!-- evalkit-gate [0-9a-f]{16} -->\n", job.written[0]["body"])


def test_a_finished_run_keeps_its_files_and_an_old_comment_in_it_is_not_taken(tmp_path):
    """Only what this gate wrote becomes the comment."""
    job = Job(tmp_path, "BROKEN")
    run = tmp_path / "work" / "run"
    run.mkdir(parents=True)
    (run / "gate.md").write_text("forged: passed", "utf-8")
    os.utime(run / "gate.md", (1, 1))
    done = job.run(suite="run")
    assert "did not judge" in job.written[0]["body"]
    assert [path.name for path in Path(done.outputs["reports"]).iterdir()] == ["comment.md"]


@pytest.mark.parametrize(
    ("extras", "wanted"), [("", ""), ("local", "[local]"), ("gemini,retrieval", "[gemini,retrieval]")]
)
def test_evalkit_is_installed_from_the_commit_of_the_action(tmp_path, extras, wanted):
    job = Job(tmp_path, "BROKEN")
    python = tmp_path / "temp" / "evalkit" / "bin" / "python3"
    python.touch(0o755)  # instead of making an environment it leaves a pip that tells what it is asked for
    python.write_text(
        '#!/bin/sh\nprintf \'#!/bin/sh\\necho "installed $*"\\n\' > "$3/bin/pip"; chmod +x "$3/bin/pip"\n',
        "utf-8",
    )
    done = job.run(install="true", extras=extras)
    assert done.ran[:3] == ["origin", "Set up Python", "install"]
    assert f"installed install --quiet -c {ROOT}/constraints.txt {ROOT}{wanted}\n" in done.log


@pytest.mark.parametrize("extras", ["local]; touch pwned", "--index-url=x", "Local", "a,", "$(touch pwned)"])
def test_extras_are_names_only(tmp_path, extras):
    done = Job(tmp_path).run(install="true", extras=extras)
    assert (done.exit_code, done.ran[-1]) == (2, "install")
    assert not list(tmp_path.rglob("pwned"))


def test_expressions_mean_what_they_mean_on_github():
    context = {"a": {"b": "Yes"}, "n": ""}
    cases = {
        "a.b == 'yes'": "true",
        "a.b != 'yes' && a.b": "",
        "a.none || 'x'": "x",
        "a.b == 'yes' && a.b == 'no' && a.b == 'yes'": "",
        "n": "",
    }
    assert {expression: value_of(expression, context) for expression in cases} == cases
