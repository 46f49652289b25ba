"""How numbers are worded. All rounding of the report happens here.

What is not known is worded "unknown", never 0. A share that is not quite all or nothing is never rounded to
100% or 0%. A minus is the minus sign, so that it cannot be read as a dash between two numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Context, Decimal

Number = float | Decimal

UNKNOWN = "unknown"
NOT_APPLICABLE = "–"
MINUS = "−"
_EXACT = Context(prec=400)  # more digits than any float has, so that rounding cannot overflow
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "CN¥", "JPY": "JP¥", "INR": "₹"}


def _as_decimal(value: Number | None) -> Decimal | None:
    """The number as a decimal; None where it is missing, infinite or not a number."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))


def percent(share: Number | None, digits: int = 1) -> str:
    """A share of a whole as a percentage.

    >>> [percent(share) for share in (0.9049, 1, 0.9999, 0, 0.0001, None)]
    ['90.5%', '100%', '>99.9%', '0%', '<0.1%', 'unknown']
    """
    value = _as_decimal(share)
    if value is None:
        return UNKNOWN
    if value in (0, 1):
        return f"{100 * value:.0f}%"
    shown, step = _rounded(100 * value, digits), Decimal(1).scaleb(-digits)
    if shown <= 0 < value:
        return f"<{step:f}%"
    if shown >= 100 > 100 * value:
        return f">{100 - step:f}%"
    return f"{_signed(shown)}%"


def share_of_draws(share: Number | None) -> str:
    """A share of joint draws as a percentage, never 0% or 100%: all of some thousand draws is not certainty.

    >>> share_of_draws(1.0), share_of_draws(0.968), share_of_draws(0)
    ('>99.9%', '96.8%', '<0.1%')
    """
    value = _as_decimal(share)
    return UNKNOWN if value is None else percent(min(max(value, Decimal("1e-9")), 1 - Decimal("1e-9")))


def of_100(share: Number | None) -> str:
    """A share of simulated futures, as so many of 100; never 0 or 100, since some thousand futures are not all.

    >>> [of_100(share) for share in (0.98, 0.9333, 1.0, 0.0004, None)]
    ['98 of 100', '93.3 of 100', 'over 99.9 of 100', 'under 0.1 of 100', 'unknown']
    """
    value = _as_decimal(share)
    if value is None:
        return UNKNOWN
    if value > Decimal("0.999"):
        return "over 99.9 of 100"
    return f"{significant(100 * value)} of 100" if value >= Decimal("0.001") else "under 0.1 of 100"


def declared_percent(share: Number | None) -> str:
    """A declared share as a percentage, without decimals that nobody wrote.

    >>> declared_percent(0.8), declared_percent(0.825), declared_percent(None)
    ('80%', '82.5%', 'unknown')
    """
    value = _as_decimal(share)
    return UNKNOWN if value is None else f"{significant(100 * value, 4)}%"


def percent_interval(low: Number | None, high: Number | None) -> str:
    """Both ends of an interval of a share, in percent.

    >>> percent_interval(0.851, 0.942), percent_interval(None, 0.9)
    ('85.1 to 94.2%', 'no interval')
    """
    ends = _as_decimal(low), _as_decimal(high)
    if ends[0] is None or ends[1] is None:
        return "no interval"
    return f"{_signed(_rounded(100 * ends[0], 1))} to {_signed(_rounded(100 * ends[1], 1))}%"


def points(difference: Number | None) -> str:
    """A difference of two shares, in percentage points and with its sign.

    >>> points(0.2123), points(-0.004), points(0), points(None)
    ('+21.2', '−0.4', '0.0', 'unknown')
    """
    value = _as_decimal(difference)
    return UNKNOWN if value is None else _signed(_rounded(100 * value, 1), plus=True)


def points_interval(low: Number | None, high: Number | None) -> str:
    """Both ends of an interval of a difference, in points.

    >>> points_interval(-0.012, 0.303), points_interval(None, None)
    ('−1.2 to +30.3', 'no interval')
    """
    if _as_decimal(low) is None or _as_decimal(high) is None:
        return "no interval"
    return f"{points(low)} to {points(high)}"


def p_value(p: float | None) -> str:
    """A p value: three decimals below 0.1, two above.

    >>> p_value(0.00004), p_value(0.0132), p_value(0.204), p_value(None)
    ('<0.001', '0.013', '0.20', 'unknown')
    """
    if p is None or not math.isfinite(p):
        return UNKNOWN
    if p < 0.001:
        return "<0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def money(amount: Number | None, currency: str, decimals: int | None = None) -> str:
    """An amount: whole units from 1,000 on, two decimals below, three significant digits below 1.

    Args:
        amount: None is unknown.
        currency: Three-letter code.
        decimals: Fixed number of decimals, for a column; see ``shared_decimals``.

    >>> [money(Decimal(text), "USD") for text in ("12345.6", "-80", "0.02", "0.0000123", "0")]
    ['$12,346', '−$80.00', '$0.02', '$0.0000123', '$0']
    >>> money(Decimal("0.2"), "USD", 0), money(None, "USD"), money(Decimal(5), "CHF")
    ('<$1', 'unknown', 'CHF 5.00')
    """
    value = _as_decimal(amount)
    if value is None:
        return UNKNOWN
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    if value == 0:
        return f"{symbol}0"
    places = _decimals(value) if decimals is None else decimals
    shown = _rounded(abs(value), places)
    if shown == 0:
        step = Decimal(1).scaleb(-places)
        return f"<{symbol}{step:f}" if value > 0 else f"between {MINUS}{symbol}{step:f} and 0"
    return f"{MINUS if value < 0 else ''}{symbol}{shown:,f}"


def shared_decimals(amounts: Iterable[Number | None]) -> int:
    """Decimals that suit all amounts of a column, so that their points stand under each other.

    >>> shared_decimals([Decimal(1440), Decimal("1.07")]), shared_decimals([Decimal("0.00079"), None])
    (0, 5)
    >>> shared_decimals([Decimal(1440), Decimal("0.05")])
    2
    """
    sizes = [abs(value) for value in map(_as_decimal, amounts) if value]
    if not sizes:
        return 0
    if max(sizes) >= 1000:
        return 0 if min(sizes) >= 1 else 2
    return 2 if max(sizes) >= 1 else min(8, max(2, 1 - min(sizes).adjusted()))


def per_thousand(amount: Decimal | None) -> Decimal | None:
    """The cost of a thousand requests from the cost of one; None where that is unknown."""
    return None if amount is None else 1000 * amount


def seconds(duration: Number | None) -> str:
    """A duration with the unit that suits it.

    >>> [seconds(value) for value in (0.0417, 0.0004, 1.238, 75, 153, 7300)]
    ['42 ms', '0.40 ms', '1.24 s', '75 s', '2.6 min', '2.0 h']
    """
    value = _as_decimal(duration)
    if value is None:
        return UNKNOWN
    if value < 1:
        return f"{significant(1000 * value, 2)} ms" if value else "0 ms"
    if value < 120:
        return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def count(number: Number | None) -> str:
    """A count, rounded to a whole number.

    >>> count(12345), count(None)
    ('12,345', 'unknown')
    """
    value = _as_decimal(number)
    return UNKNOWN if value is None else _signed(_rounded(value, 0))


def significant(number: Number | None, digits: int = 3) -> str:
    """A number to so many significant digits; whole numbers above that are kept whole.

    >>> [significant(value) for value in (25012.3, 0.012345, 2.5, 0, None)]
    ['25,000', '0.0123', '2.5', '0', 'unknown']
    """
    value = _as_decimal(number)
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    places = digits - 1 - value.adjusted()
    shown = f"{_rounded(abs(value), max(places, 0) if places >= 0 else places):,f}"
    if "." in shown and digits > 2:
        shown = shown.rstrip("0").rstrip(".")
    return f"{MINUS if value < 0 else ''}{shown}"


def data_size(size: int | None) -> str:
    """A number of bytes with the unit that suits it.

    >>> data_size(431_000_000), data_size(None)
    ('431 MB', 'unknown')
    """
    if size is None:
        return UNKNOWN
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size:,} B"


def _decimals(value: Decimal) -> int:
    size = abs(value)
    if size >= 1000:
        return 0
    if size >= 1:
        return 2
    digits = _rounded(size, 2 - size.adjusted()).normalize()
    exponent = digits.as_tuple().exponent
    return max(2, -exponent) if isinstance(exponent, int) else 2


def _rounded(value: Decimal, places: int) -> Decimal:
    """Rounded half to even at ``places`` decimals (negative: tens, hundreds), without an exponent."""
    shown = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return shown if places >= 0 else shown.quantize(Decimal(1), context=_EXACT)


def _signed(value: Decimal, *, plus: bool = False) -> str:
    sign = MINUS if value < 0 else "+" if plus and value > 0 else ""
    return f"{sign}{abs(value):,f}"
