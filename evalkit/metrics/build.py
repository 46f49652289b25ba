"""From the ``metrics`` section of a suite to metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from evalkit.errors import InputError, Problem, SuiteError, did_you_mean
from evalkit.metrics.protocol import Aggregate, AnyMetric, aggregate_of
from evalkit.registry import METRICS
from evalkit.suite.schema import MetricConfig, Suite


def build_metrics(suite: Suite) -> dict[str, AnyMetric]:
    """The suite's metrics by name, in its order; those of code that is left alone are left out.

    A metric's class is called with its options by keyword; one that takes ``folder`` is given the suite's folder.

    Raises:
        SuiteError: A metric does not exist, does not take an option or its value, or is the primary one and has no
            value for a single answer. All problems are listed, each with its line.
    """
    metrics = _built(suite, lambda _: True)
    if problems := list(_without_value(suite, metrics)):
        raise SuiteError(*problems)
    return metrics


def build_aggregates(suite: Suite) -> dict[str, Aggregate]:
    """The suite's corpus metrics, each with the way from summed counts to it; no other metric is made.

    Code that the suite names is left alone, and so its pooled figures stay those that the run computed.

    Raises:
        SuiteError: Such a metric does not take an option or its value.
    """

    def pools(cls: object) -> bool:
        return not isinstance(cls, type) or hasattr(cls, "aggregate")

    metrics = _built(suite, pools)
    return {
        name: aggregate for name, metric in metrics.items() if (aggregate := aggregate_of(metric)) is not None
    }


def _built(suite: Suite, wanted: Callable[[object], bool]) -> dict[str, AnyMetric]:
    """The metrics of classes that are wanted. All problems are listed, each with its line."""
    metrics: dict[str, AnyMetric] = {}
    problems: list[Problem] = []
    for position, config in enumerate(suite.metrics):
        try:
            if suite.left_alone(METRICS, config.type):
                continue
            cls = METRICS.load(config.type, plugins=suite.trust.loads_plugins)
            if wanted(cls):
                metrics[config.name] = _build(cls, config, suite)
        except ValidationError as error:
            problems.extend(_translate(error, suite, position, config))
        except (ValueError, TypeError, InputError) as error:
            problems.append(suite.source.problem(("metrics", position), f"{config.type}: {error}"))
    if problems:
        raise SuiteError(*problems)
    return metrics


def _without_value(suite: Suite, metrics: Mapping[str, AnyMetric]) -> Iterator[Problem]:
    """The primary metric pays for every right answer, so it must be able to tell which answers are right."""
    primary = suite.primary_metric
    if primary not in metrics or aggregate_of(metrics[primary]) is None:
        return
    declared = suite.use_case.primary_metric is not None
    single = [name for name, metric in metrics.items() if aggregate_of(metric) is None]
    yield suite.source.problem(
        ("use_case", "primary_metric") if declared else ("metrics", 0),
        f"{primary!r} is computed from all answers together and gives none of them a value, so it cannot carry "
        f"quality into money; name another as use_case.primary_metric. {did_you_mean(primary, single)}",
    )


def _build(found: object, config: MetricConfig, suite: Suite) -> AnyMetric:
    cls = cast(Any, found)
    options = dict(config.options)
    accepted = inspect.signature(cls).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        for name in options:
            if name not in accepted or name == "folder":
                valid = did_you_mean(name, [option for option in accepted if option != "folder"])
                raise ValueError(f"takes no option {name!r}. {valid}")
    if "folder" in accepted:
        options["folder"] = suite.folder
        if isinstance(file := options.get("path"), str):
            suite.path(file)  # refuses one outside
    metric = cls(**options)
    if hasattr(metric, "score") == hasattr(metric, "score_async"):
        raise ValueError("a metric has `score`, or `score_async` where it asks a model: one of the two")
    return cast(AnyMetric, metric)


def _translate(error: ValidationError, suite: Suite, position: int, config: MetricConfig) -> list[Problem]:
    """Pydantic's errors as problems of ours, at the option's line."""
    problems = []
    for fault in error.errors():
        option = str(fault["loc"][0]) if fault["loc"] else ""
        at: tuple[str | int, ...] = ("metrics", position)
        for inside in ((config.type, option), ("options", option)):
            if (*at, *inside) in suite.source.lines:
                at = (*at, *inside)
                break
        message = fault["msg"].removeprefix("Value error, ")
        shown = f"option {option!r}: {message}" if option and at[-1] != option else message
        problem = suite.source.problem(at, shown[0].lower() + shown[1:])
        if problem not in problems:
            problems.append(problem)
    return problems
