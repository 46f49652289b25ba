"""How good the passages were, apart from what the model made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import log2

from evalkit.records.case import Passage


def credited(passages: Iterable[Passage], gold: Collection[str]) -> list[str]:
    """Passages as the ids that gold passages are named by, in their order.

    A chunk counts for its document, unless gold names the chunk itself. Several chunks of one document give its id
    several times: each takes a rank, as each is shown.

    >>> cut = [Passage(id="a#1", document="a"), Passage(id="b#1", document="b"), Passage(id="a#2", document="a")]
    >>> credited(cut, {"b#1"})
    ['a', 'b#1', 'a']
    """
    return [passage.id if passage.id in gold else passage.source for passage in passages]


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


def ndcg_at_k(ranked: Sequence[str], gold: Collection[str], k: int) -> float | None:
    """Normalised discounted cumulative gain of the first ``k``, 0 to 1; None where no gold passage is known.

    A gold passage gains 1, discounted by log2(1 + rank); found again it gains nothing. The ideal ranking has as many
    gold passages first as there are, at most ``k``.

    References:
        Jaervelin and Kekaelaeinen (2002), ACM Trans. Inf. Syst. 20(4):422-446; the discount is that of Burges et al.
        (2005), ICML, 89-96.

    >>> round(ndcg_at_k(["x", "a", "b"], {"a", "b"}, 3), 4)  # (1/log2(3) + 1/2) / (1 + 1/log2(3))
    0.6934
    """
    if not gold:
        return None
    wanted, gain = set(gold), 0.0
    ideal = sum(1 / log2(1 + rank) for rank in range(1, min(k, len(wanted)) + 1))
    for rank, name in enumerate(ranked[:k], start=1):
        if name in wanted:
            wanted.remove(name)
            gain += 1 / log2(1 + rank)
    return gain / ideal
