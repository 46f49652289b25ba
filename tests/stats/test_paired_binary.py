"""McNemar and Tango against statsmodels' own test values, published tables and exact coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from evalkit.stats.intervals import wilson
from evalkit.stats.paired_binary import discordant_pairs, mcnemar, tango

counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("b", "c", "p_value"),
    [
        (121, 59, 0.000004),
        (70, 59, 0.378688),
        (80, 59, 0.089452),
        (30, 60, 0.00206),
        (10, 30, 0.002221),
        (10, 10, 1.0),
    ],
)
def test_exact_p_of_statsmodels_own_tests(b, c, p_value):
    """statsmodels, test_nonparametric.py, test_mcnemar_exact: values from the Vassar College page; decision.md."""
    assert mcnemar(b, c).p_value == pytest.approx(p_value, abs=1e-6)


def test_airway_example_of_fagerland():
    """Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91, table 1: exact .0703, mid-p .0391."""
    result = mcnemar(1, 7)
    assert (result.p_value, result.mid_p) == (0.0703125, 0.0390625)


@given(counts, counts)
def test_the_exact_p_agrees_with_statsmodels(b, c):
    if b + c == 0:
        return
    table = [[5, b], [c, 5]]
    assert mcnemar(b, c).p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, abs=1e-9)


@given(counts)
def test_mid_p_of_an_even_split_is_one_minus_half_its_probability(b):
    """Fagerland et al. (2013), supplement: the rule for n12 = n21."""
    expected = 1.0 if b == 0 else 1 - scipy_stats.binom.pmf(b, 2 * b, 0.5) / 2
    assert mcnemar(b, b).mid_p == pytest.approx(expected)


@given(counts, counts)
def test_swapping_arms_leaves_the_p_values(b, c):
    assert mcnemar(b, c) == mcnemar(c, b)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_p_values_stay_in_their_range_for_large_counts(b, c):
    result = mcnemar(b, c)
    assert 0.0 <= result.mid_p <= result.p_value <= 1.0


def test_tango_of_his_own_example():
    """decision.md section 2; Tango (1998), Statistics in Medicine 17:891, b = 12, c = 2, n = 50."""
    bounds = tango(12, 2, 50)
    assert (bounds.low, bounds.high) == pytest.approx((0.061112, 0.344709), abs=1e-6)


def test_tango_of_the_airway_example():
    """Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850, table V: (-0.517, -0.026)."""
    bounds = tango(1, 7, 21)
    assert (bounds.low, bounds.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_newcombe_method_10_of_the_published_table():
    """decision.md section 2: [[36, 12], [2, 0]] gives .20 (.0569296, .3404276); it lies close to Tango."""
    low, high = newcombe_method_10(36, 12, 2, 0)
    assert (low, high) == pytest.approx((0.0569296, 0.3404276), abs=1e-6)
    bounds = tango(12, 2, 50)
    assert (bounds.low, bounds.high) == pytest.approx((low, high), abs=0.006)


def newcombe_method_10(e: int, f: int, g: int, h: int) -> tuple[float, float]:
    """Square-and-add Wilson limits with continuity-corrected phi: Newcombe (1998), Stat. Med. 17:2635-2650."""
    n = e + f + g + h
    first, second = wilson(e + f, n), wilson(e + g, n)
    p1, p2 = (e + f) / n, (e + g) / n
    determinant = e * h - f * g
    corrected = determinant if determinant <= 0 else max(determinant - n / 2, 0)
    margins = (e + f) * (g + h) * (e + g) * (f + h)
    phi = corrected / math.sqrt(margins) if margins else 0.0
    down = (p1 - first.low) ** 2 - 2 * phi * (p1 - first.low) * (second.high - p2) + (second.high - p2) ** 2
    up = (p2 - second.low) ** 2 - 2 * phi * (p2 - second.low) * (first.high - p1) + (first.high - p1) ** 2
    return p1 - p2 - math.sqrt(down), p1 - p2 + math.sqrt(up)


@given(counts, counts, st.integers(1, 60))
def test_swapping_arms_mirrors_tango(b, c, ties):
    assert tango(b, c, b + c + ties) == tango(c, b, b + c + ties).negated()


@given(counts, counts, st.integers(1, 60))
def test_tango_holds_the_estimate_and_stays_in_range(b, c, ties):
    n = b + c + ties
    bounds = tango(b, c, n)
    assert -1.0 <= bounds.low <= (b - c) / n <= bounds.high <= 1.0
    assert bounds.low < bounds.high


@given(counts, counts, st.integers(1, 60))
def test_tango_ends_are_where_the_score_test_rejects(b, c, ties):
    """At a difference of 0 the score statistic is McNemar's z: Tango excludes 0 exactly when |z| > 1.96."""
    if b + c == 0:
        return
    z = (b - c) / math.sqrt(b + c)
    bounds = tango(b, c, b + c + ties)
    if abs(abs(z) - 1.959964) > 1e-3:
        assert (abs(z) > 1.959964) == (not bounds.low <= 0.0 <= bounds.high)


@pytest.mark.parametrize(("b", "c", "n"), [(0, 0, 50), (50, 0, 50), (0, 50, 50), (1, 0, 1), (0, 1, 1)])
def test_tango_never_has_width_zero(b, c, n):
    bounds = tango(b, c, n)
    assert -1.0 <= bounds.low < bounds.high <= 1.0


@pytest.mark.parametrize(("discordance", "difference"), [(0.05, 0.0), (0.1, 0.05), (0.3, 0.1), (0.5, 0.0)])
def test_tango_covers_at_least_93_percent_with_50_cases(discordance, difference):
    """Exact coverage, summed over the trinomial distribution."""
    n, coverage = 50, 0.0
    p_b, p_c = (discordance + difference) / 2, (discordance - difference) / 2
    for pairs in range(n + 1):
        weight = scipy_stats.binom.pmf(pairs, n, discordance)
        if weight < 1e-7:
            continue
        for b in range(pairs + 1):
            bounds = tango(b, pairs - b, n)
            if bounds.low <= difference <= bounds.high:
                coverage += weight * scipy_stats.binom.pmf(b, pairs, p_b / (p_b + p_c))
    assert coverage >= 0.93


def test_exact_mcnemar_never_rejects_too_often():
    """The exact test's level, given any number of discordant pairs, is at most alpha."""
    for pairs in range(1, 60):
        reject = [b for b in range(pairs + 1) if mcnemar(b, pairs - b).p_value <= 0.05]
        assert scipy_stats.binom.pmf(reject, pairs, 0.5).sum() <= 0.05 + 1e-12


def test_discordant_pairs_are_counted_by_case():
    pairs = discordant_pairs(np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 0]))
    assert (pairs.treatment_only, pairs.control_only, pairs.n_cases) == (2, 1, 5)


def test_no_discordant_pair_gives_p_one():
    assert (mcnemar(0, 0).p_value, mcnemar(0, 0).mid_p) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar(-1, 2), "cannot be negative"),
        (lambda: tango(5, 6, 10), "impossible"),
        (lambda: tango(0, 0, 0), "at least one"),
        (lambda: discordant_pairs([1, 0], [1]), "pair them"),
        (lambda: discordant_pairs([1, 2], [1, 0]), "0 and 1 only"),
    ],
)
def test_impossible_counts_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
