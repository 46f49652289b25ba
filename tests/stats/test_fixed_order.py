"""Sums that neither the processor nor the order of the cases changes."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from evalkit.stats.arrays import inner, mean_of, weighted_sums
from evalkit.stats.value_of_information import evppi


def test_no_order_of_the_values_changes_a_bit():
    values = np.array([1.0, 1e16, -1e16, 0.1, 1e-9])
    exact = float(Fraction(1) + Fraction(0.1) + Fraction(1e-9))
    orders = [np.array(order) for order in itertools.permutations(values)]
    assert {mean_of(order) for order in orders} == {exact / 5.0}
    assert {inner(order, np.ones(5)) for order in orders} == {exact}


def test_weighted_sums_are_the_matrix_product():
    rng = np.random.default_rng(2)
    weights, columns = rng.random((30, 301)), rng.random((4, 301))
    assert weighted_sums(weights, columns) == pytest.approx(weights @ columns.T, rel=1e-13)
    assert weighted_sums(weights[:, :1], columns[:, :1]) == pytest.approx(weights[:, :1] @ columns[:, :1].T)


def test_an_input_given_twice_is_worth_what_it_is_worth_once():
    """The second copy's powers are spanned by the first's: left out of the fit, and not a division by nothing."""
    rng = np.random.default_rng(4)
    known = rng.normal(size=4000)
    payoff = np.stack([np.zeros(4000), known + rng.normal(size=4000)], axis=1)
    terms = np.vander((known - known.mean()) / known.std(), 4)
    gains = payoff - payoff[:, [int(np.argmax(payoff.mean(axis=0)))]]
    by_lstsq = float((terms @ np.linalg.lstsq(terms, gains, rcond=None)[0]).max(axis=1).mean())
    assert evppi(payoff, known) == pytest.approx(by_lstsq, rel=1e-10)
    assert evppi(payoff, np.stack([known, known, 2.0 * known + 1.0], axis=1)) == pytest.approx(
        by_lstsq, rel=1e-10
    )
