"""Requests in flight: first one, then all, then as many as the endpoint bears."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.calls.adaptive_concurrency import AdaptiveConcurrency


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def entering(gate: AdaptiveConcurrency, count: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(gate.enter()) for _ in range(count)]


def inside(tasks: list[asyncio.Task[int]]) -> int:
    return sum(task.done() and not task.cancelled() for task in tasks)


async def opened(count: int) -> tuple[AdaptiveConcurrency, list[int]]:
    """A gate that is open, with so many requests inside."""
    gate = AdaptiveConcurrency()
    gate.leave(await gate.enter(), succeeded=True)
    return gate, [await gate.enter() for _ in range(count)]


def test_the_first_goes_alone_until_one_succeeds():
    async def check():
        gate = AdaptiveConcurrency()
        tasks = entering(gate, 5)
        await settle()
        assert inside(tasks) == 1
        gate.leave(await tasks[0], succeeded=False)
        await settle()
        assert inside(tasks) == 2
        gate.leave(await tasks[1], succeeded=True)
        await settle()
        assert inside(tasks) == 5

    asyncio.run(check())


def test_a_throttled_round_takes_a_third_off_once():
    """The requests that were in flight together tell one thing, however many of them are throttled."""

    async def check():
        gate, rounds = await opened(30)
        for entered in rounds[:10]:
            gate.leave(entered, succeeded=False, throttled=True)
        assert gate.limit == pytest.approx(20)
        for entered in rounds[10:]:
            gate.leave(entered, succeeded=True)
        later = [await gate.enter() for _ in range(20)]
        tasks = entering(gate, 3)
        await settle()
        assert inside(tasks) == 0
        gate.leave(later[0], succeeded=False, throttled=True)
        assert gate.limit < 15
        for task in tasks:
            task.cancel()
        await settle()

    asyncio.run(check())


def test_it_comes_back_by_one_a_round():
    async def check():
        gate, (entered, *rest) = await opened(9)
        gate.leave(entered, succeeded=False, throttled=True)
        for each in rest:
            gate.leave(each, succeeded=True)
        before = gate.limit
        for _ in range(round(before)):
            gate.leave(await gate.enter(), succeeded=True)
        assert before + 0.8 < gate.limit < before + 1.2

    asyncio.run(check())


def test_it_never_closes_wholly():
    async def check():
        gate, _ = await opened(0)
        for _ in range(10):
            gate.leave(await gate.enter(), succeeded=False, throttled=True)
        assert gate.limit == 1

    asyncio.run(check())


def test_one_who_gives_up_waiting_takes_no_place():
    """Cancelled while waiting, and cancelled in the moment the place was given."""

    async def check():
        gate = AdaptiveConcurrency()
        first = await gate.enter()
        waiting = entering(gate, 3)
        await settle()
        waiting[0].cancel()
        gate.leave(first, succeeded=False)  # gives the place to the second
        waiting[1].cancel()
        await settle()
        assert gate.in_flight == 1
        assert inside(waiting) == 1

    asyncio.run(check())


def test_our_own_lag_takes_at_most_half():
    async def check():
        gate, rounds = await opened(40)
        for _ in range(50):
            gate.reduce()
        assert gate.limit == 20
        for entered in rounds:
            gate.leave(entered, succeeded=True)

    asyncio.run(check())
