"""Prices that replace those of a suite after a run: ``evalkit reprice --prices FILE``, and a run's ``prices.yaml``.

prices: {gpt-4o-mini: {input: 0.10, output: 0.40, as_of: 2027-02-01, source: price list}}
device_hour: {base: 0.05}
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from evalkit.errors import SuiteError, did_you_mean
from evalkit.suite.amounts import Money
from evalkit.suite.economics import PriceConfig
from evalkit.suite.models import Strict
from evalkit.suite.source import Source, read_yaml
from evalkit.suite.validation_errors import validation_problems

PRICES_FILE = "prices.yaml"
_BY_TOKENS = ("openai", "gemini", "recorded")


class PriceOverride(Strict):
    """Rows as in a suite's ``prices``, and what an hour of a model's machine costs."""

    prices: dict[str, PriceConfig] = Field(default_factory=dict)
    device_hour: dict[str, Money] = Field(default_factory=dict)


def read_price_override(path: Path, *, substitute: bool = True) -> tuple[PriceOverride, Source]:
    """Read a price file, YAML or JSON; gives its prices and the parsed file with the line of every key.

    Args:
        path: The file.
        substitute: Replace ``${NAME}``; not in a run's own file, which may be from elsewhere.

    Raises:
        SuiteError: It cannot be read, has an unknown key or a bad value, or gives no price.
    """
    source = read_yaml(path, substitute=substitute)
    try:
        override = PriceOverride.model_validate(source.data)
    except ValidationError as error:
        raise SuiteError(*validation_problems(error, source, PriceOverride)) from None
    if not override.prices and not override.device_hour:
        raise SuiteError(source.problem((), "gives no price; write rows under `prices` or `device_hour`"))
    return override, source


def merge_prices(data: dict[str, Any], path: Path, *, substitute: bool = True) -> dict[str, Any]:
    """The parsed YAML of a suite with other prices; a row replaces the whole row of its id.

    Args:
        data: The suite's parsed YAML; it is not changed.
        path: The price file.
        substitute: Replace ``${NAME}`` in it; not in a run's own file, which may be from elsewhere.

    Raises:
        SuiteError: The price file cannot be used, or names a model that the suite does not pay by the hour.
    """
    override, source = read_price_override(path, substitute=substitute)
    merged = copy.deepcopy(data)
    merged["prices"] = (merged.get("prices") or {}) | source.data.get("prices", {})
    models = merged.get("models") or {}
    problems = []
    for name, hour in override.device_hour.items():
        model = models.get(name)
        if not isinstance(model, dict):
            problems.append(
                source.problem(
                    ("device_hour", name),
                    f"the suite has no model called {name!r}. {did_you_mean(name, models)}",
                )
            )
        elif model.get("type") in _BY_TOKENS:
            problems.append(
                source.problem(
                    ("device_hour", name),
                    f"{name!r} is a {model['type']} model, which is priced by tokens; give its row under `prices`",
                )
            )
        else:
            model["device_hour"] = str(hour)
    if problems:
        raise SuiteError(*problems)
    return merged
