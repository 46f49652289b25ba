"""One way of answering under comparison: prompt x optional retrieval, for a model that is only named here."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.prompts.composer import Composer, render_for_case
from evalkit.prompts.template import Template
from evalkit.records.arm import ArmFacts
from evalkit.records.case import Case, Message, Passage
from evalkit.retrieval.protocol import Retriever


@dataclass(frozen=True, slots=True)
class ArmPrompt:
    """What an arm sends for one case.

    Attributes:
        messages: For the model.
        passages: As shown, best first, with id, text and score; empty without retrieval.
        example_ids: Demonstrations shown, in order.
    """

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...]
    example_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm put together.

    Attributes:
        facts: Name, kind, role, model (by name, with fraction and seed) and the rest that the manifest keeps.
        composer: Its prompt.
        retriever: None without retrieval; shared with other arms on the same corpus.
        query: What is searched for.
        top_k: Passages asked for; 0 without retrieval.
    """

    facts: ArmFacts
    composer: Composer
    retriever: Retriever | None
    query: Template
    top_k: int

    @property
    def name(self) -> str:
        """As in samples and reports."""
        return self.facts.name

    def compose(self, case: Case) -> ArmPrompt:
        """Retrieve, then write the messages. Deterministic; asks no model."""
        passages = self._retrieve(case)
        prompt = self.composer.compose(case, passages)
        return ArmPrompt(prompt.messages, passages, prompt.example_ids)

    def _retrieve(self, case: Case) -> tuple[Passage, ...]:
        if self.retriever is None:
            return ()
        return tuple(self.retriever.search(render_for_case(self.query, case), self.top_k, case))
