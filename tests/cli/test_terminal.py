"""Escape sequences, direction overrides and commands to CI services, in all that strangers write, reach no terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

import evalkit as evalkit_package
from evalkit.cli import main as door
from tests.builders.chat_server import Reply, completion
from tests.builders.terminal import on_terminal, read_all
from tests.cli.conftest import write_tiny

EVIL = "\x1b]0;TITLE\x07\x1b[2J\u202e\x9b31m\u2066\u200f"
RAW = (b"\x1b]", b"\x1b[2J", b"\x07", *(sign.encode() for sign in "\u202e\x9b\u2066\u200f"))


def assert_clean(shown) -> None:
    """No byte of what strangers wrote moved the cursor, named the window or turned the text."""
    assert not [mark for mark in RAW if mark in shown.screen], shown.text[-600:]
    assert "TITLE" in shown.text, shown.text[-600:]  # it was to be shown


def changed(folder: Path, copy: Path, change) -> Path:
    shutil.copytree(folder, copy)
    data = yaml.safe_load((copy / "suite.yaml").read_text("utf-8"))
    data["decision"]["draws"] = 500
    change(data)
    (copy / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return copy


def hosted(folder: Path, url: str, model: str) -> Path:
    folder.mkdir()
    rows = [{"id": f"c{i}", "question": f"question {i}", "answer": "yes"} for i in range(6)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {
        "name": "hosted",
        "cases": {"path": "cases.jsonl", "fields": {"input": "question", "reference": "answer"}},
        "models": {"base": {"type": "openai", "model": model, "base_url": url, "max_attempts": 1}},
        "arms": {"zero": {"model": "base"}},
        "metrics": ["exact_match"],
        "run": {"latency": {"isolated": 0}},
        "decision": {"draws": 500},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(data))
    return folder


def test_what_a_provider_says_moves_no_cursor(chat_server, tmp_path):
    """Of a wrong key, a refused request, a broken server, and one request in three."""
    message = f"bad key {EVIL} text \r\n::error::pwned"

    def answer(request):
        if request["model"] == "400-at-times" and len(chat_server.requests) % 3:
            return completion("yes")
        return Reply({"error": {"message": message}}, status=int(request["model"][:3]))

    chat_server.answer = answer
    folders = [
        hosted(tmp_path / model, chat_server.url, model) for model in ("401", "400", "500", "400-at-times")
    ]
    commands = [["run", str(folder), "--no-cache"] for folder in folders]
    for shown in on_terminal(commands, tmp_path, OPENAI_API_KEY="k" * 20):
        assert shown.code == 104, shown.text
        assert_clean(shown)


def test_names_in_a_suite_and_of_its_files_move_no_cursor(tiny, tmp_path):
    """A corpus file, a model's path, unknown keys, metrics, case ids, columns, folders of suites and of reports.

    The terminal says that it is 0 columns wide, as one does that does not know its width.
    """
    name = EVIL.replace("/", "")

    def corpus(data):
        data["arms"]["rag"] = {"model": "shown", "retrieval": {"corpus": "docs", "method": "bm25"}}

    with_corpus = changed(tiny, tmp_path / "corpus", corpus)
    (with_corpus / "docs").mkdir()
    (with_corpus / "docs" / f"x{name}.md").write_bytes(b"\xff\xfe bad")
    path = changed(tiny, tmp_path / "path", lambda data: data["models"]["shown"].update(path=f"no{EVIL}"))
    key = changed(tiny, tmp_path / "key", lambda data: data.update({f"bad{EVIL}": 1}))
    metric = {"regex": {"name": f"m{EVIL}", "pattern": "x"}}
    with_metric = changed(tiny, tmp_path / "metric", lambda data: data["metrics"].append(metric))
    ids = changed(tiny, tmp_path / "ids", lambda data: None)
    (ids / "cases.jsonl").write_text(
        (json.dumps({"id": f"a{EVIL}", "question": "q", "answer": "y"}) + "\n") * 2
    )
    column = changed(tiny, tmp_path / "column", lambda data: None)
    (column / "cases.jsonl").write_text(json.dumps({"id": "a", f"q{EVIL}": "q"}) + "\n")
    broken = changed(tiny, tmp_path / f"broken{name}", lambda data: data.update(bad=1))
    folders = (with_corpus, path, key, ids, column, broken, tmp_path / f"none{name}", with_metric)
    out = tmp_path / f"reports{name}"
    commands = [
        *(["validate", str(folder)] for folder in folders),
        ["run", str(with_metric), "-o", str(out)],
        ["report", "latest", "-o", str(out)],
        ["report", "latest", "-o", str(out), "--json"],
    ]
    *shown, as_json = on_terminal(commands, tmp_path, columns=0)
    assert [each.code for each in (*shown, as_json)] == [2] * 7 + [0] * 4, [each.text for each in shown]
    for each in shown:
        assert_clean(each)
    assert not [mark for mark in RAW if mark in as_json.screen]
    assert [Path(path) for path in json.loads(as_json.screen)] == [
        next(out.glob("tiny/*")) / f"report.{ending}" for ending in ("html", "md", "json")
    ]


@pytest.mark.parametrize("columns", ["0", "1", "7", "30"])
def test_a_terminal_of_any_width_is_written_on(run, evalkit, monkeypatch, columns):
    """The longest words are cut where they have to be, and the command ends well."""
    monkeypatch.setenv("COLUMNS", columns)
    done = evalkit("decide", run)
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= max(20, int(columns) or 80)


@pytest.mark.parametrize("no_color", ["", "1"], ids=["not set", "set"])
def test_no_color_leaves_colours_out_on_a_terminal(run, monkeypatch, no_color):
    """As https://no-color.org says: where the variable is set and not empty. Bold is no colour, and stays."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=lambda: shown.append(read_all(ours)))
    reader.start()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    for name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert door.run(["decide", str(run)]) == 0
    reader.join(120)
    os.close(ours)
    colours = re.findall(rb"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;5;\d+)m", shown[0])
    assert b"Fine-tune." in shown[0]
    assert bool(colours) == (no_color == "")


def process(folder: Path, *arguments: str, script: str = "", **environment: str):
    shell = script or 'exec "$PYTHON" -m evalkit "$@"'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell, "bash", *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment,
        },
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of the small suite."""
    folder = write_tiny(tmp_path_factory.mktemp("terminal") / "tiny")
    return evalkit_package.run(folder, output=folder.parent / "reports", use_cache=False).path


def test_letters_that_the_terminal_lacks_are_written_as_others(run, monkeypatch):
    """In ASCII: a table with minus signs, and a suite in Chinese that is not there."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert door.run(["decide", str(run)]) == 0
    assert door.run(["validate", "数据ü"]) == 2
    assert "Fine-tune" in out.buffer.getvalue().decode("ascii")
    assert err.buffer.getvalue().decode("ascii").startswith("\\u6570\\u636e\\xfc: no such file")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    """The command ends with its own code and says nothing of the pipe: help, text, JSON."""
    for arguments in ("--help", "schema", "prices", "prices --json"):
        script = f'("$PYTHON" -m evalkit {arguments}; echo $? >&3) 3>code.txt | head -c 1 > /dev/null'
        done = process(tmp_path, script=script)
        assert done.stderr == b"", arguments
        assert (tmp_path / "code.txt").read_text() == "0\n", arguments


def test_a_run_whose_reader_went_away_is_still_done(tiny, tmp_path):
    """Nobody reads its progress or its report; the run is finished all the same."""
    script = '("$PYTHON" -m evalkit run tiny 2>&1; echo $? >&3) 3>code.txt | true'
    done = process(tmp_path, script=script)
    assert done.stderr == b""
    assert (tmp_path / "code.txt").read_text() == "0\n"
    (manifest,) = tmp_path.glob("reports/tiny/*/manifest.json")
    assert json.loads(manifest.read_text())["finished_at"]


def test_a_full_or_missing_standard_output_is_told(tmp_path):
    """A disk that takes no more is an error with a reason; a closed stream loses what nobody asked for."""
    full = process(tmp_path, script='exec "$PYTHON" -m evalkit prices > /dev/full')
    assert full.returncode == 2
    assert full.stderr.decode() == "standard output cannot be written: No space left on device\n"
    closed = process(tmp_path, script='exec "$PYTHON" -m evalkit prices >&-')
    assert (closed.returncode, closed.stderr) == (0, b"")


def test_a_log_of_a_ci_service_obeys_no_line(tiny, run, tmp_path, monkeypatch, evalkit):
    """GitHub's ``::`` at a line's start, its older ``##[``, Azure's and TeamCity's; JSON stays the same document."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    name = "x\n::error file=a::pwned\n##vso[task.setvariable variable=a]b\n  ::set-output::"
    done = evalkit("validate", changed(tiny, tmp_path / name, lambda data: data.update({"##[add-mask]k": 1})))
    assert done.code == 2
    assert not [line for line in done.err.splitlines() if line.lstrip().startswith("::") or "##vso[" in line]
    assert "##[" not in done.err
    assert "##\\[add-mask]k" in done.err
    reported = evalkit("report", run, "--to", f"a{name}", "--json")
    assert reported.code == 0
    assert "##vso[" not in reported.out
    assert reported.json[0] == f"a{name}/report.html"


@pytest.mark.parametrize("place", ["key", "name", "id"])
def test_a_name_of_a_megabyte_is_not_shown_whole(tiny, tmp_path, evalkit, place):
    """Its beginning and its length are; a message stays one that people can read."""
    huge = "h" * 1_000_000

    def change(data):
        if place == "key":
            data[huge] = 1
        if place == "name":
            data["metrics"].append({"regex": {"name": huge, "pattern": "x"}})

    suite = changed(tiny, tmp_path / "huge", change)
    if place == "id":
        row = json.dumps({"id": huge, "question": "q", "answer": "a", "fact": "f", "area": "a"})
        (suite / "cases.jsonl").write_text(f"{row}\n" * 3)
    done = evalkit("validate", suite)
    assert done.code == (0 if place == "name" else 2)
    assert "hhh… (1,000,00" in done.out + done.err
    assert len(done.out + done.err) < 20_000


_UNCLEANED = re.compile(
    r"click\.(?:echo|secho|style)|(?<![.\w])print\(|rich\.print|(?<!\w)Console\(|sys\.(?:stdout|stderr)\b"
)
_ALLOWED = {
    "cli/screen.py",  # the one place that writes
    "cli/progress.py",  # asks whether standard error is a terminal
    "metrics/watched_worker.py",  # hands its results to its parent
    "tuning/worker.py",  # hands its results to its parent, and what libraries print to a log
}


def test_one_file_writes_on_the_terminal():
    """Whatever else is to be shown goes through it, and is cleaned there."""
    package = Path(evalkit_package.__file__).parent
    writing = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if _UNCLEANED.search(line) and ">>>" not in line and not line.lstrip().startswith(("...", "#"))
    }
    assert writing == _ALLOWED
