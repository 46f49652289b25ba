"""Where an arm is right and where it is wrong: by kind of failure, passage found, tag, and other task set."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.records.comparison import Difference, Slice
from evalkit.records.retrieval import IndexFacts
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.difference_tables import ADJUSTED_P, PAIR
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import (
    NOT_APPLICABLE,
    UNKNOWN,
    count,
    p_value,
    percent,
    points,
    points_interval,
    seconds,
)

OUTER_TAGS = 5
"""Tags shown from either end where there are many."""
MOST_ARMS = 6
"""Arms up to which every one has its column in the table of tags."""


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
        note="Wrong format, cut off, refused: what tuning usually mends. Missing knowledge and passages not found: "
        "what retrieval usually mends.",
    )


def retrieval_table(records: RunRecords) -> Table:
    """How often each retriever found the passage that answers the case, and how long finding took."""
    rows = [
        Row(
            (
                arm.name,
                retrieval.method,
                count(retrieval.top_k),
                percent(retrieval.recall_at_k),
                _decimal(retrieval.mrr),
                _decimal(retrieval.ndcg_at_k),
                seconds(retrieval.p50_s),
                seconds(retrieval.p95_s),
                count(retrieval.n),
            ),
            arm=arm.name,
        )
        for arm in records.comparison.arms
        if (retrieval := arm.retrieval) is not None
    ]
    cut = any(arm.chunk is not None for arm in records.manifest.arms)
    note = "Cut at as many passages as were given (k). Times are of embedding the question and searching, apart from "
    note += "the model's."
    if cut:
        note += " A chunk counts for its document: k counts chunks, and a document found twice is found once."
    return Table(
        name="retrieval",
        caption="Retrieval, over cases with known gold passages",
        columns=(
            left("Arm"),
            left("Method"),
            right("k"),
            right("Recall"),
            right("MRR"),
            right("nDCG"),
            right("Search p50"),
            right("Search p95"),
            right("Cases"),
        ),
        rows=tuple(rows),
        note=note,
    )


def indexes_table(records: RunRecords) -> Table:
    """What the arms with an embedder searched, and what building it took."""
    chunks = {arm.name: arm.chunk for arm in records.manifest.arms}
    indexes = [
        (arm.name, arm.retrieval.index)
        for arm in records.comparison.arms
        if arm.retrieval is not None and arm.retrieval.index is not None
    ]
    rows = [
        Row(
            (
                name,
                index.embedder,
                chunks.get(name) or "whole",
                count(index.documents),
                count(index.chunks),
                count(index.dimensions),
                NOT_APPLICABLE if index.cost == 0 and index.tokens is None else count(index.tokens),
                "reused" if index.reused else seconds(index.seconds),
                _against_exact(index),
            ),
            arm=name,
        )
        for name, index in indexes
    ]
    compared = max((index.compared for _, index in indexes), default=0)
    note = (
        f"Against exact: share of the passages of an exact search, over {compared} questions."
        if compared
        else ""
    )
    return Table(
        name="indexes",
        caption="What was searched by vectors",
        columns=(
            left("Arm"),
            left("Embedder"),
            left("Chunks by", wraps=True),
            right("Documents"),
            right("Chunks"),
            right("Dimensions"),
            right("Tokens"),
            right("Built in"),
            right("Against exact"),
        ),
        rows=tuple(rows),
        note=note,
    )


def _against_exact(index: IndexFacts) -> str:
    """A comparison was made only where a search is not exact by itself."""
    exact = index.method in ("dense", "hybrid") or (index.recall is not None and not index.compared)
    return "is exact" if exact else _decimal(index.recall)


def _decimal(figure: float | None) -> str:
    return UNKNOWN if figure is None else f"{figure:.2f}"


def slices_table(records: RunRecords) -> Table:
    """Each candidate tag by tag, and the difference of the two arms in question."""
    slices, left_out = _worst_and_best(records.comparison.slices)
    arms = _few_arms(records, list(dict.fromkeys(arm for each in slices for arm in each.quality)))
    pairs = dict.fromkeys(words.pair(each.difference) for each in slices if each.difference is not None)
    rows = [
        Row(
            (
                each.tag,
                count(each.n),
                *(words.estimate_of(each.quality.get(arm)) for arm in arms),
                *_slice_cells(each.difference),
            )
        )
        for each in slices
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
            right(ADJUSTED_P),
            left("What it shows"),
        ),
        rows=tuple(rows),
        note=f"Points: {', '.join(pairs)}. p values are adjusted over the {count(len(rows))} tags; tags of fewer than "
        f"10 cases, and tags of every case, are left out.{left_out}",
    )


def _worst_and_best(slices: Sequence[Slice]) -> tuple[list[Slice], str]:
    """The tags from the worst difference to the best; of many the outer five, and how many were left out, in words."""
    ordered = sorted(slices, key=lambda each: _points_of(each.difference))
    if len(ordered) <= 2 * OUTER_TAGS + 2:
        return ordered, ""
    rest = len(ordered) - 2 * OUTER_TAGS
    words_ = f" The {OUTER_TAGS} worst and best for the first arm are shown; {count(rest)} more are in report.json."
    return [*ordered[:OUTER_TAGS], *ordered[-OUTER_TAGS:]], words_


def _points_of(item: Difference | None) -> float:
    return 0.0 if item is None or item.estimate is None else item.estimate


def _few_arms(records: RunRecords, arms: list[str]) -> list[str]:
    """Up to six arms; of more, the two that the differences are of and the reference arm."""
    if len(arms) <= MOST_ARMS:
        return arms
    pairs = [each.difference for each in records.comparison.slices if each.difference is not None]
    wanted = {
        records.comparison.reference_arm,
        *(arm for item in pairs for arm in (item.treatment, item.control)),
    }
    return [arm for arm in arms if arm in wanted]


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
            left(PAIR),
            right("B"),
            right("A"),
            right("Points"),
            right("Interval"),
            right("Margin"),
            right("Cases"),
            left("What it shows"),
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
