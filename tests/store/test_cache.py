"""The response cache: keyed by everything that decides an answer."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing

import pytest

from evalkit.calls.caller import Caller
from evalkit.errors import AccessError, CacheWarning, RunError
from evalkit.records.case import Message
from evalkit.records.sample import Completion, Request
from evalkit.store.cache import CachedCompletion, NoCache, SqliteCache
from tests.builders.callers import unlimited_caller


class Echo:
    """A model that counts its calls and answers with its name."""

    answers_by_case = False

    def __init__(self, name: str, fault: Exception | None = None) -> None:
        self.name = name
        self.calls = 0
        self.fault = fault

    @property
    def identity(self) -> Mapping[str, object]:
        return {"name": self.name}

    async def complete(self, request: Request) -> Completion:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return Completion(output=f"{self.name} {self.calls}")

    async def close(self) -> None:
        return None


def request(text: str = "q", *, seed: int = 0, repeat: int = 0) -> Request:
    return Request(messages=(Message(role="user", content=text),), seed=seed, repeat=repeat)


def ask(caller: Caller, *requests: Request, isolated: bool = False) -> list[str]:
    async def all_of_them():
        return [(await caller.call(one, isolated=isolated)).completion.output for one in requests]

    return asyncio.run(all_of_them())


def test_the_same_question_is_asked_once(tmp_path):
    cache = SqliteCache(tmp_path / "c.sqlite")
    model = Echo("a")
    caller = unlimited_caller(model, cache=cache)
    assert ask(caller, request(), request()) == ["a 1", "a 1"]
    assert model.calls == 1
    again = asyncio.run(unlimited_caller(Echo("a"), cache=cache).call(request()))
    assert again.replayed is not None


def test_another_model_prompt_seed_or_repeat_is_another_question(tmp_path):
    """A second arm never gets the first arm's answers, and repeats are independent."""
    cache = SqliteCache(tmp_path / "c.sqlite")
    first = unlimited_caller(Echo("a"), cache=cache)
    assert ask(first, request(), request(seed=1), request(repeat=1), request("other")) == [
        "a 1",
        "a 2",
        "a 3",
        "a 4",
    ]
    assert ask(unlimited_caller(Echo("b"), cache=cache), request()) == ["b 1"]


def test_an_answer_timed_alone_has_an_entry_of_its_own(tmp_path):
    caller = unlimited_caller(Echo("a"), cache=SqliteCache(tmp_path / "c.sqlite"))
    assert ask(caller, request()) == ["a 1"]
    assert ask(caller, request(), isolated=True) == ["a 2"]
    assert ask(caller, request(), isolated=True) == ["a 2"]


def test_faults_are_never_cached(tmp_path):
    cache = SqliteCache(tmp_path / "c.sqlite")
    broken = Echo("a", AccessError("no"))
    with pytest.raises(AccessError):
        ask(unlimited_caller(broken, cache=cache), request())
    assert ask(unlimited_caller(Echo("a"), cache=cache), request()) == ["a 1"]


def test_an_endpoint_that_refuses_everybody_is_asked_once():
    broken = Echo("a", AccessError("wrong key"))
    caller = unlimited_caller(broken, cache=NoCache())
    for _ in range(3):
        with pytest.raises(AccessError, match="wrong key"):
            ask(caller, request())
    assert broken.calls == 1


DEEP = """CAST('{"x":""" + "[" * 5000 + """' AS BLOB)"""


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT 'k' || x AS key, x AS value FROM n"


def spoil(path, how):
    """Damage a cache of 200 answers that nobody has open."""
    content = path.read_bytes()
    match how:
        case "text":
            path.write_bytes(b"not a database" * 100)
        case "page":  # in the middle, where no opening looks
            path.write_bytes(
                content[: len(content) // 2] + b"garbage!" * 1024 + content[len(content) // 2 + 8192 :]
            )
        case "half":
            path.write_bytes(content[: len(content) // 2])
        case "folder":
            path.unlink()
            path.mkdir()
        case "device":
            path.unlink()
            path.symlink_to("/dev/zero")
        case "columns":
            with closing(sqlite3.connect(path)) as database:
                database.execute("ALTER TABLE completions ADD COLUMN more TEXT")
        case "trigger":  # would write without end, where no signal ends it
            with closing(sqlite3.connect(path)) as database:
                database.execute(
                    f"CREATE TRIGGER t BEFORE INSERT ON completions BEGIN INSERT INTO completions {ENDLESS}; END"
                )
        case "view":
            with closing(sqlite3.connect(path)) as database:
                database.execute("DROP TABLE completions")
                database.execute(f"CREATE VIEW completions AS {ENDLESS}")
        case "computed":
            with closing(sqlite3.connect(path)) as database:
                database.execute("ALTER TABLE completions ADD COLUMN more AS (key || value)")


def answers(count):
    return [
        (f"k{number}", CachedCompletion(completion=Completion(output="x" * 200), answered_on="2026-01-01"))
        for number in range(count)
    ]


@pytest.mark.parametrize(
    "how", ["text", "page", "half", "folder", "device", "columns", "trigger", "view", "computed"]
)
def test_a_damaged_cache_is_set_aside_said_and_a_new_one_begun(tmp_path, how):
    path = tmp_path / "c.sqlite"
    with closing(SqliteCache(path)) as cache:
        cache.put_many(answers(200))
    spoil(path, how)
    with (
        pytest.warns(
            CacheWarning, match=r"c\.sqlite: the response cache is damaged .* kept as c\.sqlite\.damaged-1"
        ),
        closing(SqliteCache(path)) as cache,
    ):
        cache.get_many([f"k{number}" for number in range(200)])
        cache.put_many(answers(1))
    with closing(SqliteCache(path)) as cache:
        assert list(cache.get_many(["k0", "k1"])) == ["k0"], "the new one keeps what was asked for again"
    assert os.path.lexists(tmp_path / "c.sqlite.damaged-1")


def test_two_processes_that_find_one_cache_damaged_go_on_with_the_same_new_one(tmp_path):
    path = tmp_path / "c.sqlite"
    with closing(SqliteCache(path)) as cache:
        cache.put_many(answers(200))
    spoil(path, "page")
    keys = [f"k{number}" for number in range(200)]
    with closing(SqliteCache(path)) as first, closing(SqliteCache(path)) as second:
        with pytest.warns(CacheWarning, match="damaged-1"):
            first.get_many(keys)
        first.put_many(answers(1))
        assert list(second.get_many(keys)) == ["k0"]
    assert not (tmp_path / "c.sqlite.damaged-2").exists()


@pytest.mark.parametrize("value", ["5", "'text'", "x'ff'", "CAST(x'7b22ff' AS TEXT)", DEEP])
def test_a_value_that_is_no_json_is_asked_for_again_and_said(tmp_path, value):
    path = tmp_path / "c.sqlite"
    with closing(SqliteCache(path)) as cache:
        cache.put_many(answers(2))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(f"UPDATE completions SET value = {value} WHERE key = 'k0'")
    cache = SqliteCache(path)
    assert list(cache.get_many(["k0", "k1"])) == ["k1"]
    cache.put_many(answers(1))
    assert len(cache.get_many(["k0", "k1"])) == 2
    with pytest.warns(CacheWarning, match="1 of its answers could not be read"):
        cache.close()


def test_a_cache_in_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot be opened: .*EVALKIT_CACHE_DIR"):
        SqliteCache(tmp_path / "file" / "c.sqlite")


def test_a_value_of_another_format_counts_as_unknown(tmp_path):
    path = tmp_path / "c.sqlite"
    cache = SqliteCache(path)
    cache.put_many([("k", CachedCompletion(completion=Completion(output="x"), answered_on="2026-01-01"))])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE completions SET value = ?", (b"{}",))
    assert cache.get_many(["k"]) == {}
    cache.close()
