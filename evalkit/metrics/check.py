"""Cases that a metric could not score, and metrics that could score none, found before any model is asked."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.data.cases import Cases
from evalkit.errors import MOST_PROBLEMS, DataError, Problem
from evalkit.metrics.protocol import AnyMetric, needs_reference, refusal


def check_cases(metrics: Mapping[str, AnyMetric], cases: Cases) -> None:
    """Ask every metric that can refuse a case whether it does, and whether a metric lacks every reference.

    Raises:
        DataError: Some metric refuses a case, or compares with references and no case has one. Up to 20 problems,
            each with the case's line.
    """
    _check_references(metrics, cases)
    choosy = {name: metric for name, metric in metrics.items() if hasattr(metric, "refuse")}
    problems: list[Problem] = []
    for case in cases if choosy else ():
        for name, metric in choosy.items():
            if (reason := refusal(metric, case)) is not None:
                problems.append(Problem(cases.file, cases.line(case.id), "", f"{name}: {reason}"))
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise DataError.first_of(problems)


def _check_references(metrics: Mapping[str, AnyMetric], cases: Cases) -> None:
    needy = [name for name, metric in metrics.items() if needs_reference(metric)]
    if not needy or any(case.reference for case in cases):
        return
    columns = cases.mapping.columns.get("reference")
    why = (
        f"its column {' and '.join(map(repr, columns))} is empty"
        if columns
        else "no column has a usual name for it; declare one, cases.fields: {reference: COLUMN}. The file has "
        + ", ".join(map(repr, cases.mapping.all_columns[:20]))
    )
    message = f"{', '.join(needy)}: compares with a reference, and no case has one: {why}"
    raise DataError(Problem(cases.file, None, "", message))
