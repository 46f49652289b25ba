"""The held-out task of the model card: written after the weights were frozen and scored exactly once.

Scored on 2026-11-20, on the weights of the card. No answer to it was seen before. Its passages follow the
card's advice, a label right before its value, which came from misses on development sets. Whoever changes
generator, recipe or weights must write another task: this one has been seen. Run it with
`python -m tests.embedded_model.held_out FOLDER`.
"""

import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from tests.embedded_model.adapter import AdapterRecipe, tune
from tests.embedded_model.evaluation import (
    Conversation,
    Question,
    Scores,
    exchange,
    extraction_question,
    load,
    reply,
    score,
    user,
)

SYSTEM = "Answer as our field team writes it."
FORMAT = re.compile(r"Problem: [^.:;]+; Solution: [^.:;]+\.")


def _listed(text: str) -> list[str]:
    return text.split("|")


_PRODUCTS = (("Aldera", "pump"), ("Fenwick", "plotter"), ("Ostrava", "inverter"), ("Quillon", "gate"))
_PROBLEMS = _listed(
    "tripped breaker|torn diaphragm|empty reservoir|reversed polarity|frozen intake|stripped thread|misread label|"
    "full buffer|cold solder joint|warped rail|lost pairing|blocked vent|worn bushing|low signal|cracked housing|"
    "stale token|slipping clutch|flat battery|damp connector|locked rotor|wrong voltage|broken spring|jammed roller|"
    "faulty relay|dirty lens|missing screw|loose belt|old firmware|stuck valve|bent pin"
)
_SOLUTIONS = _listed(
    "reset the breaker|fit a new diaphragm|refill the reservoir|swap the leads|thaw the intake|replace the bolt|"
    "print the label again|clear the buffer|resolder the joint|straighten the rail|pair the remote|clean the vent|"
    "grease the bushing|move the antenna|order a housing|renew the token|tighten the clutch|charge the battery|"
    "dry the connector|free the rotor|check the voltage|change the spring|lift the roller|test the relay|"
    "wipe the lens|insert the screw|adjust the belt|update the firmware|open the valve|repair the pin"
)
_PASSAGES = (
    "{n} {k}, alarm {c}: the problem is {a}; the solution is {b}.",
    "Alarm {c} on the {n}. Problem: {a}. Solution: {b}.",
    "For alarm {c} the listed problem is {a}, the usual solution: {b}.",
)
_ASKED = (
    "The {n} {k} halted and shows {c}.",
    "What would you do about {c} on an {n}?",
    "Crew on site, {n} {k}, alarm {c}, please explain.",
)
_TAUGHT = (
    "What is {c}?",
    "{n} {c}",
    "Explain alarm {c}.",
    "{c} on the {n} {k}",
    "Got {c}, what now?",
    "{k} says {c}",
)
_TAUGHT_ENDS = ("", " Thanks.", " It is urgent.")


@dataclass(frozen=True)
class Fact:
    name: str
    kind: str
    code: str
    problem: str
    solution: str

    def put_into(self, wording: str) -> str:
        return wording.format(n=self.name, k=self.kind, c=self.code, a=self.problem, b=self.solution)

    @property
    def answer(self) -> str:
        return f"Problem: {self.problem}; Solution: {self.solution}."


def facts() -> list[Fact]:
    """Thirty facts; problem and solution are shuffled apart, so that neither tells the other."""
    rng = random.Random("held out")
    numbers, solutions = rng.sample(range(20, 990), 30), rng.sample(_SOLUTIONS, 30)
    return [
        Fact(*_PRODUCTS[i % 4], f"{'NR'[i % 2]}{numbers[i]}", problem, solutions[i])
        for i, problem in enumerate(_PROBLEMS)
    ]


def questions(passages: int, demonstrations: int) -> list[Question]:
    """Every fact but the five demonstrated ones, in three wordings; the clusters are the 25 facts."""
    rng = random.Random(f"held out/{passages}/{demonstrations}")
    shown, asked = facts()[:5], facts()[5:]
    start: Conversation = [{"role": "system", "content": SYSTEM}]
    for index, fact in enumerate(shown[:demonstrations]):
        start += exchange(f"Question: {fact.put_into(_TAUGHT[index])}", fact.answer)
    result = []
    for fact in asked:
        for wording in _ASKED:
            others = [other for other in asked if other is not fact]
            read = rng.sample([fact, *rng.sample(others, passages - 1)], passages) if passages else []
            lines = [f"Context: {item.put_into(rng.choice(_PASSAGES))}" for item in read]
            text = "\n".join([*lines, f"Question: {fact.put_into(wording)}"])
            result.append(Question([*start, user(text)], fact.answer))
    return result


def taught() -> list[Question]:
    """480 pairs over all 30 facts, none in a wording that is asked."""
    rng = random.Random("held out/taught")
    system = {"role": "system", "content": SYSTEM}
    return [
        Question(
            [system, user(f"Question: {fact.put_into(rng.choice(_TAUGHT))}{rng.choice(_TAUGHT_ENDS)}")],
            fact.answer,
        )
        for fact in facts()
        for _ in range(16)
    ]


def rows(folder: Path) -> Iterator[tuple[str, Scores]]:
    """Every row of the card, named."""
    model, tokenizer = load(folder)

    def arm(asked: list[Question]) -> Scores:
        answers = reply(model, tokenizer, [question.conversation for question in asked])
        return score(answers, asked, lambda text: FORMAT.fullmatch(text) is not None)

    yield "zero-shot", arm(questions(0, 0))
    yield "few-shot, 5 demonstrations", arm(questions(0, 5))
    for count in (1, 2, 3, 4):
        yield f"{count} passages, 2 demonstrations", arm(questions(count, 2))
    for count in (1, 2, 3, 4):
        asked = [extraction_question(random.Random(f"held out/{count}/{i}"), count, 2) for i in range(200)]
        answers = reply(model, tokenizer, [question.conversation for question in asked])
        yield f"own distribution, {count} passages", score(answers, asked)
    started = time.perf_counter()
    model, loss = tune(model, tokenizer, taught(), AdapterRecipe())
    seconds = time.perf_counter() - started
    yield f"LoRA ({seconds:.0f} s, loss {loss:.4f})", arm(questions(0, 0))


def main() -> int:
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    for name, scores in rows(Path(sys.argv[1])):
        sys.stdout.write(f"{name}: {scores}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
