"""Latency figures."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.economics.latency import enough_for, goodput, percentiles, tpot


@pytest.mark.parametrize(("percent", "least"), [(50, 2), (90, 10), (95, 20), (99, 100)])
def test_a_percentile_needs_one_over_one_minus_p_requests(percent: int, least: int):
    assert not enough_for(percent, least - 1)
    assert enough_for(percent, least)


def test_percentiles_leave_out_requests_without_a_figure():
    found = percentiles(np.array([1.0, np.nan, 3.0]))
    assert (found.n, found.p50, found.p90) == (2, 2.0, None)


def test_a_hundred_requests_carry_p99():
    found = percentiles(np.arange(1.0, 101.0))
    assert found.p99 == pytest.approx(99.01)


def test_time_per_output_token_leaves_out_the_first():
    found = tpot(np.array([2.0, 2.0, 2.0]), np.array([0.5, 0.5, np.nan]), np.array([16.0, 0.0, 16.0]))
    assert found[0] == pytest.approx(0.1)
    assert np.isnan(found[1:]).all()


def test_goodput_counts_requests_that_met_every_limit():
    values = {"ttft": np.array([0.1, 0.1, 0.9, np.nan]), "e2e": np.array([1.0, 3.0, 1.0, 1.0])}
    found = goodput(values, {"ttft": 0.5, "e2e": 2.0}, duration_s=4.0)
    assert (found.met, found.n, found.unknown, found.per_s, found.share) == (1, 4, 1, 0.25, 0.25)


@pytest.mark.parametrize(
    ("values", "limits", "duration", "message"),
    [
        ({}, {"e2e": 1.0}, 1.0, "no values for the limit e2e"),
        ({"e2e": np.ones(1)}, {}, 1.0, "goodput needs a limit"),
        ({"e2e": np.ones(1)}, {"e2e": 1.0}, 0.0, "a duration above 0"),
        ({"e2e": np.ones(0)}, {"e2e": 1.0}, 1.0, "at least one request"),
    ],
)
def test_goodput_of_nothing_is_refused(
    values: dict[str, np.ndarray], limits: dict[str, float], duration: float, message: str
):
    with pytest.raises(ValueError, match=message):
        goodput(values, limits, duration)
