"""How many cases a comparison needs, and the smallest difference that a given number of cases can show."""

from __future__ import annotations

import math

from scipy.special import ndtri

from evalkit.stats.arrays import checked_alpha
from evalkit.stats.intervals import t_quantile, z_quantile

POWER = 0.8
"""Chance of finding a difference that is there, unless another is given."""


def cases_needed(
    difference: float,
    variance: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    repeat_variances: tuple[float, float] = (0.0, 0.0),
    repeats: tuple[int, int] = (1, 1),
    design_effect: float = 1.0,
) -> int:
    """Return how many cases show a true mean difference with the given power.

    n = (z_{alpha/2} + z_beta)^2 (omega^2 + sigma_A^2/K_A + sigma_B^2/K_B) / difference^2, times the design effect.

    Args:
        difference: The true mean difference to find, not 0; its sign does not matter.
        variance: omega^2, the variance over cases of the difference between the arms' expected scores.
        alpha: Two-sided error rate.
        power: Chance of finding it, between alpha and 1.
        repeat_variances: sigma_A^2 and sigma_B^2, the mean variance over repeated answers to the same case, per arm;
            0 at temperature 0.
        repeats: K_A and K_B, answers per case and arm.
        design_effect: From `clusters.clustered_mean` for cases in clusters; 1 for independent cases.

    Returns:
        At least 2.

    Raises:
        ValueError: `difference` is 0, a variance is negative, a repeat count is below 1, the design effect is not
            positive, or alpha or power is out of range.

    References:
        Miller (2024), arXiv:2411.00640, equation 9.

    Example:
        >>> cases_needed(0.03, 1 / 9)
        969
    """
    if difference == 0.0:
        raise ValueError(
            "difference is 0; no number of cases shows a difference of 0, give the smallest that matters"
        )
    total = variance_of_difference(variance, repeat_variances, repeats) * checked_design_effect(design_effect)
    return max(2, _whole(total * (_reach(alpha, power) / difference) ** 2))


def smallest_detectable(
    n_cases: int,
    variance: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    repeat_variances: tuple[float, float] = (0.0, 0.0),
    repeats: tuple[int, int] = (1, 1),
    design_effect: float = 1.0,
) -> float:
    """Return the true mean difference that `n_cases` cases would show with the given power: equation 9 turned round.

    Args and errors are those of `cases_needed`; `n_cases` is at least 1.

    Example:
        >>> round(smallest_detectable(969, 1 / 9), 4)
        0.03
    """
    if n_cases < 1:
        raise ValueError(f"n_cases is {n_cases}; give at least 1")
    total = variance_of_difference(variance, repeat_variances, repeats) * checked_design_effect(design_effect)
    return _reach(alpha, power) * math.sqrt(total / n_cases)


def variance_of_difference(
    variance: float, repeat_variances: tuple[float, float] = (0.0, 0.0), repeats: tuple[int, int] = (1, 1)
) -> float:
    """Return omega^2 + sigma_A^2/K_A + sigma_B^2/K_B: the variance of one case's observed difference."""
    if variance < 0.0 or min(repeat_variances) < 0.0:
        raise ValueError("a variance is negative; give omega^2 and sigma^2 as numbers of at least 0")
    if min(repeats) < 1:
        raise ValueError(f"repeats are {repeats}; each arm answers each case at least once")
    return variance + repeat_variances[0] / repeats[0] + repeat_variances[1] / repeats[1]


def pairs_needed(
    difference: float,
    discordant_share: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    design_effect: float = 1.0,
) -> int:
    """Return how many cases show a true difference between two shares of right answers.

    Args:
        difference: Treatment's share minus the control's, not 0.
        discordant_share: Share of cases that exactly one arm gets right, at least as large as the difference.
        alpha: Two-sided error rate.
        power: Chance of finding it.
        design_effect: As in `cases_needed`.

    Raises:
        ValueError: `difference` is 0 or larger than the discordant share, that share is above 1, or another value is
            out of range.

    References:
        Connor (1987), Biometrics 43:207-211.

    Example:
        >>> pairs_needed(0.10, 0.25)
        194
    """
    gap = abs(difference)
    if not 0.0 < gap <= discordant_share <= 1.0:
        raise ValueError(
            f"difference {difference:g} with discordant share {discordant_share:g} is impossible; "
            "it needs 0 < |difference| <= discordant share <= 1"
        )
    z_alpha, z_power = _quantiles(alpha, power)
    reach = z_alpha * math.sqrt(discordant_share) + z_power * math.sqrt(discordant_share - gap**2)
    return max(2, _whole(checked_design_effect(design_effect) * (reach / gap) ** 2))


def smallest_detectable_pairs(
    n_cases: int,
    discordant_share: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    design_effect: float = 1.0,
) -> float:
    """Return the true difference between two shares that `n_cases` pairs would show with the given power.

    `pairs_needed` turned round. Where it comes out larger than the discordant share, the difference is taken to be all
    the discordance there is.

    Args:
        n_cases: Number of pairs, at least 1.
        discordant_share: Share of cases that exactly one arm gets right, in [0, 1]; it may be 0.
        alpha: Two-sided error rate.
        power: Chance of finding it.
        design_effect: As in `cases_needed`.

    Returns:
        Above 1 where so few cases can show no difference at all.

    Raises:
        ValueError: `n_cases` is below 1, or a value is out of range.

    Example:
        >>> round(smallest_detectable_pairs(194, 0.25), 4)
        0.1
    """
    if n_cases < 1:
        raise ValueError(f"n_cases is {n_cases}; give at least 1")
    if not 0.0 <= discordant_share <= 1.0:
        raise ValueError(f"discordant share is {discordant_share:g}; give a share in [0, 1]")
    z_alpha, z_power = _quantiles(alpha, power)
    n = n_cases / checked_design_effect(design_effect)
    # z_alpha sqrt(s) + z_power sqrt(s - x^2) = x sqrt(n), solved for x; real where n is not tiny
    inner = n + z_power**2 - z_alpha**2
    if inner > 0.0:
        root = math.sqrt(discordant_share)
        gap = root * (z_alpha * math.sqrt(n) + z_power * math.sqrt(inner)) / (n + z_power**2)
        if 0.0 < gap <= discordant_share:
            return gap
    return _all_discordance(n, z_alpha, z_power)


def clustered_smallest_detectable(
    standard_error: float, n_clusters: int, alpha: float, power: float = POWER
) -> float:
    """Return the true difference that a clustered comparison would show: (t_alpha + t_beta) standard errors.

    Args:
        standard_error: Of the mean difference, robust to clusters.
        n_clusters: At least 2; t has one degree of freedom fewer.
        alpha: Two-sided error rate.
        power: Chance of finding it.
    """
    _quantiles(alpha, power)
    freedom = n_clusters - 1
    return (t_quantile(alpha, freedom) + t_quantile(2.0 * (1.0 - power), freedom)) * standard_error


def _all_discordance(n: float, z_alpha: float, z_power: float) -> float:
    """Solve z_alpha sqrt(x) + z_power sqrt(x - x^2) = x sqrt(n), that is sqrt(n x) = z_alpha + z_power sqrt(1 - x)."""
    if n <= z_alpha**2:
        return z_alpha**2 / n
    low, high = z_alpha**2 / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if math.sqrt(n * middle) < z_alpha + z_power * math.sqrt(1.0 - middle):
            low = middle
        else:
            high = middle
    return high


def _reach(alpha: float, power: float) -> float:
    return sum(_quantiles(alpha, power))


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    if not checked_alpha(alpha) < power < 1.0:
        raise ValueError(f"power is {power:g}; give a chance between alpha ({alpha:g}) and 1, such as 0.8")
    return z_quantile(alpha), float(ndtri(power))


def checked_design_effect(design_effect: float) -> float:
    """Give it back, or say what it must be."""
    if not design_effect > 0.0:
        raise ValueError(
            f"design_effect is {design_effect:g}; give a number above 0, 1 for independent cases"
        )
    return design_effect


def _whole(count: float) -> int:
    """Round a number of cases up, without letting rounding noise add a case."""
    return math.ceil(count - 1e-9 * max(1.0, count))
