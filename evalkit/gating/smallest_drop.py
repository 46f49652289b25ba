"""What a rule on quality can see: the smallest drop that it would fail, and how many cases would let it pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from evalkit.comparison.table import Pairs
from evalkit.stats.arrays import checked_differences
from evalkit.stats.clusters import guarded_mean
from evalkit.stats.exact_power import smallest_detectable_exact
from evalkit.stats.intervals import t_quantile, z_quantile
from evalkit.stats.margin_power import cases_for_margin, margin_power
from evalkit.stats.paired_binary import discordant_pairs
from evalkit.stats.power import POWER

_LARGE = 20_000
"""Cases from which the normal distribution is as good as summing over every outcome."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How uncertain the mean difference of a rule is, and what that is known from.

    Attributes:
        n_cases: Cases that both sides have a score for.
        n_clusters: Clusters they lie in; equal to ``n_cases`` where each case is its own.
        standard_error: Of the mean difference; 0 where no difference varies.
        discordance: Share of cases that exactly one side gets right, for 0/1 scores of single cases, which are judged
            by exact tests; None for graded scores and for cases in clusters.
    """

    n_cases: int
    n_clusters: int
    standard_error: float
    discordance: float | None = None

    @property
    def unvaried(self) -> bool:
        """Whether no difference varies, so that only the number of cases or clusters bounds what was not seen."""
        return self.standard_error == 0.0


def spread_of(both: Pairs, n_clusters: int, *, binary: bool) -> Spread:
    """What the observed differences of a rule say about their own uncertainty.

    Args:
        both: Scores in [0, 1]; the candidate is the treatment.
        n_clusters: Clusters that the cases lie in.
        binary: Whether they are 0 or 1.

    Raises:
        ValueError: There is no case, or several cases lie in one cluster.
    """
    differences = checked_differences(both.treatment, both.control)
    if n_clusters < differences.size:
        mean = guarded_mean(differences, both.clusters, lowest=-1.0, highest=1.0)
        return Spread(differences.size, n_clusters, mean.standard_error)
    if binary:
        pairs = discordant_pairs(both.treatment, both.control)
        share = (pairs.treatment_only + pairs.control_only) / pairs.n_cases
        return Spread(differences.size, n_clusters, math.sqrt(share / pairs.n_cases), share)
    standard_error = float(np.std(differences, ddof=1)) / math.sqrt(differences.size)
    return Spread(differences.size, n_clusters, standard_error)


def smallest_drop(spread: Spread, max_drop: float, *, alpha: float, n_tests: int = 1) -> float | None:
    """The smallest true drop that the rule fails with 80% power.

    To fail, a drop has to be told from none and its interval has to reach past the largest allowed drop. With few cases
    the first is the harder part, with many the second: a drop well inside the allowed one then passes, as it should.

    It is a drop of any form. One that consists of a few cases or clusters that fail entirely is seen last: however
    little the others vary, three of sixty clusters that fall from 1 to 0 are three signs, and p is .25.

    Args:
        spread: Of the differences.
        max_drop: The largest drop that the rule allows.
        alpha: Two-sided error rate of the interval.
        n_tests: Quality rules that are tested together: Holm asks a lone drop for p < alpha / n_tests.

    Returns:
        A share; None where so few cases or clusters can show no drop at all, or any drop is allowed.

    Example:
        >>> smallest_drop(Spread(216, 216, 0.0, 0.0), 0.05, alpha=0.05)
        0.0391...
    """
    if max_drop >= 1.0:
        return None
    level = alpha / n_tests
    share = spread.discordance or 0.0
    seen = smallest_detectable_exact(spread.n_clusters, share, alpha=level)
    if seen is None:
        return None
    if spread.discordance is not None or spread.unvaried:
        return _past_margin(spread.n_clusters, share, max_drop, seen, alpha)
    freedom = spread.n_clusters - 1
    reserve = t_quantile(2.0 * (1.0 - POWER), freedom)
    reaches = t_quantile(level, freedom) + reserve, reserve - t_quantile(alpha, freedom)
    drop = max(seen, reaches[0] * spread.standard_error, max_drop + reaches[1] * spread.standard_error)
    return drop if drop <= 1.0 else None


def cases_to_pass(spread: Spread, max_drop: float, *, alpha: float) -> int | None:
    """How many cases like these pass the rule with 80% power where nothing changed in truth.

    Args:
        spread: Of the differences.
        max_drop: The largest drop that the rule allows.
        alpha: Two-sided error rate of the interval.

    Returns:
        None where the rule allows no drop, which no number of cases shows, or any drop.

    Example:
        >>> cases_to_pass(Spread(100, 100, 0.0, 0.0), 0.03, alpha=0.05)
        125
    """
    if not 0.0 < max_drop < 1.0:
        return None
    if spread.discordance is not None:
        return cases_for_margin(max_drop, spread.discordance, alpha=alpha)
    if spread.unvaried:
        units = math.floor(math.log(alpha / 2.0) / math.log1p(-max_drop)) + 1  # by the rule of three
    else:
        units = _clusters_to_pass(spread, max_drop, alpha)
    return math.ceil(units * spread.n_cases / spread.n_clusters - 1e-9)


def chance_to_pass(spread: Spread, max_drop: float, *, alpha: float, drop: float = 0.0) -> float:
    """The chance that the rule passes.

    Args:
        spread: Of the differences.
        max_drop: The largest drop that the rule allows.
        alpha: Two-sided error rate of the interval.
        drop: The true drop; 0 where nothing changed in truth.

    Example:
        >>> round(chance_to_pass(Spread(495, 495, 0.01, 0.05), 0.03, alpha=0.05), 3)
        0.805
    """
    if max_drop >= 1.0:
        return 1.0
    if spread.discordance is not None and max_drop > 0.0:
        share = max(spread.discordance, drop)
        return margin_power(spread.n_cases, max_drop, share, -drop, alpha=alpha)
    if spread.unvaried:
        needed = cases_to_pass(spread, max_drop, alpha=alpha)
        return 1.0 if needed is not None and spread.n_cases >= needed else 0.0
    freedom = spread.n_clusters - 1
    return float(stdtr(freedom, (max_drop - drop) / spread.standard_error - t_quantile(alpha, freedom)))


def _past_margin(n: int, share: float, max_drop: float, seen: float, alpha: float) -> float:
    """The drop that is seen, or the larger one at which at most one run in five still passes."""
    if not 0.0 < max_drop < 1.0:
        return max(seen, max_drop)
    if n >= _LARGE:
        reach = z_quantile(2.0 * (1.0 - POWER)) - z_quantile(alpha)
        return max(seen, max_drop + reach * math.sqrt(max(share, max_drop) / n))
    low, high = seen, 1.0

    def passes(drop: float) -> bool:
        return margin_power(n, max_drop, max(share, drop), -drop, alpha=alpha) > 1.0 - POWER

    if not passes(low):
        return low
    while high - low > 1e-5:
        middle = (low + high) / 2.0
        low, high = (middle, high) if passes(middle) else (low, middle)
    return high


def _clusters_to_pass(spread: Spread, max_drop: float, alpha: float) -> int:
    """The number at which t standard errors and the reserve for 80% power fit under the largest allowed drop."""
    scale = spread.standard_error * math.sqrt(spread.n_clusters) / max_drop
    units = max(2, math.ceil(((z_quantile(alpha) + z_quantile(2.0 * (1.0 - POWER))) * scale) ** 2))
    while units < ((t_quantile(alpha, units - 1) + t_quantile(2.0 * (1.0 - POWER), units - 1)) * scale) ** 2:
        units += 1
    return units
