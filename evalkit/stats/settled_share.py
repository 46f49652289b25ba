"""Whether a share of the draws reaches its threshold, settled so that another seed gives the same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evalkit.stats.arrays import BoolArray, FloatArray
from evalkit.stats.draw_shares import DrawShare, draw_share

MONTE_CARLO_ERRORS = 3.0
"""A share closer to its threshold than this many standard errors is drawn again."""

MOST_TIMES = 64
"""Up to how many times the draws."""

MOST_DRAWS = 1_000_000
"""And no more than these: 8 MB for each array of draws; they leave a standard error of at most .0005."""

_STEP = 4


@dataclass(frozen=True, slots=True)
class SettledShare:
    """A share beside the threshold that it had to reach.

    Attributes:
        found: The share of the last round of draws.
        threshold: What it had to reach.
        reached: It lies at or above the threshold, by more than 3 Monte Carlo standard errors.
        open: It still lies within them after the most draws allowed; then it is not reached.
    """

    found: DrawShare
    threshold: float
    reached: bool
    open: bool


def confidence_threshold(confidence: float, n_distinct: int) -> float:
    """Return the share that one of several candidates must win by itself: 1 - (1 - c)/m.

    The best of several wins more often than any of them, so the error that `confidence` allows is shared among them.

    Args:
        confidence: c, strictly between 0 and 1.
        n_distinct: m, distinct candidates that it was chosen from; copies count once.

    Example:
        >>> round(confidence_threshold(0.9, 3), 4)
        0.9667
    """
    if not 0.0 < confidence < 1.0 or n_distinct < 1:
        raise ValueError(
            f"confidence is {confidence:g} and n_distinct {n_distinct}; give 0 < c < 1 and at least 1"
        )
    return 1.0 - (1.0 - confidence) / n_distinct


def settled_share(
    won: FloatArray | BoolArray,
    threshold: float,
    draw_again: Callable[[int], FloatArray | BoolArray],
    *,
    most_times: int = MOST_TIMES,
) -> SettledShare:
    """Compare a share with its threshold, and draw again with more draws as long as chance could decide.

    Args:
        won: Shape (n_draws,), wins of the first round, 0.5 for a tie.
        threshold: The share that counts as reached.
        draw_again: Given how many times the draws of the first round, gives the wins of so many fresh draws, from a
            source of chance of its own for each number. Called with 4, 16, then 64, up to a million draws.
        most_times: Up to how many times; 1 for never again, which is right where draws are so dear that the verdict may
            stay open.

    Example:
        >>> import numpy as np
        >>> settled_share(np.ones(10_000), 0.9, lambda times: np.ones(times * 10_000)).reached
        True
        >>> found = settled_share(np.arange(100) < 91, 0.9, lambda times: np.arange(times * 100) < times * 91)
        >>> found.reached, found.open, found.found.n_draws
        (False, True, 6400)
    """
    times = 1
    found = draw_share(won)
    while (
        _is_close(found, threshold) and times * _STEP <= most_times and times * _STEP * len(won) <= MOST_DRAWS
    ):
        times *= _STEP
        found = draw_share(draw_again(times))
    close = _is_close(found, threshold)
    return SettledShare(found, threshold, reached=found.share >= threshold and not close, open=close)


def _is_close(found: DrawShare, threshold: float) -> bool:
    return abs(found.share - threshold) <= MONTE_CARLO_ERRORS * found.monte_carlo_error
