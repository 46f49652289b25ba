"""Claims against a margin that was set before the run: superior, non-inferior, equivalent, inferior."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from evalkit.stats.bounds import Bounds


@dataclass(frozen=True, slots=True)
class MarginClaims:
    """What an interval of treatment minus control supports.

    Attributes:
        superior: The whole interval lies above 0.
        non_inferior: The whole interval lies above -margin; one-sided at alpha/2.
        equivalent: The whole interval lies inside (-margin, margin): two one-sided tests at alpha/2 each.
        inferior: The whole interval lies below 0.
    """

    superior: bool
    non_inferior: bool
    equivalent: bool
    inferior: bool


@dataclass(frozen=True, slots=True)
class TwoOneSidedTests:
    """TOST: one-sided p-values; equivalence is claimed when the larger, `p_value`, is below the one-sided level."""

    p_value: float
    p_not_worse: float
    p_not_better: float


def margin_claims(interval: Bounds, margin: float) -> MarginClaims:
    """Read the claims off a two-sided interval of treatment minus control.

    Args:
        interval: Two-sided, of error rate alpha.
        margin: The loss that would not matter, above 0 or 0, in the unit of the interval, fixed before the run.

    Raises:
        ValueError: `margin` is negative.

    References:
        Piaggio et al. (2012), JAMA 308:2594-2604 (CONSORT for non-inferiority and equivalence).

    Example:
        >>> margin_claims(Bounds(low=-0.02, high=0.05), margin=0.03)
        MarginClaims(superior=False, non_inferior=True, equivalent=False, inferior=False)
    """
    _check_margin(margin)
    non_inferior = interval.low > -margin
    return MarginClaims(
        superior=interval.low > 0.0,
        non_inferior=non_inferior,
        equivalent=non_inferior and interval.high < margin,
        inferior=interval.high < 0.0,
    )


def tost(
    estimate: float, standard_error: float, margin: float, degrees_of_freedom: float | None = None
) -> TwoOneSidedTests:
    """Test that a difference lies inside (-margin, margin) by two one-sided tests.

    Args:
        estimate: Treatment minus control.
        standard_error: Of the estimate, above 0.
        margin: As in `margin_claims`, above 0.
        degrees_of_freedom: For Student's t; None for the normal distribution.

    Raises:
        ValueError: `standard_error` is not positive (use the interval of `paired_difference`), or `margin` is negative.

    References:
        Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15:657-680.
    """
    _check_margin(margin)
    if not standard_error > 0.0:
        raise ValueError(
            "standard_error is not positive; without variation read the claims off the interval instead"
        )
    above = (estimate + margin) / standard_error
    below = (margin - estimate) / standard_error
    p_not_worse, p_not_better = (_upper_tail(statistic, degrees_of_freedom) for statistic in (above, below))
    return TwoOneSidedTests(max(p_not_worse, p_not_better), p_not_worse, p_not_better)


def _upper_tail(statistic: float, degrees_of_freedom: float | None) -> float:
    return float(ndtr(-statistic) if degrees_of_freedom is None else stdtr(degrees_of_freedom, -statistic))


def _check_margin(margin: float) -> None:
    if not margin >= 0.0:
        raise ValueError(
            f"margin is {margin:g}; give the loss that would not matter as a number of at least 0"
        )
