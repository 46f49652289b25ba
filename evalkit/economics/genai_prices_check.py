"""What ``genai-prices`` says of a model, where that package is installed. Differences are shown."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from decimal import Decimal

from evalkit.economics.prices import PriceRow

# Our name to the package's.
_SAME = {"input": "input_mtok", "output": "output_mtok", "input_cache_read": "cache_read_mtok"}


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """How our row compares with another collection of prices.

    Attributes:
        disagreements: One sentence per price that differs.
        note: Whether there was anything to compare with.
    """

    disagreements: tuple[str, ...]
    note: str


def second_opinion(model_id: str, row: PriceRow) -> SecondOpinion:
    """Compare a price row with ``genai-prices`` (offline: the snapshot in the package).

    Args:
        model_id: As the user wrote it.
        row: Our row for it.
    """
    try:
        package = importlib.import_module("genai_prices")
        snapshot = importlib.import_module("genai_prices.data_snapshot").get_snapshot()
    except ModuleNotFoundError:
        return SecondOpinion((), "none: genai-prices is not installed (pip install 'evalkit[prices]')")
    version = getattr(package, "__version__", "?")
    try:
        _, model = snapshot.find_provider_model(
            row.model.rpartition("/")[2], None, row.provider or None, None
        )
    except LookupError:
        return SecondOpinion((), f"genai-prices {version} does not know {model_id}")
    theirs = model.prices if not isinstance(model.prices, list) else model.prices[-1].prices
    found = tuple(
        f"{ours}: ours {mine} (as of {row.as_of}, {row.source}), genai-prices {version} {other}"
        for ours, name in _SAME.items()
        if (mine := getattr(row.rates, ours)) is not None
        and isinstance(other := getattr(theirs, name, None), Decimal | int | float)
        and Decimal(str(other)) != mine
    )
    return SecondOpinion(found, f"genai-prices {version}{' agrees' if not found else ''}")
