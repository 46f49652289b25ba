"""The differences that ``evalkit compare`` found, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.comparison import Difference
from evalkit.records.comparison_result import ComparisonResult
from evalkit.reporting import words
from evalkit.reporting.difference_tables import ADJUSTED_P, PAIR
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import count, p_value, percent, points, points_interval


def compared_tables(result: ComparisonResult) -> tuple[Table, ...]:
    """One table for the primary metric and one for each further metric."""
    metrics = dict.fromkeys(item.metric for item in result.differences)
    return tuple(_table(result, metric) for metric in metrics)


def _table(result: ComparisonResult, metric: str) -> Table:
    differences = [item for item in result.differences if item.metric == metric]
    adjusted = any(item.p_adjusted is not None for item in differences)
    return Table(
        name=metric,
        caption=f"Paired differences on {words.metric_name(metric)}{_runs(result)}",
        columns=(
            left(PAIR),
            right("Points"),
            right(f"{percent(1 - result.alpha, 0)} interval"),
            right(ADJUSTED_P if adjusted else "p"),
            *([right("Cases only one has right")] if _any_discordant(differences) else []),
            right("Cases"),
            left("What it shows"),
        ),
        rows=tuple(Row(tuple(_cells(item, differences, adjusted=adjusted))) for item in differences),
        note=" ".join(_note(result, differences, adjusted=adjusted)),
    )


def _runs(result: ComparisonResult) -> str:
    return "" if result.control_run is None else f": run {result.run} minus run {result.control_run}"


def _cells(item: Difference, differences: list[Difference], *, adjusted: bool) -> Iterator[str]:
    yield words.pair(item)
    yield points(item.estimate)
    yield points_interval(item.low, item.high)
    yield p_value(item.p_adjusted if adjusted else item.p_value)
    if _any_discordant(differences):
        yield "" if item.discordant is None else " / ".join(map(count, item.discordant))
    yield count(item.n)
    yield words.claim(item)


def _note(result: ComparisonResult, differences: list[Difference], *, adjusted: bool) -> Iterator[str]:
    yield f"The margin is {points(result.margin).removeprefix('+')} points."
    if not adjusted:
        yield "These p values are not adjusted for looking at many."
    if _any_discordant(differences):
        yield "Cases only one has right: only the first arm / only the second."
    if clustered := {item.n_clusters for item in differences if item.n_clusters < item.n}:
        yield f"The cases lie in {' or '.join(map(count, sorted(clustered)))} clusters."
    yield from dict.fromkeys(
        f"{words.title(item.method)}." for item in differences if item.method not in ("", "none")
    )
    yield from (f"{note}." for note in words.gathered_notes(differences))


def _any_discordant(differences: list[Difference]) -> bool:
    return any(item.discordant is not None for item in differences)
