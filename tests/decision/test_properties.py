"""What never changes a decision, and what changes it in one direction only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.comparison.pairwise import difference
from evalkit.comparison.settings import ComparisonSettings
from evalkit.records.record import to_json


def two_arms(synthetic, few, tuned, **tuned_arm):
    return {
        "few_shot": synthetic.Arm([float(value) for value in few]),
        "tuned": synthetic.Arm(
            [float(value) for value in tuned], kind="fine_tuned", **{"shots": 0, **tuned_arm}
        ),
    }


def held(run, treatment, control):
    return difference(
        run.table,
        treatment,
        control,
        run.table.primary,
        ComparisonSettings(alpha=0.05, margin=0.03, seed=7),
        family="tuned",
    )


@settings(max_examples=30)
@given(rights=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=80))
def test_swapping_the_arms_flips_every_sign(synthetic, rights):
    few, tuned = zip(*rights, strict=True)
    run = synthetic.make_run(two_arms(synthetic, few, tuned))
    one, other = held(run, "tuned", "few_shot"), held(run, "few_shot", "tuned")
    assert (other.estimate, other.low, other.high) == (-one.estimate, -one.high, -one.low)
    assert (other.p_value, other.mid_p) == (one.p_value, one.mid_p)
    assert other.discordant == one.discordant[::-1]


@settings(max_examples=20)
@given(shift=st.floats(0.0, 0.3), seed=st.integers(0, 50))
def test_a_constant_added_to_both_arms_changes_no_difference(synthetic, shift, seed):
    """Graded scores from 0 to 0.7, both higher by as much."""
    few, tuned = 0.7 * np.random.default_rng(seed).random((2, 30))
    before = held(synthetic.make_run(two_arms(synthetic, few, tuned)), "tuned", "few_shot")
    after = held(synthetic.make_run(two_arms(synthetic, few + shift, tuned + shift)), "tuned", "few_shot")
    assert (after.estimate, after.low, after.high) == pytest.approx(
        (before.estimate, before.low, before.high)
    )
    assert after.p_value == pytest.approx(before.p_value, abs=0.002)
    assert after.claim == before.claim


@pytest.mark.parametrize("clustered", [False, True])
def test_the_order_of_the_cases_changes_no_byte(synthetic, clustered):
    """Cases come in any order, and the record of the decision is the same."""
    rng = np.random.default_rng(3)
    few, tuned = (rng.random((2, 120)) < [[0.5], [0.7]]).astype(float)
    clusters = [f"k{case // 3}" for case in range(120)] if clustered else [f"c{case}" for case in range(120)]
    order = rng.permutation(120)
    runs = [
        synthetic.make_run(two_arms(synthetic, few, tuned), clusters=clusters),
        synthetic.make_run(
            two_arms(synthetic, few[order], tuned[order]), clusters=[clusters[case] for case in order]
        ),
    ]
    first, second = (to_json(synthetic.decision(run)) for run in runs)
    assert first == second


@settings(max_examples=15)
@given(
    volumes=st.lists(st.integers(1_000, 2_000_000), min_size=2, max_size=2, unique=True),
    gain=st.integers(1, 40),
)
def test_more_volume_never_costs_ground(synthetic, volumes, gain):
    """The arm with the larger value x quality - unit cost gains on the other with every request."""
    few, tuned = synthetic.scores(100, 200), synthetic.scores(100 + gain, 200)
    leads = []
    for volume in sorted(volumes):
        run = synthetic.make_run(
            two_arms(synthetic, few, tuned), economics={"requests_per_month": volume}, decision={"draws": 500}
        )
        arms = synthetic.decision(run).arms
        leads.append(arms["tuned"].net_benefit.mode - arms["few_shot"].net_benefit.mode)
    assert leads[0] < leads[1]


def test_the_best_of_three_has_to_win_by_itself(synthetic):
    """One tuned arm is asked for 90% of the draws, one of three for 96.7%, and three copies for what one is."""
    rng = np.random.default_rng(5)
    few = (rng.random(300) < 0.6).astype(float)
    tuned = [(rng.random(300) < 0.66).astype(float) for _ in range(3)]
    arms = two_arms(synthetic, few, tuned[0])
    alone = synthetic.decision(synthetic.make_run(arms))
    three = {
        **arms,
        "second": synthetic.Arm(tuned[1].tolist(), kind="fine_tuned", shots=0),
        "third": synthetic.Arm(tuned[2].tolist(), kind="fine_tuned", shots=0),
    }
    of_three = synthetic.decision(synthetic.make_run(three))
    copied = synthetic.decision(synthetic.make_run(twins(synthetic, few, tuned[0], 2)))
    assert alone.threshold == pytest.approx(0.9)
    assert copied.threshold == pytest.approx(0.9)
    if of_three.side == "tuned":
        assert of_three.threshold == pytest.approx(1 - 0.1 / 3)


def twins(synthetic, few, tuned, copies):
    arms = two_arms(synthetic, few, tuned)
    for number in range(copies):
        arms[f"twin{number}"] = synthetic.Arm(list(arms["tuned"].scores), kind="fine_tuned", shots=0)
    return arms


@settings(max_examples=15)
@given(
    gained=st.integers(0, 40),
    lost=st.integers(0, 15),
    labour=st.integers(0, 400),
    copies=st.integers(1, 2),
)
def test_equal_tuned_candidates_get_the_verdict_of_one(synthetic, gained, lost, labour, copies):
    """Wherever the case lies, near thresholds too: a copy is no second chance and moves no other draw."""
    few = synthetic.pattern((60, 1), (gained, 0), (lost, 1), (125 - gained - lost, 0))
    tuned = synthetic.pattern((60, 1), (gained, 1), (lost, 0), (125 - gained - lost, 0))
    given = {"economics": {"training": {"labour_hours": labour}}, "decision": {"draws": 500}}
    alone, both = (
        synthetic.decision(synthetic.make_run(arms, **given))
        for arms in (two_arms(synthetic, few, tuned), twins(synthetic, few, tuned, copies))
    )
    assert both.verdict is alone.verdict
    assert both.reason == alone.reason
    assert (both.confidence, both.threshold, both.evpi) == (alone.confidence, alone.threshold, alone.evpi)
    for name in ("few_shot", "tuned", "none"):
        assert both.expected_regret[name] == alone.expected_regret[name]
    assert both.pairwise_share["tuned"]["few_shot"] == alone.pairwise_share["tuned"]["few_shot"]


def test_a_twin_does_not_double_the_p_value(synthetic):
    """18 gains against 6 losses: p = .023 alone. Counted as two tests it would be .045, as three .068."""
    few = synthetic.pattern((60, 1), (18, 0), (6, 1), (41, 0))
    tuned = synthetic.pattern((60, 1), (18, 1), (6, 0), (41, 0))
    run = synthetic.make_run(twins(synthetic, few, tuned, 2))
    found = [d for d in run.comparison.differences if d.family == "tuned"]
    assert len(found) == 3
    assert all(record.p_adjusted == record.p_value for record in found)
    assert all(record.claim == "superior" for record in found)
    assert all(record.p_adjusted == record.p_value for record in synthetic.decision(run).differences)
