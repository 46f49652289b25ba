"""Runs of one tuned suite started together on one empty cache: every one ends well, and with the same scores.

    python -m tests.benchmarks.run_side_by_side [ROUNDS] [RUNS] [SEED]

The default is 20 rounds of 4 runs. The suite is support-desk with few cases, two short trainings that keep a checkpoint
every other step, and an arm that searches by vectors, so that the runs share the response cache, the vector cache, the
adapters with their checkpoints and jobs, and an index. In every other round one of the runs is killed at a random
moment, whatever it holds; it is resumed when the others have ended. A round is well when

- every run ends with 0, the killed one once it is resumed;
- all have the same sorted ``scores.jsonl``, byte for byte;
- the adapters that are kept are whole, and nothing half made, set aside or checkpointed is left beside them.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from evalkit.tuning.cache import AdapterCache
from tests.benchmarks.kill_anywhere import run_folder, whole_lines, write_suite
from tests.builders.warm_runs import WarmRun, WarmRuns

LIMIT = 2


def write_shared_suite(folder: Path, *, small: bool) -> Path:
    """The suite of ``kill_anywhere``, with an arm whose index and vectors are shared too; small with one training."""
    write_suite(folder)
    file = folder / "suite.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    if small:
        data["models"]["tuned"] |= {"fractions": [1.0], "epochs": 1, "min_steps": 4}
        data["arms"] = {name: data["arms"][name] for name in ("rag", "fine_tuned")}
        data["decision"]["reference_arm"] = "rag"
        data["run"]["latency"] = {"isolated": 0}
    data["embedders"] = {"offline": {"type": "hashed"}}
    data["arms"]["dense"] = {
        "model": "base",
        "prompt": {"base": "house", "shots": 0},
        "retrieval": {
            "corpus": data["arms"]["rag"]["retrieval"]["corpus"],
            "method": "qdrant",
            "embedder": "offline",
            "top_k": 2,
        },
    }
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


@dataclass
class Rounds:
    """Rounds of runs side by side.

    Args:
        home: An empty folder.
        runs: How many are started together.
        chance: Decides who is killed, and when.
        warm: Begins the runs.
        small: One short training in place of two, and two arms fewer.
    """

    home: Path
    runs: int
    chance: random.Random
    warm: WarmRuns
    small: bool = False
    ended: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.suite = write_shared_suite(self.home / "desk", small=self.small)

    def round(self, number: int, *, kills: bool) -> None:
        """One round in folders of its own; what is not as it should be is kept as a fault."""
        cache = self.home / f"round-{number}" / "cache"
        homes = [self.home / f"round-{number}" / f"run-{index}" for index in range(self.runs)]
        before = time.perf_counter()
        processes = [self._start(home, cache) for home in homes]
        killed = self.chance.randrange(self.runs) if kills else None
        if killed is not None:
            usual = sum(self.seconds) / len(self.seconds) if self.seconds else 10.0
            time.sleep(self.chance.random() * usual)
            processes[killed].kill()
        for index, process in enumerate(processes):
            said = process.read()
            if index != killed:
                self._ended(f"round {number}, run {index}", process.returncode, said)
        if killed is None:
            self.seconds.append(time.perf_counter() - before)
        else:
            again = self._start(homes[killed], cache, run_folder(homes[killed]))
            said = again.read()
            self._ended(f"round {number}, killed run {killed} resumed", again.returncode, said)
        self._compare(number, homes, cache / "adapters")

    def _start(self, home: Path, cache: Path, resume: Path | None = None) -> WarmRun:
        more = ["--limit", str(LIMIT)] if resume is None else ["--resume", str(resume)]
        return self.warm.start(
            ["run", str(self.suite), "-o", str(home / "reports"), *more],
            {"EVALKIT_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"},
        )

    def _ended(self, which: str, code: int, said: str) -> None:
        self.ended[f"exit {code}"] += 1
        if code:
            self.faults.append(f"{which}: exit {code}: " + " | ".join(said.strip().splitlines()[-3:]))

    def _compare(self, number: int, homes: list[Path], adapters: Path) -> None:
        folders = [run_folder(home) for home in homes]
        scores = {
            tuple(sorted(whole_lines(folder / "scores.jsonl"))) for folder in folders if folder is not None
        }
        if len(scores) != 1 or not all(scores):
            self.faults.append(f"round {number}: {len(scores)} kinds of scores")
        cache = AdapterCache(adapters)
        with cache.workspace():  # as the next training, which clears away what a killed run left half made
            pass
        names = {path.name for path in adapters.iterdir()}
        keys = {name for name in names if not name.startswith(".")}
        if len(keys) != (1 if self.small else 2) or not all(cache.get(key) for key in keys):
            self.faults.append(f"round {number}: adapters {sorted(keys)}")
        left = [name for name in names if name.startswith(".making")]
        left += [path.name for path in (adapters / ".checkpoints").glob("*") if path.is_dir()]
        if left:
            self.faults.append(f"round {number}: left over: {left}")


def run_rounds(count: int, rounds: Rounds) -> None:
    """``count`` rounds; in every other one a run is killed."""
    for number in range(count):
        rounds.round(number, kills=number % 2 == 1)
        print(f"round {number + 1} of {count}: {dict(rounds.ended)}", file=sys.stderr, flush=True)


def main() -> None:
    count, runs = (int(text) for text in (sys.argv[1:3] + ["20", "4"][len(sys.argv[1:3]) :]))
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(10**6)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, WarmRuns() as warm:
        rounds = Rounds(Path(home), runs, random.Random(seed), warm)
        run_rounds(count, rounds)
    print(f"{count} rounds of {runs} runs, seed {seed}: {dict(rounds.ended)}, {len(rounds.faults)} faults")
    for fault in rounds.faults:
        print(fault)
    if rounds.faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
