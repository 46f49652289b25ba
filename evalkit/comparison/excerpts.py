"""A few cases on which the candidates disagree, for people to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from evalkit.comparison.table import ScoreTable
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
    chosen: dict[str, int] = {}
    clusters: set[int] = set()
    places = {case_id: place for place, case_id in enumerate(order or table.case_ids)}
    standing = np.array([places[case_id] for case_id in table.case_ids])
    for column in np.lexsort((standing, -spread)):
        if len(chosen) == most or spread[column] <= 0:
            break
        if int(table.clusters[column]) not in clusters:
            clusters.add(int(table.clusters[column]))
            chosen[table.case_ids[column]] = int(column)
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


def _shortened(text: str | None) -> str:
    if text is None:
        return ""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
