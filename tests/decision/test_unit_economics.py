"""Cost per correct answer with its interval, and the share of requests inside the latency limits."""

from decimal import Decimal

import pytest


def decided(synthetic, right=60, n=100, **changes):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(right, n), service_s=0.5),
        "slow": synthetic.Arm(synthetic.scores(right, n), service_s=3.0),
    }
    return synthetic.decision(synthetic.make_run(arms, **changes))


def test_the_interval_of_the_ratio_by_hand(synthetic):
    """Every request costs 0.00104; 60 of 100 right. The ends are 0.00104 over the ends of the share, near
    0.6 +- 1.96 * sqrt(0.24 / 100)."""
    arm = decided(synthetic).arms["few_shot"]
    assert arm.cost_per_correct == Decimal("0.00104") / Decimal("0.6")
    assert float(arm.cost_per_correct_low) == pytest.approx(0.00104 / 0.696, rel=0.02)
    assert float(arm.cost_per_correct_high) == pytest.approx(0.00104 / 0.504, rel=0.02)


def test_one_cluster_has_no_interval_and_no_right_answer_no_ratio(synthetic):
    one = decided(synthetic, clusters=["same"] * 100).arms["few_shot"]
    assert one.cost_per_correct is not None
    assert one.cost_per_correct_low is None
    none = decided(synthetic, right=0).arms["few_shot"]
    assert none.cost_per_correct is None


def test_so_few_right_answers_leave_the_upper_end_open(synthetic):
    """One right of ten: a third of the resamples holds none."""
    arm = decided(synthetic, right=1, n=10).arms["few_shot"]
    assert arm.cost_per_correct_low is not None
    assert arm.cost_per_correct_high is None


def test_without_economics_or_with_a_graded_metric_there_is_none(synthetic):
    assert decided(synthetic, economics=None).arms["few_shot"].cost_per_correct is None
    graded = {"few_shot": synthetic.Arm([0.3, 0.7] * 30), "other": synthetic.Arm([0.4, 0.6] * 30)}
    assert synthetic.decision(synthetic.make_run(graded)).arms["few_shot"].cost_per_correct is None


def test_goodput_is_the_share_inside_every_latency_limit(synthetic):
    limits = {"p95_latency_s": {"max": 2.0}, "p50_latency_s": {"max": 1.0}, "exact_match": {"min": 0.1}}
    arms = decided(synthetic, decision={"limits": limits}).arms
    assert (arms["few_shot"].goodput, arms["slow"].goodput) == (1.0, 0.0)


def test_without_a_latency_limit_or_a_time_there_is_no_goodput(synthetic):
    assert decided(synthetic).arms["few_shot"].goodput is None
    untimed = {"few_shot": synthetic.Arm(synthetic.scores(6, 10), service_s=None)}
    limits = {"limits": {"p95_latency_s": {"max": 2.0}}}
    assert synthetic.decision(synthetic.make_run(untimed, decision=limits)).arms["few_shot"].goodput is None


def test_the_isolated_pass_wins_over_the_run(synthetic):
    """Twenty answers alone, five of them over the limit of two seconds."""
    from evalkit.records.sample import LatencyRow, Timing

    arms = {"few_shot": synthetic.Arm(synthetic.scores(60, 100), service_s=9.0)}
    rows = [
        LatencyRow(case_id=f"c{i}", arm="few_shot", timing=Timing(service_s=3.0 if i < 5 else 0.5))
        for i in range(20)
    ]
    run = synthetic.make_run(arms, latency=rows, decision={"limits": {"p90_latency_s": {"max": 2.0}}})
    assert run.comparison.arms[0].latency.alone_s[:6] == (3.0,) * 5 + (0.5,)
    assert synthetic.decision(run).arms["few_shot"].goodput == 0.75


def test_an_arm_outside_the_limits_shows_its_net_benefit_even_so(synthetic):
    """60% right of 1.2 million requests at 0.01 USD each, less 0.00104 a request."""
    arm = decided(synthetic, decision={"limits": {"p95_latency_s": {"max": 2.0}}}).arms["slow"]
    assert not arm.within_limits
    assert arm.net_benefit.mode == pytest.approx(1_200_000 * (0.6 * 0.01 - 0.00104))
    assert arm.net_benefit.low < arm.net_benefit.mode < arm.net_benefit.high
