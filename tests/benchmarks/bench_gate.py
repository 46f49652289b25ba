"""`evalkit gate RUN` as a whole process, on runs of 1,000 and of 100,000 cases x 2 arms: seconds and peak memory.

python tests/benchmarks/bench_gate.py [--cases 1000 100000] [--profile]

Bounds: 1.5 s for 1,000 cases, 15 s and 1 GB for 100,000, start-up included. What else the machine does lengthens every
figure, so each is printed beside a yardstick of the same run: a fixed piece of arithmetic in a fresh interpreter.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from evalkit.pipeline.gate_run import update_baseline
from tests.builders.gate_runs import GateRun, write_run

SHARES = {"few_shot": 0.6, "rag": 0.8}
CHANGED = 0.05
SECTION = {"max_cost_increase": 0.1, "max_p95_latency_s": 2.0, "max_error_rate": 0.02}
BOUNDS = {1_000: (1.5, None), 100_000: (15.0, 1_000)}
"""Cases to seconds and megabytes."""
YARDSTICK = "s = 0\nfor i in range(6_000_000): s += i * i % 7\n"
_MEASURE = (
    "import resource, subprocess, sys\n"
    "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
    "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n"
    "sys.stderr.buffer.write(done.stderr[-2000:])\n"
)


def write_runs(folder: Path, n: int) -> None:
    """A baseline, and a run in which 1 case in 20 is drawn again."""
    chance = random.Random(7)
    answers = {arm: _drawn(chance, share, n) for arm, share in SHARES.items()}
    again = {
        arm: [_drawn(chance, SHARES[arm], 1)[0] if chance.random() < CHANGED else one for one in given]
        for arm, given in answers.items()
    }
    cost = {arm: [round(chance.uniform(0.0008, 0.0012), 6) for _ in range(n)] for arm in SHARES}
    before = GateRun(answers=answers, gate=SECTION, cost=cost)
    update_baseline(write_run(before, folder / "before"), folder / "baseline.json")
    write_run(GateRun(answers=again, gate=SECTION, cost=cost, system="Another prompt."), folder / "after")


def measured(command: list[str]) -> tuple[int, float, float, int]:
    """Exit code, wall seconds, processor seconds and peak megabytes of one process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, megabytes = map(int, done.stdout.split())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if code not in (0, 100):
        sys.exit(f"the gate ended with {code}: {done.stderr}")
    return code, wall, cpu, megabytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="+", default=[*BOUNDS])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="Print where one gate spends its time.")
    given = parser.parse_args()
    yardsticks = [measured([sys.executable, "-c", YARDSTICK]) for _ in range(3)]
    wall, cpu = (min(figures[place] for figures in yardsticks) for place in (1, 2))
    print(f"yardstick, 6 million steps of arithmetic: {wall:.2f} s, {cpu:.2f} s of CPU")
    for n in given.cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_runs(folder, n)
            evalkit = [sys.executable, "-m", "evalkit"]
            command = ["gate", str(folder / "after"), "--baseline", str(folder / "baseline.json"), "--json"]
            if given.profile:
                subprocess.run([sys.executable, "-m", "cProfile", "-s", "tottime", "-m", "evalkit", *command])
                continue
            figures = [measured([*evalkit, *command]) for _ in range(given.repeats)]
            size = os.path.getsize(folder / "baseline.json") / 1e6  # noqa: PTH202 - bytes of one file
            seconds, megabytes = BOUNDS.get(n, (None, None))
            bound = (
                ""
                if seconds is None
                else f"; bound {seconds:g} s" + (f", {megabytes:,} MB" if megabytes else "")
            )
            print(
                f"gate on {n:,} cases x {len(SHARES)} arms: median {statistics.median(f[1] for f in figures):.2f} s "
                f"({min(f[1] for f in figures):.2f} to {max(f[1] for f in figures):.2f}), "
                f"{min(f[2] for f in figures):.2f} s of CPU, {max(f[3] for f in figures):,} MB{bound}; "
                f"baseline {size:.2f} MB, exit {figures[0][0]}",
                flush=True,
            )


def _drawn(chance: random.Random, share: float, n: int) -> list[str]:
    return ["right" if chance.random() < share else f"wrong {chance.randrange(9)}" for _ in range(n)]


if __name__ == "__main__":
    main()
