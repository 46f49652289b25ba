"""Numbers, inputs and verdicts as the sentences of a decision word them, in the words of the report."""

from __future__ import annotations

from decimal import Decimal

from evalkit.records.comparison import Difference
from evalkit.records.decision import Verdict
from evalkit.text.number_format import count, money, percent, points, points_interval, share_of_draws

__all__ = [
    "SHORT",
    "amount",
    "count",
    "difference",
    "input_name",
    "interval",
    "margin",
    "score",
    "share",
    "share_of_draws",
]

SHORT: dict[Verdict, str] = {
    Verdict.FINE_TUNE: "fine-tune",
    Verdict.USE_RAG: "use retrieval",
    Verdict.STAY_FEW_SHOT: "stay with the prompt",
    Verdict.PILOT_FIRST: "run a pilot first",
    Verdict.COLLECT_MORE_DATA: "answer more cases first",
    Verdict.NOT_DECIDABLE: "not decidable",
    Verdict.BLOCKED: "tuning is blocked",
    Verdict.DO_NOT_TUNE: "do not fine-tune",
    Verdict.ALTERNATIVES_FIRST: "finish the alternatives first",
    Verdict.NONE_WORTH_RUNNING: "run none of these",
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


def interval(record: Difference) -> str:
    """A paired difference with its interval."""
    if record.estimate is None:
        return "not comparable"
    if record.low is None or record.high is None:
        return f"{difference(record.estimate)} (no interval, n = {record.n:,})"
    return f"{difference(record.estimate)} ({points_interval(record.low, record.high)}, n = {record.n:,})"


def input_name(name: str) -> str:
    """An input of the decision in words.

    >>> [input_name(name) for name in ("requests_per_month", "quality:rag", "my_model input_cache_read")]
    ['requests per month', 'quality of rag', 'price of my_model input cache read']
    """
    if name in _INPUTS:
        return _INPUTS[name]
    model, space, price = name.rpartition(" ")
    if space:
        return f"price of {model} {price.replace('_', ' ')}"
    kind, colon, arm = name.partition(":")
    return f"quality of {arm}" if colon and kind == "quality" else name.replace("_", " ")
