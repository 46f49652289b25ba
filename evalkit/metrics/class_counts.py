"""What one answer adds to the counts of each class: the stuff of macro F1 and of confusion matrices.

Counts are flat, as a score carries them: ``tp:LABEL`` where the answer named a right label, else ``fn:LABEL`` for the
case's label and ``fp:LABEL`` for the label that was named. An answer that names no label adds no ``fp``, so that it can
be told apart: right, taken for another class, or no label at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RIGHT, MISSED, WRONGLY_NAMED = "tp:", "fn:", "fp:"


def class_counts(named: str | None, accepted: Sequence[str]) -> dict[str, float]:
    """The counts of one answer.

    Args:
        named: The label that the answer names; None where it names none.
        accepted: The right labels, the case's own first; at least one.

    >>> class_counts("Heron", ["Falcon"])
    {'fn:Falcon': 1.0, 'fp:Heron': 1.0}
    >>> class_counts("Heron", ["Falcon", "Heron"])
    {'tp:Heron': 1.0}
    >>> class_counts(None, ["Falcon"])
    {'fn:Falcon': 1.0}
    """
    if named is not None and named in accepted:
        return {RIGHT + named: 1.0}
    missed = {MISSED + accepted[0]: 1.0}
    return missed if named is None else {**missed, WRONGLY_NAMED + named: 1.0}


def macro_f1(stats: Mapping[str, float]) -> float:
    """The mean of the classes' F1, each 2 tp / (2 tp + fp + fn).

    Classes without any count are left out: where a resample drew no case of a class and no answer named it, it has
    no F1. That is scikit-learn's ``f1_score(average="macro", labels=..., zero_division=nan)``.

    Args:
        stats: Counts summed over cases.

    Returns:
        In [0, 1]; 0 where nothing was counted.

    >>> macro_f1({"tp:a": 3, "fn:a": 1, "tp:b": 2, "fp:b": 1})  # F1 of a: 6/7, of b: 4/5
    0.8285714285714285
    """
    doubled: dict[str, float] = {}
    errors: dict[str, float] = {}
    for name, count in stats.items():
        kind, label = name[:3], name[3:]
        into, weight = (doubled, 2.0) if kind == RIGHT else (errors, 1.0)
        into[label] = into.get(label, 0.0) + weight * count
    scores = [
        right / (right + wrong)
        for label in sorted({*doubled, *errors})  # an order of its own: sums of floats depend on it
        if (right := doubled.get(label, 0.0)) + (wrong := errors.get(label, 0.0)) > 0.0
    ]
    return sum(scores) / len(scores) if scores else 0.0
