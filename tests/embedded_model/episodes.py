"""Training windows: each kind of episode asks the same thing, to answer from what stands earlier in the window.

Every window is one bundle: demonstrations, passages, then a question about each passage, then more of
the same. Asking often in one window is what makes a run of minutes possible: most tokens that cost time
carry loss, and every answer needs a look-up.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.embedded_model.answers import Role, Segment, answer, draw_format
from tests.embedded_model.records import (
    Record,
    capitalised,
    draw_codes,
    draw_names,
    draw_records,
    draw_value,
    question,
)
from tests.embedded_model.scenes import Settings, draw_cues, draw_scene
from tests.embedded_model.words import FUNCTION_WORDS, LABELS, NOUNS, PLAIN_WORDS

# Roughly how many characters one token covers; a window is filled a little past its end and cut.
_CHARACTERS_PER_TOKEN = 4.2


@dataclass(frozen=True)
class Episode:
    """The segments of a window and the name under which its accuracy is logged."""

    segments: list[Segment]
    tally: str


class _Window:
    """Collects segments until the window is full."""

    def __init__(self, settings: Settings) -> None:
        self.segments: list[Segment] = []
        self._room = settings.tokens * _CHARACTERS_PER_TOKEN

    def add(self, *segments: Segment) -> None:
        self.segments.extend(segments)
        self._room -= sum(len(segment.text) for segment in segments)

    def read(self, text: str) -> None:
        self.add(Segment(text, Role.CONTEXT))

    @property
    def full(self) -> bool:
        return self._room <= 0


def system_line(rng: random.Random) -> str:
    """A short instruction that carries no information the demonstrations do not carry."""
    style = rng.choice(
        ("house format", "given format", "same format", "format shown", "short form", "usual style")
    )
    if rng.random() < 0.7:
        text = rng.choice(
            (
                "Answer in the {f}.",
                "Use the {f}.",
                "Reply in the {f}.",
                "Answer with the {f} and nothing else.",
                "You are a support agent. Answer in the {f}.",
                "Please answer the question in the {f}.",
                "Read the context and answer in the {f}.",
                "Keep the {f}.",
                "You help our customers. Keep the {f}.",
                "Follow the {f}. Do not explain.",
            )
        )
        return text.format(f=style) + "\n"
    words = [
        rng.choice(FUNCTION_WORDS if rng.random() < 0.6 else PLAIN_WORDS) for _ in range(rng.randint(3, 12))
    ]
    return capitalised(" ".join(words)) + ".\n"


def records_episode(rng: random.Random, settings: Settings) -> Episode:
    """Demonstrations in one format, passages, and questions to be answered from them in that format."""
    scene = draw_scene(rng, settings)
    window = _Window(settings)

    def exchange(record: Record, value_role: Role, literal_role: Role) -> None:
        asked, pattern = scene.ask(rng, record)
        window.read(f"{asked}\n{scene.reply}")
        window.add(*answer(pattern, record, value_role, literal_role))

    if rng.random() < settings.system:
        window.read(system_line(rng))
    with_passages = rng.random() < 0.2
    for index, record in enumerate(scene.demonstrated):
        if with_passages:
            window.read(f"{scene.passage(rng, record)}\n")
        exchange(
            record,
            Role.VALUE if with_passages else Role.UNKNOWABLE,
            Role.LITERAL if index else Role.UNKNOWABLE,
        )
    groups = list(scene.groups)

    def show(group: Sequence[Record]) -> Sequence[Record]:
        for record in group:
            window.read(f"{scene.passage(rng, record)}\n")
        return group

    current = show(groups.pop(0))
    queue = rng.sample(current, len(current))
    while not window.full:
        if not queue:
            if groups and rng.random() < 0.8:
                current = show(groups.pop(0))
            queue = rng.sample(current, len(current))
        exchange(queue.pop(), Role.VALUE, Role.LITERAL)
    return Episode(window.segments, f"records_{len(scene.groups[0])}")


def gap_episode(rng: random.Random, settings: Settings) -> Episode:
    """The stepping stone to records: a key, random words, then labelled values; asked with other random words."""
    count, fields = rng.choice((2, 3, 4)), rng.choice((1, 1, 2, 2))
    keys = draw_codes(rng, count) if rng.random() < 0.75 else draw_names(rng, count)
    labels = rng.sample(LABELS, fields) if rng.random() < 0.8 else [""]
    values = {key: [draw_value(rng, settings.rare) for _ in labels] for key in keys}
    mark = rng.choice((":", ":", " is", " ="))
    asked_mark = ":" if rng.random() < 0.7 else mark
    end, upper = rng.choice((".\n", "\n", ";\n")), rng.random() < 0.5
    as_question = rng.random() < 0.6

    def noise() -> str:
        return "".join(f" {rng.choice(PLAIN_WORDS)}" for _ in range(rng.randint(0, settings.gap)))

    window = _Window(settings)
    for key in keys:
        stop = rng.choice((".", ";")) if rng.random() < 0.4 else ""
        fields_of_key = zip(labels, values[key], strict=True)
        stated = ";".join(f"{f' {label}' if label else ''}{mark} {value}" for label, value in fields_of_key)
        window.read((f"Context:{noise()} " if as_question else "") + key + noise() + stop + stated + end)
    queue: list[str] = []
    while not window.full:
        queue = queue or rng.sample(keys, count)
        key = queue.pop()
        window.read(f"Question:{noise()} {key}{noise()}\nAnswer:" if as_question else f"{key}{noise()}")
        asked = list(zip(labels, values[key], strict=True))
        if len(asked) == 2 and rng.random() < 0.3:
            asked = [rng.choice(asked)]
        for index, (label, value) in enumerate(asked):
            dressed = f" {capitalised(label) if upper else label}" if label else ""
            window.read(dressed + asked_mark)
            last = index == len(asked) - 1
            window.add(Segment(f" {value}", Role.VALUE), Segment(".\n" if last else ".", Role.LITERAL))
    return Episode(window.segments, "gap")


def list_episode(rng: random.Random, settings: Settings) -> Episode:
    """A list of keys and values, then the keys again in another order."""
    count = rng.choice(settings.pairs)
    mark, end = rng.choice((": ", " = ", " -> ", " is ")), rng.choice(("\n", "; ", ".\n"))
    pick = rng.random()
    keys = (
        draw_codes(rng, count)
        if pick < 0.6
        else draw_names(rng, count)
        if pick < 0.8
        else rng.sample(NOUNS, count)
    )
    values = {key: draw_value(rng, settings.rare) for key in keys}
    as_question = rng.random() < 0.4
    window = _Window(settings)
    for key in keys:
        window.read(f"{key}{mark}{values[key]}{end}")
    queue: list[str] = []
    while not window.full:
        queue = queue or rng.sample(keys, len(keys))
        key = queue.pop()
        window.read(f"Question: {key}\nAnswer:" if as_question else f"{key}{mark.rstrip()}")
        window.add(
            Segment(f" {values[key]}", Role.VALUE), Segment("\n" if as_question else end, Role.LITERAL)
        )
    return Episode(window.segments, "list")


def format_episode(rng: random.Random, settings: Settings) -> Episode:
    """Demonstrations only: the format can be kept, the values cannot be known."""
    fields = rng.choice((1, 2, 2, 2))
    labels = rng.sample(LABELS, fields)
    ask, reply = draw_cues(rng, settings.hard)
    with_document = rng.random() < 0.1
    records = draw_records(
        rng, 10, fields, rare=settings.rare, named=settings.named, with_document=with_document
    )
    chosen = draw_format(rng, labels, with_document=with_document)
    window = _Window(settings)
    if rng.random() < settings.system:
        window.read(system_line(rng))
    for index, record in enumerate(records):
        window.read(f"{ask}{question(rng, record, labels, settings.hard)}\n{reply}")
        literal = Role.LITERAL if index else Role.UNKNOWABLE
        window.add(*answer(chosen.pattern, record, Role.UNKNOWABLE, literal))
        if window.full:
            break
    return Episode(window.segments, "format")


Maker = Callable[[random.Random, Settings], Episode]
