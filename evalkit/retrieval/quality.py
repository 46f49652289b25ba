"""How good the passages were, apart from what the model made of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def recall_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float | None:
    """Share of the gold passages among the first ``k``, 0 to 1; None where no gold passage is known.

    >>> recall_at_k(["a", "b", "c"], {"c", "x"}, 3)
    0.5
    """
    if not gold:
        return None
    wanted = set(gold)
    return len(wanted.intersection(ranked[:k])) / len(wanted)


def reciprocal_rank(ranked: Sequence[str], gold: Collection[str]) -> float | None:
    """1 / rank of the first gold passage, 0 when none was found; None where no gold passage is known.

    Its mean over cases is the MRR, here cut at as many passages as were retrieved.

    >>> reciprocal_rank(["a", "b"], {"b"})
    0.5
    """
    if not gold:
        return None
    return next((1 / rank for rank, name in enumerate(ranked, start=1) if name in gold), 0.0)
