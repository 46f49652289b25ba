"""Limits per minute and pauses, on a clock that is moved by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.calls.rate_limiter import RateLimiter, RateLimits, duration_s


class HandClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def starts(pace: RateLimiter, clock: HandClock, count: int) -> list[float]:
    """When each of ``count`` requests that are all ready now may go."""
    return [max(pace.take_turn(), clock.now) - 100.0 for _ in range(count)]


def test_without_limits_nobody_waits():
    clock = HandClock()
    pace = RateLimiter(clock=clock)
    assert all(pace.wait_s(pace.take_turn()) <= 0 for _ in range(1000))


def test_requests_are_spread_evenly_over_the_minute():
    clock = HandClock()
    assert starts(RateLimiter(RateLimits(requests_per_minute=120), clock), clock, 4) == [0.0, 0.5, 1.0, 1.5]


@given(st.integers(1, 600), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_no_minute_holds_more_requests_than_allowed(limit, pauses):
    """Whenever requests come."""
    clock = HandClock()
    pace = RateLimiter(RateLimits(requests_per_minute=limit), clock)
    went = []
    for pause in pauses:
        clock.now += pause
        went.append(pace.take_turn())
    for start in went:
        assert sum(start <= each < start + 59.999 for each in went) <= limit


def test_tokens_are_counted_by_what_answers_take():
    """The first answer teaches; each further request waits until the minute's share is there again."""
    clock = HandClock()
    pace = RateLimiter(RateLimits(tokens_per_minute=6000), clock)  # 100 a second
    assert pace.wait_s(pace.take_turn()) <= 0
    pace.answered(200)
    assert starts(pace, clock, 3) == pytest.approx([2.0, 4.0, 6.0])


def test_an_answer_that_took_less_gives_tokens_back():
    clock = HandClock()
    pace = RateLimiter(RateLimits(tokens_per_minute=6000), clock)
    pace.take_turn()
    pace.answered(200)
    pace.take_turn()
    pace.answered(100)
    assert starts(pace, clock, 1) == pytest.approx([3.0])


def test_a_pause_holds_for_everybody_and_is_never_longer_than_a_minute():
    clock = HandClock()
    pace = RateLimiter(clock=clock)
    turn = pace.take_turn()
    pace.pause(7.0)
    pace.pause(3.0)
    assert pace.wait_s(turn) == pytest.approx(7.0)
    pace.pause(100_000.0)
    assert pace.wait_s(turn) == pytest.approx(60.0)
    clock.now += 60
    assert pace.wait_s(turn) <= 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}, 9),
        # All 60 are back in 30 s, so one is back in half a second.
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "30s",
            },
            0.5,
        ),
        # An answer takes 200 tokens and 100 are left; 4,900 come back in 49 s.
        (
            {
                "x-ratelimit-limit-tokens": "5000",
                "x-ratelimit-remaining-tokens": "100",
                "x-ratelimit-reset-tokens": "49s",
            },
            1.0,
        ),
        ({"x-ratelimit-remaining-requests": "0"}, 0),
        ({"x-ratelimit-remaining-requests": "none", "x-ratelimit-reset-requests": "later"}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6h"}, 60),
    ],
    ids=["none", "some-left", "none-left", "comes-back-evenly", "tokens", "no-reset", "odd", "hours"],
)
def test_rate_headers_are_heeded_before_a_request_is_refused(headers, seconds):
    clock = HandClock()
    pace = RateLimiter(clock=clock)
    pace.answered(200)
    pace.on_headers(headers)
    assert max(0.0, pace.wait_s(pace.take_turn())) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("1s", 1),
        ("20ms", 0.02),
        ("7.66s", 7.66),
        ("1h2m3.5s", 3723.5),
        ("12", 12),
        ("1d", 86400),
        ("", None),
        ("soon", None),
        (None, None),
    ],
)
def test_durations_as_providers_write_them(text, seconds):
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))
