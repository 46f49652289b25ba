"""What a rule on quality can see: published figures, the exact tests behind them, and drops put to the proof."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.comparison.table import Pairs
from evalkit.gating.smallest_drop import Spread, cases_to_pass, chance_to_pass, smallest_drop, spread_of
from evalkit.stats.exact_power import exact_power
from evalkit.stats.margin_power import margin_power

ALPHA = 0.05


def single(n, discordance):
    return Spread(n, n, math.sqrt(discordance / n), discordance)


@pytest.mark.parametrize(
    ("discordance", "by_formula", "needed"), [(0.05, 437, 495), (0.10, 873, 901), (0.20, 1745, 1754)]
)
def test_cases_that_pass_a_margin_of_three_points(discordance, by_formula, needed):
    """The large-sample formula, (1.96 + .84)^2 discordance / .03^2, gives fewer: Tango's interval is wider than it."""
    assert cases_to_pass(single(100, discordance), 0.03, alpha=ALPHA) == needed
    assert math.ceil(7.8489 * discordance / 0.03**2) == by_formula
    assert margin_power(by_formula, 0.03, discordance) < 0.8 <= margin_power(needed, 0.03, discordance)


def test_without_variation_the_number_of_cases_or_clusters_decides():
    """Tango for single 0/1 cases (125), the rule of three for the rest: 1 - .025^(1/n) < .03 from n = 122 on."""
    assert cases_to_pass(single(40, 0.0), 0.03, alpha=ALPHA) == 125
    assert cases_to_pass(Spread(40, 40, 0.0), 0.03, alpha=ALPHA) == 122
    assert cases_to_pass(Spread(120, 40, 0.0), 0.03, alpha=ALPHA) == 366
    assert [chance_to_pass(single(n, 0.0), 0.03, alpha=ALPHA) for n in (124, 125)] == [0.0, 1.0]
    assert [chance_to_pass(Spread(n, n, 0.0), 0.03, alpha=ALPHA) for n in (121, 122)] == [0.0, 1.0]


def test_a_rule_that_allows_no_drop_is_never_shown_and_one_that_allows_any_needs_nothing():
    assert cases_to_pass(single(100, 0.1), 0.0, alpha=ALPHA) is None
    assert cases_to_pass(single(100, 0.1), 1.0, alpha=ALPHA) is None
    assert smallest_drop(single(100, 0.1), 0.0, alpha=ALPHA) == pytest.approx(0.088, abs=0.001)


def test_few_cases_or_clusters_show_no_drop_at_all():
    """Five pairs give p = .0625 at best, and so do five clusters."""
    assert smallest_drop(single(5, 0.2), 0.05, alpha=ALPHA) is None
    assert smallest_drop(Spread(15, 5, 0.05), 0.05, alpha=ALPHA) is None
    assert smallest_drop(Spread(18, 6, 0.05), 0.05, alpha=ALPHA) is not None
    assert smallest_drop(Spread(18, 6, 0.05), 0.05, alpha=ALPHA, n_tests=2) is None
    assert smallest_drop(Spread(18, 6, 0.4), 0.05, alpha=ALPHA) is None


@given(st.integers(20, 400), st.floats(0.0, 0.5), st.integers(1, 6))
@settings(max_examples=8, deadline=None)
def test_the_drop_is_seen_with_80_percent_power_by_the_exact_test(n, discordance, n_tests):
    drop = smallest_drop(single(n, discordance), 0.01, alpha=ALPHA, n_tests=n_tests)
    if drop is not None:
        power = exact_power(n, drop, max(discordance, drop), alpha=ALPHA / n_tests)
        assert power == pytest.approx(0.8, abs=0.002)


def test_with_many_cases_the_allowed_drop_is_what_decides():
    """20,000 cases see 0.5 points, yet a rule that allows 5 fails only what is larger than about 4.8."""
    for spread in (single(20_000, 0.1), Spread(20_000, 20_000, math.sqrt(0.1 / 20_000))):
        assert smallest_drop(spread, 0.05, alpha=ALPHA) == pytest.approx(0.05 - 1.118 * 0.00223, abs=1e-4)
        assert smallest_drop(spread, 0.001, alpha=ALPHA) == pytest.approx(2.80 * 0.00223, rel=0.02)
        assert chance_to_pass(spread, 0.05, alpha=ALPHA, drop=0.05) == pytest.approx(0.025, abs=0.003)
    assert smallest_drop(single(2_000, 0.1), 0.05, alpha=ALPHA) == pytest.approx(
        0.05 - 1.118 * 0.00707, abs=5e-4
    )


def test_clusters_of_graded_scores_need_t_standard_errors_twice():
    """40 clusters, standard error .02: t(39) is 2.0227 and .8511; (2.0066 + .8472)^2 x .02^2 x 40 / .05^2 = 52.1."""
    spread = Spread(120, 40, 0.02)
    assert smallest_drop(Spread(120, 40, 0.08), 0.05, alpha=ALPHA) == pytest.approx(2.8738 * 0.08, abs=1e-4)
    assert cases_to_pass(spread, 0.05, alpha=ALPHA) == 53 * 3
    assert chance_to_pass(Spread(159, 53, 0.02 * math.sqrt(40 / 53)), 0.05, alpha=ALPHA) == pytest.approx(
        0.8, abs=0.01
    )
    assert cases_to_pass(Spread(120, 40, 0.001), 0.05, alpha=ALPHA) == 9


def test_a_drop_of_few_clusters_that_fail_entirely_is_seen_last():
    """Six signs of one kind are needed, .03 two-sided: of 60 clusters .1286 fail so that 80% of runs have six."""
    assert smallest_drop(Spread(180, 60, 0.001), 0.02, alpha=ALPHA) == pytest.approx(0.1286, abs=1e-4)
    assert scipy_stats.binom.sf(5, 60, 0.1286) == pytest.approx(0.8, abs=1e-3)


def test_the_spread_of_the_data_is_that_of_its_method():
    candidate, baseline = np.array([1, 1, 0, 0, 1.0, 0]), np.array([1, 0, 1, 0, 1.0, 1])
    alone = spread_of(Pairs(candidate, baseline, np.arange(6)), 6, binary=True)
    assert (alone.discordance, alone.standard_error) == (0.5, pytest.approx(math.sqrt(0.5 / 6)))
    graded = spread_of(Pairs(candidate, baseline, np.arange(6)), 6, binary=False)
    assert graded.discordance is None
    assert graded.standard_error == pytest.approx(np.std(candidate - baseline, ddof=1) / math.sqrt(6))
    clusters = spread_of(Pairs(candidate, baseline, np.repeat([0, 1, 2], 2)), 3, binary=True)
    assert (clusters.n_clusters, clusters.discordance) == (3, None)
