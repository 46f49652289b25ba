"""When another attempt is made, and how long before it."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.errors import RequestError, RetryableError


def run(faults, policy):
    """The outcome of a call that fails with these, then succeeds; and the waits in between."""
    waits: list[float] = []
    left = list(faults)

    async def call():
        if left:
            raise left.pop(0)
        return "done"

    async def sleep(seconds):
        waits.append(seconds)

    return asyncio.run(with_retries(call, policy, sleep=sleep)), waits


def test_waits_double_and_are_drawn_from_zero_up():
    policy = RetryPolicy(attempts=9, first_wait_s=1, longest_wait_s=16)
    draws = [run([RetryableError("x")] * 7, policy)[1] for _ in range(300)]
    for index, most in enumerate([1, 2, 4, 8, 16, 16, 16]):
        column = [waits[index] for waits in draws]
        assert max(column) <= most
        assert max(column) > 0.9 * most
        assert min(column) < 0.1 * most


def test_what_the_provider_asks_for_is_waited_and_no_longer_than_the_longest():
    policy = RetryPolicy(attempts=3, longest_wait_s=60)
    (_, attempted), waits = run([RetryableError("x", 10.0), RetryableError("x", 500.0)], policy)
    assert 10 <= waits[0] <= 11
    assert waits[1] == 60
    assert attempted.backoff_s == sum(waits)
    assert attempted.attempts == 3


def test_a_broken_provider_is_not_asked_for_ever():
    with pytest.raises(RetryableError):
        run([RetryableError("x")] * 5, RetryPolicy(attempts=5))
    assert run([RetryableError("x")] * 4, RetryPolicy(attempts=5))[0][0] == "done"


def test_a_busy_provider_is_waited_for_beyond_the_attempts():
    """Throttling is no fault of a request; waiting ends with the patience."""
    busy = RetryableError("x", 10.0, throttled=True)
    policy = RetryPolicy(attempts=2, patience_s=300)
    assert run([busy] * 20, policy)[0][1].attempts == 21
    with pytest.raises(RetryableError):
        run([busy] * 40, policy)


def test_one_attempt_is_one_attempt():
    with pytest.raises(RetryableError):
        run([RetryableError("x", 0.0, throttled=True)], RetryPolicy(attempts=1))


def test_other_faults_are_not_tried_again():
    with pytest.raises(RequestError):
        run([RequestError("x")], RetryPolicy())
