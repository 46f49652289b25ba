"""Median of three: `evalkit compare RUN` as a whole process, on 20,000 recorded cases x 4 arms with a graded metric.

python tests/benchmarks/bench_compare.py [--cases 20000] [--profile]
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

ARMS = {"zero_shot": 0.45, "few_shot": 0.6, "rag": 0.72, "fine_tuned": 0.85}
WORDS = 8
SUITE = f"""\
name: bench
use_case: {{primary_metric: token_f1}}
cases: {{path: cases.jsonl}}
models:
{"".join(f"  {arm}: {{type: recorded, path: {arm}.jsonl, kind: {arm}}}" + chr(10) for arm in ARMS)}
arms:
{"".join(f"  {arm}: {{model: {arm}}}" + chr(10) for arm in ARMS)}
metrics: [token_f1, exact_match]
decision: {{reference_arm: few_shot}}
"""


def write_suite(folder: Path, n_cases: int, clusters_of: int) -> None:
    """Each arm gets each of a reference's words right with its own chance."""
    chance = random.Random(7)
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    references = [[f"w{chance.randrange(5_000)}" for _ in range(WORDS)] for _ in range(n_cases)]
    write(
        folder / "cases.jsonl",
        [
            {
                "id": f"c{i}",
                "input": f"Question {i}?",
                "reference": " ".join(words),
                "cluster": f"k{i // clusters_of}",
            }
            for i, words in enumerate(references)
        ],
    )
    for arm, share in ARMS.items():
        answers = [
            " ".join(word if chance.random() < share else "other" for word in words) for words in references
        ]
        write(
            folder / f"{arm}.jsonl",
            [{"case_id": f"c{i}", "output": answer} for i, answer in enumerate(answers)],
        )


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--clusters-of", type=int, default=1, help="Cases in a cluster.")
    parser.add_argument("--profile", action="store_true", help="Print where one comparison spends its time.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_suite(folder / "bench", given.cases, given.clusters_of)
        environment = {**os.environ, "EVALKIT_CACHE_DIR": str(folder / "cache")}
        evalkit = [sys.executable, "-m", "evalkit"]
        made = [*evalkit, "run", str(folder / "bench"), "-o", str(folder / "reports"), "--json"]
        start = time.perf_counter()
        subprocess.run(made, env=environment, check=True, capture_output=True)
        print(f"the run itself, with scoring and decision: {time.perf_counter() - start:.1f} s")
        ways = {
            "compare RUN": ["latest"],
            "compare RUN --arms zero_shot,fine_tuned": ["latest", "--arms", "zero_shot,fine_tuned"],
            "compare RUN RUN": ["latest", "latest"],
        }
        for label, asked in ways.items():
            command = ["compare", *asked, "-o", str(folder / "reports"), "--json"]
            wall, cpu = [], []
            for _ in range(3):
                before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                subprocess.run([*evalkit, *command], env=environment, check=True, capture_output=True)
                wall.append(time.perf_counter() - start)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            print(
                f"{label} on {given.cases:,} cases x {len(ARMS)} arms: median {statistics.median(wall):.2f} s of 3 "
                f"({min(wall):.2f} to {max(wall):.2f}), {statistics.median(cpu):.2f} s of CPU",
                flush=True,
            )
            if given.profile:
                profiled = [sys.executable, "-m", "cProfile", "-s", "tottime", "-m", "evalkit", *command]
                shown = subprocess.run(profiled, env=environment, capture_output=True, text=True).stdout
                at = shown.find("Ordered by")
                print(shown[at : at + 3500])


if __name__ == "__main__":
    main()
