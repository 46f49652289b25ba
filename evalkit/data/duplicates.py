"""Rows that ask the same question: exactly, after normalising, and with different answers."""

from __future__ import annotations

from evalkit.digest import digest_bytes
from evalkit.text.normalise import normalise


class DuplicateCount:
    """Counts repeated questions as rows go by; holds digests, not texts.

    Attributes:
        exact: Rows whose question is that of an earlier row, character by character.
        normalised: The other rows whose question is that of an earlier row once both are normalised.
    """

    def __init__(self) -> None:
        self.exact = 0
        self.normalised = 0
        self._exact: set[str] = set()
        self._answers: dict[str, str | None] = {}
        self._conflicting: set[str] = set()

    def add(self, question: str, answer: str | None = None) -> None:
        """Count one row; ``answer`` is compared where both rows have one."""
        exact, normalised = text_digest(question), text_digest(normalise(question))
        if exact in self._exact:
            self.exact += 1
        elif normalised in self._answers:
            self.normalised += 1
        self._exact.add(exact)
        digest = None if answer is None else text_digest(normalise(answer))
        earlier = self._answers.setdefault(normalised, digest)
        if None not in (earlier, digest) and earlier != digest:
            self._conflicting.add(normalised)

    @property
    def conflicts(self) -> int:
        """Groups of rows with the same normalised question and different normalised answers."""
        return len(self._conflicting)


def text_digest(text: str) -> str:
    """The digest of a text, for comparisons where only equality matters."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))
