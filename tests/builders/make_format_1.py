"""Make the run, the caches and the suite of format 1 that later versions must read: ``tests/fixtures/format-1``.

    python -m tests.builders.make_format_1 f223013

The run is made by the product of that revision, against a chat server on loopback: three arms (examples, dense search,
a tuned model), 16 cases. It belongs to the format, not to the product of today: make it again only to add to it, by
the same revision. Run this from the root of the repository.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.builders.chat_server import ChatServer, Reply, completion
from tests.builders.revision import run_evalkit, worktree

FIXTURE = Path("tests/fixtures/format-1")
PORT = 18742
PARTS = ("belt", "lens", "cable", "fan", "valve", "sensor", "nozzle", "drum")
FILES = ("manifest.json", "suite.yaml", "cases.jsonl", "profile.json", "samples.jsonl", "scores.jsonl",
         "latency.jsonl", "prompts.jsonl", "retrieval.json", "answering.json", "comparison.json",
         "decision.json")  # fmt: skip
SUITE = f"""\
name: format-1
use_case: {{improve: exact answers to error codes, primary_metric: exact_match, target: 0.9}}
cases: {{path: cases.jsonl, fields: {{input: question, reference: answer, tags: [wording], cluster: part,
         gold_passages: docs}}}}
prompts:
  house: {{system: Answer in the house format., user: "Question: {{{{input}}}}", passages: "Context: {{{{passages}}}}",
          shots: 2, examples: {{path: train.jsonl, choose: fixed}}}}
models:
  base: {{type: openai, model: m-base, base_url: "http://127.0.0.1:{PORT}/v1", max_tokens: 32}}
  tuned: {{type: openai, model: m-tuned, base_url: "http://127.0.0.1:{PORT}/v1", max_tokens: 32, tuned_from: base,
          training: {{cost: 12.5}}}}
embedders:
  hosted: {{type: openai, model: m-embed, base_url: "http://127.0.0.1:{PORT}/v1"}}
arms:
  few_shot: {{model: base, prompt: house, shot_curve: [0, 2]}}
  rag: {{model: base, prompt: {{base: house, shots: 0}},
        retrieval: {{corpus: passages.jsonl, method: dense, embedder: hosted, top_k: 1}}}}
  fine_tuned: {{model: tuned, prompt: {{base: house, shots: 0}}}}
metrics: [exact_match, token_f1]
run: {{seed: 7, latency: {{isolated: 3}}}}
economics:
  currency: USD
  horizon_months: 12
  requests_per_month: {{low: 1_000, mode: 5_000, high: 20_000}}
  value_per_correct: 0.05
  training: {{labour_hours: 8, labour_rate: 60}}
prices:
  m-base: {{input: 1.0, output: 4.0, as_of: 2026-11-01, source: made up for a test}}
  m-tuned: {{input: 2.0, output: 8.0, as_of: 2026-11-01, source: made up for a test}}
  m-embed: {{input: 0.1, as_of: 2026-11-01, source: made up for a test}}
decision: {{draws: 1000, reference_arm: few_shot}}
"""


def meaning(code: str) -> str:
    """What an error code stands for: E10 is the first part."""
    return f"Cause: worn {PARTS[int(code[1:]) - 10]}."


def rows() -> dict[str, list[dict[str, Any]]]:
    """The suite's data files."""
    codes = [f"E{10 + index}" for index in range(len(PARTS))]
    wordings = {"plain": "What does {} mean?", "short": "{}, any idea?"}
    return {
        "cases.jsonl": [
            {
                "id": f"{code}-{wording}",
                "question": text.format(code),
                "answer": meaning(code),
                "wording": wording,
                "part": code,
                "docs": [f"doc-{code}"],
            }
            for code in codes
            for wording, text in wordings.items()
        ],
        "train.jsonl": [{"question": f"Why does it show {code}?", "answer": meaning(code)} for code in codes],
        "passages.jsonl": [
            {"id": f"doc-{code}", "text": f"{code} is shown when a part fails. {meaning(code)}"}
            for code in codes
        ],
    }


def answer(request: dict[str, Any]) -> Reply:
    """The tuned model knows every code but one, the base reads passages and otherwise names the belt."""
    if "input" in request:
        vectors = [np.random.default_rng(code_number(text)).standard_normal(8) for text in request["input"]]
        data = [{"index": place, "embedding": vector.tolist()} for place, vector in enumerate(vectors)]
        return Reply({"data": data, "usage": {"prompt_tokens": 10 * len(data)}})
    asked = request["messages"][-1]["content"]
    code = f"E{code_number(asked)}"
    knows = code != "E17" if request["model"] == "m-tuned" else meaning(code) in asked and code != "E12"
    text = meaning(code) if knows else meaning("E10")
    return completion(text, prompt=20 * len(request["messages"]), output=6)


def code_number(text: str) -> int:
    """The number of the first error code that is named."""
    return int(text.partition("E1")[2][0]) + 10


def keep_cache(source: Path, target: Path) -> None:
    """A SQLite file without its log beside it and without empty pages."""
    with sqlite3.connect(source) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("VACUUM")
    database.close()
    shutil.copyfile(source, target)


def main() -> int:
    shutil.rmtree(FIXTURE, ignore_errors=True)
    suite = FIXTURE / "suite"
    suite.mkdir(parents=True)
    (suite / "suite.yaml").write_text(SUITE, encoding="utf-8")
    for name, lines in rows().items():
        (suite / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    server = ChatServer(port=PORT)
    server.answer = answer
    try:
        with worktree(sys.argv[1]) as tree, tempfile.TemporaryDirectory() as scratch:
            reports, cache = Path(scratch) / "reports", Path(scratch) / "cache"
            shutil.copytree(suite, tree / suite)
            run_evalkit(tree, "run", suite, "-o", reports, cache=cache)
            (run,) = reports.glob("*/*")
            (FIXTURE / "run").mkdir()
            for name in FILES:
                shutil.copyfile(run / name, FIXTURE / "run" / name)
            (FIXTURE / "cache").mkdir()
            for name in ("responses.sqlite", "vectors.sqlite"):
                keep_cache(cache / name, FIXTURE / "cache" / name)
    finally:
        server.close()
    print(f"{len(server.requests)} requests")
    print(f"{sum(file.stat().st_size for file in FIXTURE.rglob('*') if file.is_file()) / 1000:,.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
