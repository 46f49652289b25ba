"""What never changes a decision, and what changes it in one direction only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.comparison.pairwise import difference
from evalkit.comparison.settings import ComparisonSettings
from evalkit.decision.payoffs.payoff_model import Payoffs
from evalkit.decision.verdict.choose_verdict import singled_out
from evalkit.records.arm import ArmKind
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


def outlook_of(*payoffs):
    """An untuned arm that is worth 0 for certain, and tuned ones."""
    names = ("few_shot", *(f"tuned{number}" for number in range(len(payoffs))))
    kinds = (ArmKind.FEW_SHOT, *(ArmKind.FINE_TUNED for _ in payoffs))
    table = np.stack([np.zeros(4000), *payoffs], axis=1)
    return Payoffs(names=names, kinds=kinds, payoff=table, in_value=True, cost=np.zeros(len(names)))


def test_the_best_of_three_has_to_win_by_itself():
    """Each of three wins 91% of the draws, the best of them 99.9%: enough for one alone, not for one of three."""
    draws = np.random.default_rng(5).normal(1.35, 1.0, (3, 4000))
    assert outlook_of(*draws).share_won(np.array([False, True, True, True])) > 0.99
    assert singled_out(outlook_of(draws[0]), 1, 0.9)
    assert not singled_out(outlook_of(*draws), 1, 0.9)
    assert singled_out(outlook_of(*(draws + 1.0)), 1, 0.9), "98.9% is more than 1 - 10% / 3"


def test_candidates_of_equal_payoff_count_once_and_without_a_rival_there_is_nothing_to_beat():
    draws = np.random.default_rng(5).normal(1.35, 1.0, 4000)
    assert singled_out(outlook_of(draws, draws.copy(), draws.copy()), 1, 0.9)
    alone = outlook_of(draws, -draws)
    only = Payoffs(alone.names[1:], alone.kinds[1:], alone.payoff[:, 1:], in_value=True, cost=alone.cost[1:])
    assert singled_out(only, 0, 0.9)


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
    """Wherever the case lies, but for a share close to a threshold.

    The prior lets arms differ where no case told them apart, twins too: a twin moves the shares by up to a tenth.
    """
    few = synthetic.pattern((60, 1), (gained, 0), (lost, 1), (125 - gained - lost, 0))
    tuned = synthetic.pattern((60, 1), (gained, 1), (lost, 0), (125 - gained - lost, 0))
    given = {"economics": {"training": {"labour_hours": labour}}, "decision": {"draws": 500}}
    alone, both = (
        synthetic.decision(synthetic.make_run(arms, **given))
        for arms in (two_arms(synthetic, few, tuned), twins(synthetic, few, tuned, copies))
    )
    assert abs(both.p_best["tuned"] - alone.p_best["tuned"]) < 0.15
    shares = alone.p_best["tuned"], both.p_best["tuned"]
    if min(abs(share - bound) for share in shares for bound in (0.1, 0.5, 0.9)) > 0.08:
        # on the same side of every threshold, unless the draws' noise decides
        same_side = all((shares[0] > bound) == (shares[1] > bound) for bound in (0.1, 0.5, 0.9))
        assert not same_side or both.verdict is alone.verdict


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
