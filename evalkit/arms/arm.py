"""One way of answering under comparison: prompt x optional retrieval, for a model that is only named here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from evalkit.prompts.composer import Composer, render_for_case
from evalkit.prompts.template import Template
from evalkit.records.arm import ArmFacts
from evalkit.records.case import Case, Message, Passage
from evalkit.records.sample import RetrievalUse
from evalkit.retrieval.protocol import Found, Retriever
from evalkit.retrieval.searcher import Searcher


@dataclass(frozen=True, slots=True)
class ArmPrompt:
    """What an arm sends for one case.

    Attributes:
        messages: For the model.
        passages: As shown, best first, with id, text and score; empty without retrieval.
        example_ids: Demonstrations shown, in order.
        use: What finding the passages took; None without retrieval.
    """

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]
    example_ids: tuple[str, ...]
    use: RetrievalUse | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm that is ready to retrieve passages and compose prompts.

    Attributes:
        facts: Name, kind, role, model (by name, with fraction and seed) and the rest that the manifest keeps.
        composer: Its prompt.
        retriever: Finds passages without asking a model; shared with other arms on the same corpus. None without
            retrieval, and where there is a searcher.
        query: What is searched for.
        top_k: Passages to find for a case; 0 without retrieval.
        searcher: Finds passages by vectors; shared with other arms on the same corpus. None where there is a retriever.
    """

    facts: ArmFacts
    composer: Composer
    retriever: Retriever | None
    query: Template
    top_k: int
    searcher: Searcher | None = None

    @property
    def name(self) -> str:
        """The arm's name, as samples and reports have it."""
        return self.facts.name

    async def find(self, case: Case) -> Found | None:
        """The passages of a case, for ``compose``, where an embedder finds them; None for any other arm.

        Raises:
            CallError: The question could not be embedded or searched for; an ``AccessError`` where no question can be.
            HaltedError: The run was stopped meanwhile.
        """
        if self.searcher is None:
            return None
        return await self.searcher.find(render_for_case(self.query, case), self.top_k)

    def compose(self, case: Case, retrieved: Found | None = None) -> ArmPrompt:
        """Retrieve, then write the messages. Deterministic; asks no model.

        Args:
            case: The case.
            retrieved: What ``find`` gave. Without it, an arm with a searcher shows other passages of its corpus, so
                that lengths are about right.
        """
        given = self._retrieve(case) if retrieved is None else _Retrieved(retrieved.passages, retrieved.use)
        prompt = self.composer.compose(case, given.passages)
        return ArmPrompt(prompt.messages, given.passages, prompt.example_ids, given.use)

    def _retrieve(self, case: Case) -> _Retrieved:
        if self.searcher is not None:
            return _Retrieved(self.searcher.stand_ins(crc32(case.id.encode()), self.top_k), None)
        if self.retriever is None:
            return _NOTHING
        began = time.perf_counter()
        passages = tuple(self.retriever.search(render_for_case(self.query, case), self.top_k, case))
        return _Retrieved(passages, RetrievalUse(search_s=time.perf_counter() - began))


class _Retrieved(NamedTuple):
    """Passages, and what finding them took; None where it was not measured."""

    passages: tuple[Passage, ...]
    use: RetrievalUse | None


_NOTHING = _Retrieved((), None)
