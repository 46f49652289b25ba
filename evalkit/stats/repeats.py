"""Run-to-run spread: how far an arm's answers to the same case differ from run to run.

For planning: the two variances say whether more cases or more repeats make an interval narrower
(`power.cases_needed`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import checked_table


@dataclass(frozen=True, slots=True)
class RepeatSpread:
    """The two sources of variance of an arm's score.

    Attributes:
        within_case: sigma^2, mean variance over repeated answers to one case (0 at temperature 0, as a rule).
        between_cases: Variance over cases of the expected score, at least 0; what resampling cases measures.
        run_standard_deviation: Of the arm's mean over the same cases from one full run to the next.
        n_cases: Number of cases.
        n_repeats: Answers per case.
    """

    within_case: float
    between_cases: float
    run_standard_deviation: float
    n_cases: int
    n_repeats: int


def repeat_spread(scores: npt.ArrayLike) -> RepeatSpread:
    """Split the variance of an arm's scores into run-to-run spread and spread over cases.

    Intervals resample cases, not single answers. ``within_case`` is the sigma^2 that `power.cases_needed` takes.

    Args:
        scores: Shape (n_cases, n_repeats), at least two repeats and two cases.

    Raises:
        ValueError: Fewer than two repeats or cases, or a value that is not finite.

    References:
        Miller (2024), arXiv:2411.00640, section 3.

    Example:
        >>> spread = repeat_spread([[1, 1], [1, 0], [0, 0], [1, 1]])
        >>> spread.within_case, round(spread.between_cases, 4)
        (0.125, 0.1667)
    """
    table = checked_table(scores, "scores")
    n_cases, n_repeats = table.shape
    if n_repeats < 2 or n_cases < 2:
        raise ValueError(
            f"scores hold {n_cases} cases x {n_repeats} repeats; run-to-run spread needs at least 2 of each"
        )
    within = float(np.var(table, axis=1, ddof=1).mean())
    of_means = float(np.var(table.mean(axis=1), ddof=1))
    return RepeatSpread(
        within_case=within,
        between_cases=max(0.0, of_means - within / n_repeats),
        run_standard_deviation=math.sqrt(within / n_cases),
        n_cases=n_cases,
        n_repeats=n_repeats,
    )
