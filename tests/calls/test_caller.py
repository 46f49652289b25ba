"""One question is asked once, also while it is being asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import pytest

from evalkit.calls.caller import Caller, HaltedError
from evalkit.calls.expected_cost import ExpectedCost
from evalkit.calls.retry import RetryPolicy
from evalkit.errors import RequestError
from evalkit.records.case import Message
from evalkit.records.sample import Completion, Cost, Request
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.cache import NoCache, SqliteCache
from tests.builders.callers import unlimited_caller

REQUEST = Request(messages=(Message(role="user", content="q"),), seed=0)


class Counting:
    """Answers with the number of the call; the calls named fail."""

    def __init__(self, *, failing: tuple[int, ...] = (), by_case: bool = False) -> None:
        self.calls = 0
        self.failing = failing
        self.answers_by_case = by_case

    @property
    def identity(self) -> Mapping[str, object]:
        return {"name": "counting"}

    async def complete(self, request: Request) -> Completion:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(0.01)
        if number in self.failing:
            raise RequestError(f"call {number}")
        return Completion(output=str(number))

    async def close(self) -> None:
        return None


async def together(caller: Caller, count: int):
    return await asyncio.gather(*(caller.call(REQUEST) for _ in range(count)), return_exceptions=True)


def test_twins_in_flight_share_one_answer(tmp_path):
    model = Counting()
    answers = asyncio.run(together(unlimited_caller(model, cache=SqliteCache(tmp_path / "c")), 5))
    assert [each.completion.output for each in answers] == ["1"] * 5
    assert [each.replayed is None for each in answers] == [True, False, False, False, False]
    assert model.calls == 1


def test_a_twin_asks_itself_where_the_first_failed(tmp_path):
    model = Counting(failing=(1,))
    first, *rest = asyncio.run(together(unlimited_caller(model, cache=SqliteCache(tmp_path / "c")), 3))
    assert isinstance(first, RequestError)
    assert [each.completion.output for each in rest] == ["2", "2"]
    assert model.calls == 2


def test_without_a_cache_every_question_is_asked():
    model = Counting()
    asyncio.run(together(unlimited_caller(model), 3))
    assert model.calls == 3


def test_missing_recorded_answers_do_not_shut_the_endpoint():
    """A file with fifty rows missing in a row is still read to its end."""
    model = Counting(failing=tuple(range(1, 51)), by_case=True)
    caller = unlimited_caller(model, policy=RetryPolicy(attempts=1))

    async def all_of_them():
        return [await together(caller, 1) for _ in range(51)]

    *missing, (last,) = asyncio.run(all_of_them())
    assert all(isinstance(each, RequestError) for (each,) in missing)
    assert last.completion.output == "51"
    assert caller.blocked_by is None


def test_a_waiting_twin_that_is_cancelled_harms_nobody(tmp_path):
    async def check():
        caller = unlimited_caller(Counting(), cache=SqliteCache(tmp_path / "c"))
        first, second = (asyncio.create_task(caller.call(REQUEST)) for _ in range(2))
        await asyncio.sleep(0.005)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert (await first).completion.output == "1"

    asyncio.run(check())


class Heavy(Counting):
    """A model whose context limit loads its weights."""

    max_batch = 4

    @property
    def context_limit(self) -> int:
        raise AssertionError("the weights were loaded")

    def complete_batch(self, requests):
        raise NotImplementedError

    def count_tokens(self, text: str) -> int:
        raise NotImplementedError


def test_to_know_that_a_model_answers_batches_loads_no_weights():
    """Else resuming a run that owes nothing would load every model of it."""
    model = Heavy()
    assert unlimited_caller(model).batch_model is model
    assert unlimited_caller(Counting()).batch_model is None


def priced_caller(model: Counting, limit: str, folder=None) -> tuple[Caller, StopSignal]:
    """A caller whose answers cost 1 each, thought to cost 1 before."""
    stop = StopSignal(Decimal(limit))
    cache = NoCache() if folder is None else SqliteCache(folder / "c")
    price = ExpectedCost(lambda usage, timing: Cost(model=Decimal(1), currency="USD"))
    return Caller(model, cache=cache, spending=stop.spending, expected_cost=price), stop


def test_a_plain_call_keeps_the_cost_limit():
    """Whoever holds a caller, a judge or a generator too, stops before the limit is passed."""
    model = Counting()
    caller, stop = priced_caller(model, "2.5")
    results = asyncio.run(together(caller, 4))
    assert [isinstance(each, HaltedError) for each in results] == [False, False, True, True]
    assert (model.calls, stop.spent, stop.reason) == (2, Decimal(2), "cost_limit")


def test_twins_in_flight_and_replays_are_paid_once(tmp_path):
    """A limit of one call bears five callers with the same question."""
    model = Counting()
    caller, stop = priced_caller(model, "1", tmp_path)
    asyncio.run(together(caller, 5))
    assert (model.calls, stop.spent, stop.reason) == (1, Decimal(1), None)


def test_a_failed_call_gives_its_money_back():
    model = Counting(failing=(1,))
    caller, stop = priced_caller(model, "1")
    first, second = asyncio.run(together(caller, 2))
    assert isinstance(first, RequestError)
    assert second.completion.output == "2"
    assert stop.spent == 1
