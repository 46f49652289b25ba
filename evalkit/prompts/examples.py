"""Which demonstrations a prompt shows for a case."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from evalkit.records.case import Case, Example
from evalkit.text.normalise import normalise

Choice = Literal["fixed", "random", "nearest"]
Ranker = Callable[[str], Iterable[int]]
"""From a question to the positions of all examples, most similar first."""


class ExampleChooser:
    """Chooses demonstrations so that none gives the answer away.

    An example of the case's own cluster, or one that asks the same question once both are normalised (see
    ``evalkit.text.normalise``), is never shown; the next one takes its place. For one case the first ``n`` of a larger
    choice are the choice of ``n``, so that the points of a shot curve differ only in how many are shown.

    Args:
        examples: All there are, in file order.
        choose: ``fixed`` takes the first, ``random`` draws anew for each case, ``nearest`` takes the most
            similar questions.
        seed: For ``random``. The draw depends on it and on the case's id only, not on the order of cases.
        rank: For ``nearest``.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        choose: Choice = "fixed",
        seed: int = 0,
        rank: Ranker | None = None,
    ) -> None:
        if choose == "nearest" and rank is None:
            raise ValueError("choose='nearest' needs a ranker")
        self.examples = examples
        self._choose = choose
        self._seed = seed
        self._rank = rank
        self._questions: dict[int, str] = {}

    def choose(self, case: Case, n: int) -> tuple[Example, ...]:
        """At most ``n`` examples in the order in which they are shown; fewer when no more are allowed.

        The nearest comes last, next to the question, where models weigh it most.
        """
        chosen: list[Example] = []
        if n > 0:
            question = normalise(case.input)
            for position in self._order(case):
                example = self.examples[position]
                if example.cluster != case.cluster and self._question(position) != question:
                    chosen.append(example)
                if len(chosen) == n:
                    break
        return tuple(reversed(chosen)) if self._choose == "nearest" else tuple(chosen)

    def _question(self, position: int) -> str:
        """The normalised question of an example, kept from the first time it is asked for."""
        if position not in self._questions:
            self._questions[position] = normalise(self.examples[position].input)
        return self._questions[position]

    def _order(self, case: Case) -> Iterable[int]:
        if self._choose == "nearest" and self._rank is not None:
            return self._rank(case.input)
        if self._choose == "random":
            # A string seeds through SHA-512, the same on every machine and Python version.
            return _shuffled(len(self.examples), random.Random(f"{self._seed}:{case.id}"))
        return range(len(self.examples))


def _shuffled(count: int, rng: random.Random) -> Iterator[int]:
    """A random order of ``range(count)``, drawn as far as it is read (Fisher-Yates with a sparse array).

    A file of examples may be long and a prompt shows a handful, so shuffling it whole for each case
    would cost more than answering.
    """
    moved: dict[int, int] = {}
    for last in range(count - 1, -1, -1):
        pick = rng.randrange(last + 1)
        yield moved.get(pick, pick)
        moved[pick] = moved.get(last, last)
