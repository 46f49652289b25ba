"""Answer formats: the house styles that demonstrations show and answers must keep."""

import random
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from tests.embedded_model.records import Record, capitalised


class Role(IntEnum):
    """What a stretch of a training window is to the loss. The numbers are stored in the packed arrays."""

    CONTEXT = 0
    """Read only: no loss."""
    LITERAL = 1
    """Words of the answer format, predictable from the demonstrations."""
    VALUE = 2
    """A value that can be copied from the window; packing turns all but its first token into `VALUE_REST`."""
    VALUE_REST = 3
    UNKNOWABLE = 4
    """An answer nothing in the window determines, such as a demonstration without its passage."""


class Segment(NamedTuple):
    text: str
    role: Role


class AnswerFormat(NamedTuple):
    """A pattern such as "Cause: %0. Fix: %1." where %i is value i and %d the document id.

    `labelled` is False where only the order of the fields says which value belongs where.
    """

    pattern: str
    labelled: bool


_PUNCTUATION = ((". ", "."), ("; ", ""), (" | ", ""), (", ", ""), ("; ", "."), (" - ", ""), (" / ", ""))
"""What joins labelled fields, and what ends the last."""

_HOLE = re.compile(r"( ?%[0-9d])")


def default_format(labels: Sequence[str]) -> AnswerFormat:
    """The one format used when a prompt shows no demonstration."""
    return AnswerFormat(" ".join(f"{capitalised(label)}: %{i}." for i, label in enumerate(labels)), True)


def draw_format(rng: random.Random, labels: Sequence[str], *, with_document: bool) -> AnswerFormat:
    """A random format over one to all of the fields.

    A value always follows a space. Right after a bracket its first word would be another token than in
    the passage, and this model cannot spell.

    Args:
        rng: Source of chance.
        labels: One per field.
        with_document: Whether the answer cites the passage's document id.
    """
    pick = rng.random()
    indices = list(range(len(labels)))
    if pick < 0.12:
        pattern = rng.choice(("%0", "%0.", "It is %0.", "Answer: %0"))
        chosen = AnswerFormat(pattern, labelled=False)
    elif pick < 0.20 and len(labels) == 2:
        pattern = rng.choice(("%0 / %1", "%0. %1.", "%0; %1", "It is %0, so %1.", "%0 - %1", "%0 | %1"))
        chosen = AnswerFormat(pattern, labelled=False)
    elif pick < 0.28 and len(labels) == 2:
        pattern = f"The {labels[0]} is %0 and the {labels[1]} is %1."
        chosen = AnswerFormat(pattern, labelled=True)
    else:
        if rng.random() < 0.15:
            indices = rng.sample(indices, rng.randint(1, len(indices)))
        chosen = AnswerFormat(_fields(rng, labels, indices), labelled=True)
    if not with_document:
        return chosen
    word = rng.choice(("Source: ", "source = ", "Doc: ", "see ", "Ref: ", "from "))
    stem = chosen.pattern.rstrip(".")
    cited = rng.choice(
        (
            stem + rng.choice(("; ", " | ", ", ", " - ", ". ")) + word + "%d",
            stem + " (%d)",
            stem + " [%d]",
            "[%d] " + chosen.pattern,
            stem + "; " + word + "%d.",
        )
    )
    return AnswerFormat(cited, chosen.labelled)


def _fields(rng: random.Random, labels: Sequence[str], indices: Sequence[int]) -> str:
    """Labelled fields in the given order, in one of the usual punctuations."""
    if rng.random() < 0.4:
        mark, joint, end = ": ", ". ", "."
    else:
        mark = rng.choice((": ", ": ", " = ", " - ", " is "))
        joint, end = rng.choice(_PUNCTUATION)
    case = rng.random()
    dress = capitalised if case < 0.8 else str.lower if case < 0.97 else str.upper
    return joint.join(f"{dress(labels[i])}{mark}%{i}" for i in indices) + end


def answer(
    pattern: str, record: Record, value_role: Role = Role.VALUE, literal_role: Role = Role.LITERAL
) -> list[Segment]:
    """The answer with its leading space and closing newline, cut where literals and values meet."""
    segments: list[Segment] = []
    for piece in _HOLE.split(f" {pattern}"):
        if _HOLE.fullmatch(piece):
            value = record.document if piece[-1] == "d" else record.values[int(piece[-1])]
            space = " " if piece.startswith(" ") else ""
            segments.append(Segment(f"{space}{value}", value_role))
        elif piece:
            segments.append(Segment(piece, literal_role))
    return [*segments, Segment("\n", literal_role)]
