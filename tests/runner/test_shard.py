"""Which cells a shard answers: every cell by exactly one, and each as one run would have answered it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import InputError
from evalkit.records.case import Case
from evalkit.records.sample import RetrievalUse
from evalkit.records.shard import Shard
from evalkit.retrieval.protocol import Found
from evalkit.runner.answer import answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.journal import Journal
from evalkit.runner.progress import Silent
from evalkit.runner.session import Session
from evalkit.runner.shard import holds_batch, holds_case, parse_shard
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.run_folder import RunFolder
from tests.runner.test_answer import Hosted, Local, arm, caller


@pytest.mark.parametrize(
    "text", ["0/8", "9/8", "8/0", "3", "a/b", "3/8/2", "-1/3", "３/8", "1.5/3", "3/99999"]
)
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(InputError, match="--shard"):
        parse_shard(text)


@settings(max_examples=30)
@given(st.text(), st.integers(1, 40))
def test_a_case_is_of_exactly_one_shard_by_its_id_alone(case_id, count):
    """Half surrogates too: an id may be any text that JSON holds."""
    shards = [Shard(index=index, count=count) for index in range(1, count + 1)]
    assert sum(holds_case(shard, case_id) for shard in shards) == 1


@settings(max_examples=30)
@given(st.text(), st.integers(0, 5000), st.integers(1, 40))
def test_a_batch_is_of_exactly_one_shard(name, number, count):
    shards = [Shard(index=index, count=count) for index in range(1, count + 1)]
    assert sum(holds_batch(shard, name, number) for shard in shards) == 1


def test_cases_are_spread_over_the_shards_and_stay_there():
    """The counts were made by this code; a change of them would move cases between the caches of jobs."""
    shards = [Shard(index=index, count=4) for index in range(1, 5)]
    held = [[number for number in range(1000) if holds_case(shard, f"案件-{number}")] for shard in shards]
    assert [len(each) for each in held] == [260, 241, 255, 244]
    assert held[0][:5] == [4, 5, 11, 24, 25]


CASES = [
    Case(id=f"c{number}", input=f"question {'x' * (number % 7)}{number}", cluster="k") for number in range(40)
]


class Searcher:
    """Stands where an embedder would find passages; remembers the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find(self, query: str, k: int) -> Found:
        self.asked.append(query)
        return Found((), RetrievalUse())

    def price(self, use):
        return None


def answered(folder, kind, shard, searcher=None):
    """Rows by case id, and the batches that were computed."""
    folder.mkdir(exist_ok=True)
    run, model, stop = RunFolder(folder), kind(), StopSignal()
    task = ArmTask(replace(arm(), searcher=searcher), caller(model, stop))
    with Journal(run) as journal:
        session = replace(Session(journal, Silent(), stop, 7, 1, 3), shard=shard)
        asyncio.run(answer_arm(task, CASES, len(CASES), session))
    return {row.case_id: row.output for row in run.samples()}, getattr(model, "batches", [])


@pytest.mark.parametrize("kind", [Hosted, Local])
@pytest.mark.parametrize("count", [1, 3, 16])
def test_the_shards_of_an_arm_hold_what_one_run_holds(tmp_path, kind, count):
    """Also the same batches; with more shards than cases or batches some are empty."""
    whole, batches = answered(tmp_path / "whole", kind, None)
    joined, computed = [], []
    for index in range(1, count + 1):
        part, its_batches = answered(tmp_path / str(index), kind, Shard(index=index, count=count))
        joined += part.items()
        computed += its_batches
    assert sorted(joined) == sorted(whole.items())
    assert sorted(computed) == sorted(batches)


def test_a_resumed_shard_computes_the_batches_of_the_whole_run(tmp_path):
    shard = Shard(index=2, count=3)
    part, batches = answered(tmp_path / "undisturbed", Local, shard)
    file = tmp_path / "undisturbed" / "samples.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]) + lines[2][:9])
    assert answered(tmp_path / "undisturbed", Local, shard) == (part, batches)


@pytest.mark.parametrize("kind", [Hosted, Local])
def test_cells_that_need_a_vector_go_by_case_so_that_no_question_is_embedded_twice(tmp_path, kind):
    held, asked = [], []
    for index in (1, 2, 3):
        shard, searcher = Shard(index=index, count=3), Searcher()
        part, _ = answered(tmp_path / str(index), kind, shard, searcher)
        assert list(part) and all(holds_case(shard, case_id) for case_id in part)
        assert None not in part.values()
        held += part
        asked += searcher.asked
    assert sorted(held) == sorted(case.id for case in CASES)
    assert sorted(asked) == sorted(case.input for case in CASES)
