"""Facts about made-up things, and the many ways to word a passage or a question about one of them.

A record is a key (a code such as E42, or a name), a product around it, and one value for each label.
Nothing here is true of anything: the values are drawn at random, so a model can only answer by
reading the passage, never from its weights.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.embedded_model.words import (
    ADJECTIVES,
    KINDS,
    NOUNS,
    PLAIN_WORDS,
    QUALIFIERS,
    VERBS,
    made_up_name,
    made_up_word,
)

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXZ"
_CODE_NOUNS = ("error", "error", "code", "fault", "alarm", "case", "item", "entry", "issue")


@dataclass(frozen=True)
class Record:
    """One fact. `code` is None where the name is the key; `document` is None where passages carry no id."""

    code: str | None
    name: str
    kind: str
    values: tuple[str, ...]
    document: str | None

    @property
    def key(self) -> str:
        return self.code or self.name


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def draw_value(rng: random.Random, rare: float) -> str:
    """A value to be copied verbatim.

    Args:
        rng: Source of chance.
        rare: Share of values that hold a word the tokenizer splits.
    """
    if rng.random() < rare:
        word = made_up_word(rng)
        return rng.choice(
            (
                word,
                f"{word} {rng.choice(NOUNS)}",
                f"{rng.choice(ADJECTIVES)} {word}",
                f"{rng.choice(VERBS)} the {word}",
                f"{rng.choice(VERBS)} {word}",
                f"{rng.choice(VERBS)} the {word} {rng.choice(NOUNS)}",
                f"{word} {made_up_word(rng)}",
            )
        )
    pick = rng.random()
    if pick < 0.26:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if pick < 0.50:
        return f"{rng.choice(VERBS)} the {rng.choice(NOUNS)}"
    if pick < 0.60:
        return f"{rng.choice(VERBS)} {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if pick < 0.70:
        return f"{rng.choice(NOUNS)} {rng.choice(NOUNS)}"
    if pick < 0.77:
        return f"{rng.choice(VERBS)} the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if pick < 0.82:
        return rng.choice(NOUNS)
    if pick < 0.87:
        link = rng.choice(("not", "too", "out of", "near", "behind", "in the", "of the", "on the"))
        return f"{rng.choice(NOUNS)} {link} {rng.choice(ADJECTIVES + NOUNS)}"
    if pick < 0.92:
        return f"{rng.randint(1, 999)} {rng.choice(('days', 'volts', 'grams', 'km', 'percent', 'hours'))}"
    return " ".join(rng.choice(PLAIN_WORDS) for _ in range(rng.randint(1, 4)))


def draw_codes(rng: random.Random, count: int) -> list[str]:
    """Distinct codes; mostly with a shared prefix, so that the letter alone never tells records apart."""
    pick = rng.random()
    first, second = rng.choice(_LETTERS), rng.choice(_LETTERS)
    if pick < 0.40:
        return [rng.choice((first, first, second)) + str(n) for n in rng.sample(range(10, 100), count)]
    if pick < 0.50:
        return [rng.choice(_LETTERS) + str(n) for n in rng.sample(range(10, 100), count)]
    if pick < 0.60 and count <= 10:
        tens = rng.randint(10, 99)
        return [f"{first}{tens}{n}" for n in rng.sample(range(10), count)]
    if pick < 0.72:
        return [first + str(n) for n in rng.sample(range(100, 1000), count)]
    if pick < 0.80:
        return [f"{first}-{n}" for n in rng.sample(range(1, 999), count)]
    if pick < 0.88:
        return [f"{first}{second}{rng.choice(('', '', '-'))}{n}" for n in rng.sample(range(10, 1000), count)]
    if pick < 0.94:
        return [str(n) for n in rng.sample(range(10, 10000), count)]
    return [first + str(n) for n in rng.sample(range(1000, 10000), count)]


def draw_names(rng: random.Random, count: int) -> list[str]:
    """Distinct capitalised names; one list in sixteen shares its first part."""
    stem = made_up_name(rng) if rng.random() < 0.06 else None
    names: list[str] = []
    while len(names) < count:
        name = stem + made_up_word(rng) if stem else made_up_name(rng)
        if name not in names:
            names.append(name)
    return names


def draw_documents(rng: random.Random, count: int) -> list[str]:
    """Distinct ids of source documents, all in one style."""
    pick = rng.random()
    if pick < 0.5:
        letter = rng.choice(_LETTERS)
        return [letter + str(n) for n in rng.sample(range(1, 400), count)]
    if pick < 0.65:
        return [str(n) for n in rng.sample(range(1, 100), count)]
    if pick < 0.8:
        word = rng.choice(("doc", "page", "note", "guide", "manual"))
        return [f"{word} {n}" for n in rng.sample(range(1, 60), count)]
    word = rng.choice(("KB", "DOC", "TN"))
    return [f"{word}-{n}" for n in rng.sample(range(1, 500), count)]


def draw_records(
    rng: random.Random, count: int, fields: int, *, rare: float, named: float, with_document: bool = False
) -> list[Record]:
    """Records with distinct keys.

    Args:
        rng: Source of chance.
        count: How many.
        fields: Values per record.
        rare: Share of values with a word the tokenizer splits.
        named: Share of draws in which the key is a name and there is no code.
        with_document: Whether each record comes from a document with an id.
    """
    by_name = rng.random() < named
    codes: Sequence[str | None] = [None] * count if by_name else draw_codes(rng, count)
    names = draw_names(rng, count) if by_name or rng.random() < 0.5 else [made_up_name(rng)] * count
    kinds = [rng.choice(KINDS) for _ in range(count)] if rng.random() < 0.5 else [rng.choice(KINDS)] * count
    documents: Sequence[str | None] = draw_documents(rng, count) if with_document else [None] * count
    return [
        Record(code, name, kind, tuple(draw_value(rng, rare) for _ in range(fields)), document)
        for code, name, kind, document in zip(codes, names, kinds, documents, strict=True)
    ]


def filler(rng: random.Random) -> str:
    """A few words that say nothing about any field."""
    pick = rng.random()
    if pick < 0.35:
        return " ".join(rng.choice(PLAIN_WORDS) for _ in range(rng.randint(1, 4)))
    if pick < 0.65:
        start = (
            "seen",
            "raised",
            "logged",
            "shown",
            "found",
            "sent",
            "as noted",
            "please",
            "since",
            "this",
            "every",
        )
        return f"{rng.choice(start)} {rng.choice(PLAIN_WORDS)}"
    return rng.choice(
        (
            "this week",
            "again",
            "last night",
            "in the field",
            "by a customer",
            "today",
            "on the display",
            "right now",
            "at start",
            "please check",
            "thanks",
            "any hint",
            "as soon as you can",
            "in our office",
            "can be raised",
            "is raised",
            "is shown",
            "is logged",
        )
    )


def subject(rng: random.Random, record: Record, hard: float) -> str:
    """How a passage or a question names the record; the bare key with probability 1 - `hard`."""
    code, name, kind = record.code, record.name, record.kind
    if code is None:
        if rng.random() > hard:
            return name
        return rng.choice((name, f"the {name} {kind}", f"{name} {kind}", f"the {kind} {name}", f"our {name}"))
    if rng.random() > hard:
        return code
    noun = rng.choice(_CODE_NOUNS)
    return rng.choice(
        (
            code,
            f"{noun} {code}",
            f"{code} on the {name} {kind}",
            f"the {name} {kind} with {code}",
            f"{name} {kind} {code}",
            f"{name} {code}",
            f"{noun} {code} of the {name} {kind}",
            f"{noun} {code} on {name}",
            f"{code} at the {name} {kind}",
            f"the {kind} {name} {noun} {code}",
            f"{code} ({name})",
            f"{noun} {code} ({name} {kind})",
            f"{name} {kind} {noun} {code}",
            f"{noun} {code} from the {name}",
            f"the {name} {kind}, {noun} {code}",
            f"{name} {noun} {code}",
        )
    )


def clause(rng: random.Random, label: str, value: str, hard: float) -> str:
    """One field in words; the label always stands before the value."""
    if rng.random() < 0.3 * hard:
        label = f"{rng.choice(QUALIFIERS if rng.random() < 0.7 else ADJECTIVES)} {label}"
    plain = (
        f"the {label} is {value}",
        f"{label}: {value}",
        f"{label} is {value}",
        f"{label} = {value}",
        f"the {label}: {value}",
    )
    if rng.random() > hard:
        return rng.choice(plain)
    return rng.choice(
        (
            *plain,
            f"its {label} is {value}",
            f"the {label} was {value}",
            f"{label} - {value}",
            f"{label} should be {value}",
            f"a {label} of {value}",
            f"the {label} here is {value}",
            f"{label} was listed as {value}",
            f"as {label} we note {value}",
            f"the {label} for this is {value}",
            f"{label} -> {value}",
        )
    )


def passage(
    rng: random.Random, record: Record, labels: Sequence[str], hard: float, *, may_reorder: bool
) -> str:
    """One passage that states every field of the record once.

    Args:
        rng: Source of chance.
        record: The fact.
        labels: One per value.
        hard: 0 for bare sentences up to 1 for all wordings and filler.
        may_reorder: Whether fields may change places. False where the answer shows no labels, because
            then only the order tells which value is meant.
    """
    fields = list(zip(labels, record.values, strict=True))
    if may_reorder and rng.random() < 0.15 * hard:
        rng.shuffle(fields)
    clauses = [clause(rng, label, value, hard) for label, value in fields]
    joint = rng.choice((". ", "; ", ", ", " and ", ", and ", ". ", ". "))
    if joint == ". ":
        clauses = [clauses[0], *(capitalised(text) for text in clauses[1:])]
    about = subject(rng, record, hard)
    if rng.random() < 0.25 * hard:
        about = filler(rng) + rng.choice((" ", ", ")) + about
    if rng.random() < 0.35 * hard:
        about = f"{about} {filler(rng)}"
    if rng.random() < 0.35:
        about = (
            f"{rng.choice(('for', 'on', 'about', 'with', 'when we see', 'in case of', 'if you get'))} {about}"
        )
    opening = rng.choice((": ", ". ", " - ", ", ", "; ", " has ", " means ", ". ", ": "))
    if opening == ". ":
        clauses[0] = capitalised(clauses[0])
    text = capitalised(about + opening + joint.join(clauses)) + "."
    if rng.random() < 0.2 * hard:
        text += f" {capitalised(filler(rng))}."
    return text


_QUESTIONS = (
    "What does {s} mean?",
    "What is {s}?",
    "Tell me about {s}.",
    "My {k} shows {s}, what now?",
    "{s}?",
    "How do I handle {s}?",
    "Please explain {s}.",
    "I see {s}. What should I do?",
    "Help with {s}",
    "Why do we get {s}?",
    "Look up {s}.",
    "{s} came up today, any idea?",
    "A user asks about {s}.",
    "Need info on {s} now",
    "We just got {s} again, what is it?",
    "The display reads {s}",
    "Got {s} on site.",
    "Is there anything on {s}?",
    "{s} please",
    "Any notes for {s}?",
    "We are facing {s} since monday, what next?",
)
_QUESTIONS_WITH_LABELS = ("What are the {l} and {m} of {s}?", "Give the {l} and {m} of {s}.")


def question(rng: random.Random, record: Record, labels: Sequence[str], hard: float) -> str:
    """A question that names the record; it may or may not name the labels."""
    if rng.random() > hard:
        return rng.choice(("{s}?", "What is {s}?", "{s}")).format(s=subject(rng, record, hard))
    wordings = _QUESTIONS + _QUESTIONS_WITH_LABELS if len(labels) > 1 else _QUESTIONS
    text = rng.choice(wordings).format(s=subject(rng, record, hard), k=record.kind, l=labels[0], m=labels[-1])
    if rng.random() < 0.2:
        text = filler(rng) + rng.choice((" ", ", ", ": ")) + text
    if rng.random() < 0.25:
        text = (
            text.rstrip("?.") + rng.choice((" ", ", ", "? ", ". ")) + filler(rng) + rng.choice((".", "?", ""))
        )
    return capitalised(text)


def question_about(rng: random.Random, record: Record, label: str, hard: float) -> str:
    """A question that asks for one field by its label."""
    wording = rng.choice(
        ("What is the {l} of {s}?", "{l} of {s}?", "Give the {l} for {s}.", "{s} {l}?", "Which {l} has {s}?")
    )
    return capitalised(wording.format(l=label, s=subject(rng, record, hard)))
