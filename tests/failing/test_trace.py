"""No command connects beyond loopback, and nothing that comes from a stranger starts a process or runs a line of code.

The commands run in a process of their own, whose audit hook sees every connection, look-up of a host, process, library,
line of code and unpickled object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.hostile_parts import HostileParts, without_seal

TRACED = """
import ipaddress, json, os, sys

seen, root = [], os.path.realpath(sys.argv[2])
PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
             "os.startfile", "pty.spawn")

def local(host):
    try:
        return host in (None, "", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

def theirs(file):
    return isinstance(file, str) and os.path.realpath(file).startswith(root + os.sep)

def hook(event, given):
    if event in PROCESSES:
        seen.append([event, str(list(given[1]) if event == "subprocess.Popen" else given)])
    elif event == "socket.connect" and isinstance(given[1], tuple) and not local(given[1][0]):
        seen.append([event, str(given[1])])
        raise OSError("no connection in this test")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname") and not local(given[0]):
        seen.append([event, str(given[0])])
        raise OSError("no look-up in this test")
    elif event == "ctypes.dlopen" and theirs(given[0]):
        seen.append([event, given[0]])
    elif event == "import" and theirs(given[1]):
        seen.append([event, given[1]])
    elif event == "exec" and theirs(getattr(given[0], "co_filename", None)):
        seen.append([event, given[0].co_filename])
    elif event == "pickle.find_class":
        seen.append([event, f"{given[0]}:{given[1]}"])

sys.addaudithook(hook)
from evalkit.cli import main as door

codes = [door.run(command) for command in json.loads(sys.argv[1])]
print("\\n" + json.dumps({"codes": codes, "seen": seen}))
"""


@pytest.fixture
def parts(tmp_path):
    return HostileParts(tmp_path / "theirs", tmp_path / "ran")


@pytest.fixture
def traced(tmp_path, parts):
    """Runs commands in one traced process; gives their exit codes, and what was seen but for `git rev-parse`."""
    parts.root.mkdir()

    def run(*commands):
        environment = {
            **{key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"},
            "PATH": os.pathsep.join(
                [".", os.environ["PATH"]]
            ),  # a habit that makes a folder's own `git` a trap
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                TRACED,
                json.dumps([list(map(str, each)) for each in commands]),
                str(parts.root),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        seen = [entry for entry in told["seen"] if not _asks_git(entry)]
        return told["codes"], seen, done.stderr

    return run


def _asks_git(entry):
    """The one process that evalkit starts here: the commit of the suite's repository, by a program outside of it."""
    event, what = entry
    return (
        event == "subprocess.Popen" and what.startswith("['/usr/") and what.endswith("'rev-parse', 'HEAD']")
    )


def test_the_trace_sees_what_it_is_for(tmp_path):
    """Each event that it must not miss, made on purpose."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "strange.py").write_text("x = 1\n")
    code = TRACED.partition("from evalkit")[0] + (
        "import pickle, socket, subprocess\n"
        f"sys.path.insert(0, {str(folder)!r})\nimport strange\n"
        "os.system('true'); subprocess.run(['true']); os.posix_spawn('/bin/true', ['true'], {})\n"
        "pickle.loads(pickle.dumps(os.path.join))\n"
        "for ask in (lambda: socket.create_connection(('192.0.2.1', 9)), lambda: socket.gethostbyname('x.test')):\n"
        "    try: ask()\n    except OSError: pass\n"
        "print(json.dumps(sorted({event for event, _ in seen})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "", str(folder)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        "exec",
        "os.posix_spawn",
        "os.system",
        "pickle.find_class",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "subprocess.Popen",
    ]


def test_a_suite_a_corpus_a_cache_and_a_run_folder_of_hostile_parts_run_nothing(traced, parts, tmp_path):
    pytest.importorskip("qdrant_client")
    cache = Path(os.environ["EVALKIT_CACHE_DIR"])
    parts.cache(cache)
    suite = parts.suite(parts.root / "suite")
    tagged = parts.suite(
        parts.root / "tagged", arms={"a": {"model": "shown", "retrieval": {"corpus": "tags"}}}
    )
    parts.tagged_corpus(tagged / "tags")
    program = parts.suite(parts.root / "program", prompts={"p": {"from": "dspy", "path": "docs/pickled.pkl"}})
    names = parts.suite(parts.root / "names", metrics=["exact_match", {"os:system": {"name": "x"}}])
    hub = parts.suite(
        parts.root / "hub",
        models={"shown": {"type": "transformers", "model": "owner/name"}, "taught": {"type": "embedded"}},
    )
    table = parts.root / "scores.csv"
    table.write_text(
        "case_id,arm,exact_match\n" + "".join(f"c{n},{arm},{n % 2}\n" for n in range(9) for arm in "ab")
    )
    codes, seen, said = traced(
        ["validate", suite],
        ["estimate", suite, "--no-probe"],
        ["run", suite],
        ["validate", tagged],
        ["validate", program],
        ["validate", names],
        ["run", names],
        ["validate", hub],
        ["import", "table", table],
        *([command] for command in ("doctor", "schema", "prices")),
        ["power", "--help"],
        ["init", tmp_path / "starter"],
    )
    assert (seen, parts.ran.exists()) == ([], False), said
    assert codes == [0, 0, 0, 2, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0], said

    (run,) = (tmp_path / "reports" / "theirs").iterdir()
    parts.poison_indexes(cache)
    text = (run / "suite.yaml").read_text()
    (run / "suite.yaml").write_text(text.replace("- exact_match", "- exact_match\n- os:system: {name: x}"))
    without_seal(run)
    (run / "evalkit.py").write_text(f"import os\nos.system('touch {parts.ran}')\n")
    codes, seen, said = traced(
        ["compare", run],
        ["decide", run],
        ["report", run],
        ["score", run],
        ["run", suite],
    )
    assert (seen, parts.ran.exists()) == ([], False), said
    assert codes == [0] * 5, said


def test_a_model_folder_of_hostile_parts_runs_nothing(traced, parts):
    """Code, pickles and a chat template that reaches for the operating system: refused, or left alone."""
    pytest.importorskip("transformers")
    parts.model(parts.root / "model", template=False)
    parts.model(parts.root / "talking", template=True)
    suites = [
        parts.suite(
            parts.root / f"with-{name}",
            models={"shown": {"type": "transformers", "model": f"../{name}", "max_tokens": 4}},
            arms={"zero": {"model": "shown"}},
            run={"latency": {"isolated": 0}},
        )
        for name in ("model", "talking")
    ]
    codes, seen, said = traced(
        *(["validate", suite] for suite in suites),
        *(["run", suite, "--limit", "2"] for suite in suites),
    )
    assert (seen, parts.ran.exists()) == ([], False), said
    assert codes[:2] == [0, 0], said
    assert codes[2] in (0, 2), said  # 0 where transformers knows the architecture without the folder's code
    assert codes[3] == 2, said
