"""A small suite with recorded answers that goes through every stage in a second, without a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli import main as door

SUITE = """\
name: tiny
use_case: {improve: right capitals, primary_metric: exact_match, target: 0.9}
cases: {path: cases.jsonl, fields: {input: question, reference: answer, tags: [area], cluster: fact}}
models:
  shown: {type: recorded, path: shown.jsonl, kind: few_shot, price: plain}
  looked_up: {type: recorded, path: looked_up.jsonl, kind: rag, price: plain}
  taught: {type: recorded, path: taught.jsonl, kind: fine_tuned, price: taught, training: {cost: 120}}
arms:
  few_shot: {model: shown}
  rag: {model: looked_up}
  fine_tuned: {model: taught}
metrics: [exact_match, token_f1]
economics: {requests_per_month: {low: 20_000, mode: 50_000, high: 90_000}, value_per_correct: 0.01}
prices:
  plain: {input: 1.0, output: 4.0, as_of: 2026-11-01, source: made up for a test}
  taught: {input: 2.0, output: 8.0, as_of: 2026-11-01, source: made up for a test}
decision: {reference_arm: few_shot}
"""
N_FACTS = 60


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def cases() -> list[dict[str, Any]]:
    return [
        {
            "id": f"c{fact}-{wording}",
            "question": f"{word} of land {fact}?",
            "answer": f"City {fact}",
            "area": "north",
            "fact": f"land {fact}",
        }
        for fact in range(N_FACTS)
        for wording, word in enumerate(("Capital", "Chief city"))
    ]


def answers(right: Callable[[int], bool]) -> list[dict[str, Any]]:
    return [
        {
            "case_id": case["id"],
            "output": case["answer"] if right(number) else "No idea",
            "usage": {"input": 200, "output": 5},
            "service_s": 0.2 + number % 5 / 50,
        }
        for number, case in enumerate(cases())
    ]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The suite's folder: few-shot right on 1 in 3, retrieval on 2 in 3, the tuned arm on all but 1 in 12."""
    return write_tiny(tmp_path / "tiny")


def write_tiny(folder: Path) -> Path:
    """Write that suite into a new folder."""
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    write_rows(folder / "cases.jsonl", cases())
    write_rows(folder / "shown.jsonl", answers(lambda number: number % 3 == 0))
    write_rows(folder / "looked_up.jsonl", answers(lambda number: number % 3 != 0))
    write_rows(folder / "taught.jsonl", answers(lambda number: number % 12 != 0))
    return folder


@pytest.fixture
def evalkit(capsys, tmp_path, monkeypatch):
    """Runs a command in a folder of its own; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    class Done:
        def __init__(self, code: int, out: str, err: str) -> None:
            self.code, self.out, self.err = code, out, err

        @property
        def json(self) -> Any:
            return json.loads(self.out)

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = door.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def rows():
    """Writes a JSONL file."""
    return write_rows
