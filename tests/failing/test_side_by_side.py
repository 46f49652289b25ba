"""Runs that share a cache: each ends well, whoever was first and whatever is damaged in it."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from evalkit.cli import main as door
from evalkit.store.cache import SqliteCache
from evalkit.store.vectors import SqliteVectors
from tests.benchmarks.mutate_run_folders import write_suite
from tests.benchmarks.run_side_by_side import Rounds
from tests.builders.warm_runs import WarmRuns

CASES = 40


@pytest.mark.slow
def test_two_runs_of_one_tuned_suite_started_together_both_end_well(tmp_path):
    """``hostile-07-parallel-tuning-crash``: the lock of a training lay in the folder that the other one removed."""
    with WarmRuns() as warm:
        rounds = Rounds(tmp_path, 2, random.Random(7), warm, small=True)
        rounds.round(0, kills=False)
    assert not rounds.faults
    assert rounds.ended == {"exit 0": 2}


def test_processes_that_begin_one_cache_together_all_open_it(tmp_path):
    """Six at once on an empty folder, and each keeps an answer of its own."""
    program = (
        "import sys; from pathlib import Path; from evalkit.store.cache import CachedCompletion, SqliteCache\n"
        "from evalkit.records.sample import Completion\n"
        "sys.stdin.readline(); cache = SqliteCache(Path(sys.argv[1]))\n"
        "kept = CachedCompletion(completion=Completion(output='x'), answered_on='2026-01-01')\n"
        "cache.put_many([(sys.argv[2], kept)]); cache.close()"
    )
    path = tmp_path / "cache" / "responses.sqlite"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), f"k{at}"], stdin=subprocess.PIPE, text=True
        )
        for at in range(6)
    ]
    for process in started:
        process.stdin.write("\n")
        process.stdin.close()
    assert [process.wait() for process in started] == [0] * 6
    with closing(SqliteCache(path)) as cache:
        assert len(cache.get_many([f"k{at}" for at in range(6)])) == 6


@pytest.fixture
def hosted(tmp_path, chat_server, monkeypatch) -> tuple[Path, Path]:
    """A suite that a server answers, run once; its folder and the cache."""
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-for-loopback")
    suite = write_suite(tmp_path / "suite")
    data = yaml.safe_load((suite / "suite.yaml").read_text())
    model = {"type": "openai", "model": "m", "base_url": chat_server.url, "price": "plain"}
    data["models"]["shown"] = model
    data["embedders"] = {"offline": {"type": "hashed"}}
    (suite / "docs").mkdir()
    for at in range(CASES):
        (suite / "docs" / f"d{at}.md").write_text(f"document {at} says yes")
    data["arms"]["few_shot"]["retrieval"] = {
        "corpus": "docs",
        "method": "dense",
        "embedder": "offline",
        "top_k": 1,
    }
    data["run"]["latency"] = {"isolated": 0}
    (suite / "suite.yaml").write_text(yaml.safe_dump(data))
    assert door.run(["run", str(suite), "-o", str(tmp_path / "reports")]) == 0
    return suite, Path(os.environ["EVALKIT_CACHE_DIR"])


@pytest.mark.parametrize(
    ("name", "how"),
    [("responses", how) for how in ("page", "text", "folder", "integers")]
    + [
        ("vectors", how) for how in ("text", "folder")
    ],  # an offline embedder's are not kept: its table is empty
)
def test_a_run_goes_on_with_a_damaged_cache_and_says_so(hosted, tmp_path, capsys, name, how):
    """``hostile-12``: what the cache held is asked for again, nothing else is."""
    suite, cache = hosted
    file = cache / f"{name}.sqlite"
    content = file.read_bytes()
    match how:
        case "page":
            file.write_bytes(content[:4096] + b"garbage!" * 512 + content[8192:])
        case "text":
            file.write_bytes(b"hello world " * 1000)
        case "folder":
            file.unlink()
            file.mkdir()
        case "integers":
            with closing(sqlite3.connect(file)) as database, database:
                database.execute("UPDATE completions SET value = 5")
    capsys.readouterr()
    assert door.run(["run", str(suite), "-o", str(tmp_path / "reports")]) == 0
    said = capsys.readouterr().err
    assert f"Warning: {file}: " in said
    assert "damaged" in said or "could not be read and were asked for again" in said
    opened = SqliteCache if name == "responses" else SqliteVectors
    opened(file).close()
