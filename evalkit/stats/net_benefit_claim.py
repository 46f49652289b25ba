"""What may be claimed of the net benefit of one arm against another, in closed form: an interval a person can redo."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from evalkit.stats.arrays import FloatArray, checked_alpha, checked_values
from evalkit.stats.bounds import Bounds
from evalkit.stats.clusters import clustered_mean


@dataclass(frozen=True, slots=True, eq=False)
class CaseWorth:
    """One arm in a closed-form claim; the inputs stand at their means.

    Attributes:
        worth: Shape (n_cases,), u of each case: value x score - cost_per_wrong x wrong - cost, money per request.
        months: A, the discounted months of the arm's life inside the horizon.
        fixed: What it costs over the horizon whatever the volume, discounted.
        training_variance: Variance of the mean worth that the spread between trainings adds: E tau^2 (1/S + 1/(R + 1))
            x value^2, money^2 per request; 0 for an arm that is not trained.
    """

    worth: FloatArray
    months: float
    fixed: float
    training_variance: float = 0.0


@dataclass(frozen=True, slots=True)
class NetBenefitClaim:
    """Net benefit of A less that of B over the horizon.

    Attributes:
        mean: Of b = A_a u_a - A_b u_b over the cases: money over the horizon for each request a month.
        standard_error: Of that mean, over clusters and trainings.
        case_error: The part of it that comes from the cases.
        degrees_of_freedom: Clusters - 1.
        volume: Requests a month.
        fixed: Fixed costs of A less those of B.
        n_cases: Number of cases.
        n_clusters: Number of clusters.
    """

    mean: float
    standard_error: float
    case_error: float
    degrees_of_freedom: int
    volume: float
    fixed: float
    n_cases: int
    n_clusters: int

    @property
    def estimate(self) -> float:
        """Money over the horizon."""
        return self.volume * self.mean - self.fixed

    @property
    def no_spread(self) -> bool:
        """Whether nothing varies: the bounds are then the estimate itself, and say nothing of how sure it is."""
        return self.standard_error == 0.0

    def bounds(self, alpha: float) -> Bounds:
        """Return the two-sided interval of the money over the horizon by Student's t."""
        half = self.volume * self._reach(1.0 - checked_alpha(alpha) / 2.0) * self.standard_error
        return Bounds(low=self.estimate - half, high=self.estimate + half)

    def lower_bound(self, level: float) -> float:
        """Return the one-sided lower bound of the money that holds with probability `level`, such as 0.95."""
        checked_alpha(level)
        return self.estimate - self.volume * self._reach(level) * self.standard_error

    @property
    def break_even_volume(self) -> float | None:
        """Requests a month at which A and B are level on the mean; see `level_volume`."""
        return level_volume(self.mean, self.fixed)

    def break_even_volume_of_lower_bound(self, alpha: float) -> float | None:
        """Requests a month at which the lower end of the two-sided interval is 0; see `level_volume`."""
        reach = self._reach(1.0 - checked_alpha(alpha) / 2.0)
        return level_volume(self.mean - reach * self.standard_error, self.fixed)

    def _reach(self, level: float) -> float:
        return float(stdtrit(self.degrees_of_freedom, level))


def net_benefit_claim(
    treatment: CaseWorth, control: CaseWorth, clusters: npt.ArrayLike | None, volume: float
) -> NetBenefitClaim:
    """Estimate the net benefit of one arm against another, with its clustered standard error.

    b_i = A_a u_ai - A_b u_bi for each case; its standard error is that of a clustered mean, to which the variances of
    the trainings are added. Net benefit is linear in what is measured, so no ratio and no bootstrap is needed.

    Args:
        treatment: A.
        control: B; `none` has a worth of 0 in every case, which is what doing nothing brings.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        volume: Requests a month, at least 0.

    Raises:
        ValueError: The arms differ in their number of cases, there are fewer than two clusters, or a number is not
            finite or negative where it cannot be.

    References:
        Hoch, Briggs and Willan (2002), Health Economics 11:415-430.
        Stinnett and Mullahy (1998), Medical Decision Making 18:S68-S80.

    Example:
        >>> tuned = CaseWorth(np.array([0.05, 0.05, 0.0, 0.05]), months=12, fixed=100)
        >>> plain = CaseWorth(np.array([0.05, 0.0, 0.0, 0.0]), months=12, fixed=0)
        >>> claim = net_benefit_claim(tuned, plain, None, volume=1_000)
        >>> round(claim.estimate, 2), round(claim.break_even_volume, 2)
        (200.0, 333.33)
    """
    left, right = checked_values(treatment.worth, "treatment"), checked_values(control.worth, "control")
    if left.shape != right.shape:
        raise ValueError(
            f"treatment has {left.size} cases and control {right.size}; keep the cases that both answered"
        )
    if not (volume >= 0.0 and math.isfinite(volume)):
        raise ValueError(f"volume is {volume:g}; give requests a month of at least 0")
    codes = None if clusters is None else np.asarray(clusters)
    seen = clustered_mean(treatment.months * left - control.months * right, codes)
    trained = math.fsum(arm.months**2 * arm.training_variance for arm in (treatment, control))
    return NetBenefitClaim(
        mean=seen.mean,
        standard_error=math.sqrt(seen.standard_error**2 + trained),
        case_error=seen.standard_error,
        degrees_of_freedom=seen.degrees_of_freedom,
        volume=float(volume),
        fixed=treatment.fixed - control.fixed,
        n_cases=seen.n_cases,
        n_clusters=seen.n_clusters,
    )


def nothing(n_cases: int) -> CaseWorth:
    """Return what doing nothing is worth in a claim: 0 in every case, at no cost."""
    return CaseWorth(np.zeros(n_cases), months=0.0, fixed=0.0)


def level_volume(gain: float, fixed: float) -> float | None:
    """Return the requests a month from which a gain on each has paid `fixed`.

    Args:
        gain: Money over the horizon for each request a month.
        fixed: Money over the horizon.

    Returns:
        0 where nothing is to be paid back and nothing lost; None where more requests never pay, or where they lose
        what is saved in fixed costs.

    Example:
        >>> level_volume(0.12, 1_440.0), level_volume(0.0, 1_440.0), level_volume(0.1, -5.0)
        (12000.0, None, 0.0)
    """
    if fixed <= 0.0:
        return 0.0 if gain >= 0.0 else None
    return fixed / gain if gain > 0.0 else None
