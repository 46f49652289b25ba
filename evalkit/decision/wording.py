"""Numbers, inputs and verdicts as the sentences of a decision word them, in the words of the report."""

from __future__ import annotations

import re
from decimal import Decimal

from evalkit.records.comparison import Difference
from evalkit.records.decision import Verdict
from evalkit.text.number_format import (
    UNKNOWN,
    count,
    money,
    percent,
    points,
    points_interval,
    share_of_draws,
    significant,
)

__all__ = [
    "NONE",
    "POINTS",
    "SHORT",
    "amount",
    "choice_name",
    "count",
    "difference",
    "input_name",
    "interval",
    "margin",
    "outcome",
    "quantity",
    "score",
    "share",
    "share_of_draws",
    "threshold",
    "title",
]

SHORT: dict[Verdict, str] = {
    Verdict.FINE_TUNE: "fine-tune",
    Verdict.USE_RAG: "use retrieval",
    Verdict.STAY_FEW_SHOT: "stay with the prompt",
    Verdict.PILOT_FIRST: "run a pilot first",
    Verdict.COLLECT_MORE_DATA: "collect more data first",
    Verdict.NOT_DECIDABLE: "no longer clear",
    Verdict.BLOCKED: "tuning is blocked",
    Verdict.DO_NOT_TUNE: "do not tune",
    Verdict.ALTERNATIVES_FIRST: "finish the alternatives first",
    Verdict.NONE_WORTH_RUNNING: "run none of them",
}
"""Each verdict inside a sentence."""

_INPUTS = {
    "requests_per_month": "requests per month",
    "value_per_correct": "value of a correct answer",
    "cost_per_wrong": "cost of a wrong answer",
    "labour_hours": "hours of work",
    "labour_rate": "hourly rate of work",
    "retune_hours": "hours of work per retune",
    "retune_every_months": "months between retunes",
    "training_hours": "hours of training",
    "device_hour": "price of a device hour",
    "embedding_per_request": "price of embedding a question",
    "reranker_per_request": "price of ranking the passages",
    "search_per_request": "price of a search",
    "hosting tuned_per_hour": "hosting of the tuned model",
}


def share(value: float) -> str:
    """A share in per cent.

    >>> share(0.123)
    '12.3%'
    """
    return percent(value)


def score(value: float | None) -> str:
    """A score in [0, 1], as the report's tables show it.

    >>> score(0.5), score(None)
    ('50.0%', 'unknown')
    """
    return percent(value)


def margin(value: float) -> str:
    """The size of a difference, without a sign.

    >>> margin(0.03)
    '3.0 points'
    """
    return f"{points(abs(value)).removeprefix('+')} points"


def difference(value: float) -> str:
    """A difference of two scores, with its sign.

    >>> difference(0.2), difference(-0.004)
    ('+20.0 points', '−0.4 points')
    """
    return f"{points(value)} points"


def amount(value: Decimal | float | None, currency: str) -> str:
    """Money.

    >>> amount(1234.5, "USD"), amount(Decimal("0.00012345"), "USD"), amount(None, "USD")
    ('$1,234', '$0.000123', 'unknown')
    """
    return money(value, currency)


def quantity(value: float | None, unit: str, *, named: bool = True) -> str:
    """A value as its unit asks: money for "USD" and "USD per ...", percent "of the score", else a number.

    Args:
        value: None is unknown.
        unit: In words; begins with a three-letter code where it is money.
        named: Whether the words of the unit follow.

    >>> [quantity(25012.3, "requests a month"), quantity(0.0123, "USD per correct answer"), quantity(0.8, "share")]
    ['25,000 requests a month', '$0.0123 per correct answer', '80.0%']
    >>> quantity(25012.3, "requests a month", named=False), quantity(None, "hours")
    ('25,000', 'unknown')
    """
    if value is None:
        return UNKNOWN
    if unit in _SHARES:
        return percent(value)
    if unit == POINTS:
        return margin(value)
    currency = re.match("[A-Z]{3}(?= |$)", unit)
    shown = money(value, currency[0]) if currency else significant(value)
    following = unit.removeprefix(currency[0]).strip() if currency else unit
    return f"{shown} {following}".rstrip() if named else shown


def threshold(value: float | None, unit: str, *, named: bool = False) -> str:
    """A value at which something changes, to three significant digits: the same number wherever it stands.

    >>> threshold(1645497.2, "requests a month", named=True), threshold(1234.5, "USD"), threshold(0.77, "share")
    ('1,650,000 requests a month', '$1,230', '77.0%')
    """
    return quantity(None if value is None else float(f"{value:.3g}"), unit, named=named)


POINTS = "points"
_SHARES = ("of the score", "share", "quality", "probability")


def interval(record: Difference) -> str:
    """A paired difference with its interval."""
    if record.estimate is None:
        return "not comparable"
    if record.low is None or record.high is None:
        return f"{difference(record.estimate)} (no interval, n = {record.n:,})"
    return f"{difference(record.estimate)} ({points_interval(record.low, record.high)}, n = {record.n:,})"


NONE = "none"
"""Name of the choice to run no arm, which no arm may have."""


def choice_name(name: str | None) -> str:
    """An arm, or doing nothing.

    >>> choice_name("rag"), choice_name("none"), choice_name(None)
    ('rag', 'doing nothing', 'doing nothing')
    """
    return "doing nothing" if name in (None, NONE) else str(name)


def outcome(verdict: str | None, arm: str | None) -> str:
    """A verdict on the other side of a flip, with its arm.

    >>> outcome("use_rag", "rag"), outcome("not_decidable", "rag"), outcome("none_worth_running", None)
    ('use retrieval (rag)', 'no longer clear (if you must choose: rag)', 'run none of them')
    """
    if verdict not in [each.value for each in Verdict]:
        return "another answer"
    short = SHORT[Verdict(verdict)]
    if arm is None:
        return short
    return f"{short} ({arm})" if verdict in _FINAL else f"{short} (if you must choose: {arm})"


_FINAL = (Verdict.FINE_TUNE, Verdict.USE_RAG, Verdict.STAY_FEW_SHOT, Verdict.DO_NOT_TUNE)


def title(text: str) -> str:
    """The same with a capital.

    >>> title("doing nothing")
    'Doing nothing'
    """
    return text[:1].upper() + text[1:]


def input_name(name: str) -> str:
    """An input of the decision in words.

    >>> [input_name(name) for name in ("requests_per_month", "quality:rag", "my_model input_cache_read")]
    ['requests per month', 'quality of rag', 'price of my_model input cache read']
    >>> input_name("limits.p95_latency_s.max")
    'limit on p95 latency s, at most'
    """
    if name in _INPUTS:
        return _INPUTS[name]
    if name.startswith("limits."):
        limited, _, end = name.removeprefix("limits.").rpartition(".")
        return f"limit on {limited.replace('_', ' ')}, {'at least' if end == 'min' else 'at most'}"
    model, space, price = name.rpartition(" ")
    if space:
        return f"price of {model} {price.replace('_', ' ')}"
    kind, colon, arm = name.partition(":")
    return f"quality of {arm}" if colon and kind == "quality" else name.replace("_", " ")
