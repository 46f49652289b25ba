"""The tuned candidates on other task sets: what tuning gave or took beyond the task it was made for."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.comparison.arm_summaries import estimate
from evalkit.comparison.differences import family_of, mean_score, tuned_candidates
from evalkit.comparison.table import ScoreTable
from evalkit.records.comparison import ExtraSet
from evalkit.suite.schema import Suite

FAMILY = "extra"


def extra_sets(suite: Suite, tables: Mapping[str, ScoreTable]) -> tuple[ExtraSet, ...]:
    """Each extra task set, every tuned candidate against the reference arm, adjusted by Holm within the set.

    Args:
        suite: Says of what kind each set is, its margin and its metric.
        tables: By set, the scores of the arms that answered it.
    """
    alpha, seed, reference = suite.decision.alpha, suite.run.seed, suite.reference_arm
    found = []
    for name, table in tables.items():
        config, metric = suite.extra_cases[name], suite.extra_metric(name)
        answered = [arm.name for arm in table.candidates if mean_score(table, arm.name) is not None]
        found.append(
            ExtraSet(
                name=name,
                kind=config.kind,
                metric=metric,
                margin=config.margin,
                n_cases=table.n_cases,
                quality={arm: estimate(table, arm, metric, alpha=alpha, seed=seed) for arm in answered},
                differences=family_of(
                    table,
                    [arm for arm in tuned_candidates(table) if arm in answered],
                    reference,
                    family=FAMILY,
                    alpha=alpha,
                    margin=config.margin,
                    seed=seed,
                ),
            )
        )
    return tuple(found)
