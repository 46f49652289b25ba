"""An LLM judge against human labels: how far it agrees, and a mean corrected for where it errs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import (
    FloatArray,
    checked_scores,
    inner,
)
from evalkit.stats.bounds import Bounds, rule_of_three, unseen_share
from evalkit.stats.intervals import z_quantile


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement of two raters beyond chance.

    Attributes:
        kappa: Cohen's kappa, at most 1; 0 is what chance gives. None where it is undefined.
        low: Lower end of the large-sample interval; None where kappa is undefined.
        high: Upper end; None where kappa is undefined.
        agreement: Share of items given the same label, in [0, 1].
        n_items: Items both rated.
        note: Why there is no kappa, or None.
    """

    kappa: float | None
    low: float | None
    high: float | None
    agreement: float
    n_items: int
    note: str | None


@dataclass(frozen=True, slots=True)
class PredictionPoweredMean:
    """A mean over many judged items, corrected by a few that people labelled too.

    Attributes:
        mean: lam * mean(judge, unlabelled) + mean(human - lam * judge, labelled).
        low: Lower end of the large-sample interval.
        high: Upper end.
        standard_error: Of the mean.
        lam: Weight given to the judge: 0 uses the human labels alone, 1 trusts the judge's whole variation.
        n_labelled: Items with a human label.
        n_unlabelled: Items that only the judge rated.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    lam: float
    n_labelled: int
    n_unlabelled: int


def cohen_kappa(human: npt.ArrayLike, judge: npt.ArrayLike, alpha: float = 0.05) -> Kappa:
    """Measure how far two raters agree beyond what their label frequencies give by chance.

    Args:
        human: Shape (n_items,), labels of any sortable kind.
        judge: Shape (n_items,), same item order.
        alpha: Two-sided error rate of the interval.

    Returns:
        `kappa=None` with a note when both raters gave every item one and the same label: nothing is left to chance.

    Raises:
        ValueError: The raters rated different numbers of items, or none, or a label is NaN.

    References:
        Cohen (1960), Educ. Psychol. Meas. 20:37-46. Fleiss, Cohen and Everitt (1969), Psychol. Bull. 72:323-327, for
        the standard error.

    Example:
        >>> cohen_kappa([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]).kappa
        0.666...
    """
    first, second = np.asarray(human), np.asarray(judge)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise ValueError(
            f"human labels have shape {first.shape} and the judge's {second.shape}; "
            "give both for the same items, at least one"
        )
    if any(side.dtype.kind == "f" and np.isnan(side).any() for side in (first, second)):
        raise ValueError("a label is NaN; leave out the items that one of the raters did not rate")
    labels, codes = np.unique(np.concatenate((first, second)), return_inverse=True)
    n, n_labels = first.size, labels.size
    cells = np.bincount(codes[:n] * n_labels + codes[n:], minlength=n_labels**2)
    table = cells.reshape(n_labels, n_labels) / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    agreement = float(np.trace(table))
    by_chance = inner(rows, columns)
    if n_labels == 1:
        note = "Both raters gave every item the same label, so agreement beyond chance cannot be measured."
        return Kappa(None, None, None, agreement, n, note)
    kappa = (agreement - by_chance) / (1.0 - by_chance)
    half = z_quantile(alpha) * _kappa_standard_error(table, rows, columns, kappa) / math.sqrt(n)
    if half < 1e-9:  # no variation left: as many items can fail to show a share of other answers
        half = unseen_share(n, alpha) / (1.0 - by_chance)
    return Kappa(kappa, max(-1.0, kappa - half), min(1.0, kappa + half), agreement, n, None)


def prediction_powered_mean(
    human: npt.ArrayLike,
    judge_labelled: npt.ArrayLike,
    judge_unlabelled: npt.ArrayLike,
    *,
    lam: float | None = None,
    alpha: float = 0.05,
) -> PredictionPoweredMean:
    """Estimate the mean human score of all items from a few human labels and many judge scores.

    Unbiased whatever the judge does, as long as the labelled items are a random sample of all: the labelled items
    measure the judge's bias, which is taken off.

    Args:
        human: Y, shape (n_labelled,), scores in [0, 1] by people; at least two.
        judge_labelled: F_L, shape (n_labelled,), the judge's scores of the same items.
        judge_unlabelled: F_U, shape (n_unlabelled,), the judge's scores of the other items.
        lam: Weight of the judge in [0, 1]; None picks the one of least variance.
        alpha: Two-sided error rate.

    Raises:
        ValueError: Lengths differ, fewer than two labels, a value outside [0, 1], or `lam` is outside [0, 1].

    References:
        Angelopoulos et al. (2023), Science 382:669-674. Angelopoulos, Duchi and Zrnic (2023), arXiv:2311.01453, for
        the choice of lam (PPI++).

    Example:
        >>> people, judge = [1, 0, 1, 1, 0, 1, 0, 1], [1, 0, 1, 1, 1, 1, 0, 0]
        >>> more = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0]
        >>> result = prediction_powered_mean(people, judge, more, lam=1.0)
        >>> result.mean, round(result.standard_error, 7)
        (0.6875, 0.2113711)
    """
    labels = checked_scores(human, "human")
    paired = checked_scores(judge_labelled, "judge_labelled")
    others = checked_scores(judge_unlabelled, "judge_unlabelled")
    if labels.shape != paired.shape:
        raise ValueError(
            f"{labels.size} human labels for {paired.size} judge scores; give both for the same items"
        )
    if labels.size < 2:
        raise ValueError("there is 1 human label; label at least 2 items, better 50")
    if lam is not None and not 0.0 <= lam <= 1.0:
        raise ValueError(f"lam is {lam:g}; give a weight in [0, 1], or None for the best")
    weight = _best_weight(labels, paired, others) if lam is None else lam
    mean = weight * float(others.mean()) + float((labels - weight * paired).mean())
    variance = (
        weight**2 * float(np.var(others)) / others.size
        + float(np.var(labels - weight * paired)) / labels.size
    )
    standard_error = math.sqrt(variance) if variance > 1e-24 else 0.0
    half = z_quantile(alpha) * standard_error
    bounds = Bounds(mean - half, mean + half)
    if standard_error == 0.0:
        bounds = rule_of_three(mean, labels.size, alpha, lowest=0.0, highest=1.0)
    return PredictionPoweredMean(
        mean, bounds.low, bounds.high, standard_error, weight, labels.size, others.size
    )


def _best_weight(labels: FloatArray, paired: FloatArray, others: FloatArray) -> float:
    everything = np.concatenate((paired, others))
    if np.ptp(everything) == 0.0:
        return 0.0  # a judge that never varies tells nothing
    spread = float(np.var(everything))
    together = float(np.mean((labels - labels.mean()) * (paired - paired.mean())))
    return min(1.0, max(0.0, together / ((1.0 + labels.size / others.size) * spread)))


def _kappa_standard_error(table: FloatArray, rows: FloatArray, columns: FloatArray, kappa: float) -> float:
    """Large-sample standard error of kappa, from the table of shares of one rater's labels by the other's."""
    by_chance = inner(rows, columns)
    same = np.diag(table)
    on_diagonal = inner(same, (1.0 - (rows + columns) * (1.0 - kappa)) ** 2)
    pairs = table * (columns[:, None] + rows) ** 2
    off_diagonal = (1.0 - kappa) ** 2 * float(pairs.sum() - np.trace(pairs))
    centre = (kappa - by_chance * (1.0 - kappa)) ** 2
    variance = max(0.0, on_diagonal + off_diagonal - centre)
    return math.sqrt(variance) / (1.0 - by_chance)
