"""A few cases on which the candidates disagree, for people to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from evalkit.comparison.failures import GRADED_RIGHT
from evalkit.comparison.table import FloatArray, ScoreTable
from evalkit.records.case import Case
from evalkit.records.run import Excerpt, ExcerptAnswer
from evalkit.records.sample import Sample

_LONGEST = 600


def pick_excerpts(
    table: ScoreTable,
    get_case: Callable[[str], Case],
    samples: Iterable[Sample],
    *,
    most: int = 8,
    order: Sequence[str] = (),
) -> tuple[Excerpt, ...]:
    """Cases with the widest spread of the primary score between candidates, at most one a cluster.

    Each pattern of who is right and who is wrong has its turn, so that cases that speak for either arm are among them.

    Args:
        table: The run.
        get_case: From an id to the case.
        samples: Rows of the journal; the first repeat is shown.
        most: How many.
        order: Ids in the order of the suite, which decides between equal spreads; default: the table's order.
    """
    names = [arm.name for arm in table.candidates]
    scores = np.stack([table.training_scores(name) for name in names])
    scored = np.isfinite(scores).all(axis=0)
    spread = np.where(scored, scores.max(axis=0, initial=0.0) - scores.min(axis=0, initial=1.0), 0.0)
    places = {case_id: place for place, case_id in enumerate(order or table.case_ids)}
    standing = np.array([places[case_id] for case_id in table.case_ids])
    widest = [int(column) for column in np.lexsort((standing, -spread)) if spread[column] > 0]
    chosen = {table.case_ids[column]: column for column in _in_turn(table, scores, widest, most)}
    outputs = {
        (sample.case_id, sample.arm): sample.output
        for sample in samples
        if sample.case_id in chosen and sample.repeat == 0
    }
    return tuple(
        Excerpt(
            case_id=case_id,
            input=_shortened(get_case(case_id).input),
            reference=next(iter(get_case(case_id).reference), None),
            answers=tuple(
                ExcerptAnswer(
                    arm=name,
                    output=_shortened(outputs.get((case_id, name))),
                    value=float(scores[row, column]),
                )
                for row, name in enumerate(names)
            ),
        )
        for case_id, column in chosen.items()
    )


def _in_turn(table: ScoreTable, scores: FloatArray, widest: Sequence[int], most: int) -> list[int]:
    """Columns of the cases to show: one of each pattern of arms that are right after another, one a cluster.

    Args:
        table: The run.
        scores: Shape (arms, cases), of the candidates.
        widest: Columns with a spread, the widest first.
        most: How many.
    """
    patterns: dict[bytes, list[int]] = {}
    for column in widest:
        patterns.setdefault((scores[:, column] >= GRADED_RIGHT).tobytes(), []).append(column)
    chosen: list[int] = []
    clusters: set[int] = set()
    while len(chosen) < most and any(patterns.values()):
        for waiting in patterns.values():
            while waiting and int(table.clusters[waiting[0]]) in clusters:
                waiting.pop(0)
            if waiting and len(chosen) < most:
                clusters.add(int(table.clusters[waiting[0]]))
                chosen.append(waiting.pop(0))
    return chosen


def _shortened(text: str | None) -> str:
    if text is None:
        return ""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
