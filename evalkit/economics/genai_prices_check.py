"""Where a price row differs from what the package ``genai-prices`` says, where that package is installed."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from decimal import Decimal

from evalkit.economics.prices import PriceRow

# The name of a rate in this package, and in that one.
_SAME_RATE = {"input": "input_mtok", "output": "output_mtok", "input_cache_read": "cache_read_mtok"}


@dataclass(frozen=True, slots=True)
class PriceAgreement:
    """How a price row of evalkit compares with ``genai-prices``.

    Attributes:
        disagreements: One sentence per price that differs.
        note: Whether there was anything to compare with.
    """

    disagreements: tuple[str, ...]
    note: str


def compare_with_genai_prices(model_id: str, row: PriceRow) -> PriceAgreement:
    """Compare a price row with ``genai-prices`` (offline: the snapshot in the package).

    Args:
        model_id: As the user wrote it.
        row: Our row for it.
    """
    try:
        package = importlib.import_module("genai_prices")
        snapshot = importlib.import_module("genai_prices.data_snapshot").get_snapshot()
    except ModuleNotFoundError:
        return PriceAgreement((), "none: genai-prices is not installed (pip install 'evalkit[prices]')")
    version = getattr(package, "__version__", "?")
    try:
        _, model = snapshot.find_provider_model(
            row.model.rpartition("/")[2], None, row.provider or None, None
        )
    except LookupError:
        return PriceAgreement((), f"genai-prices {version} does not know {model_id}")
    theirs = model.prices if not isinstance(model.prices, list) else model.prices[-1].prices
    disagreements = tuple(
        f"{ours}: ours {mine} (as of {row.as_of}, {row.source}), genai-prices {version} {other}"
        for ours, name in _SAME_RATE.items()
        if (mine := getattr(row.rates, ours)) is not None
        and isinstance(other := getattr(theirs, name, None), Decimal | int | float)
        and Decimal(str(other)) != mine
    )
    return PriceAgreement(disagreements, f"genai-prices {version}{'' if disagreements else ' agrees'}")
