"""Caches that an earlier evalkit wrote still answer: file, table, key and value are a promise to the user.

Tables and rows are what commit f223013 wrote for the model, the embedder and the questions below.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from evalkit.calls.budget import Spending
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.embeddings.openai import OpenAIEmbedder
from evalkit.models.openai import OpenAIModel
from evalkit.records.case import Message
from evalkit.records.sample import Request, Timing, Usage
from evalkit.store.cache import SqliteCache
from evalkit.store.vectors import SqliteVectors
from evalkit.suite.models import OpenAIModelConfig
from evalkit.suite.retrieval import OpenAIEmbedderConfig
from tests.builders.callers import unlimited_caller

COMPLETIONS = "CREATE TABLE completions (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
VECTORS = (
    "CREATE TABLE vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL, tokens REAL, service_s REAL NOT NULL)"
)
ANSWER = (
    b'{"completion":{"output":"the relay","finish_reason":"stop","usage":{"input":12,"cache_read":0,"cache_write":0,'
    b'"output":3,"reasoning":0},"timing":{"service_s":%s,"ttft_s":null,"queue_s":0.0,"backoff_s":0.0,"attempts":1,'
    b'"batch_size":1,"device_s":null,"prefill_s":0.0},"passages":[]},"answered_on":"2026-11-01"}'
)
ANSWERS = (
    ("7a83588be19581edb6d5e781443e3a28", ANSWER % b"0.25"),
    ("3cddf25d07440a35a39bdc44fc538bcd", ANSWER % b"0.125"),  # timed alone
)
EMBEDDED = (
    ("4e88da5cf8c130ea022c6ca5e94c7169", bytes.fromhex("0000404000008040"), 6.0, 0.5),
    ("7d2232d1e338bb8c11b4920fc4b16dd2", bytes.fromhex("0000404000008040"), 6.0, 0.5),
)
NOWHERE = "https://models.example/v1"  # a question that the cache does not answer finds no server


@pytest.fixture
def old(tmp_path) -> Path:
    """A folder with both caches."""
    for name, table, rows in (("responses", COMPLETIONS, ANSWERS), ("vectors", VECTORS, EMBEDDED)):
        database = sqlite3.connect(tmp_path / f"{name}.sqlite")
        with database:
            database.execute(table)
            marks = ",".join("?" * len(rows[0]))
            database.executemany(
                f"INSERT INTO {name.replace('responses', 'completions')} VALUES ({marks})", rows
            )
        database.close()
    return tmp_path


def schema(path: Path) -> str:
    database = sqlite3.connect(path)
    (sql,) = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchone()
    database.close()
    return sql


def test_an_old_response_cache_answers(old):
    model = OpenAIModel(OpenAIModelConfig(type="openai", model="m", base_url=NOWHERE), folder=Path())
    request = Request(
        messages=(
            Message(role="system", content="Answer briefly."),
            Message(role="user", content="What clicks?"),
        ),
        seed=7,
        repeat=1,
    )
    cache = SqliteCache(old / "responses.sqlite")
    caller = unlimited_caller(model, cache=cache)
    usual = asyncio.run(caller.call(request))
    alone = asyncio.run(caller.call(request, isolated=True))
    cache.close()
    assert (usual.completion.output, usual.replayed) == ("the relay", "2026-11-01")
    assert usual.completion.usage == Usage(input=12, output=3)
    assert usual.completion.answering_model is None, "a row of before does not say"
    assert usual.completion.timing == Timing(service_s=0.25)
    assert alone.completion.timing == Timing(service_s=0.125)


def test_an_old_vector_cache_answers(old):
    config = OpenAIEmbedderConfig(type="openai", model="e", base_url=NOWHERE)
    cache = SqliteVectors(old / "vectors.sqlite")
    caller = EmbeddingCaller(
        OpenAIEmbedder(config, folder=Path()),
        spending=Spending(),
        price=lambda tokens, seconds: None,
        cache=cache,
    )
    passage = asyncio.run(caller.passages(["the relay clicks"], lambda done: None))
    question = asyncio.run(caller.query("what clicks?"))
    cache.close()
    for embedded in (passage, question):
        assert (embedded.tokens, embedded.service_s, embedded.replayed) == (6, 0.5, 1)
        assert np.array_equal(embedded.vectors, np.array([[0.6, 0.8]], dtype=np.float32))


def test_new_caches_have_the_same_tables(tmp_path):
    """An earlier evalkit reads and writes the files of this one."""
    SqliteCache(tmp_path / "responses.sqlite").close()
    SqliteVectors(tmp_path / "vectors.sqlite").close()
    assert schema(tmp_path / "responses.sqlite") == COMPLETIONS
    assert schema(tmp_path / "vectors.sqlite") == VECTORS
