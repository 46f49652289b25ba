"""Median of five: `evalkit decide RUN --json --set ...` as a whole process, on 1,000 recorded cases x 4 arms.

python tests/benchmarks/bench_decide.py [--cases 1000] [--profile]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET_S = 2.0
ARMS = {"zero_shot": 0.45, "few_shot": 0.6, "rag": 0.72, "fine_tuned": 0.85}
SUITE = """\
name: bench
use_case: {primary_metric: exact_match, target: 0.8}
cases: {path: cases.jsonl}
models:
  zero_shot: {type: recorded, path: zero_shot.jsonl, kind: zero_shot, price: plain}
  few_shot: {type: recorded, path: few_shot.jsonl, kind: few_shot, price: plain}
  rag: {type: recorded, path: rag.jsonl, kind: rag, price: plain}
  fine_tuned: {type: recorded, path: fine_tuned.jsonl, kind: fine_tuned, price: plain, training: {cost: 200}}
arms:
  zero_shot: {model: zero_shot}
  few_shot: {model: few_shot}
  rag: {model: rag}
  fine_tuned: {model: fine_tuned}
metrics: [exact_match, token_f1]
economics:
  requests_per_month: {low: 20_000, mode: 50_000, high: 90_000}
  value_per_correct: 0.01
  cost_per_case: 0.5
  training: {labour_hours: {low: 8, mode: 16, high: 40}, labour_rate: 60}
prices:
  plain: {input: 1.0, output: 4.0, as_of: 2026-11-01, source: made up for a benchmark}
decision: {reference_arm: few_shot}
"""


def write_suite(folder: Path, n_cases: int) -> None:
    chance = random.Random(7)
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    write(
        folder / "cases.jsonl",
        [{"id": f"c{i}", "input": f"Question {i}?", "reference": f"answer {i}"} for i in range(n_cases)],
    )
    for arm, share in ARMS.items():
        rows = [
            {
                "case_id": f"c{i}",
                "output": f"answer {i}" if chance.random() < share else "another answer",
                "usage": {"input": 150 + chance.randrange(80), "output": 4 + chance.randrange(8)},
                "service_s": 0.2 + chance.random(),
            }
            for i in range(n_cases)
        ]
        write(folder / f"{arm}.jsonl", rows)


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--profile", action="store_true", help="Print where one decision spends its time.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_suite(folder / "bench", given.cases)
        environment = {**os.environ, "EVALKIT_CACHE_DIR": str(folder / "cache")}
        evalkit = [sys.executable, "-m", "evalkit"]
        made = [*evalkit, "run", str(folder / "bench"), "-o", str(folder / "reports"), "--json"]
        subprocess.run(made, env=environment, check=True, capture_output=True)
        setting = ("--set", "economics.requests_per_month=70000")
        asked = ["decide", "latest", "-o", str(folder / "reports"), "--json", *setting]
        wall, cpu = [], []
        for _ in range(5):
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run([*evalkit, *asked], env=environment, check=True, capture_output=True)
            wall.append(time.perf_counter() - start)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        verdict = json.loads(done.stdout)["verdict"]
        median = statistics.median(wall)
        print(
            f"decide --json --set on {given.cases:,} cases x {len(ARMS)} arms: median {median:.2f} s of 5 "
            f"({min(wall):.2f} to {max(wall):.2f}), {statistics.median(cpu):.2f} s of CPU; verdict {verdict}; "
            f"target {TARGET_S:g} s: {'met' if median < TARGET_S else 'missed'}"
        )
        if given.profile:
            profiled = [sys.executable, "-m", "cProfile", "-s", "cumulative", "-m", "evalkit", *asked]
            print(subprocess.run(profiled, env=environment, capture_output=True, text=True).stdout[-9000:])


if __name__ == "__main__":
    main()
