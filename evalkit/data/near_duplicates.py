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
    """The nearest text, and how near it is."""

    position: int
    similarity: float


class NearIndex:
    """Finds near duplicates exactly: no candidate is missed and none is guessed.

    Two sets whose Jaccard similarity reaches t share an element among the rarest ``n - ceil(t n) + 1`` of each
    (prefix filtering), so only those are indexed and looked up. MinHash would need 128 numbers a text and miss some
    pairs near the threshold.

    Args:
        texts: Those to be found.

    References:
        Chaudhuri, Ganti and Kaushik (2006), ICDE; Bayardo, Ma and Srikant (2007), WWW.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._sets = [shingles(text) for text in texts]
        self._frequency = Counter(shingle for found in self._sets for shingle in found)
        self._holders: defaultdict[int, list[int]] = defaultdict(list)
        for position, found in enumerate(self._sets):
            for shingle in self._rarest(found):
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

    def _rarest(self, found: frozenset[int]) -> list[int]:
        ordered = sorted(found, key=lambda shingle: (self._frequency[shingle], shingle))
        return ordered[: len(found) + 1 + (-THRESHOLD.numerator * len(found)) // THRESHOLD.denominator]


def shingles(text: str) -> frozenset[int]:
    """Hashes of every three neighbouring words; of all words together where there are fewer than three."""
    found = words(text[:_LONGEST])
    if len(found) < 3:
        return frozenset({hash(tuple(found))} if found else ())
    return frozenset(map(hash, zip(found, found[1:], found[2:], strict=False)))
