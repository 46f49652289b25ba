"""`pytest --evalkit`: rules and must-pass cases as tests, judged once; without the option nothing is loaded."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evalkit.pipeline.gate_run import update_baseline
from tests.builders.gate_runs import GateRun, right, write_run

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
INSIDE = """
import sys

def test_of_the_project_itself():
    heavy = {"evalkit.api", "evalkit.errors", "numpy", "pandas", "msgspec", "click", "pydantic"}
    assert not LIGHT or not heavy & set(sys.modules)
"""
HOSTILE = "案件::c7\n::error::##[x]\x1b"
GATE = {
    "max_error_rate": 0.02,
    "rules": [{"min": 0.5}],
    "must_pass": ["c001", HOSTILE],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """A baseline, and runs that fail against it, are as it is, cannot be told, or cannot be compared."""
    folder = tmp_path_factory.mktemp("gates")
    ids = [f"c{place:03}" for place in range(119)] + [HOSTILE]

    def written(name: str, answers: list[str], **given) -> Path:
        return write_run(GateRun(answers={"rag": answers}, ids=ids, **given), folder / name).path

    made = {"before": written("before", right(100, 120), gate=GATE)}
    update_baseline(written_run(made["before"]), folder / "baseline.json")
    made["worse"] = written("worse", right(60, 120), gate=GATE, system="Worse.")
    made["open"] = written("open", right(97, 120), system="A little worse.")
    made["open fails"] = written(
        "open-fails", right(97, 120), system="A little.", gate={"on_inconclusive": "fail"}
    )
    asked = [f"Other {place}?" for place in range(120)]
    made["others"] = written("others", right(100, 120), questions=asked)
    return made


def written_run(path: Path):
    from evalkit.store.run_folder import RunFolder

    return RunFolder(path)


@pytest.fixture
def inner(pytester, monkeypatch, runs):
    """Runs pytest inside this one on a project with one test, with the plugin as the entry point would load it."""
    monkeypatch.setenv(
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"
    )  # also where evalkit is installed with its entry point
    pytester.makepyfile(test_inside=INSIDE.replace("LIGHT", "False"))

    def call(run: str, *arguments: str):
        given = (
            "--evalkit",
            str(runs[run]),
            "--evalkit-baseline",
            str(runs["before"].parent / "baseline.json"),
        )
        known = (
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
        )  # the outer pytest may have loaded the plugin
        return pytester.runpytest_inprocess("-p", "evalkit.pytest_plugin", *known, *given, *arguments)

    return call


def test_the_entry_point_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"evalkit": "evalkit.pytest_plugin"}
    assert "pytest" not in " ".join(project["dependencies"])


def test_each_rule_and_each_must_pass_case_is_a_test(inner, pytester):
    done = inner("worse", "-v", "--junitxml", "all.xml")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    ends = {
        case.get("name"): [child.tag for child in case]
        for case in ElementTree.parse("all.xml").iter("testcase")
    }
    shown = "must_pass/rag/案件:c7\\n:error:##(x)\N{REPLACEMENT CHARACTER}"
    assert ends == {
        "test_of_the_project_itself": [],
        "quality/rag/exact_match": ["failure"],
        "floor/rag/exact_match": ["skipped"],
        "error_rate/rag": ["skipped"],
        "must_pass/rag/c001": [],
        shown: ["failure"],
    }
    done.stdout.fnmatch_lines(
        [
            "*evalkit::desk::quality/rag/exact_match FAILED*",
            "*rag, exact match: failed. −33.3 points (95% interval *); the limit is a drop of at most 5.0 points.*",
            "Worse: c060: 100% → 0%",
            "30 more stand in gate.md.",
            "*has to be right for rag: failed*",
            "*evalkit gate: desk*",
            "FAILED: *",
        ]
    )
    printed = done.stdout.str()
    assert "Traceback" not in printed and "\x1b" not in printed
    assert [line for line in printed.splitlines() if line.startswith("::") or "##[" in line] == []


def test_what_is_open_is_skipped_or_fails_as_the_suite_says(inner):
    done = inner("open", "-rs")
    assert done.ret == pytest.ExitCode.OK
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["INCONCLUSIVE: *", "SKIPPED*rag, exact match: inconclusive.*"])
    done = inner("open fails")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(passed=1, failed=1)


def test_the_tests_are_chosen_by_k_and_are_not_made_where_none_would_run(inner, pytester):
    done = inner("worse", "-k", "must_pass and c001")
    done.assert_outcomes(passed=1, deselected=5)
    assert done.ret == pytest.ExitCode.OK
    done = inner("worse", "--collect-only", "-q")
    assert "evalkit" not in done.stdout.str()
    pytester.makepyfile(test_broken="import nothing_of_this_name")
    done = inner("worse")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert "evalkit" not in done.stdout.str()


def test_what_cannot_be_judged_fails_and_what_is_wrong_is_a_usage_error(inner, pytester):
    done = inner("others")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["Nothing was judged. *"])
    done = pytester.runpytest_inprocess("-p", "evalkit.pytest_plugin", "--evalkit", "nowhere")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: no run 'nowhere' under *"])
    done = inner("worse", "--evalkit", "elsewhere")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: --evalkit-baseline goes with one --evalkit*"])


def test_workers_of_xdist_are_handed_the_gate_and_load_nothing(inner, pytester):
    """The inner test runs in a worker, and would find there what judging imports."""
    pytester.makepyfile(test_inside=INSIDE.replace("LIGHT", "True"))
    done = inner("worse", "-p", "xdist.plugin", "-n", "2")
    done.assert_outcomes(passed=2, failed=2, skipped=2)
    done.stdout.fnmatch_lines(["Worse: c060: 100% → 0%", "*evalkit gate: desk*"])


def test_without_the_option_nothing_is_loaded(tmp_path):
    """In a process of its own: of evalkit there are two modules, and nothing that it depends on."""
    (tmp_path / "test_inside.py").write_text(
        "import sys\ndef test_light():\n"
        "    ours = {name for name in sys.modules if name.split('.')[0] == 'evalkit'}\n"
        "    assert ours == {'evalkit', 'evalkit.pytest_plugin'}\n"
        "    assert not {'numpy', 'pandas', 'msgspec', 'click', 'yaml', 'asyncio'} & set(sys.modules)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "evalkit.pytest_plugin",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
