"""Two runs as one table: the same arms on the cases that both have, paired by case id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.build_table import build_table
from evalkit.comparison.comparison_request import ComparisonRequest, Pair, check_metrics, pair_on
from evalkit.comparison.pairwise import adjusted_together
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import OK, ScoreTable
from evalkit.errors import InputError, did_you_mean
from evalkit.metrics.protocol import Aggregate
from evalkit.records.comparison import Difference
from evalkit.records.comparison_result import ComparisonResult
from evalkit.records.manifest import CaseFacts, Manifest
from evalkit.records.score import ScoreRow
from evalkit.store.run_folder import RunFolder
from evalkit.suite.schema import Suite

_FIRST, _SECOND = "first/", "second/"


@dataclass(frozen=True, slots=True)
class RunInput:
    """A run and its suite.

    Attributes:
        rescored: Its scores under the text rule in force, where those on disk were made under an earlier one.
    """

    run: RunFolder
    suite: Suite
    manifest: Manifest
    rescored: Sequence[ScoreRow] | None = None

    def scores(self) -> Iterable[ScoreRow]:
        """The scores to compare."""
        return self.run.scores() if self.rescored is None else self.rescored


def compare_runs(
    first: RunInput, second: RunInput, aggregates: Mapping[str, Aggregate], request: ComparisonRequest
) -> ComparisonResult:
    """Second minus first, arm by arm, p-values on the primary metric adjusted by Holm over these arms.

    Alpha, margin, seed and primary metric are those of the second run. Clusters are those of the first.

    Args:
        first: The run that the other is compared with.
        second: The run in question.
        aggregates: By pooled metric, from summed counts to the metric.
        request: Further metrics; ``arms`` is an arm of the first run and one of the second.

    Raises:
        InputError: The runs have no case or no arm in common, an arm or a metric has another name, or a metric is
            defined in another way.
    """
    pairs = _pairs(first.manifest, second.manifest, request.arms)
    common, notes = _common_cases(first, second)
    table = _joined(first, second, common)
    metrics = check_metrics(request.metrics, table)
    _check_definitions(first.suite, second.suite, metrics)
    notes += _answered(table, pairs, same=first.manifest.digests.cases == second.manifest.digests.cases)
    settings = ComparisonSettings.of_suite(second.suite)
    differences: list[Difference] = []
    for metric in metrics:
        records = [
            record
            for control, treatment in pairs
            for record in pair_on(table, _SECOND + treatment, _FIRST + control, metric, aggregates, settings)
        ]
        if metric == table.primary:
            tests = [_scores_of_both(table, record) for record in records]
            records = [*adjusted_together(records, tests, settings)]
        differences += [_named(record) for record in records]
    return ComparisonResult(
        run=second.manifest.run_id,
        control_run=first.manifest.run_id,
        primary_metric=table.primary,
        alpha=settings.alpha,
        margin=settings.margin,
        n_cases=len(common),
        differences=tuple(differences),
        notes=notes,
    )


def _pairs(first: Manifest, second: Manifest, arms: Pair | None) -> list[Pair]:
    """Control of the first run and treatment of the second."""
    names = [arm.name for arm in first.arms], [arm.name for arm in second.arms]
    if arms is not None:
        for name, own, which in zip(arms, names, ("first", "second"), strict=True):
            if name not in own:
                words = did_you_mean(name, own)
                raise InputError(f"--arms: the {which} run has no arm called {name!r}. {words}")
        return [arms]
    candidates = [arm.name for arm in second.arms if arm.role == "candidate"]
    if both := [(name, name) for name in candidates if name in names[0]]:
        return both
    raise InputError(
        f"the runs have no candidate of the same name (first: {', '.join(names[0])}; second: {', '.join(names[1])}); "
        "name one of each: --arms ARM_OF_FIRST,ARM_OF_SECOND"
    )


def _common_cases(first: RunInput, second: RunInput) -> tuple[list[CaseFacts], tuple[str, ...]]:
    in_second = {case.id: case for case in second.run.cases()}
    cases = list(first.run.cases())
    common = [case for case in cases if case.id in in_second]
    if first.manifest.digests.cases == second.manifest.digests.cases:
        return common, ()
    if not common:
        raise InputError(
            f"{first.run.path} and {second.run.path} have no case in common: other cases cannot be paired. Run the "
            "same suite again"
        )
    notes = [
        f"The runs have different cases: {len(common)} ids are in both, of {len(cases)} in the first and "
        f"{len(in_second)} in the second, and are taken for the same questions."
    ]
    if moved := sum(case.cluster != in_second[case.id].cluster for case in common):
        notes.append(f"{moved} of them are in another cluster; those of the first run are used.")
    return common, tuple(notes)


def _answered(table: ScoreTable, pairs: Sequence[Pair], *, same: bool) -> tuple[str, ...]:
    """How many common cases both arms of each pair answered.

    Raises:
        InputError: The cases differ, and there is a pair that answered none in common.
    """
    words = []
    for control, treatment in pairs:
        answered = (table.status == OK).any(axis=2)
        both = answered[table.row(_FIRST + control)] & answered[table.row(_SECOND + treatment)]
        if not both.any() and not same:
            raise InputError(f"no case in common was answered by {control} and {treatment} in both runs")
        if not both.all():
            words.append(
                f"{control} and {treatment}: {int(np.sum(both))} of {both.size} answered in both runs."
            )
    return tuple(words)


def _check_definitions(first: Suite, second: Suite, metrics: Sequence[str]) -> None:
    definitions = [{metric.name: metric for metric in suite.metrics} for suite in (first, second)]
    for name in metrics:
        if definitions[0].get(name) != definitions[1].get(name):
            raise InputError(
                f"the metric {name!r} is defined in another way in the first run; score it again: `evalkit score RUN`"
            )


def _joined(first: RunInput, second: RunInput, common: Sequence[CaseFacts]) -> ScoreTable:
    """One table with the arms of both, on the common cases."""
    ids = {case.id for case in common}

    def arms() -> Iterator[tuple[RunInput, str]]:
        yield first, _FIRST
        yield second, _SECOND

    manifest = replace(
        second.manifest,
        repeats=max(first.manifest.repeats, second.manifest.repeats),
        arms=tuple(
            replace(arm, name=prefix + arm.name, parent=None if arm.parent is None else prefix + arm.parent)
            for side, prefix in arms()
            for arm in side.manifest.arms
        ),
    )
    samples = (
        replace(sample, arm=prefix + sample.arm)
        for side, prefix in arms()
        for sample in side.run.samples()
        if sample.case_id in ids
    )
    scores = (
        replace(score, arm=prefix + score.arm)
        for side, prefix in arms()
        for score in side.scores()
        if score.case_id in ids
    )
    return build_table(manifest, common, samples, scores, second.suite.primary_metric)


def _scores_of_both(table: ScoreTable, record: Difference) -> tuple[bytes, bytes]:
    """Equal for two pairs whose arms have the same scores on every case: their tests are one."""
    return table.scores(record.treatment).tobytes(), table.scores(record.control).tobytes()


def _named(record: Difference) -> Difference:
    return replace(
        record,
        treatment=record.treatment.removeprefix(_SECOND),
        control=record.control.removeprefix(_FIRST),
        family="runs",
    )
