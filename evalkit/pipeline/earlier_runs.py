"""Runs that an earlier evalkit made: compared anew where a figure has another meaning now, and said to be of before."""

from __future__ import annotations

from msgspec.structs import replace

from evalkit.comparison.arm_summaries import ArmMeasurements, training_facts
from evalkit.comparison.compare import compare
from evalkit.comparison.failures import AnswerFacts
from evalkit.comparison.table import ScoreTable
from evalkit.metrics.build import build_aggregates
from evalkit.records.comparison import ArmSummary, Comparison
from evalkit.records.decision import Decision
from evalkit.records.manifest import Manifest
from evalkit.records.tuning import TuningReport
from evalkit.store.run_folder import RunFolder
from evalkit.suite.schema import Suite

DECISION_FILE = "decision.json"


def current_comparison(
    run: RunFolder, suite: Suite, table: ScoreTable, tuning: TuningReport | None
) -> Comparison:
    """The comparison of a run, as this evalkit would make it.

    In ``comparison.json`` of format 1 a tuned candidate is its first training seed; since format 2 it is the mean of
    its trainings. A run of format 1 that has several is compared anew from its scores; what came from reading its
    answers (kinds of failures, retrieval, the negative control, shared prefixes, other task sets) is taken over.

    Args:
        run: The run.
        suite: Margin, alpha, reference arm, metrics.
        table: Its scores.
        tuning: Its trainings, where it made some.
    """
    kept = run.read("comparison.json", Comparison)
    if kept.format_version > 1:
        return kept
    if all(len(table.trainings(arm.name)) == 1 for arm in table.candidates):
        return replace(
            kept,
            arms=tuple(
                replace(arm, prefix_tokens=_prefix(arm), **training_facts(table, arm.name))
                for arm in kept.arms
            ),
        )
    measured = ArmMeasurements(
        latency=list(run.latency()),
        facts={arm.name: AnswerFacts(failures=arm.failures, retrieval=arm.retrieval) for arm in kept.arms},
        chance={arm.name: arm.scorer_chance for arm in kept.arms if arm.scorer_chance is not None},
        prefix_tokens={arm.name: tokens for arm in kept.arms if (tokens := _prefix(arm)) is not None},
    )
    anew = compare(suite, table, measured, tuning=tuning, aggregates=build_aggregates(suite))
    return replace(anew, extra=kept.extra)


def _prefix(arm: ArmSummary) -> float | None:
    """Tokens of the shared prefix; in format 1 a prefix that was not counted stands as 0."""
    return None if arm.device_s is None and not arm.prefix_tokens else arm.prefix_tokens


def method_note(run: RunFolder, manifest: Manifest) -> str | None:
    """A sentence for a run that was decided by method 1; None for any other, and where it was not decided."""
    if not run.has(DECISION_FILE):
        return None
    before = run.read(DECISION_FILE, Decision)
    if before.format_version > 1:
        return None
    arm = "" if before.recommended_arm is None else f", {before.recommended_arm}"
    return (
        f"The method has changed since this run was decided: evalkit {manifest.evalkit_version} decided by method 1 "
        f"({before.verdict}{arm}); what follows is decided by method 2, whose shares, thresholds and reasons are "
        "others."
    )
