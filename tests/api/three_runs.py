"""Compares and decides three recorded runs and writes their records: what one processor makes of them.

Run as ``python three_runs.py SUITE RUN OUT [SHUFFLE_SEED]``: the suite and run folder of a recorded run, and where the
records go. Two more runs are made here of seeded scores; a seed to shuffle by puts their cases in another order.
Prints as JSON what the processor was made to be: BLAS kernels, threads, and which of numpy's code paths are on.
"""

import json
import random
import sys
from pathlib import Path

import scipy.linalg  # noqa: F401 - loads scipy's BLAS, so that it is among those listed
import threadpoolctl
from msgspec.structs import replace
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from evalkit.comparison.build_table import build_table
from evalkit.comparison.compare import compare
from evalkit.decision.context import ComparedRun
from evalkit.decision.decide import decide
from evalkit.pipeline import spine
from evalkit.records.record import Record, to_pretty_json
from evalkit.store.run_folder import RunFolder
from evalkit.suite.load import load_suite

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.builders import runs as synthetic


def recorded_run(suite: Path, run: Path) -> dict[str, Record]:
    prepared, folder = spine.prepare(load_suite(suite)), RunFolder(run)
    comparison = spine.compare_arms(prepared, folder)
    return {"comparison": comparison, "decision": spine.write_decision(folder, prepared.suite)}


def made_run(arms, *, shuffle: int | None, repeats: int = 1, drawn=None, **given) -> dict[str, Record]:
    """A run of the builders with samples that differ in tokens, its cases shuffled where a seed is given.

    Args:
        drawn: Gives the scores of the second and later repeats.
    """
    run = synthetic.make_run(arms, **given)
    chance = random.Random(11)
    samples, rows = [], []
    for repeat in range(repeats):
        for sample in run.samples:
            usage = replace(sample.usage, input=400 + chance.randrange(900), output=chance.randrange(5, 60))
            samples.append(replace(sample, repeat=repeat, usage=usage))
        rows += [
            replace(row, repeat=repeat, value=row.value if repeat == 0 else drawn()) for row in run.score_rows
        ]
    cases = list(run.cases)
    if shuffle is not None:
        for listed in (cases, samples, rows):
            random.Random(shuffle).shuffle(listed)
    manifest = replace(run.manifest, repeats=repeats)
    table = build_table(manifest, cases, samples, rows, run.suite.primary_metric)
    comparison = compare(run.suite, table)
    return {
        "comparison": comparison,
        "decision": decide(run.suite, ComparedRun(manifest, table, comparison, run.profile, run.tuning)),
    }


def clustered(shuffle: int | None) -> dict[str, Record]:
    """240 cases in 80 clusters, right or wrong, under a range of volumes and hours; two tuned arms are twins."""
    chance = random.Random(5)
    few = [float(chance.random() < 0.62) for _ in range(240)]
    tuned = [float(chance.random() < 0.30 + 0.5 * score) for score in few]
    arms = {
        "few_shot": synthetic.Arm(few),
        "rag": synthetic.Arm([float(chance.random() < 0.7) for _ in few], kind="rag", shots=0),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", shots=0),
        "twin": synthetic.Arm(list(tuned), kind="fine_tuned", shots=0),
    }
    economics = {
        "requests_per_month": {"low": 20_000, "mode": 90_000, "high": 400_000},
        "cost_per_wrong": 0.003,
        "training": {"labour_hours": {"low": 8, "mode": 20, "high": 70}},
        "cost_per_case": 1,
    }
    clusters = [f"k{case * 7 % 80}" for case in range(240)]
    tags = [("long",) if case % 3 else ("short", "late") for case in range(240)]
    return made_run(arms, shuffle=shuffle, clusters=clusters, tags=tags, economics=economics)


def graded(shuffle: int | None) -> dict[str, Record]:
    """220 cases with grades, three answers to each: means of repeats, bootstrap intervals, drawn sign flips."""
    chance = random.Random(9)
    arms = {
        "few_shot": synthetic.Arm([round(chance.random(), 3) for _ in range(220)]),
        "tuned": synthetic.Arm(
            [round(0.1 + 0.9 * chance.random(), 3) for _ in range(220)], kind="fine_tuned", shots=0
        ),
    }
    economics = {"training": {"labour_hours": {"low": 5, "mode": 9, "high": 40}}, "retune_every_months": 4}
    return made_run(
        arms, shuffle=shuffle, repeats=3, drawn=lambda: round(chance.random(), 3), economics=economics
    )


suite, run, out = map(Path, sys.argv[1:4])
shuffle = int(sys.argv[4]) if len(sys.argv) > 4 else None
out.mkdir()
made = {"zh-faq": recorded_run(suite, run), "clustered": clustered(shuffle), "graded": graded(shuffle)}
for name, records in made.items():
    for kind, record in records.items():
        (out / f"{name}.{kind}.json").write_bytes(to_pretty_json(record))
libraries = [found for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]
json.dump(
    {
        "kernels": sorted({found.get("architecture", "") for found in libraries}),
        "threads": sorted({found["num_threads"] for found in libraries}),
        "dispatched": [name for name in __cpu_dispatch__ if __cpu_features__[name]],
    },
    sys.stdout,
)
