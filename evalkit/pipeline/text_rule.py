"""Runs whose scores were made under an earlier rule for texts: scored again before another run is compared with them.

The rule is that of ``evalkit.text.normalise``. Two runs are compared under one rule, or not at all: a difference that
the rule made is none of the arms.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from evalkit.comparison.two_runs import RunInput
from evalkit.data.cases import read_cases
from evalkit.errors import InputError, RunError
from evalkit.metrics.build import build_metrics
from evalkit.records.score import ScoreRow
from evalkit.scoring.score import score_samples
from evalkit.store.run_folder import RunFolder
from evalkit.text.normalise import RULE

READS_TEXTS = frozenset(
    ("exact_match", "token_f1", "contains", "rouge_l", "accuracy", "macro_f1", "json_schema")
)
"""Types of metrics that an earlier rule would have scored in another way."""


def text_rule_of(run: RunFolder) -> int | None:
    """The version of the rule under which a run was scored; None where it has no scores."""
    return next((row.text_rule for row in run.scores()), None)


def under_one_rule(first: RunInput, second: RunInput, metrics: Collection[str]) -> tuple[RunInput, RunInput]:
    """Both runs with scores of one rule: as they are, or those of an earlier rule scored again, in memory alone.

    Args:
        first: The run that the other is compared with.
        second: The run in question.
        metrics: Names of those that are compared.

    Raises:
        RunError: A run would have to be scored again and cannot be, since its cases have changed or are gone.
    """
    asked = {
        metric.name
        for metric in second.suite.metrics
        if metric.name in metrics and metric.type in READS_TEXTS
    }
    if not asked or text_rule_of(first.run) == text_rule_of(second.run):
        return first, second
    return _under_rule_in_force(first, asked), _under_rule_in_force(second, asked)


def _under_rule_in_force(side: RunInput, metrics: Collection[str]) -> RunInput:
    written = text_rule_of(side.run)
    if written in (None, RULE):
        return side
    told = (
        f"the scores of {side.run.path} were made under text rule {written} and those of the other run under another, "
        f"so they cannot be compared; score the run again: `evalkit score {side.run.path}`"
    )
    try:
        cases = read_cases(side.suite)
    except InputError as error:
        raise RunError(f"{told}. Its cases cannot be read: {error}") from error
    if side.manifest.limit is not None:
        cases = cases.first(side.manifest.limit)
    if cases.digest != side.manifest.digests.cases:
        raise RunError(
            f"{told}. Its cases have changed since it was answered, so run the suite again for that"
        )
    built = {name: metric for name, metric in build_metrics(side.suite).items() if name in metrics}
    kept: list[ScoreRow] = [row for row in side.run.scores() if row.metric not in built]
    return replace(side, rescored=[*kept, *score_samples(side.run.samples(), cases, built)])
