"""A run folder that was damaged is told with its file and line: never exit 1, and never figures of what is left.

The cases are those of the folder ``hostile-12-damaged-run-exit-1``: a file of a finished run that is cut, edited, lost
or replaced. ``tests/benchmarks/mutate_run_folders.py`` makes thousands of others.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit import load_run
from evalkit.cli import main as door
from evalkit.errors import RunError
from tests.benchmarks.mutate_run_folders import Mutations, write_suite

DEEP = b"[" * 5000 + b"]" * 5000


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run of two recorded arms that has ended; its suite lies beside the reports."""
    home = tmp_path_factory.mktemp("finished")
    suite = write_suite(home / "suite")
    assert door.run(["run", str(suite), "-o", str(home / "reports"), "--no-cache"]) == 0
    (run,) = (home / "reports" / "mutated").iterdir()
    return run


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy to damage."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def ended(capsys) -> Callable[..., tuple[int, str]]:
    """Exit code of a command, and what it said on standard error."""

    def call(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        code = door.run([str(argument) for argument in arguments])
        return code, capsys.readouterr().err

    return call


def edit(pattern: bytes, other: bytes) -> Callable[[bytes], bytes]:
    return lambda line: re.sub(pattern, lambda found: other, line)


def on_line(number: int, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        lines = file.read_bytes().splitlines(keepends=True)
        changed = change(lines[number - 1])
        assert changed != lines[number - 1], "nothing was damaged"
        lines[number - 1] = changed
        file.write_bytes(b"".join(lines))

    return damage


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def put_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def put_device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


SAMPLES = {
    "garbage": (6, lambda line: b"{garbage\n"),
    "no UTF-8": (6, edit(rb'"output":"[a-z]+"', b'"output":"\xff\xfe"')),
    "zero bytes": (6, lambda line: b"\0" * len(line) + b"\n"),
    "empty line": (6, lambda line: b"\n"),
    "nested": (6, lambda line: line.rstrip()[:-1] + b',"x":' + DEEP + b"}\n"),
    "unknown arm": (6, edit(rb'"arm":"\w+"', b'"arm":"ghost"')),
    "unknown case": (6, edit(rb'"case_id":"\w+"', b'"case_id":"ghost"')),
    "repeat that is none": (6, edit(rb'"repeat":0', b'"repeat":9')),
    "usage 10^30": (6, edit(rb'"input":\d+', b'"input":1' + b"0" * 30)),
    "negative usage": (6, edit(rb'"input":\d+', b'"input":-10')),
    "cost that is no number": (6, edit(rb'"model":"[\d.]+"', b'"model":"NaN"')),
    "infinite cost": (6, edit(rb'"model":"[\d.]+"', b'"model":"Infinity"')),
    "negative cost": (6, edit(rb'"model":"[\d.]+"', b'"model":"-5"')),
    "1e300 seconds": (6, edit(rb'"service_s":[\d.]+', b'"service_s":1e300')),
    "negative seconds": (6, edit(rb'"service_s":[\d.]+', b'"service_s":-5')),
}
SCORES = {
    "garbage": (6, lambda line: b"{x\n"),
    "no UTF-8": (6, edit(rb'"metric":"', b'"metric":"\xff')),
    "value 5": (6, edit(rb'"value":[\d.]+', b'"value":5')),
    "value -1e308": (6, edit(rb'"value":[\d.]+', b'"value":-1e308')),
    "unknown arm": (6, edit(rb'"arm":"\w+"', b'"arm":"ghost"')),
}
ROWS = [
    pytest.param(file, *damage, id=f"{file}: {name}")
    for file, damages in (("samples.jsonl", SAMPLES), ("scores.jsonl", SCORES))
    for name, damage in damages.items()
]
OTHERS = {"cut": cut, "gone": Path.unlink, "a folder": put_folder, "a device": put_device}


def unsealed(run: Path, *, finished: bool = True) -> Path:
    """The run as it was before runs were sealed, or as a kill leaves it."""
    file = run / "manifest.json"
    manifest = json.loads(file.read_bytes())
    del manifest["files"], manifest["seal"]
    if not finished:
        manifest |= {"files": {}, "finished_at": None}
    file.write_text(json.dumps(manifest))
    return run


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "of before"])
@pytest.mark.parametrize(("file", "line", "change"), ROWS)
def test_a_row_that_was_changed_is_told_with_its_line(run, ended, sealed, file, line, change):
    if not sealed:
        unsealed(run)
    on_line(line, change)(run / file)
    code, said = ended("decide", run)
    assert code == 2, said
    assert f"{run / file}:{line}: " in said


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "of before"])
@pytest.mark.parametrize("damage", OTHERS)
@pytest.mark.parametrize("file", ["samples.jsonl", "scores.jsonl", "cases.jsonl"])
def test_a_file_of_rows_that_lost_rows_is_told(run, ended, sealed, damage, file):
    """Also without a seal: what one file says of another no longer holds."""
    if not sealed:
        unsealed(run)
    OTHERS[damage](run / file)
    code, said = ended("decide", run)
    assert code == 2, said
    assert str(run / file) in said


@pytest.mark.parametrize("damage", ["cut", "emptied", "nested", "no UTF-8", "another format"])
@pytest.mark.parametrize(
    "file", ["manifest.json", "comparison.json", "decision.json", "profile.json", "suite.yaml"]
)
def test_a_file_that_is_no_record_any_more_is_told(run, ended, damage, file):
    content = (run / file).read_bytes()
    new = {
        "cut": content[: len(content) // 2],
        "emptied": b"",
        "nested": content.rstrip()[:-1] + b',"zz":' + DEEP + b"}",
        "no UTF-8": content.replace(b"e", b"\xff\xfe", 1),
        "another format": content.replace(b'"format_version": 1', b'"format_version": "1"') + b" ",
    }[damage]
    (run / file).write_bytes(new)
    code, said = ended("report", run)
    assert code == 2, said
    assert str(run / file) in said


def test_a_value_that_only_a_digest_tells_is_told_with_its_line(run, ended):
    on_line(3, edit(rb'"value":[\d.]+', b'"value":0.5'))(run / "scores.jsonl")
    code, said = ended("decide", run)
    assert code == 2
    assert f"{run / 'scores.jsonl'}:3: was changed after the run had ended; `evalkit score" in said


def test_scores_that_were_damaged_are_made_again(run, ended, finished):
    cut(run / "scores.jsonl")
    (run / "decision.json").write_text("{")
    assert ended("score", run)[0] == 0
    assert (run / "scores.jsonl").read_bytes() == (finished / "scores.jsonl").read_bytes()
    assert ended("decide", run)[0] == 0


def test_answers_that_are_gone_are_not_scored_as_none(run, ended):
    before = (run / "scores.jsonl").read_bytes()
    (run / "samples.jsonl").unlink()
    assert ended("score", run)[0] == 2
    assert (run / "scores.jsonl").read_bytes() == before


def test_a_run_of_before_is_read_with_a_notice_until_it_is_scored_again(run, ended):
    code, said = ended("decide", unsealed(run))
    assert code == 0
    assert "before runs kept digests" in said
    assert load_run(run).notice is not None
    assert ended("score", run)[0] == 0
    assert load_run(run).notice is None
    on_line(3, edit(rb'"value":[\d.]+', b'"value":0.5'))(run / "scores.jsonl")
    with pytest.raises(RunError, match=r"scores\.jsonl:3: "):
        load_run(run)


def test_a_torn_last_line_of_a_broken_off_run_is_owed_and_other_damage_is_told(run, ended, finished):
    suite, file = finished.parents[2] / "suite", unsealed(run, finished=False) / "samples.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    assert ended("run", suite, "--resume", run, "--no-cache")[0] == 0
    assert sorted((run / "scores.jsonl").read_bytes().splitlines()) == sorted(
        (finished / "scores.jsonl").read_bytes().splitlines()
    )
    unsealed(run, finished=False)
    on_line(4, edit(rb'"case_id":"\w+"', b'"case_id":"ghost"'))(file)
    code, said = ended("run", suite, "--resume", run, "--no-cache")
    assert code == 2
    assert f"{file}:4: is of case 'ghost'" in said


def test_a_broken_off_scoring_leaves_no_run_that_looks_damaged(run, monkeypatch):
    """The seal is taken off before the first file is written."""
    from evalkit import api

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    loaded = load_run(run)
    monkeypatch.setattr(api, "score_to_report", broken_off)
    with pytest.raises(KeyboardInterrupt):
        api.score(loaded)
    assert json.loads((run / "manifest.json").read_bytes())["files"] == {}
    assert load_run(run).notice is None


def test_a_dozen_mutated_folders_are_read_well_by_every_reader(tmp_path):
    mutations = Mutations(tmp_path, random.Random(20261128))
    mutations.mutate(12)
    assert not mutations.faults
