"""How many digits a record keeps: those that do not depend on the processor it was made on."""

from __future__ import annotations

from typing import Any, TypeVar

from evalkit.records.record import Record

R = TypeVar("R", bound=Record)

DIGITS = 10
"""Significant digits of a float in ``comparison.json`` and ``decision.json``.

Sums are made in one order everywhere, but the powers and logarithms of a system's mathematics library may end in
another bit, and so may a sum over cases that came under other ids.
"""


def significant(value: float) -> float:
    """The number to ``DIGITS`` significant digits; NaN and infinity as they are.

    >>> significant(0.1 + 0.2), significant(2 / 3 * 1e-9)
    (0.3, 6.666666667e-10)
    """
    return float(f"{value:.{DIGITS - 1}e}")


def rounded(record: R) -> R:
    """The record with every float in it, however deep, to ``DIGITS`` significant digits.

    Money (``Decimal``) stays: its arithmetic is exact, and what enters it from a float is rounded there.
    """
    return type(record)(**{name: _rounded(getattr(record, name)) for name in record.__struct_fields__})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, Record):
        return rounded(value)
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return value
