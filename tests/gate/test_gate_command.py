"""``evalkit gate`` as a person types it: exit codes, what is shown where, and what is said of a wrong argument."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evalkit
from evalkit.cli import main as door
from tests.builders.gate_runs import GateRun, right, write_run, write_suite

N = 120


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs ``evalkit gate``; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = door.run(["gate", *map(str, arguments)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def runs(tmp_path) -> Path:
    """A run of main, a worse one, and both suites, under ``reports/desk``."""
    folder = tmp_path / "reports" / "desk"
    write_run(GateRun(answers={"rag": right(100, N)}), folder / "main", tmp_path / "main-suite")
    after = GateRun(answers={"rag": right(70, N)}, system="Worse.")
    write_run(after, folder / "after", tmp_path / "after-suite")
    return folder


def test_a_baseline_is_written_and_a_worse_run_fails_against_it(command, runs, tmp_path):
    code, out, _ = command("main", "--update-baseline")
    assert code == 0
    assert f"{N} cases; arms rag." in out
    file = tmp_path / "main-suite" / "baseline.json"
    assert file.is_file(), "in the suite's folder unless another file is named"
    code, out, _ = command("after", "--baseline", file)
    assert code == 100
    assert "FAILED: 1 of 1 rule failed, on 120 common cases." in " ".join(out.split())
    assert "c070" in out
    for name in ("gate.json", "gate.md", "junit.xml"):
        assert (runs / "after" / name).stat().st_size > 0
    assert evalkit.load_run(runs / "after").notice is None, "a gated run is still the run that was sealed"


def test_json_is_one_document_on_standard_output(command, runs, tmp_path):
    command("main", "--update-baseline", "--baseline", "main.json")
    code, out, _ = command("after", "--baseline", "main.json", "--json")
    written = json.loads(out)
    assert (code, written["verdict"], written["exit_code"]) == (100, "failed", 100)
    assert written == json.loads((runs / "after" / "gate.json").read_text())
    assert evalkit.gate("after", "main.json").exit_code == 100


def test_what_cannot_be_judged_says_why_and_ends_with_its_own_code(command, runs, tmp_path):
    code, _, err = command("after", "--baseline", "none.json")
    assert (code, "none.json: no such baseline" in err) == (2, True)
    write_run(GateRun(answers={"rag": right(100, N)}, more={"name": "other"}), tmp_path / "other")
    command(tmp_path / "other", "--update-baseline", "--baseline", "other.json")
    code, out, err = command("after", "--baseline", "other.json")
    assert (code, out) == (102, "")
    assert "suite: the baseline is of suite 'other', the run of 'desk'" in err
    write_run(GateRun(answers={"rag": right(100, N)}, errors=[("rag", "c001")]), tmp_path / "owing")
    command("main", "--update-baseline", "--baseline", "main.json")
    code, _, err = command(tmp_path / "owing", "--baseline", "main.json")
    assert (code, "--retry-errors" in err) == (104, True)
    code, _, err = command("sutes/desk", "--baseline", "main.json")
    assert (code, "sutes/desk" in err) == (2, True)


def test_options_that_do_not_go_together_are_refused(command, runs):
    assert command("main", "--outputs")[0] == 2
    assert command("main", "--plan", "--update-baseline")[0] == 2
    code, _, err = command("main", "--resume", "latest")
    assert (code, "--resume goes with a SUITE" in err) == (2, True)
    assert command("main", "--cost-limit", "much")[0] == 2


def test_a_suite_that_cannot_be_compared_is_refused_before_it_is_run(command, runs, tmp_path, chat_server):
    command("main", "--update-baseline", "--baseline", "main.json")
    base = {"type": "openai", "model": "acme", "base_url": chat_server.url}
    questions = ["What else?", *(f"Question c{place:03}?" for place in range(1, N))]
    changed = GateRun(answers={"rag": right(1, N)}, questions=questions, more={"models": {"base": base}})
    write_suite(changed, tmp_path / "changed")
    code, _, err = command(tmp_path / "changed", "--baseline", "main.json")
    assert code == 102
    assert "cases: 1 case has the same id and another question or accepted answer: 'c000'" in err
    assert not chat_server.requests
    assert {path.name for path in runs.iterdir()} == {"main", "after"}, "no run was begun"


def test_the_plan_says_what_the_gate_can_see_and_runs_nothing(command, tmp_path):
    section = {
        "max_p95_latency_s": 1.0,
        "max_error_rate": 0.02,
        "rules": [{"tag": "billing", "max_drop": 0.1}],
    }
    tags = [["billing"] if place < 30 else [] for place in range(100)]
    write_suite(GateRun(answers={"rag": right(1, 100)}, gate=section, tags=tags), tmp_path / "desk")
    code, out, _ = command(tmp_path / "desk", "--plan")
    assert code == 0
    assert "exact_match on 100 cases, largest drop 5 points" in out
    assert "exact_match on 30 cases tagged billing, largest drop 10 points" in out
    assert "from 72 independent timed answers on" in out
    assert "183 requests of independent cases" in out
    assert not (tmp_path / "reports").exists()
    code, out, _ = command(tmp_path / "desk", "--plan", "--json")
    assert [rule["n"] for rule in json.loads(out)["rules"]] == [100, 30]


def test_a_name_of_neither_a_suite_nor_a_run_is_told_to_be_neither(command, runs):
    code, _, error = command("suites/dsk")
    assert code == 2
    assert "no run 'suites/dsk' under reports" in error
    assert "Nor is it a suite: there is no suites/dsk/suite.yaml" in error
