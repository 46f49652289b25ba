"""Where an arm is right and where it is wrong: by kind of failure, passage found, tag, and other task set."""

from __future__ import annotations

from evalkit.records.comparison import Difference
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_words import (
    NOT_APPLICABLE,
    UNKNOWN,
    count,
    p_value,
    percent,
    points,
    points_interval,
)


def failures_table(records: RunRecords) -> Table:
    """Wrong answers of each candidate by kind."""
    kinds = words.FAILURE_KINDS
    rows = [
        Row(
            (
                arm.name,
                count(arm.failures.n_wrong),
                *(count(getattr(arm.failures, kind)) for kind in kinds),
            ),
            arm=arm.name,
        )
        for arm in records.comparison.arms
        if arm.role == "candidate" and arm.failures is not None
    ]
    return Table(
        name="failures",
        caption="Wrong answers by kind",
        columns=(left("Arm"), right("Wrong"), *(right(words.title(kind)) for kind in kinds.values())),
        rows=tuple(rows),
        note="Wrong format, cut off, refused: what tuning fixes. Missing knowledge and passages not found: what "
        "retrieval fixes.",
    )


def retrieval_table(records: RunRecords) -> Table:
    """How often each retriever found the passage that answers the case."""
    rows = [
        Row(
            (
                arm.name,
                found.method,
                count(found.top_k),
                percent(found.recall_at_k),
                UNKNOWN if found.mrr is None else f"{found.mrr:.2f}",
                count(found.n),
            ),
            arm=arm.name,
        )
        for arm in records.comparison.arms
        if (found := arm.retrieval) is not None
    ]
    return Table(
        name="retrieval",
        caption="Retrieval, over cases with known gold passages",
        columns=(
            left("Arm"),
            left("Method"),
            right("Passages"),
            right("Recall"),
            right("Reciprocal rank"),
            right("Cases"),
        ),
        rows=tuple(rows),
    )


def slices_table(records: RunRecords) -> Table:
    """Each candidate tag by tag, and the difference of the two arms in question."""
    found = records.comparison.slices
    arms = list(dict.fromkeys(arm for each in found for arm in each.quality))
    pairs = dict.fromkeys(words.pair(each.difference) for each in found if each.difference is not None)
    rows = [
        Row(
            (
                each.tag,
                count(each.n),
                *(words.estimate_of(each.quality.get(arm)) for arm in arms),
                *_slice_cells(each.difference),
            )
        )
        for each in found
    ]
    return Table(
        name="slices",
        caption="Quality by tag",
        columns=(
            left("Tag"),
            right("Cases"),
            *(right(arm) for arm in arms),
            right("Points"),
            right("Interval"),
            right("p, Holm"),
            left("Claim"),
        ),
        rows=tuple(rows),
        note=f"Points: {', '.join(pairs)}. p values are adjusted over the {count(len(rows))} tags; tags of fewer than "
        "10 cases, and tags of every case, are left out.",
    )


def extra_table(records: RunRecords) -> Table:
    """What tuning gave or took on other task sets."""
    rows = [
        Row(
            (
                each.name,
                each.kind,
                words.pair(item),
                words.estimate_of(each.quality.get(item.control)),
                words.estimate_of(each.quality.get(item.treatment)),
                points(item.estimate),
                points_interval(item.low, item.high),
                points(each.margin).removeprefix("+"),
                count(item.n),
                words.claim(item),
            ),
            arm=item.treatment,
        )
        for each in records.comparison.extra
        for item in each.differences
    ]
    return Table(
        name="extra",
        caption="Other task sets, answered by the reference arm and the tuned ones",
        columns=(
            left("Task set"),
            left("Kind"),
            left("Treatment vs control"),
            right("Control"),
            right("Treatment"),
            right("Points"),
            right("Interval"),
            right("Margin"),
            right("Cases"),
            left("Claim"),
        ),
        rows=tuple(rows),
        note="Transfer: a neighbouring task. Forgetting: what the model could do before. A drop within the margin would"
        " not matter.",
    )


def _slice_cells(item: Difference | None) -> tuple[str, str, str, str]:
    if item is None:
        return NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE
    return (
        points(item.estimate),
        points_interval(item.low, item.high),
        p_value(item.p_adjusted),
        words.claim(item),
    )
