"""Correction of p-values when several arms are compared: Holm's method."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust p-values so that the chance of any false claim in the family stays below alpha.

    Reject where the adjusted value is below alpha. Nothing is assumed about how the tests depend on each other.

    Args:
        p_values: Shape (n_tests,), each in [0, 1]; may be empty.

    Returns:
        Adjusted values in the same order, at most 1, never below the originals.

    Raises:
        ValueError: A value is outside [0, 1] or not a number, or the input is not one-dimensional.

    References:
        Holm (1979), Scandinavian Journal of Statistics 6:65-70.

    Example:
        >>> holm([0.01, 0.04, 0.03, 0.005]).tolist()
        [0.03, 0.06, 0.06, 0.02]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p_values has shape {values.shape}; give one p-value per test")
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError(
            "a p-value lies outside [0, 1] or is NaN; leave out the tests that could not be made"
        )
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted
