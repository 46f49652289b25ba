"""Cases that a metric could not score, found before any model is asked."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.data.cases import Cases
from evalkit.errors import MOST_PROBLEMS, DataError, Problem
from evalkit.metrics.protocol import AnyMetric, refusal


def check_cases(metrics: Mapping[str, AnyMetric], cases: Cases) -> None:
    """Ask every metric that can refuse a case whether it does.

    Raises:
        DataError: Some metric refuses a case. Up to 20 problems, each with the case's line.
    """
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
