"""The chance to be shown within a margin: by enumeration, by simulation, and the cases it takes."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalkit.stats.exact_power import exact_power, smallest_detectable_exact
from evalkit.stats.margin_power import cases_for_margin, margin_power
from evalkit.stats.paired_binary import tango


@pytest.mark.parametrize(
    ("n", "discordance", "difference"), [(12, 0.3, 0.0), (12, 0.3, -0.3), (25, 0.1, 0.05), (9, 1.0, 0.0)]
)
def test_it_is_the_sum_over_every_outcome(n, discordance, difference):
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    expected = sum(
        scipy_stats.multinomial.pmf([b, c, n - b - c], n, shares)
        for b in range(n + 1)
        for c in range(n + 1 - b)
        if tango(b, c, n).low > -0.3
    )
    assert margin_power(n, 0.3, discordance, difference) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("discordance", [0.05, 0.1, 0.3])
def test_a_drop_of_the_whole_margin_passes_about_once_in_forty(discordance):
    assert margin_power(400, 0.05, discordance, -0.05) == pytest.approx(0.025, abs=0.006)


@pytest.mark.parametrize(("margin", "n"), [(0.02, 189), (0.03, 125), (0.05, 73), (0.1, 35)])
def test_cases_without_a_discordant_pair(margin, n):
    """-z^2/(n + z^2) lies above -margin from n > z^2 (1 - margin)/margin on."""
    assert cases_for_margin(margin, 0.0) == n
    assert tango(0, 0, n).low > -margin >= tango(0, 0, n - 1).low


@pytest.mark.parametrize(("margin", "discordance"), [(0.05, 0.02), (0.05, 0.1), (0.1, 0.3)])
def test_so_many_cases_pass_in_eight_of_ten(margin, discordance):
    n = cases_for_margin(margin, discordance)
    assert margin_power(n, margin, discordance) >= 0.8
    assert margin_power(n - 2, margin, discordance) < 0.8 + 0.02 or margin_power(n - 1, margin, 0.0) == 0.0


def test_many_cases_follow_the_large_sample_formula():
    assert cases_for_margin(0.005, 0.1) == 31_396


def test_the_smallest_drop_of_the_exact_test():
    """207 pairs find .10 at a discordance of .25 (`pairs_needed_exact`)."""
    assert smallest_detectable_exact(207, 0.25) == pytest.approx(0.1, abs=3e-4)
    drop = smallest_detectable_exact(60, 0.0)
    assert exact_power(60, drop, drop) == pytest.approx(0.8, abs=1e-3)
    assert smallest_detectable_exact(5, 0.2) is None
    assert smallest_detectable_exact(20_000, 0.05) == pytest.approx(0.00443, abs=1e-5)


def test_simulated_gates_pass_as_often_as_it_says():
    rng = np.random.default_rng(7)
    counts = rng.multinomial(300, [0.05, 0.05, 0.9], size=400)
    passed = np.mean([tango(int(b), int(c), 300).low > -0.05 for b, c, _ in counts])
    assert passed == pytest.approx(margin_power(300, 0.05, 0.1), abs=0.06)
