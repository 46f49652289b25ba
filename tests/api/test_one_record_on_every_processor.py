"""The same run gives the same bytes whatever processor, threads and order of cases it is compared and decided with.

Each setting is a process of its own: OpenBLAS and numpy choose their code when they are loaded.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evalkit import api
from evalkit.errors import IncompleteRunWarning

PROGRAM = Path(__file__).with_name("three_runs.py")
SUITE = Path(__file__).parents[2] / "suites" / "zh-faq"
RECORDS = [
    f"{run}.{kind}.json" for run in ("zh-faq", "clustered", "graded") for kind in ("comparison", "decision")
]
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
CHOOSES = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", *THREADS)

KERNELS = {name: {name} for name in ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake")}
KERNELS |= {"Prescott": {"Prescott", "Katmai"}, "Sapphirerapids": {"Sapphirerapids"}}
"""What OPENBLAS_CORETYPE is set to, and the names under which OpenBLAS reports that it runs."""

PROBE = """
import json, scipy.linalg
from threadpoolctl import threadpool_info
print(json.dumps([found.get("architecture") for found in threadpool_info() if found["user_api"] == "blas"]))
"""


@dataclass(frozen=True)
class Made:
    """What one process reported of itself, and the records it wrote."""

    kernels: list[str]
    threads: list[int]
    dispatched: list[str]
    records: dict[str, bytes]


@dataclass(frozen=True)
class Bench:
    """The recorded run, and how to make the records of all three runs in a process of its own."""

    folder: Path
    run: Path

    def make(self, name: str, *, threads: int = 1, shuffle: int | None = None, **chosen: str) -> Made:
        here = self.folder / name
        suite, run = here / "suite", here / "run"
        shutil.copytree(SUITE, suite)
        shutil.copytree(self.run, run)
        if shuffle is not None:
            for file in (
                suite / "cases.jsonl",
                *(run / f"{each}.jsonl" for each in ("cases", "samples", "scores")),
            ):
                shuffle_by_case(file, shuffle)
        env = environment(threads, **chosen)
        command = [sys.executable, str(PROGRAM), *map(str, (suite, run, here / "out"))]
        command += [] if shuffle is None else [str(shuffle)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return Made(
            **json.loads(done.stdout), records={each: (here / "out" / each).read_bytes() for each in RECORDS}
        )


def environment(threads: int, **chosen: str) -> dict[str, str]:
    """The environment without what chooses kernels and threads, and with what is chosen."""
    kept = {key: value for key, value in os.environ.items() if key not in CHOOSES}
    return kept | {key: str(threads) for key in THREADS} | chosen


def kernels_of(kernel: str) -> set[str]:
    """What numpy's and scipy's OpenBLAS run when they are asked for a kernel."""
    env = environment(1, OPENBLAS_CORETYPE=kernel)
    return set(
        json.loads(
            subprocess.run([sys.executable, "-c", PROBE], env=env, capture_output=True, check=True).stdout
        )
    )


def shuffle_by_case(file: Path, seed: int) -> None:
    """Put the cases of a file of rows in another order; the rows of one case stay in theirs."""
    by_case: dict[Any, list[bytes]] = {}
    for line in file.read_bytes().splitlines(keepends=True):
        row = json.loads(line)
        by_case.setdefault(row.get("case_id", row.get("id")), []).append(line)
    cases = list(by_case)
    random.Random(seed).shuffle(cases)
    assert cases != list(by_case)
    file.write_bytes(b"".join(line for case in cases for line in by_case[case]))


def differing(one: Made, other: Made) -> dict[str, list[tuple[str, str]]]:
    """The lines in which records differ, by record."""
    return {
        name: [
            (ours.strip(), theirs.strip())
            for ours, theirs in zip(
                one.records[name].decode().splitlines(),
                other.records[name].decode().splitlines(),
                strict=False,
            )
            if ours != theirs
        ][:5]
        for name in RECORDS
        if one.records[name] != other.records[name]
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    folder = tmp_path_factory.mktemp("processors")
    with pytest.warns(IncompleteRunWarning):  # four answers were recorded as missing
        api.run(SUITE, output=folder / "runs", use_cache=False)
    (run,) = (folder / "runs" / "zh-faq").iterdir()
    return Bench(folder, run)


@pytest.fixture(scope="module")
def as_it_comes(bench) -> Made:
    """What this machine makes when nothing is chosen for it."""
    return bench.make("as it comes")


def same_records(made: Made, as_it_comes: Made) -> None:
    assert {name: len(content) > 2_000 for name, content in made.records.items()} == dict.fromkeys(
        RECORDS, True
    )
    assert differing(made, as_it_comes) == {}


EVERY = [(name, threads) for name in KERNELS for threads in (1, 2)]
ALTERNATING = [(name, 1 + place % 2) for place, name in enumerate(KERNELS)]
CHOSEN = EVERY if "EVALKIT_EVERY_KERNEL" in os.environ else ALTERNATING
"""Each kernel with 1 or 2 threads; EVALKIT_EVERY_KERNEL=1 tries each with both."""


@pytest.mark.parametrize(("kernel", "threads"), CHOSEN)
def test_every_blas_kernel_gives_the_same_records(bench, as_it_comes, kernel, threads):
    if not (runs := kernels_of(kernel)) & KERNELS[kernel]:
        pytest.skip(
            f"asked for {kernel}, got {runs}: the processor cannot run it, or the build does not have it"
        )
    made = bench.make(f"{kernel}-{threads}", threads=threads, OPENBLAS_CORETYPE=kernel)
    assert set(made.kernels) & KERNELS[kernel]
    assert made.threads == [min(threads, os.cpu_count() or 1)]
    same_records(made, as_it_comes)


def test_numpy_at_its_baseline_gives_the_same_records(bench, as_it_comes):
    if not as_it_comes.dispatched:
        pytest.skip("the processor has nothing beyond numpy's baseline")
    made = bench.make("baseline", NPY_DISABLE_CPU_FEATURES=" ".join(as_it_comes.dispatched))
    assert made.dispatched == []
    same_records(made, as_it_comes)


def test_cases_in_another_order_give_the_same_records(bench, as_it_comes):
    same_records(bench.make("shuffled", shuffle=3), as_it_comes)


def test_all_of_it_at_once_gives_the_same_records(bench, as_it_comes):
    """The oldest kernel, two threads, numpy's baseline and another order, against this machine as it comes."""
    chosen = {"OPENBLAS_CORETYPE": "Prescott"}
    if as_it_comes.dispatched:
        chosen["NPY_DISABLE_CPU_FEATURES"] = " ".join(as_it_comes.dispatched)
    same_records(bench.make("all at once", threads=2, shuffle=8, **chosen), as_it_comes)
