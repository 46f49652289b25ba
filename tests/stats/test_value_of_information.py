"""Value of information against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate
from scipy import stats as scipy_stats

from evalkit.stats.sample_value import kept_by_cases, sample_value
from evalkit.stats.value_of_information import choice, evppi, unit_normal_loss

tables = arrays(float, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=st.floats(-1e6, 1e6))


def two_normal_options(mean, deviation, n_draws=200_000):
    """Option 0 brings nothing; option 1 brings a normal amount."""
    gains = np.random.default_rng(7).normal(mean, deviation, size=n_draws)
    return np.column_stack((np.zeros(n_draws), gains))


@pytest.mark.parametrize(("distance", "loss"), [(0.0, 0.39894), (0.5, 0.19780), (1.0, 0.08332)])
def test_unit_normal_loss_of_the_printed_table(distance, loss):
    """decision.md section 2; Raiffa and Schlaifer (1961), table II."""
    assert unit_normal_loss(distance) == pytest.approx(loss, abs=5e-6)


@pytest.mark.parametrize("distance", [-2.0, 0.3, 2.5])
def test_unit_normal_loss_is_the_integral_it_stands_for(distance):
    integral, _ = integrate.quad(lambda z: (z - distance) * scipy_stats.norm.pdf(z), distance, 20)
    assert unit_normal_loss(distance) == pytest.approx(integral, abs=1e-9)


@pytest.mark.parametrize(("mean", "deviation"), [(10.0, 20.0), (-5.0, 5.0), (0.0, 1.0)])
def test_evpi_of_two_options_is_the_unit_normal_loss(mean, deviation):
    """EVPI = s * L(|m| / s) for a normal difference."""
    result = choice(two_normal_options(mean, deviation))
    expected = deviation * unit_normal_loss(abs(mean) / deviation)
    assert result.evpi == pytest.approx(expected, rel=0.02)
    assert result.best == (1 if mean > 0.0 else 0) or mean == 0.0
    assert result.p_best[1] == pytest.approx(scipy_stats.norm.cdf(mean / deviation), abs=0.005)


@given(tables)
def test_regret_and_shares_hang_together(table):
    result = choice(table)
    assert result.p_best.sum() == pytest.approx(1.0)
    assert np.all(result.expected_regret >= 0.0)
    assert result.evpi == result.expected_regret.min() == result.expected_regret[result.best]
    assert result.evpi == pytest.approx(
        table.max(axis=1).mean() - table.mean(axis=0).max(), abs=1e-6 * (1 + np.abs(table).max())
    )


@given(tables, st.floats(-1e3, 1e3))
def test_money_added_to_every_option_changes_nothing(table, constant):
    moved, plain = choice(table + constant), choice(table)
    assert moved.evpi == pytest.approx(plain.evpi, abs=1e-6 * (1 + np.abs(table).max()))


def test_a_tie_is_shared():
    assert choice([[1.0, 1.0, 0.0]]).p_best.tolist() == [0.5, 0.5, 0.0]


def test_a_single_option_has_nothing_to_learn():
    table = np.random.default_rng(1).normal(size=(100, 1))
    assert choice(table).evpi == 0.0
    assert evppi(table, np.arange(100.0)) == 0.0


def test_evppi_of_an_input_is_that_of_its_part_of_the_variance():
    """Benefit = x + y with independent normals: knowing x alone is worth s_x * L(|m| / s_x)."""
    source = np.random.default_rng(2)
    x, y = source.normal(1.0, 3.0, size=50_000), source.normal(0.0, 4.0, size=50_000)
    table = np.column_stack((np.zeros(50_000), x + y))
    assert evppi(table, x) == pytest.approx(3.0 * unit_normal_loss(1 / 3), rel=0.03)
    assert evppi(table, y) == pytest.approx(4.0 * unit_normal_loss(1 / 4), rel=0.03)
    assert evppi(table, np.column_stack((x, y))) == pytest.approx(choice(table).evpi, rel=0.01)


def test_evppi_of_a_triangular_volume_is_the_integral():
    """Benefit = volume * 0.02 - 1,600 with volume triangular: the loss is integrated numerically."""
    volume = np.random.default_rng(3).triangular(20_000, 100_000, 150_000, size=50_000)
    table = np.column_stack((np.zeros(50_000), 0.02 * volume - 1600))
    density = scipy_stats.triang((100_000 - 20_000) / 130_000, loc=20_000, scale=130_000)
    expected, _ = integrate.quad(lambda v: (1600 - 0.02 * v) * density.pdf(v), 20_000, 80_000)
    assert evppi(table, volume) == pytest.approx(expected, rel=0.03)


def test_an_input_that_does_not_vary_is_worth_nothing_to_know():
    assert evppi(two_normal_options(1.0, 1.0, 1000), np.full(1000, 5.0)) == 0.0


def test_an_unrelated_input_is_worth_next_to_nothing():
    table = two_normal_options(1.0, 5.0, 10_000)
    unrelated = np.random.default_rng(4).normal(size=10_000)
    assert evppi(table, unrelated) < 0.02 * choice(table).evpi


@pytest.mark.parametrize("n_new", [10, 50, 500])
def test_evsi_of_a_normal_difference_is_the_unit_normal_loss_of_the_shrunk_spread(n_new):
    """The mean after n more of n0 cases' worth has standard deviation s * sqrt(n / (n + n0))."""
    table = two_normal_options(2.0, 6.0)
    spread = 6.0 * math.sqrt(n_new / (n_new + 50))
    assert sample_value(table, kept_by_cases(n_new, 48)) == pytest.approx(
        spread * unit_normal_loss(2.0 / spread), rel=0.03
    )


def test_evsi_rises_from_nothing_to_the_evpi():
    table = two_normal_options(1.0, 3.0, 20_000)
    values = [sample_value(table, kept_by_cases(n, 30)) for n in (0, 1, 10, 100, 10_000, 10**9)]
    assert values[0] == pytest.approx(0.0, abs=1e-9)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(choice(table).evpi, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: choice([[math.nan]]), "NaN"),
        (lambda: choice([]), "give a table"),
        (lambda: evppi(np.ones((50, 2)), np.ones(49)), "same draws"),
        (lambda: evppi(np.random.default_rng(1).random((20, 2)), np.arange(20.0)), "too few"),
        (lambda: kept_by_cases(-1, 10), "at least 0"),
        (lambda: kept_by_cases(1, 0), "at least 1"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
