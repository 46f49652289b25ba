"""Write the cases, the training pairs and the corpus of this suite. Running it again writes the same bytes.

    python suites/support-desk/make_suite.py [FOLDER]

A fact is one error code of one product with its cause and its fix; it is one cluster. Everything is made up.
Each fact is asked three times in ``cases.jsonl`` and eight times, in other words, in ``train.jsonl``. The
corpus holds one passage per fact that answers it and others that nearly do: the same code on another
product, another code of the same product, a visit with the same code and no answer, an archived note
that no longer holds.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20261104
PRODUCTS = (
    ("Orvane", "pump"),
    ("Pellar", "oven"),
    ("Sorrin", "camera"),
    ("Tolvex", "lift"),
    ("Mirrel", "printer"),
    ("Quendra", "mixer"),
    ("Havlen", "scanner"),
    ("Zubrik", "drone"),
)
FACTS_PER_PRODUCT = 9
SHARED_CODES = 8  # codes that two products use for different faults
OTHER_CODES_PER_PRODUCT = 2  # documented, never asked about
ARCHIVED_NOTES = 9
VISITS = 16
TRAINING_WORDINGS = 8

# Topic, part, then three faults of that part with the fix of each.
FAULTS = """
drive belt | loose belt, tighten the belt | worn belt, replace the belt | wrong belt, swap the belt
drive gear | worn gear, replace the gear | dry gear, lubricate the gear | stuck gear, turn the gear
drive hinge | bent hinge, adjust the hinge | broken hinge, repair the hinge | loose hinge, tighten the hinge
drive roller | dirty roller, clean the roller | worn roller, rotate the roller | stuck roller, lift the roller
drive bearing | dry bearing, lubricate the bearing | noisy bearing, replace the bearing | hot bearing, cool the bearing
drive door | open door, close the door | bent door, align the door | stuck door, push the handle
fluid filter | blocked filter, clean the filter | wet filter, dry the filter | missing filter, check the drawer
fluid valve | stuck valve, open the valve | broken valve, replace the valve | dirty valve, drain the pipe
fluid hose | cracked hose, cut the hose | bent hose, move the hose | loose hose, reseat the hose
fluid tank | empty tank, refill the tank | full tank, drain the tank | cracked tank, seal the tank
fluid nozzle | blocked nozzle, clean the nozzle | cold nozzle, warm the nozzle | bent nozzle, swap the nozzle
fluid oil | low oil, refill the oil | old oil, drain the oil | hot oil, cool the tank
power fuse | failed fuse, replace the fuse | wrong fuse, swap the fuse | loose fuse, press the fuse
power cable | loose cable, reseat the cable | broken cable, repair the cable | wet cable, dry the cable
power battery | weak battery, charge the battery | hot battery, cool the battery | old battery, swap the battery
power motor | hot motor, cool the motor | slow motor, check the voltage | noisy motor, inspect the motor
power switch | stuck switch, push the switch | dirty switch, clean the switch | open switch, close the panel
power relay | failed relay, test the relay | hot relay, move the relay | wrong relay, replace the relay
control sensor | dirty sensor, clean the sensor | wet sensor, dry the sensor | failed sensor, calibrate the sensor
control firmware | old firmware, update the firmware | bad firmware, reload the file | new firmware, restore the file
control memory | full memory, clear the memory | failed memory, reseat the memory | bad memory, test the memory
control key | expired key, reset the key | unknown key, check the badge | missing key, restore the key
control clock | slow clock, reset the clock | wrong clock, adjust the clock | failed clock, restart the timer
control signal | weak signal, move the antenna | noisy signal, inspect the cable | missing signal, restart the server
"""

TEST_QUESTIONS = (
    "Our {n} {k} has stopped and reads {c}. What is the cause?",
    "{c} on the {n} {k} again, how do we clear it?",
    "Customer at the desk: {n} {k}, code {c}. What do I tell them?",
    "Which cause do we list for {c} on the {n}?",
    "The {n} {k} went down at noon with {c}.",
    "Is there a known fix for {c} with the {n} {k}?",
    "Line two is waiting: {n} {k} reports {c}.",
    "I need the note for {n} code {c}.",
    "New ticket: the {k} from {n} shows {c} after a restart.",
    "Since this morning our {n} gives {c}, what should we check?",
    "How should I answer a ticket about {c} on a {n} {k}?",
    "{n} {k}: {c} came back after the last repair.",
)
TEST_CODE_ONLY = (
    "Which fault is {c}?",
    "The panel just says {c}, help please.",
    "Caller has {c}, what is it?",
)

TRAINING_QUESTIONS = (
    "What is wrong when the {n} {k} shows {c}?",
    "{n} {k} with {c}, please help.",
    "Please explain {c} on the {n}.",
    "What does {c} stand for on the {n} {k}?",
    "The display of our {n} {k} says {c}.",
    "Got {c} on the {n} today.",
    "Error {c}, {n} {k}, what now?",
    "A user has {c} on a {n} {k}.",
    "How do we fix {c} on the {n}?",
    "Cause and fix for {n} {c}?",
    "My {k} is a {n} and it shows {c}.",
    "{n} {c}?",
    "Look up {c} for the {n} {k}.",
    "The {n} stopped, the code is {c}.",
    "We see {c} at the {n} {k} every day.",
    "Why is there {c} on our {n} {k}?",
    "Tell me about {c} on the {n}.",
    "{c} at the {n} {k}, any idea?",
    "After an update the {n} {k} shows {c}.",
    "Need help: {n} {k} {c}",
    "What should I do about {n} error {c}?",
    "The {k} ({n}) reports error {c}.",
)
TRAINING_CODE_ONLY = ("What is {c}?", "Got {c}, what now?", "Please explain {c}.", "Meaning of {c}?")

PASSAGES = (
    "Error {c}, {n} {k}: the cause is {a}; the fix is {b}.",
    "{n} {k}, code {c}. Cause: {a}. Fix: {b}.",
    "When the {n} {k} shows {c}, the cause is {a} and the fix is {b}.",
    "Code {c} on the {n} {k}: cause is {a}, fix is {b}.",
)
ARCHIVED = "Archived: {n} {k} {c} had the cause {a} and the fix {b}."
VISIT = "Service log: {c} on the {n} {k} was seen in {month}."
MANUALS = (
    "The {n} {k} shows its codes on the front panel.",
    "Parts for the {n} {k} ship from the main store.",
)
MONTHS = ("March", "April", "May", "June", "July", "August")


@dataclass(frozen=True)
class Fact:
    """One error code of one product."""

    name: str
    kind: str
    code: str
    topic: str
    cause: str
    fix: str

    @property
    def id(self) -> str:
        return f"{self.name}-{self.code}".lower()

    @property
    def answer(self) -> str:
        return f"Cause: {self.cause}. Fix: {self.fix}."

    def fill(self, text: str, *, code: str | None = None, **more: str) -> str:
        values = {"n": self.name, "k": self.kind, "c": code or self.code, "a": self.cause, "b": self.fix}
        return text.format(**{**values, **more})


def faults(rng: random.Random) -> list[tuple[str, str, str]]:
    """Topic, cause and fix of every fault, shuffled."""
    found = []
    for line in FAULTS.strip().splitlines():
        head, *pairs = line.split(" | ")
        topic = head.split()[0]
        found += [(topic, *pair.split(", ")) for pair in pairs]
    rng.shuffle(found)
    return found


def draw_facts(rng: random.Random) -> tuple[list[Fact], list[Fact]]:
    """The facts that are asked about, and documented ones that never are.

    Every number stands for one code, so that two codes differ in more than their letter; only the shared
    codes appear on two products.
    """
    asked, other = FACTS_PER_PRODUCT, OTHER_CODES_PER_PRODUCT
    numbers = iter(rng.sample(range(10, 100), 90))
    codes = {name: [] for name, _ in PRODUCTS}
    for index in range(SHARED_CODES):
        code = f"{rng.choice('EFH')}{next(numbers)}"
        codes[PRODUCTS[index][0]].append(code)
        codes[PRODUCTS[(index + 1) % len(PRODUCTS)][0]].append(code)
    values = faults(rng)
    facts, unasked = [], []
    for name, kind in PRODUCTS:
        while len(codes[name]) < asked + other:
            codes[name].append(f"{rng.choice('EFH')}{next(numbers)}")
        facts += [Fact(name, kind, code, *values.pop()) for code in codes[name][:asked]]
        extra = faults(rng)[:other]
        unasked += [
            Fact(name, kind, code, *pick) for code, pick in zip(codes[name][asked:], extra, strict=True)
        ]
    return facts, unasked


def questions(
    fact: Fact, shared: set[str], rng: random.Random, usual: Iterable[str], code_only: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Endless questions about a fact, each with how it is worded.

    About one in ten splits the code by a space, which BM25 cannot match; one in fifteen writes it in
    lower case; one in fifteen leaves the product out where the code alone is enough.
    """
    usual, code_only = list(usual), list(code_only)
    while True:
        draw = rng.random()
        if draw < 1 / 10:
            yield fact.fill(rng.choice(usual), code=f"{fact.code[0]} {fact.code[1:]}"), "split code"
        elif draw < 1 / 10 + 1 / 15:
            yield fact.fill(rng.choice(usual), code=fact.code.lower()), "lower case"
        elif draw < 1 / 10 + 2 / 15 and fact.code not in shared:
            yield fact.fill(rng.choice(code_only)), "code only"
        else:
            yield fact.fill(rng.choice(usual)), "plain"


def different(found: Iterator[tuple[str, str]], count: int, seen: set[str]) -> Iterator[tuple[str, str]]:
    """The first ``count`` whose text is not in ``seen``, letter case aside."""
    while count:
        text, wording = next(found)
        if text.lower() not in seen:
            seen.add(text.lower())
            count -= 1
            yield text, wording


def passages(facts: list[Fact], unasked: list[Fact], rng: random.Random) -> Iterator[dict[str, object]]:
    """The corpus, in a fixed order of its own."""
    rows = [{"id": fact.id, "text": fact.fill(rng.choice(PASSAGES))} for fact in [*facts, *unasked]]
    old_values = faults(rng)
    for fact, (_, cause, fix) in zip(rng.sample(facts, ARCHIVED_NOTES), old_values, strict=False):
        rows.append({"id": f"{fact.id}-archived", "text": fact.fill(ARCHIVED, a=cause, b=fix)})
    for fact in rng.sample(facts, VISITS):
        rows.append({"id": f"{fact.id}-visit", "text": fact.fill(VISIT, month=rng.choice(MONTHS))})
    for name, kind in PRODUCTS:
        for number, text in enumerate(MANUALS, start=1):
            rows.append({"id": f"{name}-manual-{number}".lower(), "text": text.format(n=name, k=kind)})
    rng.shuffle(rows)
    yield from rows


def write_rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_bytes("".join(lines).encode("utf-8"))


def make(folder: Path) -> None:
    """Write the three files under ``folder``."""
    rng = random.Random(SEED)
    facts, unasked = draw_facts(rng)
    codes = [fact.code for fact in facts + unasked]
    shared = {code for code in codes if codes.count(code) > 1}
    cases, training = [], []
    for fact in facts:
        seen: set[str] = set()
        asked = questions(fact, shared, rng, TEST_QUESTIONS, TEST_CODE_ONLY)
        for number, (text, wording) in enumerate(different(asked, 3, seen), start=1):
            cases.append(
                {
                    "id": f"{fact.id}-{number}",
                    "question": text,
                    "answer": fact.answer,
                    "topic": fact.topic,
                    "wording": wording,
                    "fact": fact.id,
                    "docs": [fact.id],
                }
            )
        taught = questions(fact, shared, rng, TRAINING_QUESTIONS, TRAINING_CODE_ONLY)
        for number, (text, _) in enumerate(different(taught, TRAINING_WORDINGS, seen), start=1):
            training.append(
                {
                    "id": f"{fact.id}-train-{number}",
                    "question": text,
                    "answer": fact.answer,
                    "topic": fact.topic,
                    "fact": fact.id,
                }
            )
    rng.shuffle(training)
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    write_rows(folder / "cases.jsonl", cases)
    write_rows(folder / "train.jsonl", training)
    write_rows(folder / "corpus" / "passages.jsonl", passages(facts, unasked, rng))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
