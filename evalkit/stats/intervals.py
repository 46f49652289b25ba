"""Intervals for one arm: the share of right answers, or the mean of a graded score."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from evalkit.stats.arrays import FloatArray, checked_alpha, checked_values
from evalkit.stats.bounds import Bounds


def wilson(successes: float, n: float, alpha: float = 0.05) -> Bounds:
    """Bound a share by Wilson's score interval, which stays inside [0, 1] and holds its level from small n on.

    Args:
        successes: How many of `n`; a fraction is allowed, for an effective sample size.
        n: Number of independent cases, above 0.
        alpha: Two-sided error rate.

    Raises:
        ValueError: `successes` is outside [0, n], `n` is not positive, or `alpha` is not between 0 and 1.

    References:
        Wilson (1927), JASA 22:209-212. Brown, Cai and DasGupta (2001), Statistical Science 16:101-133.

    Example:
        >>> wilson(44, 100)
        Bounds(low=0.34672..., high=0.53771...)
    """
    _check_share(successes, n)
    z2 = z_quantile(alpha) ** 2
    share = successes / n
    centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = math.sqrt(z2 / n * (share * (1.0 - share) + z2 / (4.0 * n))) / (1.0 + z2 / n)
    return Bounds(low=max(0.0, centre - half), high=min(1.0, centre + half))


def clopper_pearson(successes: int, n: int, alpha: float = 0.05) -> Bounds:
    """Bound a share by the exact binomial interval, which covers at least 1 - alpha of the time in every case.

    Args:
        successes: How many of `n`.
        n: Number of independent cases.
        alpha: Two-sided error rate.

    Raises:
        ValueError: `successes` is outside [0, n], `n` is not positive, or `alpha` is not between 0 and 1.

    References:
        Clopper and Pearson (1934), Biometrika 26:404-413.

    Example:
        >>> clopper_pearson(44, 100)
        Bounds(low=0.34083..., high=0.54281...)
    """
    _check_share(successes, n)
    tail = checked_alpha(alpha) / 2.0
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1.0 - tail))
    return Bounds(low=low, high=high)


def effective_wilson(
    share: float, standard_error: float, n_cases: int, n_clusters: int, alpha: float = 0.05
) -> Bounds:
    """Bound a share of cases that come in clusters: Wilson's interval at the effective sample size.

    The effective sample size is the n at which independent cases would have the given standard error, never more than
    the number of cases, and is reduced by (z / t)^2 for the few degrees of freedom of a small number of clusters.

    Args:
        share: Observed share of right answers, strictly between 0 and 1 (else use `rule_of_three`).
        standard_error: Of that share, robust to clusters (`clusters.clustered_mean`).
        n_cases: Number of cases.
        n_clusters: Number of clusters, at least 2.
        alpha: Two-sided error rate.

    Raises:
        ValueError: `share` is 0 or 1 or outside, there are fewer than two clusters, or `alpha` is not between 0 and 1.

    References:
        Korn and Graubard (1998), Survey Methodology 24:193-201, for the effective size and the t correction.
        Dean and Pagano (2015), J. Survey Statistics and Methodology 3:484-503, for Wilson's form of it.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share is {share:g}; where every case is right, or none, use rule_of_three")
    if n_clusters < 2:
        raise ValueError(f"there is {n_clusters} cluster; an interval over clusters needs at least 2")
    t_over_z = t_quantile(alpha, n_clusters - 1) / z_quantile(alpha)
    independent_variance = share * (1.0 - share) / n_cases
    design_effect = max(1.0, standard_error**2 / independent_variance)
    effective = n_cases / design_effect / t_over_z**2
    return wilson(share * effective, effective, alpha)


def t_interval(values: FloatArray, alpha: float = 0.05) -> Bounds:
    """Bound a mean by Student's t on n - 1 degrees of freedom.

    Args:
        values: Shape (n_cases,), at least two, independent.
        alpha: Two-sided error rate.

    Raises:
        ValueError: Fewer than two values, a value that is not finite, or `alpha` not between 0 and 1.

    References:
        Student (1908), Biometrika 6:1-25.

    Example:
        >>> t_interval(np.array([0.2, 0.4, 0.9, 0.5]))
        Bounds(low=0.0315..., high=0.9684...)
    """
    array = checked_values(values)
    if array.size < 2:
        raise ValueError("there is 1 case; an interval for a graded score needs at least 2")
    half = t_quantile(alpha, array.size - 1) * float(np.std(array, ddof=1)) / math.sqrt(array.size)
    mean = float(array.mean())
    return Bounds(low=mean - half, high=mean + half)


def t_quantile(alpha: float, degrees_of_freedom: float) -> float:
    """Return the t value that a two-sided interval of error rate `alpha` reaches out to."""
    return float(stdtrit(degrees_of_freedom, 1.0 - checked_alpha(alpha) / 2.0))


def z_quantile(alpha: float) -> float:
    """Return the normal value that a two-sided interval of error rate `alpha` reaches out to: 1.96 at 0.05."""
    return -float(ndtri(checked_alpha(alpha) / 2.0))


def _check_share(successes: float, n: float) -> None:
    if n <= 0:
        raise ValueError(f"n is {n:g}; a share needs at least one case")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes:g} right of {n:g} is impossible; give a count between 0 and n")
