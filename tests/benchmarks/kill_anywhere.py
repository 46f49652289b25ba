"""kill -9 at random moments of every stage of a run: each killed run is resumed and equals the undisturbed one.

    python -m tests.benchmarks.kill_anywhere [COUNT] [SEED]

The suite is support-desk with few cases and two short trainings that keep a checkpoint every other step; beside the
arms of the embedded model and its tune there are a recorded one and two that a chat server on loopback answers. For
each kill a stage is drawn, a run is started (a new one for the stages up to answering; for those after it one whose
answers are there), and when its files and progress show that stage, it is killed after a random part of the time that
the stage takes in the undisturbed run. Runs begin warm, as forks of a process that has imported everything. Two kills
in three end the whole process group, training processes too; one in three ends the parent only, and then its training
processes must end by themselves. Where the kill really fell is read from what the run left. Then nothing on disk may be
torn beyond its last line, the run is resumed to the end, and

- its sorted ``scores.jsonl`` equals the undisturbed run's byte for byte, and no answered cell was asked again;
- its trainings have the same losses, first to last, and it timed the same cases alone;
- the chat server was asked once for each answer that was not journaled, and for none that was;
- comparison and decision are equal, measured seconds excepted (money is by tokens in this suite);
- the three reports are whole, younger than the scores, and hold the verdict.

The table at the end counts by stage; anything that differs ends the program with 1.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from evalkit.digest import digest_of
from evalkit.records.decision import Decision
from evalkit.records.record import from_json
from evalkit.reporting.verdict_words import headline
from evalkit.suite.starters import starters
from tests.builders.chat_server import ChatServer, Reply, completion
from tests.builders.warm_runs import WarmRuns

STAGES = ("profile", "tuning", "answering", "latency", "scoring", "comparison", "decision", "reports")
AFTER_ANSWERS = STAGES[4:]
LIMIT = 8
REPORTS = ("report.html", "report.md", "report.json")
MEASURED = {
    "accelerator_hours",
    "as_of",
    "attempts",
    "cached",
    "client",
    "device_memory_bytes",
    "device_s",
    "finished_at",
    "latency",
    "p50_s",
    "p95_s",
    "pareto",  # of quality, cost and latency
    "peak_memory_bytes",
    "prefill_s",
    "run_id",
    "seconds",
    "started_at",
}
"""Keys of comparison and decision that hold what a clock or the machine said."""
_SECONDS = re.compile(r"[\d.,]+ (?:ms|s|hours|(?:device |prefill )?seconds|[kKMG]i?B)\b")
"""The same inside sentences."""


def write_suite(folder: Path, server: str | None = None) -> Path:
    """support-desk, small: three arms, two trainings of a second, and money that follows from tokens.

    Args:
        folder: Where it is to be.
        server: Address of a chat server; with one there are hosted arms and a recorded one too.
    """
    shutil.copytree(starters()["support-desk"], folder)
    file = folder / "suite.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    data["models"] = {
        "base": {"type": "embedded", "price": "flat", "max_tokens": 16},
        "tuned": {
            "type": "tuned",
            "base": "base",
            "price": "flat",
            "train": "train.jsonl",
            "epochs": 1,
            "batch_size": 8,
            "min_steps": 8,
            "fractions": [0.5, 1.0],
            "checkpoint_every": {"steps": 2},
        },
    }
    data["prices"] = {"flat": {"input": 1.0, "output": 4.0, "as_of": "2026-11-01", "source": "made up"}}
    data["arms"] = {name: data["arms"][name] for name in ("few_shot", "rag", "fine_tuned")}
    data["arms"]["few_shot"] = {"model": "base", "prompt": {"base": "house", "shots": 1}}
    if server is not None:
        _add_hosted_and_recorded(data, folder, server)
    data["run"]["latency"] = {"isolated": 2}
    data["decision"]["draws"] = 500
    del data["decision"]["limits"]["p95_latency_s"]
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    rows = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "train.jsonl").write_text("".join(rows[:24]), encoding="utf-8")
    return folder


def _add_hosted_and_recorded(data: dict[str, Any], folder: Path, server: str) -> None:
    data["models"]["hosted"] = {
        "type": "openai",
        "model": "m",
        "base_url": server,
        "price": "flat",
        "max_concurrency": 2,
    }
    data["models"]["recorded"] = {
        "type": "recorded",
        "path": "recorded.jsonl",
        "price": "flat",
        "kind": "few_shot",
    }
    data["arms"]["hosted"] = {"model": "hosted", "prompt": {"base": "house", "shots": 0}}
    data["arms"]["hosted_rag"] = {**data["arms"]["rag"], "model": "hosted"}
    data["arms"]["recorded"] = {"model": "recorded", "prompt": {"base": "house", "shots": 0}}
    cases = [json.loads(line) for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [
        {
            "case_id": case["id"],
            "output": case["answer"] if at % 3 else "no idea",
            "usage": {"input": 50, "output": 9},
            "service_s": 0.2,
        }
        for at, case in enumerate(cases)
    ]
    (folder / "recorded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def slow_answer(request: dict[str, Any]) -> Reply:
    """An answer that follows from the messages, a twentieth of a second after they came."""
    digest = digest_of(request["messages"])
    reply = completion(
        "Cause: stuck valve. Fix: open the valve." if int(digest, 16) % 2 else f"Cause: {digest[:4]}"
    )
    return replace(reply, delay_s=0.05)


class Process:
    """One ``evalkit run`` in a process group of its own, and what its progress and its folder show.

    Args:
        warm: Begins it.
        suite: Its folder.
        home: Holds the reports and the cache.
        resume: The run to go on with.
    """

    def __init__(self, warm: WarmRuns, suite: Path, home: Path, resume: Path | None = None) -> None:
        more = ["--limit", str(LIMIT)] if resume is None else ["--resume", str(resume)]
        self.home = home
        self.said: list[str] = []
        self.began_ns = time.time_ns()
        self.process = warm.start(
            ["run", str(suite), "-o", str(home / "reports"), "--no-cache", *more],
            {
                "EVALKIT_CACHE_DIR": str(home / "cache"),
                "OMP_NUM_THREADS": "1",
                "OPENAI_API_KEY": "none-is-asked-for",
            },
            cores=one_core(),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with self.process.stderr as stream:
            for line in stream:
                self.said.append(line.rstrip("\n"))

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stage(self) -> str | None:
        """Where the run is, from its progress and from which files it has written; None before and after."""
        said = self.said
        if any(line.startswith("Scoring") for line in said):
            for stage, file in zip(
                AFTER_ANSWERS,
                ("scores.jsonl", "comparison.json", "decision.json", "report.json"),
                strict=True,
            ):
                if not self._written(file):
                    return stage
            return None
        if "Answering" in said:
            lines = [line.strip().split(":")[0] for line in said[said.index("Answering") + 1 :]]
            waits = lines and not lines[-1].endswith("alone") and f"{lines[-1]} alone" not in lines
            return (
                "latency" if waits and not lines[-1].startswith(("base before", "recorded")) else "answering"
            )
        if "Tuning" in said:
            return "tuning"
        return "profile" if "Profile" in said else None

    def _written(self, name: str) -> bool:
        folder = run_folder(self.home)
        try:
            return folder is not None and (folder / name).stat().st_mtime_ns > self.began_ns
        except FileNotFoundError:
            return False

    def stages(self) -> Iterator[str | None]:
        """The stage, again and again while it runs."""
        while self.running:
            yield self.stage()
            time.sleep(0.003)

    def kill(self, *, parent_only: bool) -> None:
        if parent_only:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._listener.join(10)

    def children(self) -> list[int]:
        """Processes of its group that still run; a killed parent's are to end by themselves."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                after_name = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if after_name[2] == str(self.process.pid) and after_name[0] != "Z":
                found.append(int(entry.parent.name))
        return found

    def end(self) -> None:
        """Wait; anything but success is told with its last words."""
        code = self.process.wait()
        self._listener.join(10)
        if code:
            raise AssertionError(f"the run ended with {code}: " + "\n".join(self.said[-12:]))


def one_core() -> list[int]:
    """One training at a time, so that kills fall between two of them as well."""
    return random.sample(sorted(os.sched_getaffinity(0)), 1)


def run_folder(home: Path) -> Path | None:
    """The only run under ``home``; None while it has no manifest."""
    found = list(home.glob("reports/*/*/manifest.json"))
    return found[0].parent if found else None


def whole_lines(file: Path) -> list[str]:
    """The last line may be torn."""
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []


@dataclass
class Result:
    """What a finished run came to, without what a clock said."""

    scores: list[str]
    cells: Counter[tuple[Any, ...]]
    timed: set[tuple[str, str]]
    trainings: list[Any]
    comparison: Any
    decision: Any

    def differs(self, other: Result) -> list[str]:
        return [name for name in vars(self) if getattr(self, name) != getattr(other, name)]


def result_of(folder: Path) -> Result:
    """Read a finished run.

    Raises:
        AssertionError: A file is missing, torn, left over or older than what it rests on.
    """
    rows = [json.loads(line) for line in whole_lines(folder / "samples.jsonl")]
    timed = [json.loads(line) for line in whole_lines(folder / "latency.jsonl")]
    decision = json.loads((folder / "decision.json").read_bytes())
    words = headline(from_json((folder / "decision.json").read_bytes(), Decision))
    pages = {name: (folder / name).read_text(encoding="utf-8") for name in REPORTS}
    assert json.loads(pages["report.json"])["decision"] == decision, "report.json shows another decision"
    for name, page in pages.items():
        assert (folder / name).stat().st_mtime_ns >= (folder / "scores.jsonl").stat().st_mtime_ns, (
            f"{name} is stale"
        )
        assert words in page or decision["verdict"] in page, f"{name} lacks the verdict"
    assert pages["report.html"].rstrip().endswith("</html>"), "report.html is cut off"
    assert json.loads((folder / "manifest.json").read_bytes())["finished_at"], "the manifest has no end"
    if left := [str(path) for path in folder.rglob("*.tmp")]:
        raise AssertionError(f"left over: {left}")
    return Result(
        scores=sorted(whole_lines(folder / "scores.jsonl")),
        cells=Counter((row["case_id"], row["arm"], row["repeat"]) for row in rows),
        timed={(row["case_id"], row["arm"]) for row in timed},
        trainings=[
            without_measures(run) for run in json.loads((folder / "tuning.json").read_bytes())["runs"]
        ],
        comparison=without_measures(json.loads((folder / "comparison.json").read_bytes())),
        decision=without_measures(decision),
    )


def without_measures(value: Any) -> Any:
    """A part of a comparison or decision without what a clock or the machine said."""
    if isinstance(value, dict):
        return {key: without_measures(inner) for key, inner in value.items() if key not in MEASURED}
    if isinstance(value, list):
        return [without_measures(inner) for inner in value]
    return _SECONDS.sub("#", value) if isinstance(value, str) else value


def _hosted_rows(folder: Path) -> int:
    """Answers of the chat server that a run holds, timed ones too."""
    lines = [line for name in ("samples", "latency") for line in whole_lines(folder / f"{name}.jsonl")]
    return sum(json.loads(line)["arm"].startswith("hosted") for line in lines)


def check_torn(folder: Path) -> None:
    """After a kill every JSON file is whole, and of JSON lines only the last may be torn."""
    for file in folder.rglob("*.json"):
        json.loads(file.read_bytes())
    for file in folder.rglob("*.jsonl"):
        for line in whole_lines(file):
            json.loads(line)


@dataclass
class Trials:
    """The undisturbed run and the trials against it.

    Args:
        home: An empty folder.
        chance: Decides stages, moments and who is killed.
        warm: Begins the runs.
    """

    home: Path
    chance: random.Random
    warm: WarmRuns
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {stage: Counter() for stage in STAGES})
    faults: list[str] = field(default_factory=list)
    spans: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def undisturbed(self) -> None:
        """Run once without a kill; remember how long each stage took and what came out."""
        self.server = ChatServer()
        self.server.answer = slow_answer
        self.suite = write_suite(self.home / "desk", self.server.url)
        self.reference = self.home / "reference"
        run = Process(self.warm, self.suite, self.reference)
        before = time.perf_counter()
        for stage in run.stages():
            now = time.perf_counter()
            if stage is not None:
                self.spans[stage] += now - before
            before = now
        run.end()
        folder = run_folder(self.reference)
        assert folder is not None
        self.expected = result_of(folder)
        self.asked_when_whole = _hosted_rows(folder)
        assert len(self.server.requests) == self.asked_when_whole, (
            "an undisturbed run asks once for each answer"
        )

    def trial(self, number: int, wanted: str) -> bool:
        """One kill in ``wanted``, resumed and compared; False where the run was over before the kill fell."""
        home = self.home / f"trial-{number}"
        parent_only = self.chance.random() < 1 / 3
        resumed = None
        if wanted in AFTER_ANSWERS:
            shutil.copytree(self.reference, home)
            resumed = run_folder(home)
        elif wanted != "tuning":  # trained before, so that the run comes to its stage soon
            shutil.copytree(self.reference / "cache", home / "cache")
        # Answering and timing alone take turns; wait for a random one of their turns.
        turns = self.chance.randrange(3) if wanted in ("answering", "latency") else 0
        delay = self.chance.random() * self.spans[wanted] / (3 if wanted in ("answering", "latency") else 1)
        run = Process(self.warm, self.suite, home, resumed)
        last, fell = None, None
        for stage in run.stages():
            if stage == wanted and last != wanted:
                if turns == 0:
                    time.sleep(delay)
                    fell = run.stage()
                    break
                turns -= 1
            last = stage
        if fell is None or not run.running:
            run.kill(parent_only=False)
            shutil.rmtree(home)
            return False
        run.kill(parent_only=parent_only)
        fell = run.stage() or fell
        counts = self.counts[fell]
        counts["kills"] += 1
        counts["parent only"] += parent_only
        try:
            self._finish(run, home, parent_only=parent_only)
            counts["equal"] += 1
            shutil.rmtree(home)
        except AssertionError as error:
            self.faults.append(
                f"kill {number} in {fell}{' (parent only)' if parent_only else ''}, {home}: {error}"
            )
        return True

    def _finish(self, run: Process, home: Path, *, parent_only: bool) -> None:
        if parent_only:
            until = time.monotonic() + 30
            while (left := run.children()) and time.monotonic() < until:
                time.sleep(0.02)
            assert not left, f"processes {left} outlived their parent by 30 s"
        folder = run_folder(home)
        kept = [] if folder is None else whole_lines(folder / "samples.jsonl")
        if folder is not None:
            check_torn(folder)
        owed = self.asked_when_whole - (0 if folder is None else _hosted_rows(folder))
        asked = len(self.server.requests)
        again = Process(self.warm, self.suite, home, folder)
        again.end()
        asked = len(self.server.requests) - asked
        assert asked == owed, f"the chat server was asked {asked} times for {owed} answers"
        folder = run_folder(home)
        assert folder is not None, "the resumed run has no folder"
        assert whole_lines(folder / "samples.jsonl")[: len(kept)] == kept, "a journaled line was touched"
        found = result_of(folder)
        assert set(found.cells.values()) == {1}, "a cell was asked twice"
        assert not (names := found.differs(self.expected)), f"other {', '.join(names)}"

    def table(self) -> str:
        """Counts by the stage in which the kill fell."""
        lines = [f"{'stage':12s} {'takes':>8s} {'kills':>6s} {'parent only':>12s} {'resumed equal':>14s}"]
        for stage in STAGES:
            counts = self.counts[stage]
            lines.append(
                f"{stage:12s} {self.spans[stage]:6.2f} s {counts['kills']:6d} {counts['parent only']:12d} "
                f"{counts['equal']:14d}"
            )
        total = Counter()
        for counts in self.counts.values():
            total += counts
        lines.append(
            f"{'all':12s} {'':8s} {total['kills']:6d} {total['parent only']:12d} {total['equal']:14d}"
        )
        return "\n".join(lines)


def kill_and_resume(count: int, trials: Trials) -> None:
    """``count`` kills, each stage as often as the others, in an order by chance."""
    trials.undisturbed()
    wanted = [STAGES[index % len(STAGES)] for index in range(count)]
    trials.chance.shuffle(wanted)
    for number, stage in enumerate(wanted):
        for _ in range(20):
            if trials.trial(number, stage):
                break
        else:
            trials.faults.append(f"kill {number}: {stage} was over before the kill fell, 20 times")
        print(f"{number + 1} of {count}: {stage}, {len(trials.faults)} faults", file=sys.stderr, flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    print(f"{count} kills, seed {seed}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, WarmRuns() as warm:
        trials = Trials(Path(home), random.Random(seed), warm)
        try:
            kill_and_resume(count, trials)
        except KeyboardInterrupt:
            print("interrupted; so far:")
        print(trials.table())
        for fault in trials.faults:
            print(fault)
    if trials.faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
