"""The pull-request story of the README, from the baseline to the refusals, on the embedded model: every row holds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from evalkit.cli import main as door

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
STORY = README.partition("<!-- gate story -->")[2].partition("<!-- end -->")[0]
SUITE = STORY.partition("```yaml\n")[2].partition("```")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in STORY.splitlines()
    if line.startswith("| ") and not line.startswith("| ---")
][1:]
"""Change in suite.yaml or cases.jsonl, what the gate says first, exit code, what else it says."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """The suite of the story: support-desk's retrieval arm, one wording of each of its 72 codes."""
    folder = tmp_path_factory.mktemp("story")
    source = ROOT / "suites" / "support-desk"
    shutil.copytree(source / "corpus", folder / "desk" / "corpus")
    shutil.copy(source / "train.jsonl", folder / "desk")
    first: dict[str, str] = {}
    for line in (source / "cases.jsonl").read_text("utf-8").splitlines():
        first.setdefault(json.loads(line)["fact"], line)
    (folder / "desk" / "cases.jsonl").write_text("".join(f"{line}\n" for line in first.values()), "utf-8")
    (folder / "desk" / "suite.yaml").write_text(SUITE, "utf-8")
    return folder / "desk"


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def gate(desk, cache, monkeypatch, capsys):
    """Runs ``evalkit gate desk``; gives exit code and everything that it shows, on one line."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(cache))
    monkeypatch.chdir(desk.parent)

    def call(*options: str) -> tuple[int, str]:
        capsys.readouterr()
        code = door.run(["gate", "desk", *options])
        shown = capsys.readouterr()
        return code, " ".join(f"{shown.out}\n{shown.err}".split())

    return call


def test_the_story_has_its_six_turns():
    assert [row[2] for row in ROWS] == ["0", "100", "0", "0", "102", "102"]


def test_the_baseline_of_main_is_written_once(gate, desk):
    code, shown = gate("--update-baseline")
    assert code == 0
    assert "72 cases; arms rag." in shown
    assert (desk / "baseline.json").stat().st_size < 20_000


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_change_ends_as_the_readme_says(row, gate, desk):
    change, headline, code, more = row
    edited = re.findall(r"`([^`]+)`", change)
    file = desk / ("cases.jsonl" if "cases.jsonl" in edited else "suite.yaml")
    old_and_new = [part for part in edited if part != "cases.jsonl"]
    before = file.read_text("utf-8")
    if old_and_new:
        old, new = old_and_new
        assert before.count(old) >= 1, old
        file.write_text(before.replace(old, new, 1), "utf-8")
    try:
        ended, shown = gate()
    finally:
        file.write_text(before, "utf-8")
    assert str(ended) == code, shown
    assert headline in shown
    for sentence in re.findall(r"“([^”]+)”", more):
        assert sentence in shown


def test_the_failed_gate_names_its_cases_in_the_run_folder(desk):
    written = [json.loads(file.read_text("utf-8")) for file in desk.parent.glob("reports/desk/*/gate.json")]
    (failed,) = (gate for gate in written if gate["verdict"] == "failed")
    assert len(failed["changed"]) > 60
    assert all(case["input"] and case["reference"] for case in failed["changed"])
