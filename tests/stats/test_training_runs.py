"""Fresh trainings: their variance, the ceiling, copies, and one measured model in the first period."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats.training_runs import (
    TrainingPlan,
    beta_around,
    over_the_life,
    training_offsets,
    wrong_after,
)
from evalkit.stats.training_spread import training_spread

N = 40_000


def plan_of(n_seeds=1, retunes=0, deploy="fresh", sd=0.03):
    means, errors = [0.8] * n_seeds, [0.0] * (n_seeds * (n_seeds - 1) // 2)
    return TrainingPlan(training_spread(means, errors, sd), retunes, deploy)


def offsets(plans, quality=0.8, column_of=None, n_draws=N):
    table = np.full((n_draws, len(plans)), quality)
    columns = np.arange(len(plans)) if column_of is None else np.asarray(column_of)
    return training_offsets(table, plans, columns, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("n_seeds", "retunes", "factor"), [(1, 0, 2.0), (3, 0, 4 / 3), (2, 3, 0.75), (1, 1, 1.5)]
)
def test_fresh_models_differ_from_the_measured_ones_by_both_means(n_seeds, retunes, factor):
    """tau^2 / S + tau^2 / (R + 1)."""
    plan = plan_of(n_seeds, retunes)
    assert plan.offset_factor == plan.horizon_factor == pytest.approx(factor)
    drawn = offsets([plan])[:, 0]
    assert drawn.mean() == pytest.approx(0.0, abs=0.001)
    assert drawn.var() == pytest.approx(factor * plan.spread.expected_variance, rel=0.1)


def test_a_measured_model_serves_the_first_period_and_needs_no_offset_there():
    """Offset tau^2 / S + tau^2 / R on the R later periods, which weigh R / (R + 1)."""
    plan = plan_of(n_seeds=2, retunes=3, deploy="measured")
    assert (plan.fresh_share, plan.fresh_models) == (0.75, 3)
    assert plan.offset_factor == pytest.approx(1 / 2 + 1 / 3)
    assert plan.horizon_factor == pytest.approx(0.75**2 * (1 / 2 + 1 / 3))
    assert over_the_life(np.array([0.9]), np.array([0.8]), plan) == pytest.approx([0.825])


def test_a_measured_model_without_retunes_has_no_offset_at_all():
    plan = plan_of(deploy="measured")
    assert (plan.offset_factor, plan.horizon_factor, plan.resolved_by(5)) == (0.0, 0.0, 0.0)
    assert not offsets([plan]).any()
    assert over_the_life(np.array([0.9]), np.array([0.8]), plan) == pytest.approx([0.9])


def test_an_arm_that_is_not_trained_has_no_offset():
    drawn = offsets([None, plan_of()])
    assert not drawn[:, 0].any()
    assert drawn[:, 1].std() > 0.02


def test_copies_of_an_arm_share_its_offset_and_other_arms_do_not():
    drawn = offsets([plan_of(), plan_of(), plan_of()], column_of=[0, 0, 1])
    assert np.array_equal(drawn[:, 0], drawn[:, 1])
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1]) < 0.02


def test_a_further_arm_changes_no_other_arms_offset():
    alone = offsets([plan_of()], n_draws=50)
    assert np.array_equal(offsets([plan_of(), plan_of(3)], n_draws=50)[:, 0], alone[:, 0])


def test_the_beta_keeps_mean_and_variance_near_the_ceiling():
    mean = np.full(N, 0.97)
    drawn = beta_around(mean, np.full(N, 0.02**2), np.random.default_rng(2))
    assert drawn.mean() == pytest.approx(0.97, abs=0.0005)
    assert drawn.std() == pytest.approx(0.02, rel=0.03)
    assert drawn.max() <= 1.0


def test_a_variance_beyond_what_the_mean_leaves_room_for_is_cut():
    """min(v, q (1 - q) / 3): at q = .5 the Beta is then uniform."""
    drawn = beta_around(np.full(N, 0.5), np.full(N, 9.0), np.random.default_rng(3))
    assert drawn.var() == pytest.approx(1 / 12, rel=0.03)


def test_nothing_varies_at_the_ends_or_without_variance():
    mean = np.array([0.0, 1.0, 0.4])
    assert beta_around(mean, np.array([0.1, 0.1, 0.0]), np.random.default_rng(4)).tolist() == mean.tolist()


@settings(max_examples=50)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_wrong_and_abstained_share_what_quality_leaves(quality, after, wrong_share):
    """After the offset wrong / (1 - quality) is what it was."""
    wrong = wrong_share * (1.0 - quality)
    moved = wrong_after(np.array([wrong]), np.array([quality]), np.array([after - quality]))[0]
    if quality < 1.0:
        assert moved == pytest.approx(wrong_share * (1.0 - after), abs=1e-9)
    else:
        assert moved == 0.0


def test_more_seeds_resolve_the_recipe_and_never_the_production_models():
    """tau^2 / S - tau^2 / (S + s) of tau^2 / S + tau^2 / (R + 1)."""
    plan = plan_of(n_seeds=1, retunes=1)
    assert plan.resolved_by(1) == pytest.approx((1 - 1 / 2) / 1.5)
    assert plan.resolved_by(10**9) == pytest.approx(1 / 1.5)
    assert plan.resolved_by(0) == 0.0


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        plan_of(retunes=-1)
    with pytest.raises(ValueError, match="at least 0"):
        plan_of().resolved_by(-1)
    with pytest.raises(ValueError, match="for each of the 1 arms"):
        training_offsets(np.ones((3, 1)), [None, None], np.array([0]), np.random.default_rng(5))
