"""Changes of whole data files for the fuzzer: other column names, published forms of rows, ids, units and weights.

Each change says whether the suite still means the same: then a run that is accepted must give the same scores.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Rows = list[dict[str, Any]]
Files = dict[str, tuple[Path, Rows]]
"""The tables of a suite by name, each with its file."""

SAME, OTHER = True, False


def reshape(folder: Path, files: Files, chance: random.Random) -> tuple[str, bool]:
    """Change the rows of some of ``files`` in place.

    Args:
        folder: The suite's; its suite.yaml may be changed too.
        files: Its tables, which the caller writes again.
        chance: Decides what is changed.

    Returns:
        What was done, and whether the scores must stay as they were.
    """
    change = chance.choice(_CHANGES)
    return f"shape {change.__name__.strip('_')}", change(folder, files, chance)


def _undeclare(folder: Path) -> None:
    """Leave the columns of the cases to their usual names."""
    suite = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    for section in (suite["cases"], suite["extra_cases"]["other"]):
        section.pop("fields", None)
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, allow_unicode=True), encoding="utf-8")


def _rename(rows: Rows, before: str, after: str) -> None:
    for row in rows:
        if before in row:
            row[after] = row.pop(before)


def _answers(files: Files) -> list[Rows]:
    return [files[name][1] for name in ("shown", "taught") if name in files]


def _answer_names(folder: Path, files: Files, chance: random.Random) -> bool:
    for rows in _answers(files):
        _rename(rows, "case_id", chance.choice(("id", "sample_id", "Doc_ID")))
        _rename(rows, "output", chance.choice(("response", "prediction", "Completion")))
    return SAME


def _answer_tokens(folder: Path, files: Files, chance: random.Random) -> bool:
    names = chance.choice((("input_tokens", "output_tokens"), ("prompt_tokens", "completion_tokens")))
    for rows in _answers(files):
        for row in rows:
            row.pop("usage", None)
            row |= dict(zip(names, (20, 5), strict=True))
            if chance.random() < 0.1:
                row["cost"] = 0.001
    return SAME


def _answer_units(folder: Path, files: Files, chance: random.Random) -> bool:
    column, value = chance.choice(
        (
            *(
                ("latency_ms", 100),
                ("service_ms", 100.0),
                ("latency_s", 0.1),
                ("latency_s", 700),
                ("ttft_ms", 9),
            ),
            *(("latency_ms", 0.1), ("latency_s", 1e9), ("latency_ms", "fast"), ("cost", 110), ("cost", "$1")),
            *(
                ("cost_usd", 0.01),
                ("cost", -1),
                ("cost", 1e308),
                ("input_tokens", 0.9),
                ("latency_ms", 1e308),
            ),
        )
    )
    for rows in _answers(files):
        for row in rows:
            if column != "cost" and chance.random() < 0.9:
                row.pop("service_s", None)
            row[column] = value
    return SAME


def _answer_strangers(folder: Path, files: Files, chance: random.Random) -> bool:
    for rows in _answers(files):
        rows.append({**rows[0], next(iter(rows[0])): "of-no-case"})
        for row in rows:
            row[chance.choice(("answer", "reference", "score", "id"))] = "x"
    return SAME


def _float_ids(folder: Path, files: Files, chance: random.Random) -> bool:
    whole = chance.random() < 0.5
    for name in ("cases", "shown", "taught"):
        if name not in files:
            continue
        floats = whole if name == "cases" else chance.random() < 0.7
        for number, row in enumerate(files[name][1]):
            row["id" if name == "cases" else "case_id"] = float(number) if floats else number
    return SAME


def _case_names(folder: Path, files: Files, chance: random.Random) -> bool:
    _undeclare(folder)
    for name in ("cases", "other"):
        rows = files[name][1]
        _rename(rows, "question", chance.choice(("question", "input", "prompt", "user_input", "Question")))
        _rename(rows, "answer", chance.choice(("answer", "reference", "target", "ideal", "ground_truth")))
        if chance.random() < 0.3 and "answer" not in rows[0]:
            for row in rows:  # what a model once said is no reference
                row["answer"] = "no"
    return SAME


def _case_answers(folder: Path, files: Files, chance: random.Random) -> bool:
    form: Callable[[str], Any] = chance.choice(
        (
            lambda text: {"value": text, "aliases": [text, f"{text}!"]},
            lambda text: {"text": [text], "answer_start": [0]},
            lambda text: {"text": [text, text], "answer_start": [0, 9]},
        )
    )
    for row in files["cases"][1]:
        row["answer"] = form(row["answer"])
    return SAME


def _case_lost_references(folder: Path, files: Files, chance: random.Random) -> bool:
    _undeclare(folder)
    _rename(files["cases"][1], "answer", "reference")
    for row in files["cases"][1]:
        row["answer"] = "no"
        if chance.random() < 0.5:
            row["reference"] = chance.choice((None, "", " "))
    return OTHER


def _case_conversations(folder: Path, files: Files, chance: random.Random) -> bool:
    _undeclare(folder)
    sharegpt = chance.random() < 0.5
    for row in files["cases"][1]:
        text = row.pop("question")
        if sharegpt:
            row["conversations"] = [{"from": "human", "value": text}]
        else:
            row["messages"] = [{"role": "user", "content": text}]
    return SAME


def _case_instructions(folder: Path, files: Files, chance: random.Random) -> bool:
    _undeclare(folder)
    text, answer = chance.choice((("input", "output"), ("context", "response")))
    for row in files["cases"][1]:
        row["instruction"] = row.pop("question")
        row[text] = chance.choice(("", "城市"))
        row[answer] = row.pop("answer")
    return SAME


def _training_forms(folder: Path, files: Files, chance: random.Random) -> bool:
    form = chance.choice(("alpaca", "chat", "sharegpt", "trl", "preference", "kto", "mixed"))
    rows = files["train"][1]
    for number, row in enumerate(rows):
        if form == "mixed" and number % 2:
            continue
        question, answer = row.pop("question"), row.pop("answer")
        user, reply = {"role": "user", "content": question}, {"role": "assistant", "content": answer}
        row |= {
            "alpaca": {"instruction": question, "input": "", "output": answer},
            "chat": {"messages": [user, reply]},
            "sharegpt": {
                "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
            },
            "trl": {"prompt": [user], "completion": [reply]},
            "preference": {"prompt": question, "chosen": answer, "rejected": "no"},
            "kto": {"prompt": question, "completion": answer, "label": bool(number % 2)},
            "mixed": {"messages": [user, reply]},
        }[form]
    return SAME


def _training_weights(folder: Path, files: Files, chance: random.Random) -> bool:
    name = chance.choice(("weight", "sample_weight", "loss_mask", "train"))
    values = chance.choice(((0, 1), (0,), (0, 0.5, 1), (False, True), ("heavy", 1), (-1, 3)))
    in_messages = chance.random() < 0.5
    for row in files["train"][1]:
        weight = chance.choice(values)
        if in_messages:
            talk = [{"role": "user", "content": row.pop("question")}]
            row["messages"] = [*talk, {"role": "assistant", "content": row.pop("answer"), name: weight}]
        else:
            row[name] = weight
    return SAME


_CHANGES = (
    _answer_names,
    _answer_tokens,
    _answer_units,
    _answer_strangers,
    _float_ids,
    _case_names,
    _case_answers,
    _case_lost_references,
    _case_conversations,
    _case_instructions,
    _training_forms,
    _training_weights,
)
