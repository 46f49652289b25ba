"""The main job, measured: `evalkit run suites/support-desk` twice with an empty cache of its own.

    python tests/benchmarks/main_job.py

Prints wall time, peak memory (sum of the proportional set sizes of all its processes, sampled twice a second), and
what the figures must show: few-shot keeps the form without the facts, retrieval and tuning beat it, the retriever
misses some passages, the learning curve rises, the second run comes from the cache with the same decision, and the
verdict flips where the report says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SUITE = Path(__file__).parents[2] / "suites" / "support-desk"


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        found.append(process := left.pop())
        left += parents.get(process, [])
    return found


def memory(processes: list[int]) -> int:
    """Bytes: each page divided by the number of processes that share it."""
    total = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def run(arguments: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Wall seconds and peak bytes of one command."""
    peak = 0
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "evalkit", *arguments], env=environment)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.5):
            peak = max(peak, memory(tree(process.pid)))

    thread = threading.Thread(target=watch)
    thread.start()
    code = process.wait()
    wall = time.monotonic() - start
    done.set()
    thread.join()
    if code != 0:
        raise SystemExit(f"evalkit {' '.join(arguments)} ended with {code}")
    return wall, peak


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text())


def decide(folder: Path, volume: float, environment: dict[str, str]) -> str:
    """The verdict at another volume."""
    arguments = ["decide", str(folder), "--json", "--set", f"economics.requests_per_month={volume:.0f}"]
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", *arguments], env=environment, capture_output=True, check=True
    )
    return json.loads(done.stdout)["verdict"]


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "EVALKIT_CACHE_DIR": f"{home}/cache"}
        output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(home) / "reports"
        first, peak = run(["run", str(SUITE), "-o", str(output)], environment)
        second, _ = run(["run", str(SUITE), "-o", str(output)], environment)
        before, after = sorted((output / "support-desk").iterdir())[-2:]
        comparison, decision = read(before, "comparison.json"), read(before, "decision.json")
        again = read(after, "decision.json")
        print(f"\nmain job: {first:.0f} s, peak {peak / 2**20:.0f} MiB; from the cache: {second:.1f} s")
        arms = {arm["name"]: arm for arm in comparison["arms"]}
        for name, arm in arms.items():
            quality = {metric: estimate["mean"] for metric, estimate in arm["quality"].items()}
            words = " ".join(f"{metric} {mean:.3f}" for metric, mean in quality.items())
            recall = (arm["retrieval"] or {}).get("recall_at_k")
            print(f"  {name:<24} {words}" + (f" recall {recall:.3f}" if recall is not None else ""))
        exact = {name: arm["quality"]["exact_match"]["mean"] for name, arm in arms.items()}
        learning = next(curve for curve in comparison["curves"] if curve["kind"] == "learning")
        points = [point["mean"] for point in learning["points"]]
        flip = next(one for one in decision["would_change"] if one["input"] == "requests_per_month")
        print(f"  learning curve {[round(point, 3) for point in points]}, trend {learning['trend']}")
        print(f"  verdict {decision['verdict']} ({decision['reason']}), confidence {decision['confidence']}")
        print(f"  flips at {flip['flips_at']} requests a month to {flip['verdict_then']}")
        checks = {
            "at most 8 minutes": first <= 480,
            "under 2 GB": peak < 2 * 10**9,
            "second run under 20 s": second < 20,
            "the same decision from the cache": again["verdict"] == decision["verdict"]
            and again["differences"] == decision["differences"],
            "few-shot keeps the form without the facts": arms["few_shot"]["quality"]["house_format"]["mean"]
            > 0.7
            and exact["few_shot"] < 0.05,
            "retrieval beats few-shot": exact["rag"] > exact["few_shot"] + 0.2,
            "tuning beats few-shot": exact["fine_tuned"] > exact["few_shot"] + 0.2,
            "the retriever misses some": arms["rag"]["retrieval"]["recall_at_k"] < 1,
            "the learning curve rises": points[-1] > points[0] + 0.1,
        }
        if flip["flips_at"] is not None:
            sides = {decide(before, flip["flips_at"] * factor, environment) for factor in (0.93, 1.07)}
            checks["the verdict flips where the report says"] = (
                flip["verdict_then"] in sides and len(sides) == 2
            )
        for words, held in checks.items():
            print(f"  {'yes' if held else 'NO ':<4} {words}")
        if not all(checks.values()):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
