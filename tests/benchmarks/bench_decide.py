"""`evalkit decide RUN --json --set ...` as a whole process, on 1,000 and on 100,000 recorded cases x 4 arms.

    python tests/benchmarks/bench_decide.py [--cases 1000] [--profile]

Median of five (of three for the large run), its memory, and how many times as long as an interpreter takes that loads
numpy and msgspec and does nothing: that ratio travels from one machine to another.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LARGE = 100_000
TARGETS = ((1.5, 500.0), (30.0, 1000.0))
"""Seconds and megabytes, below and from ``LARGE`` cases, on a machine that does nothing else."""
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


@dataclass(frozen=True)
class Taken:
    """What one process took.

    Attributes:
        wall_s: From start to end.
        cpu_s: Of all its threads.
        peak_mb: Most memory it held, megabytes.
        output: Standard output.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def timed(command: list[str], environment: dict[str, str]) -> Taken:
    """Run one command to its end."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, text)


def yardstick(environment: dict[str, str]) -> float:
    """Median seconds of an interpreter that loads what every decision needs, and does nothing."""
    command = [sys.executable, "-c", "import numpy, msgspec"]
    return statistics.median(timed(command, environment).wall_s for _ in range(5))


def measure(n_cases: int, times: int, profile: bool) -> None:
    """Make a run of so many recorded cases, decide it again so often, and print what that took."""
    target_s, target_mb = TARGETS[n_cases >= LARGE]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_suite(folder / "bench", n_cases)
        environment = {**os.environ, "EVALKIT_CACHE_DIR": str(folder / "cache")}
        evalkit = [sys.executable, "-m", "evalkit"]
        timed([*evalkit, "run", str(folder / "bench"), "-o", str(folder / "reports"), "--json"], environment)
        setting = ("--set", "economics.requests_per_month=70000")
        asked = ["decide", "latest", "-o", str(folder / "reports"), "--json", *setting]
        taken = [timed([*evalkit, *asked], environment) for _ in range(times)]
        empty = yardstick(environment)
        if profile:
            profiled = [sys.executable, "-m", "cProfile", "-s", "cumulative", "-m", "evalkit", *asked]
            print(timed(profiled, environment).output[-9000:])
    wall, peak = [one.wall_s for one in taken], max(one.peak_mb for one in taken)
    median = statistics.median(wall)
    met = median <= target_s and peak <= target_mb
    print(
        f"decide --json --set on {n_cases:,} cases x {len(ARMS)} arms: median {median:.2f} s of {times} "
        f"({min(wall):.2f} to {max(wall):.2f}), {statistics.median(one.cpu_s for one in taken):.2f} s of CPU, "
        f"{peak:.0f} MB at most; {median / empty:.1f} times an interpreter with numpy and msgspec ({empty:.2f} s); "
        f"verdict {json.loads(taken[-1].output)['verdict']}; target {target_s:g} s, {target_mb:g} MB: "
        f"{'met' if met else 'missed'}"
    )


def main() -> None:
    """Measure both sizes, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, help="one size; default: 1,000 and 100,000")
    parser.add_argument("--profile", action="store_true", help="print where one decision spends its time")
    given = parser.parse_args()
    for n_cases in (1000, LARGE) if given.cases is None else (given.cases,):
        measure(n_cases, 5 if n_cases < LARGE else 3, given.profile)


if __name__ == "__main__":
    main()
