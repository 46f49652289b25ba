"""Suites of recorded answers whose outcome follows from a rule, written by that rule."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

_SUITE = """\
name: {name}
use_case: {{improve: answers, primary_metric: exact_match, target: 0.9}}
cases: {{path: cases.jsonl, fields: {{id: id, input: question, reference: answer, gold_passages: docs}}}}
prompts: {{p: {{system: Answer., user: "{{{{input}}}}"}}}}
models:
  base: {{type: recorded, path: few_shot.jsonl, price: m}}
  reading: {{type: recorded, path: rag.jsonl, price: m}}
  tune: {{type: recorded, path: fine_tuned.jsonl, price: m, tuned_from: base, training: {{cost: 50}}}}
arms:
  few_shot: {{model: base, prompt: p}}
  rag: {{model: reading, prompt: p, retrieval: {{corpus: corpus.jsonl, method: bm25, top_k: 3}}}}
  fine_tuned: {{model: tune, prompt: p}}
metrics: [exact_match]
economics: {economics}
prices: {{m: {{input: 0.15, output: 0.6, as_of: 2026-11-01, source: made up}}}}
decision: {{margin: 0.03, reference_arm: few_shot}}
"""
EFFORT = "training: {labour_hours: 24, labour_rate: 60}"


def write_suite(
    folder: Path,
    *,
    cases: Sequence[tuple[str, str, str]],
    corpus: Sequence[str],
    outputs: Mapping[str, Sequence[str]],
    retrieved: Sequence[str],
    economics: str,
) -> Path:
    """A suite of three recorded arms, each request of 200 input and 10 output tokens.

    Args:
        folder: Is made.
        cases: Question, answer and gold passage of each.
        corpus: Passages; the n-th is called ``d`` and its number.
        outputs: By arm (few_shot, rag, fine_tuned) the answer to each case.
        retrieved: The passage that the RAG arm was given in each case.
        economics: Volume and value, as YAML in one line.
    """
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(
        _SUITE.format(name=folder.name, economics=f"{{{economics}, {EFFORT}}}")
    )
    rows = [
        {"id": f"c{at}", "question": question, "answer": answer, "docs": [passage]}
        for at, (question, answer, passage) in enumerate(cases)
    ]
    _write(folder / "cases.jsonl", rows)
    _write(folder / "corpus.jsonl", [{"id": f"d{at}", "text": text} for at, text in enumerate(corpus)])
    for arm, answers in outputs.items():
        recorded = [
            {"case_id": f"c{at}", "output": answer, "usage": {"input": 200, "output": 10}}
            for at, answer in enumerate(answers)
        ]
        if arm == "rag":
            recorded = [
                row | {"passages": [{"id": passage}]}
                for row, passage in zip(recorded, retrieved, strict=True)
            ]
        _write(folder / f"{arm}.jsonl", recorded)
    return folder


def repeated_questions(folder: Path) -> Path:
    """Forty questions, each asked ten times and answered alike each time."""
    cities = [f"city {number % 40}" for number in range(400)]

    def right(first: int, stop: int) -> list[str]:
        return [city if first <= number % 40 < stop else "city X" for number, city in enumerate(cities)]

    return write_suite(
        folder,
        cases=[
            (f"What is the capital of country {number % 40}?", city, f"d{number % 40}")
            for number, city in enumerate(cities)
        ],
        corpus=[f"The capital of country {number} is city {number}." for number in range(40)],
        outputs={"few_shot": right(0, 20), "rag": right(0, 18), "fine_tuned": right(2, 28)},
        retrieved=["d0"] * 400,
        economics="requests_per_month: 1000000, value_per_correct: 0.02",
    )


def rare_class(folder: Path) -> Path:
    """One transaction in a hundred is fraud; the tuned arm finds each, the others none."""
    labels = ["fraud"] * 10 + ["ok"] * 990
    return write_suite(
        folder,
        cases=[(f"Transaction {number}: fraud or ok?", label, "d0") for number, label in enumerate(labels)],
        corpus=["x"],
        outputs={"few_shot": ["ok"] * 1000, "rag": ["ok"] * 1000, "fine_tuned": labels},
        retrieved=["d0"] * 1000,
        economics="requests_per_month: 1000000, value_per_correct: 0.5",
    )


def weak_retriever(folder: Path, requests_per_month: int = 100_000) -> Path:
    """The passage is found for every other question; where it is found 96% are right, else none. Tuned: 70%."""
    n = 400
    found = [number % 2 == 0 for number in range(n)]

    def answers(right: Sequence[bool]) -> list[str]:
        return [f"a{number}" if one else "zz" for number, one in enumerate(right)]

    return write_suite(
        folder,
        cases=[(f"Question {number}?", f"a{number}", f"d{number}") for number in range(n)],
        corpus=[f"text {number}" for number in range(n)],
        outputs={
            "few_shot": answers([number % 10 == 0 for number in range(n)]),
            "rag": answers([found[number] and number % 50 != 0 for number in range(n)]),
            "fine_tuned": answers([number % 10 < 7 for number in range(n)]),
        },
        retrieved=[f"d{number if found[number] else (number + 1) % n}" for number in range(n)],
        economics=f"requests_per_month: {requests_per_month}, value_per_correct: 0.02",
    )


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


_TWO_ARMS = """\
name: {name}
use_case: {{improve: answers, primary_metric: exact_match, target: 0.9}}
cases: {{path: cases.jsonl, fields: {{id: id, input: question, reference: answer}}}}
prompts:
  p: {{system: Answer., user: "{{{{input}}}} {{{{document}}}}"}}
models:
  base: {{type: recorded, path: few_shot.jsonl, price: m}}
  tune: {{type: recorded, path: fine_tuned.jsonl, price: m, tuned_from: base, training: {{cost: 50}}}}
arms:
  few_shot: {{model: base, prompt: p}}
  fine_tuned: {{model: tune, prompt: p}}
metrics: [exact_match]
economics: {{requests_per_month: 1000000, value_per_correct: 0.02, {effort}}}
prices: {{m: {{input: 0.15, output: 0.6, as_of: 2026-11-01, source: made up}}}}
decision: {{margin: 0.03, reference_arm: few_shot}}
"""


def questions_about_documents(folder: Path, questions: Sequence[str], documents: Sequence[str]) -> Path:
    """Each question is asked about its document; few-shot is right in half of the cases, the tuned arm in 90%."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(_TWO_ARMS.format(name=folder.name, effort=EFFORT))
    pairs = list(enumerate(zip(questions, documents, strict=True)))
    _write(
        folder / "cases.jsonl",
        [
            {"id": f"c{at}", "question": question, "document": document, "answer": f"a{at}"}
            for at, (question, document) in pairs
        ],
    )
    for arm, right in (("few_shot", 5), ("fine_tuned", 9)):
        rows = [
            {
                "case_id": f"c{at}",
                "output": f"a{at}" if at * 7 % 10 < right else "zz",
                "usage": {"input": 200, "output": 10},
            }
            for at, _ in pairs
        ]
        _write(folder / f"{arm}.jsonl", rows)
    return folder
