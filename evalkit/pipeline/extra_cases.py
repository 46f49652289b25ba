"""Extra task sets: answered in addition to the cases, each kept in a run folder of its own."""

from __future__ import annotations

from evalkit.comparison.build_table import build_table
from evalkit.comparison.table import ScoreTable
from evalkit.pipeline.prepare import Prepared
from evalkit.records.arm import ArmFacts
from evalkit.store.run_folder import RunFolder
from evalkit.suite.schema import Suite


def extra_folder(run: RunFolder, name: str) -> RunFolder:
    """Where the samples and scores of an extra task set are kept, apart from those of the run."""
    return inner_folder(run, "extra", name)


def answers_extra(suite: Suite, arm: ArmFacts) -> bool:
    """Whether an arm answers the extra task sets: what was before tuning, and what came of it."""
    return arm.role == "candidate" and (arm.tuned or arm.name == suite.reference_arm)


def extra_table(prepared: Prepared, run: RunFolder, name: str) -> ScoreTable:
    """The scores of an extra task set as arrays."""
    extra = extra_folder(run, name)
    metric = prepared.suite.extra_metric(name)
    return build_table(run.manifest(), prepared.extra[name], extra.samples(), extra.scores(), metric)


def inner_folder(run: RunFolder, group: str, name: str) -> RunFolder:
    """A run folder inside a run: ``GROUP/NAME``, made where it is not there."""
    folder = run.file(group) / name
    folder.mkdir(parents=True, exist_ok=True)
    return RunFolder(folder)
