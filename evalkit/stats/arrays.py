"""The array types of this floor, and the checks each function makes on its input."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CHUNK = 100_000
"""Random numbers held at a time, 0.8 MB of them: a chunk that stays in the processor's cache is twice as fast."""

# 0.3 - 0.1 and 0.4 - 0.2 differ in the last bit. Ties decide sign-flip patterns and which rows are equal, so
# differences are rounded to this many decimals first.
_TIE_DECIMALS = 12
_SCORE_NOISE = 1e-9  # a mean of repeats can end a last bit above 1


def checked_values(values: npt.ArrayLike, name: str = "values") -> FloatArray:
    """Return `values` as one finite, non-empty float vector.

    Raises:
        ValueError: It is empty, is not one-dimensional, or holds NaN or infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; give one number per case, shape (n_cases,)")
    return _finite(array, name)


def checked_table(values: npt.ArrayLike, name: str = "values") -> FloatArray:
    """Return `values` as one finite, non-empty float table of two dimensions.

    Raises:
        ValueError: It is empty, is not two-dimensional, or holds NaN or infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; give a table, one row per case, cluster or draw")
    return _finite(array, name)


def checked_differences(treatment: npt.ArrayLike, control: npt.ArrayLike) -> FloatArray:
    """Return treatment - control for each case, with rounding noise removed so that equal differences are equal.

    Raises:
        ValueError: The two differ in length, or either fails `checked_scores`.
    """
    left = checked_scores(treatment, "treatment")
    right = checked_scores(control, "control")
    if left.shape != right.shape:
        raise ValueError(
            f"treatment has {left.size} cases and control {right.size}; "
            "pair them first and keep only the cases that both answered"
        )
    return np.round(left - right, _TIE_DECIMALS)


def checked_binary(values: npt.ArrayLike, name: str = "values") -> BoolArray:
    """Return `values` as True for 1 and False for 0.

    Raises:
        ValueError: A value is neither 0 nor 1, or `values` fails `checked_values`.
    """
    array = checked_values(values, name)
    wrong = array[(array != 0.0) & (array != 1.0)]
    if wrong.size:
        raise ValueError(
            f"{name} holds {wrong[0]:g}; a 0/1 metric takes 0 and 1 only, else pass binary=False"
        )
    return np.asarray(array == 1.0, dtype=np.bool_)


def checked_scores(values: npt.ArrayLike, name: str = "values") -> FloatArray:
    """Return `values` as scores in [0, 1].

    Raises:
        ValueError: A value lies outside [0, 1], or `values` fails `checked_values`.
    """
    array = checked_values(values, name)
    wrong = array[(array < -_SCORE_NOISE) | (array > 1.0 + _SCORE_NOISE)]
    if wrong.size:
        raise ValueError(
            f"{name} holds {wrong[0]:g}; scores lie in [0, 1]: rescale them, "
            "and for costs and times use evalkit.stats.bootstrap or evalkit.stats.ratio"
        )
    return np.clip(array, 0.0, 1.0)


def cluster_codes(clusters: npt.ArrayLike | None, n_cases: int) -> IntArray:
    """Number the clusters 0, 1, ... in the order of their labels.

    Args:
        clusters: Shape (n_cases,), any sortable labels; None when each case is its own cluster.
        n_cases: How many cases there are.

    Raises:
        ValueError: There is not one label per case.
    """
    if clusters is None:
        return np.arange(n_cases, dtype=np.int64)
    labels = np.asarray(clusters)
    if labels.shape != (n_cases,):
        raise ValueError(f"clusters has shape {labels.shape}; give one label for each of the {n_cases} cases")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def cluster_sums(values: FloatArray, codes: IntArray) -> FloatArray:
    """Add up `values` within each cluster of `codes` (as `cluster_codes` numbers them)."""
    return np.bincount(codes, weights=values).astype(np.float64)


def weighted_sums(weights: FloatArray, columns: FloatArray) -> FloatArray:
    """Sum each column under each row of weights: `weights @ columns.T`, added in one order on every processor.

    A linear algebra library adds in another order on each kind of processor and for each number of threads, and the
    last bits of a record would follow. The products of this floor are long and thin, so its threads are no gain: they
    wait for each other on a busy machine (40 times slower was seen). `np.sum` adds in one order everywhere.

    Args:
        weights: Shape (n_draws, n_rows).
        columns: Shape (n_columns, n_rows).

    Returns:
        Shape (n_draws, n_columns).
    """
    sums = np.empty((weights.shape[0], columns.shape[0]))
    products = np.empty_like(weights)
    for place, column in enumerate(columns):
        np.multiply(weights, column, out=products)
        products.sum(axis=1, out=sums[:, place])
    return sums


def inner(left: FloatArray, right: FloatArray) -> float:
    """Return the sum of the products, correctly rounded: no processor and no order of the cases changes a bit.

    Args:
        left: Shape (n,).
        right: Shape (n,).
    """
    return math.fsum((left * right).tolist())


def mean_of(values: FloatArray) -> float:
    """Return the mean from a correctly rounded sum, which the order of the cases does not change.

    Args:
        values: Shape (n,), at least one.
    """
    return math.fsum(values.tolist()) / values.size


def checked_alpha(alpha: float) -> float:
    """Return `alpha`, the two-sided error rate.

    Raises:
        ValueError: It is not strictly between 0 and 1.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha:g}; give a two-sided error rate between 0 and 1, such as 0.05")
    return alpha


def _finite(array: FloatArray, name: str) -> FloatArray:
    if array.size == 0:
        raise ValueError(f"{name} is empty; at least one case is needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity; drop the cases without a score and count them apart")
    return array
