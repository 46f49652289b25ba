"""Paired differences between arms, with and without a claim."""

from __future__ import annotations

from evalkit.decision.verdict.evidence_sentences import FEW
from evalkit.records.comparison import Difference
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import (
    NOT_APPLICABLE,
    count,
    p_value,
    percent,
    points,
    points_interval,
)

PAIR = "A compared with B"
ADJUSTED_P = "p (adjusted for several comparisons)"


def differences_table(records: RunRecords, *, claims: bool) -> Table:
    """Paired differences: those of the two families that carry claims, or all others."""
    differences = [item for item in records.comparison.differences if carries_claim(records, item) == claims]
    with_worst = any(item.worst_case is not None for item in differences)
    columns = [
        left(PAIR),
        *([] if claims else [left("Metric")]),
        right("Points"),
        right(f"{percent(1 - records.comparison.alpha, 0)} interval"),
        right("p"),
        *([right(ADJUSTED_P)] if claims else []),
        right("first", "Cases only this arm has right"),
        right("second", "Cases only this arm has right"),
        right("Cases"),
        right("Clusters"),
        right("Smallest difference this run could detect"),
        *([right("Missing counted against it")] if with_worst else []),
        left("What it shows"),
    ]
    rows: list[Row] = []
    family = ""
    for item in sorted(differences, key=lambda item: list(words.FAMILIES).index(item.family)):
        if item.family != family:
            family = item.family
            rows.append(Row((words.title(words.FAMILIES[family]),), "section"))
        cells = _difference_cells(item, claims=claims, with_worst=with_worst)
        rows.append(Row(tuple(cells), arm=item.treatment))
    methods = dict.fromkeys(item.method for item in differences if item.method)
    notes = words.gathered_notes(differences)
    margin = f"The margin is {points(records.comparison.margin).removeprefix('+')} points. " if claims else ""
    adjusted = (
        ""
        if claims
        else "p values here are not adjusted for looking at many, so that some are small by chance. "
    )
    return Table(
        name="claims" if claims else "other-differences",
        caption=f"Paired differences on {words.metric_name(records.comparison.primary_metric)}"
        if claims
        else "Other differences, each looked at by itself",
        columns=tuple(columns),
        rows=tuple(rows),
        note=f"{margin}{adjusted}Points: the first arm less the second. Could detect: with 80% power. "
        + " ".join(f"{words.title(method)}." for method in methods)
        + "".join(f" {note.rstrip('.')}." for note in notes),
    )


def carries_claim(records: RunRecords, difference: Difference) -> bool:
    """Whether a difference belongs to one of the two Holm families, both on the primary metric."""
    primary = difference.metric == records.comparison.primary_metric
    return primary and difference.family in ("reference", "tuned")


def _difference_cells(item: Difference, *, claims: bool, with_worst: bool) -> list[str]:
    if claims and item.n < FEW and item.estimate is not None:
        shows = f"too few cases to claim ({count(item.n)})"
    else:
        shows = words.claim(item)
    only = (NOT_APPLICABLE, NOT_APPLICABLE) if item.discordant is None else map(count, item.discordant)
    return [
        words.pair(item),
        *([] if claims else [words.metric_name(item.metric)]),
        points(item.estimate),
        points_interval(item.low, item.high),
        p_value(item.p_value),
        *([p_value(item.p_adjusted)] if claims else []),
        *only,
        count(item.n),
        count(item.n_clusters),
        points(item.smallest_detectable).removeprefix("+"),
        *([points(item.worst_case)] if with_worst else []),
        shows,
    ]
