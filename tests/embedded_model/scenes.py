"""The setting of a records window: which facts, worded how, asked how, answered in which format."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.embedded_model.answers import AnswerFormat, default_format, draw_format
from tests.embedded_model.records import Record, draw_records, passage, question, question_about
from tests.embedded_model.words import LABELS


@dataclass(frozen=True)
class Settings:
    """How hard the windows of one moment of training are."""

    tokens: int
    """Window length."""
    hard: float
    """0: bare wordings, 1: all wordings and filler."""
    rare: float
    """Share of values that the tokenizer splits."""
    named: float
    """Share of windows whose records are keyed by name, not by code."""
    cited: float
    """Share of windows whose passages carry document ids."""
    passages: Sequence[int]
    demonstrations: Sequence[int]
    pairs: Sequence[int]
    """Entries of a key/value list."""
    gap: int
    """Most random words between a key and its value in a gap episode."""
    system: float
    """Share of windows that open with an instruction line."""


@dataclass(frozen=True)
class Scene:
    """What stays the same within one window."""

    labels: Sequence[str]
    lead: str
    """What stands before a question, with its space."""
    reply: str
    """What stands before an answer."""
    heading: str
    """What stands before a passage."""
    citation: int
    """In which of six ways a passage shows its document id."""
    format: AnswerFormat
    by_label: bool
    """Whether each question asks for one field and the answer is its bare value."""
    hard: float
    demonstrated: Sequence[Record]
    groups: Sequence[Sequence[Record]]
    """Records shown together as passages; a window uses one group or more."""

    def passage(self, rng: random.Random, record: Record) -> str:
        """One passage line about the record, without its newline."""
        may_reorder = self.by_label or self.format.labelled
        text = passage(rng, record, self.labels, self.hard, may_reorder=may_reorder)
        heading, document = self.heading, record.document
        if document is None:
            return f"{heading}: {text}"
        return (
            f"{heading} [{document}]: {text}",
            f"{heading}: [{document}] {text}",
            f"{heading}: {text} (source: {document})",
            f"{heading} {document}: {text}",
            f"{heading}: ({document}) {text}",
            f"[{document}] {text}",
        )[self.citation]

    def ask(self, rng: random.Random, record: Record) -> tuple[str, str]:
        """A question line about the record, and the pattern of its answer."""
        if self.by_label:
            field = rng.randrange(len(self.labels))
            return self.lead + question_about(rng, record, self.labels[field], self.hard), f"%{field}"
        return self.lead + question(rng, record, self.labels, self.hard), self.format.pattern


def draw_scene(rng: random.Random, settings: Settings) -> Scene:
    """A scene with enough records for one window."""
    hard = settings.hard
    fields = rng.choice((1, 2, 2, 2, 2, 3)) if hard > 0.3 else rng.choice((1, 2))
    labels = rng.sample(LABELS, fields)
    lead, reply = draw_cues(rng, hard)
    heading = rng.choice(("Context", "Context", "Context", "Passage", "Note", "Doc"))
    count, shown = rng.choice(settings.passages), rng.choice(settings.demonstrations)
    total = shown + count * max(1, (10 - shown) // count)
    with_document = bool(shown) and rng.random() < settings.cited
    records = draw_records(
        rng, total, fields, rare=settings.rare, named=settings.named, with_document=with_document
    )
    # Ids may stand in the passages without being asked for.
    cites = with_document and rng.random() < 0.7
    chosen = draw_format(rng, labels, with_document=cites) if shown else default_format(labels)
    by_label = bool(shown) and fields > 1 and rng.random() < 0.08
    return Scene(
        labels=labels,
        lead=lead,
        reply=reply,
        heading=heading,
        citation=rng.randrange(6),
        format=chosen,
        by_label=by_label,
        hard=hard,
        demonstrated=records[:shown],
        groups=[records[start : start + count] for start in range(shown, total, count)],
    )


def draw_cues(rng: random.Random, hard: float) -> tuple[str, str]:
    """What stands before a question and before an answer. The chat template always says "Answer:"."""
    if hard < 0.3 or rng.random() < 0.5:
        return "Question: ", "Answer:"
    if rng.random() < 0.15:
        return rng.choice(
            (("Q: ", "A:"), ("Input: ", "Output:"), ("User: ", "Agent:"), ("Query: ", "Response:"))
        )
    return rng.choice(("Question: ", "Q: ", "Ticket: ", "Request: ", "Query: ", "Message: ", "")), "Answer:"
