"""Floors, cost, latency and errors: fail where the better end breaks the limit, pass where the worse end keeps it."""

import numpy as np
import pytest

from evalkit.gating.limits import (
    NO_CASE_LEFT,
    CostRule,
    FloorRule,
    judged_cost,
    judged_errors,
    judged_floor,
    judged_latency,
)
from evalkit.stats.relative_change import AmountSummary


def floor(scores, minimum, **more):
    scores = np.asarray(scores, float)
    clusters = np.asarray(more.pop("clusters", np.arange(scores.shape[0])))
    rule = FloorRule("rag", "exact_match", more.pop("tag", None), minimum, scores, clusters, **more)
    return judged_floor(rule, alpha=0.05, seed=7)


@pytest.mark.parametrize(
    ("right", "verdict"), [(100, "pass"), (90, "pass"), (80, "inconclusive"), (60, "fail")]
)
def test_a_floor_of_80_percent_on_a_hundred_cases(right, verdict):
    """Wilson at 90 of 100 is .826 to .945, at 80 it is .711 to .867, at 60 it is .502 to .691."""
    result = floor([1.0] * right + [0.0] * (100 - right), 0.8)
    assert result.verdict == verdict
    assert (result.name, result.kind, result.estimate, result.n) == (
        "floor/rag/exact_match", "floor", right / 100, 100,
    )  # fmt: skip


def test_a_floor_of_graded_scores_of_a_pooled_metric_and_of_a_tag():
    graded = floor(np.linspace(0.6, 0.9, 40), 0.7, tag="billing")
    assert (graded.verdict, graded.name) == ("pass", "floor/rag/exact_match/billing")
    pooled = floor(np.array([[9.0, 10.0]] * 30), 0.5, statistic=lambda sums: sums[..., 0] / sums[..., 1])
    assert (pooled.verdict, pooled.candidate) == ("pass", pytest.approx(0.9))


def test_a_floor_without_an_interval_is_inconclusive():
    assert floor([], 0.8).reason == NO_CASE_LEFT
    alone = floor([1, 0, 1], 0.8, clusters=[5, 5, 5])
    assert (alone.verdict, alone.low) == ("inconclusive", None)
    assert "all cases lie in one cluster" in alone.reason


def cost(candidate, baseline, max_increase=0.1, **more):
    clusters = np.asarray(more.pop("clusters", np.arange(np.size(candidate))))
    baseline = baseline if isinstance(baseline, AmountSummary) else np.asarray(baseline, float)
    rule = CostRule("rag", max_increase, np.asarray(candidate, float), baseline, clusters, "USD")
    return judged_cost(rule, alpha=0.05, seed=7)


BASE = np.random.default_rng(7).lognormal(-5.0, 0.6, 80)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.1, "pass"), (1.2, "fail")])
def test_the_same_change_in_every_case_is_that_change(factor, verdict):
    result = cost(BASE * factor, BASE, 0.1 + 1e-9)
    assert result.verdict == verdict
    assert result.estimate == result.low == result.high == pytest.approx(factor - 1)
    assert (result.currency, result.method) == ("USD", "the same change in every case")
    assert result.baseline == pytest.approx(BASE.mean())


def test_costs_that_vary_are_bounded_on_both_sides():
    noisy = BASE * np.random.default_rng(8).lognormal(0.1, 0.4, 80)
    result = cost(noisy, BASE)
    assert result.verdict == "inconclusive"
    assert result.low < 0.1 < result.high
    clustered = cost(noisy, BASE, clusters=np.repeat(np.arange(20), 4))
    assert (clustered.method, clustered.n_clusters) == ("ratio of means, t on C - 1", 20)


def test_a_baseline_that_kept_a_summary_is_compared_without_pairs():
    summary = AmountSummary(float(BASE.mean()), float(BASE.std(ddof=1)), 80)
    result = cost(BASE, summary)
    assert (result.estimate, result.verdict) == (pytest.approx(0.0), "inconclusive")
    assert result.baseline == summary.mean
    assert cost(BASE * 2, summary).verdict == "fail"


def test_unknown_cost_is_not_judged_and_never_0():
    unknown = np.where(np.arange(80) < 9, np.nan, BASE)
    result = cost(BASE, unknown)
    assert (result.verdict, result.candidate) == ("not_judged", None)
    assert result.reason == "the cost is known of 71 of 80 cases, on both sides"
    assert cost([], []).verdict == "not_judged"
    few = cost(np.where(np.arange(80) < 8, np.nan, BASE), BASE)
    assert (few.verdict, few.n) == ("pass", 72)
    assert few.note == "8 of 80 cases have no known cost and are left out."
    free = cost(BASE, np.zeros(80))
    assert (free.verdict, free.estimate) == ("not_judged", None)
    assert "all 0" in free.reason


def latency(seconds, limit, clusters=None):
    seconds = np.asarray(seconds, float)
    labels = np.arange(seconds.size) if clusters is None else np.asarray(clusters)
    return judged_latency("rag", limit, seconds, labels, alpha=0.05)


@pytest.mark.parametrize(("limit", "verdict"), [(1.01, "pass"), (0.95, "inconclusive"), (0.89, "fail")])
def test_p95_is_bounded_by_the_90th_and_the_100th_of_a_hundred(limit, verdict):
    result = latency(np.arange(1, 101) / 100, limit)
    assert (result.low, result.high, result.verdict) == (0.9, 1.0, verdict)
    assert result.candidate == pytest.approx(0.9505)


def test_few_answers_fail_a_limit_but_cannot_pass_it():
    """Below 72 answers nothing bounds the 95th percentile from above: .95^71 = .0262 > .025."""
    assert latency(np.full(71, 1.0), 2.0).verdict == "inconclusive"
    assert latency(np.full(72, 1.0), 2.0).verdict == "pass"
    slow = latency(np.linspace(3.0, 4.0, 20), 2.0)
    assert (slow.verdict, slow.high) == ("fail", None)
    assert "do not bound" in slow.note


def test_untimed_answers_are_not_judged():
    result = latency([np.nan] * 50 + [1.0] * 19, 2.0)
    assert (result.verdict, result.reason) == (
        "not_judged",
        "19 answers were timed; a 95th percentile needs 20",
    )
    alone = latency(np.linspace(1, 2, 30), 2.0, np.zeros(30))
    assert alone.verdict == "not_judged"
    assert "all cases lie in one cluster" in alone.reason


def test_clusters_widen_the_interval_of_p95():
    seconds = np.repeat(np.random.default_rng(7).lognormal(size=60), 5)
    alone, clustered = latency(seconds, 2.0), latency(seconds, 2.0, np.repeat(np.arange(60), 5))
    assert clustered.low < alone.low
    assert clustered.high is None
    assert clustered.method == "order statistics at the effective number"


def errors(failed, limit=0.02, clusters=None):
    failed = np.asarray(failed, bool)
    labels = np.arange(failed.size) if clusters is None else np.asarray(clusters)
    return judged_errors("rag", limit, failed, labels, alpha=0.05, seed=7)


@pytest.mark.parametrize(
    ("n", "n_failed", "verdict"),
    [(182, 0, "inconclusive"), (183, 0, "pass"), (200, 4, "inconclusive"), (200, 12, "fail")],
)
def test_an_error_rate_of_two_percent_needs_183_requests_without_a_failure(n, n_failed, verdict):
    """1 - .025^(1/n) <= .02 from n = 183 on."""
    result = errors(np.arange(n) < n_failed)
    assert (result.verdict, result.candidate) == (verdict, n_failed / n)


def test_errors_without_an_interval_are_not_judged():
    assert errors([]).reason == "there was no request"
    assert errors([True, False, False], clusters=[1, 1, 1]).verdict == "not_judged"
