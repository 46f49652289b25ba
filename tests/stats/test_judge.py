"""Judges against human labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from evalkit.stats.judge import cohen_kappa, prediction_powered_mean

HUMAN = [1, 0, 1, 1, 0, 1, 0, 1]
JUDGE = [1, 0, 1, 1, 1, 1, 0, 0]
MORE = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("lam", "mean", "standard_error"), [(0.0, 0.625, 0.1711633), (1.0, 0.6875, 0.2113711)]
)
def test_prediction_powered_mean_of_the_worked_example(lam, mean, standard_error):
    """decision.md section 2: lam 0 gives .625 (SE .1711633), lam 1 gives .6875 (.2113711)."""
    result = prediction_powered_mean(HUMAN, JUDGE, MORE, lam=lam)
    assert result.mean == mean
    assert result.standard_error == pytest.approx(standard_error, abs=5e-8)
    assert (result.n_labelled, result.n_unlabelled) == (8, 16)


def test_the_best_weight_has_the_least_standard_error():
    best = prediction_powered_mean(HUMAN, JUDGE, MORE)
    others = [prediction_powered_mean(HUMAN, JUDGE, MORE, lam=lam / 50) for lam in range(51)]
    assert 0.0 < best.lam < 1.0
    assert best.standard_error <= min(other.standard_error for other in others) + 0.002


def test_a_good_judge_narrows_the_interval_and_a_useless_one_costs_nothing():
    source = np.random.default_rng(1)
    human = source.integers(0, 2, size=100).astype(float)
    good = np.where(source.random(100) < 0.95, human, 1 - human)
    truth = source.integers(0, 2, size=5000).astype(float)
    good_more = np.where(source.random(5000) < 0.95, truth, 1 - truth)
    alone = prediction_powered_mean(human, good, good_more, lam=0.0)
    assert prediction_powered_mean(human, good, good_more).standard_error < 0.6 * alone.standard_error
    flat = prediction_powered_mean(human, np.full(100, 0.7), np.full(5000, 0.7))
    assert (flat.lam, flat.standard_error) == (0.0, alone.standard_error)


def test_a_biased_judge_does_not_bias_the_mean():
    """1,000 worlds: the judge adds a third of right answers; 95% intervals hold the truth."""
    source = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        truth = (source.random(600) < 0.4).astype(float)
        judge = np.maximum(truth, source.random(600) < 0.33)
        result = prediction_powered_mean(truth[:100], judge[:100], judge[100:])
        held += result.low <= 0.4 <= result.high
    assert held / 1000 >= 0.93


def test_kappa_of_the_two_readers_table():
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement .70, chance .50, kappa .40 (Cohen 1960's definition)."""
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    result = cohen_kappa(first, second)
    assert result.kappa == pytest.approx(0.4)
    assert result.agreement == pytest.approx(0.7)


def test_kappa_of_fleiss_diagnoses():
    """Fleiss (1981), Statistical Methods for Rates and Proportions, table 13.1: kappa .676, standard error .088."""
    table = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    first = np.repeat([0, 1, 2], table.sum(axis=1))
    second = np.concatenate([np.repeat([0, 1, 2], row) for row in table])
    result = cohen_kappa(first, second)
    assert result.kappa == pytest.approx(0.676, abs=5e-4)
    assert (result.high - result.kappa) / 1.96 == pytest.approx(0.088, abs=5e-4)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=5, max_size=60))
def test_kappa_agrees_with_statsmodels(pairs):
    first, second = (list(side) for side in zip(*pairs, strict=True))
    result = cohen_kappa(first, second)
    table = np.zeros((3, 3))
    np.add.at(table, (first, second), 1)
    if result.kappa is None:
        assert np.count_nonzero(table) == 1
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = cohens_kappa(table)
    assert result.kappa == pytest.approx(theirs.kappa)
    if not theirs.std_kappa > 1e-6:  # there statsmodels gives an interval of no width, or none
        return
    assert (result.low, result.high) == pytest.approx(
        (max(-1.0, theirs.kappa_low), min(1.0, theirs.kappa_upp)), abs=1e-6
    )


def test_kappa_of_one_label_only_is_undefined_and_says_why():
    result = cohen_kappa(["yes"] * 4, ["yes"] * 4)
    assert (result.kappa, result.low, result.high, result.agreement) == (None, None, None, 1.0)
    assert "same label" in result.note


def test_raters_that_always_disagree_have_kappa_minus_one():
    result = cohen_kappa([0, 1, 0, 1], [1, 0, 1, 0])
    assert result.kappa == -1.0
    assert result.low == -1.0 < result.high


def test_full_agreement_on_twenty_items_is_not_certain():
    result = cohen_kappa([0, 1] * 10, [0, 1] * 10)
    assert (result.kappa, result.high) == (1.0, 1.0)
    assert result.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 20)))


def test_a_mean_without_any_variation_has_a_rule_of_three_interval():
    result = prediction_powered_mean([1.0] * 20, [1.0] * 20, [1.0] * 100)
    assert (result.mean, result.standard_error, result.high) == (1.0, 0.0, 1.0)
    assert result.low == pytest.approx(0.025 ** (1 / 20))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([1, 0], [1]), "same items"),
        (lambda: cohen_kappa([], []), "at least one"),
        (lambda: cohen_kappa([1.0, np.nan], [1.0, 0.0]), "NaN"),
        (lambda: prediction_powered_mean([1, 0], [1], [1]), "same items"),
        (lambda: prediction_powered_mean([1], [1], [1]), "at least 2"),
        (lambda: prediction_powered_mean([1, 0], [1, 0], [1], lam=2.0), "weight in"),
        (lambda: prediction_powered_mean([1, 0], [1, 0], []), "is empty"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
