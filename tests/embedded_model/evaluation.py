"""Scores a saved model folder as a user would meet it: chat template, transformers' generate, greedy."""

import random
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.embedded_model.answers import answer
from tests.embedded_model.records import Record
from tests.embedded_model.scenes import draw_scene
from tests.embedded_model.windows import CURRICULUM

Conversation = list[dict[str, str]]
_ANSWER_TOKENS = 48


@dataclass(frozen=True)
class Question:
    """A conversation that ends with the user, and the only right answer."""

    conversation: Conversation
    reference: str


@dataclass(frozen=True)
class Scores:
    """Means over questions. `exact` ignores case and punctuation; `form` is None without a format to check."""

    n: int
    exact: float
    f1: float
    form: float | None


def exchange(asked: str, answered: str) -> Conversation:
    """A demonstration."""
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer; in float32, although the folder holds float16, because CPUs are slow at that."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    return model, AutoTokenizer.from_pretrained(folder)


def reply(model: Any, tokenizer: Any, conversations: Sequence[Conversation], batch: int = 32) -> list[str]:
    """The answers, without their newline."""
    answers: list[str] = []
    for start in range(0, len(conversations), batch):
        prompts = tokenizer.apply_chat_template(
            list(conversations[start : start + batch]),
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        )
        ids, mask = prompts["input_ids"], prompts["attention_mask"]
        with torch.no_grad():
            full = model.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=_ANSWER_TOKENS
            )
        texts = tokenizer.batch_decode(full[:, ids.shape[1] :], skip_special_tokens=True)
        answers += [text.split("\n")[0].strip() for text in texts]
    return answers


def score(
    answers: Sequence[str], questions: Sequence[Question], form: Callable[[str], bool] | None = None
) -> Scores:
    """Compare answers with references, one by one."""
    pairs = [(given, question.reference) for given, question in zip(answers, questions, strict=True)]
    n = len(pairs)
    return Scores(
        n=n,
        exact=sum(normalised(given) == normalised(reference) for given, reference in pairs) / n,
        f1=sum(token_f1(given, reference) for given, reference in pairs) / n,
        form=None if form is None else sum(form(given) for given, _ in pairs) / n,
    )


def normalised(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c not in string.punctuation).split())


def token_f1(given: str, reference: str) -> float:
    left, right = normalised(given).split(), normalised(reference).split()
    common = sum((Counter(left) & Counter(right)).values())
    return 2 * common / (len(left) + len(right)) if common else 0.0


def extraction_question(rng: random.Random, passages: int, demonstrations: int) -> Question:
    """A question of the training distribution at its hardest, about one of `passages` passages.

    Scenes with another cue than the chat template's "Answer:" are drawn again.
    """
    final = CURRICULUM[-1].settings
    settings = replace(final, passages=(passages,), demonstrations=(demonstrations,))
    scene = draw_scene(rng, settings)
    while scene.reply != "Answer:":
        scene = draw_scene(rng, settings)
    conversation: Conversation = []
    for record in scene.demonstrated:
        asked, pattern = scene.ask(rng, record)
        conversation += exchange(asked, _text(pattern, record))
    group = scene.groups[0]
    lines = [scene.passage(rng, record) for record in group]
    wanted = rng.choice(group)
    asked, pattern = scene.ask(rng, wanted)
    return Question([*conversation, user("\n".join([*lines, asked]))], _text(pattern, wanted))


def _text(pattern: str, record: Record) -> str:
    return "".join(segment.text for segment in answer(pattern, record)).strip()
