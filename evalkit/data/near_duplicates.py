"""The text most like a given one, among many: word 3-shingles and their Jaccard similarity."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from evalkit.text.words import words

THRESHOLD = Fraction(4, 5)
"""From this Jaccard similarity on, two questions are near duplicates."""

_LONGEST = 20_000  # characters of a text that are compared


class Near(NamedTuple):
    """Position of the nearest text, and its Jaccard similarity in [0.8, 1]."""

    position: int
    similarity: float


class NearIndex:
    """Finds near duplicates exactly: no candidate is missed and none is guessed.

    Two sets whose Jaccard similarity reaches t share an element among the rarest ``n - ceil(t n) + 1`` of each
    (prefix filtering), so only those are indexed and looked up. MinHash would need 128 numbers a text and miss some
    pairs near the threshold.

    Args:
        texts: The texts among which near duplicates are looked up.

    References:
        Chaudhuri, Ganti and Kaushik (2006), ICDE; Bayardo, Ma and Srikant (2007), WWW.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._sets = [shingles(text) for text in texts]
        self._frequency = Counter(shingle for shingle_set in self._sets for shingle in shingle_set)
        self._holders: defaultdict[int, list[int]] = defaultdict(list)
        for position, shingle_set in enumerate(self._sets):
            for shingle in self._rarest(shingle_set):
                self._holders[shingle].append(position)

    def nearest(self, text: str) -> Near | None:
        """The most similar text at or above the threshold, the first of equals; None where there is none."""
        wanted = shingles(text)
        candidates = {
            position for shingle in self._rarest(wanted) for position in self._holders.get(shingle, ())
        }
        best: Near | None = None
        for position in sorted(candidates):
            shared = len(wanted & self._sets[position])
            union = len(wanted) + len(self._sets[position]) - shared
            near_enough = shared * THRESHOLD.denominator >= union * THRESHOLD.numerator
            if near_enough and (best is None or shared / union > best.similarity):
                best = Near(position, shared / union)
        return best

    def _rarest(self, shingle_set: frozenset[int]) -> list[int]:
        ordered = sorted(shingle_set, key=lambda shingle: (self._frequency[shingle], shingle))
        return ordered[
            : len(shingle_set) + 1 + (-THRESHOLD.numerator * len(shingle_set)) // THRESHOLD.denominator
        ]


def shingles(text: str) -> frozenset[int]:
    """Hashes of every three neighbouring words; of all words together where there are fewer than three."""
    tokens = words(text[:_LONGEST])
    if len(tokens) < 3:
        return frozenset({hash(tuple(tokens))} if tokens else ())
    return frozenset(map(hash, zip(tokens, tokens[1:], tokens[2:], strict=False)))
