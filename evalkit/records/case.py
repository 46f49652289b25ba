"""One question of the task set."""

from __future__ import annotations

from typing import Any, Literal

from evalkit.records.record import Record


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation, in the form of OpenAI's chat messages."""

    role: Literal["system", "user", "assistant"]
    content: str


class Case(Record, frozen=True, kw_only=True):
    """One question with what is known about its answer.

    Attributes:
        id: Unique in the suite; resume and pairing go by it.
        input: The question as text; the last user message where the case came as messages.
        reference: The accepted answers, the first being the canonical one; empty when there is none.
        messages: Earlier turns and system text where the case came as messages; else empty.
        tags: Slices the case belongs to.
        cluster: Cases of one cluster depend on each other (paraphrases of one fact). The case's own id
            where none is given.
        gold_passages: Ids of the passages that answer it; empty when unknown.
        fields: Every other column, for ``{{fields}}`` in prompts.
    """

    id: str
    input: str
    reference: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    tags: tuple[str, ...] = ()
    cluster: str
    gold_passages: tuple[str, ...] = ()
    fields: dict[str, Any] = {}


class Example(Record, frozen=True, kw_only=True):
    """A solved question: a demonstration in a prompt, or a training row."""

    id: str
    input: str
    output: str
    cluster: str
    fields: dict[str, Any] = {}


class Passage(Record, frozen=True, kw_only=True):
    """A piece of the corpus.

    Attributes:
        id: Unique in the corpus; ``gold_passages`` name it.
        text: None in the journal, where the corpus has it.
        score: The retriever's figure, higher is nearer; None when it was not ranked.
        document: Id of the document that it was cut from; None for a whole one.
        start: Where it begins in the document's text, in characters; None for a whole document.
        end: Where it ends, in characters; None for a whole document. ``text == document_text[start:end]``.
    """

    id: str
    text: str | None = None
    score: float | None = None
    document: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def source(self) -> str:
        """The id that ``gold_passages`` would name: its document's, or its own."""
        return self.id if self.document is None else self.document
