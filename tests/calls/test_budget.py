"""A cost limit is kept before it is passed, whatever is in flight."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.calls.budget import Budget


async def spend_all(budget: Budget, calls: list[tuple[Decimal, Decimal | None]], at_once: int) -> int:
    """How many of (may cost, does cost) are made."""
    left = iter(calls)
    made = 0

    async def worker() -> None:
        nonlocal made
        for may_cost, cost in left:
            if not await budget.hold(may_cost):
                return
            await asyncio.sleep(0)
            made += 1
            budget.settle(may_cost, cost)

    await asyncio.wait_for(asyncio.gather(*(worker() for _ in range(at_once))), 10)
    return made


@given(
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), max_size=60),
    st.integers(1, 12),
)
def test_no_more_is_spent_than_the_limit(limit, amounts, at_once):
    """Calls cost at most what was thought: then the limit holds to the last cent, and nobody waits for ever."""
    calls = [(Decimal(amount), Decimal(round(amount * share))) for amount, share in amounts]
    budget = Budget(Decimal(limit))
    asyncio.run(spend_all(budget, calls, at_once))
    assert budget.spent <= limit


def test_calls_cheaper_than_thought_do_not_stop_the_run_early():
    """64 in flight might cost 6.40 together; they do cost 0.64, and the limit of 1.00 lets 91 calls through."""
    calls = [(Decimal("0.10"), Decimal("0.01"))] * 1000
    budget = Budget(Decimal("1.00"))
    assert asyncio.run(spend_all(budget, calls, 64)) == 91
    assert budget.spent == Decimal("0.91")


def test_an_answer_of_unknown_cost_counts_what_was_set_aside():
    """A provider that reports no usage must not spend without end."""
    budget = Budget(Decimal("1.00"))
    assert asyncio.run(spend_all(budget, [(Decimal("0.10"), None)] * 100, 4)) == 10
    assert budget.spent == 0


def test_without_a_limit_everything_is_counted_and_nothing_held():
    budget = Budget()
    calls = [(Decimal(0), Decimal("0.5"))] * 10
    random.shuffle(calls)
    assert asyncio.run(spend_all(budget, calls, 3)) == 10
    assert budget.spent == Decimal("5.0")
    assert not budget.used_up


def test_a_limit_of_nothing_allows_nothing():
    assert asyncio.run(spend_all(Budget(Decimal(0)), [(Decimal(0), Decimal(0))], 1)) == 0


def test_a_failed_call_gives_back_what_was_set_aside():
    async def check():
        budget = Budget(Decimal(1))
        assert await budget.hold(Decimal(1))
        waiting = asyncio.create_task(budget.hold(Decimal(1)))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(Decimal(1), None, answered=False)
        assert await asyncio.wait_for(waiting, 1)

    asyncio.run(check())


@pytest.mark.parametrize("spent", ["0.99", "1.00"])
def test_used_up_is_at_the_limit(spent):
    budget = Budget(Decimal(1))
    budget.spend(Decimal(spent))
    assert budget.used_up == (spent == "1.00")
