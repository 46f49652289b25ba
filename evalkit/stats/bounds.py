"""A lower and an upper bound, and the bound to give when a sample shows no variation at all."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.stats.arrays import checked_alpha


@dataclass(frozen=True, slots=True)
class Bounds:
    """The two ends of a confidence interval, in the unit of the values."""

    low: float
    high: float

    def negated(self) -> Bounds:
        """Return the interval of minus the quantity: what swapping two arms does."""
        return Bounds(low=-self.high, high=-self.low)

    def clipped(self, lowest: float, highest: float) -> Bounds:
        """Return the interval cut to the values that are possible at all."""
        return Bounds(low=max(self.low, lowest), high=min(self.high, highest))


def rule_of_three(value: float, n: int, alpha: float, *, lowest: float, highest: float) -> Bounds:
    """Bound a mean when all `n` independent units show the same value.

    The share of units that would differ from `value` is at most u = 1 - (alpha/2)^(1/n), about 3.7/n at alpha = 0.05
    (one-sided at alpha: 3/n, the rule of three). At worst those units all lie at `lowest`, or all at `highest`.
    alpha/2 is used in each tail because the lower end alone also carries non-inferiority at alpha/2.

    Args:
        value: What every unit shows.
        n: Independent units: cases, or clusters where cases come in clusters.
        alpha: Two-sided error rate.
        lowest: Smallest possible value.
        highest: Largest possible value.

    Raises:
        ValueError: `n` is below 1, or `alpha` is not between 0 and 1.

    References:
        Hanley and Lippman-Hand (1983), JAMA 249:1743-1745.

    Example:
        >>> rule_of_three(0.0, 50, 0.05, lowest=-1.0, highest=1.0)
        Bounds(low=-0.0711..., high=0.0711...)
    """
    if n < 1:
        raise ValueError(f"n is {n}; a bound needs at least one case or cluster")
    unseen = unseen_share(n, alpha)
    return Bounds(low=value - unseen * (value - lowest), high=value + unseen * (highest - value))


def unseen_share(n: int, alpha: float) -> float:
    """Return the largest share of a kind that `n` units can fail to show with probability alpha/2."""
    return float(1.0 - (checked_alpha(alpha) / 2.0) ** (1.0 / n))
