"""Numbers as sentences of the checklist show them."""

from __future__ import annotations

from decimal import Decimal

from evalkit.records.comparison import Difference


def share(value: float) -> str:
    """A share in per cent.

    >>> share(0.123)
    '12.3%'
    """
    return f"{value:.1%}"


def score(value: float | None) -> str:
    """A score in [0, 1].

    >>> score(0.5), score(None)
    ('0.500', 'unknown')
    """
    return "unknown" if value is None else f"{value:.3f}"


def amount(value: Decimal | float | None, currency: str) -> str:
    """Money, small amounts with four significant digits.

    >>> amount(1234.5, "USD"), amount(Decimal("0.00012345"), "USD"), amount(None, "USD")
    ('1,234.50 USD', '0.0001234 USD', 'unknown')
    """
    if value is None:
        return "unknown"
    number = float(value)
    if number == 0 or abs(number) >= 1:
        return f"{number:,.2f} {currency}"
    digits = 3 - int(f"{number:e}".partition("e")[2])
    return f"{number:.{digits}f} {currency}"


def interval(record: Difference) -> str:
    """A paired difference with its interval."""
    if record.estimate is None:
        return "not comparable"
    if record.low is None or record.high is None:
        return f"{record.estimate:+.3f} (no interval, n = {record.n})"
    return f"{record.estimate:+.3f} ({record.low:+.3f} to {record.high:+.3f}, n = {record.n})"
