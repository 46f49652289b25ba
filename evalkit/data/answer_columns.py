"""The columns of answers and scores from elsewhere: their names, their units, and figures that cannot be what they say.

Files of recorded answers and imported tables of scores take the same names.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from evalkit.data.columns import ColumnFacts, ColumnMapping, alias_mapping, whole_number
from evalkit.data.fields import is_missing

ANSWER_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "case_id": ("case_id", "id", "sample_id", "doc_id"),
    "output": ("output", "response", "completion", "prediction"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "cost": ("cost", "cost_usd"),
    "service_s": ("service_s", "latency_s", "service_ms", "latency_ms"),
    "ttft_s": ("ttft_s", "ttft_ms"),
}
"""Field name to the column names that it may have, the first that a file has counting. Endings say the unit."""

# Words that end or begin the name of a column of money, time or tokens, and whole names that are never a score.
_NEVER_LAST = frozenset(
    {
        *("cost", "costs", "price", "usd", "eur", "gbp", "jpy", "cny", "twd", "cents"),
        *(
            "latency",
            "duration",
            "elapsed",
            "runtime",
            "timestamp",
            "ttft",
            "ms",
            "s",
            "sec",
            "secs",
            "seconds",
        ),
        *(
            "tokens",
            "bytes",
            "chars",
            "characters",
            "words",
            "count",
            "counts",
            "length",
            "retries",
            "attempts",
        ),
        *("second", "tps", "throughput", "time", "temperature"),
        # the less the better, and a score is the more the better
        *("loss", "nll", "perplexity", "error", "errors", "wer", "cer", "ter"),
    }
)
_NEVER_FIRST = frozenset({"cost", "latency", "duration", "elapsed", "ttft", "usd", "time", "error"})
_SCORES = frozenset({"on_time", "in_time"})
_NEVER = frozenset(
    {
        *("repeat", "index", "rank", "fold", "row", "position", "epoch"),
    }
)

_LONGEST_MEDIAN_S = 300.0
_SHORTEST_MEDIAN_S = 0.001
_DEAREST_ANSWER = 10.0
_DEAREST_TOKEN = 0.001  # a thousand a million tokens: above every published price


def is_measure(column: str) -> bool:
    """Whether a column's name says money, time, tokens, a count or an error, which are never scores.

    >>> [is_measure(name) for name in ("cost_usd", "latency_ms", "totalTokens", "token_f1", "error_rate", "time_s")]
    [True, True, True, False, True, True]
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    named = {alias for aliases in ANSWER_COLUMNS.values() for alias in aliases}
    if not words or "_".join(words) in named or "_".join(words) in _NEVER:
        return bool(words)
    if "_".join(words) in _SCORES:
        return False
    return words[-1] in _NEVER_LAST or words[0] in _NEVER_FIRST


def answer_mapping(facts: ColumnFacts, *, also: Mapping[str, tuple[str, ...]] | None = None) -> ColumnMapping:
    """Which columns of a file are read for which field of an answer, chosen for the whole file.

    Args:
        facts: The columns of the file.
        also: Further fields and their names.
    """
    return alias_mapping(facts, {**ANSWER_COLUMNS, **(also or {})})


def renamed(values: Mapping[str, Any], mapping: ColumnMapping) -> dict[str, Any]:
    """A row under the names of its fields, milliseconds as seconds; columns that no field takes keep their names.

    Raises:
        ValueError: A column of milliseconds holds something else than a number.
    """
    names = {columns[0]: name for name, columns in mapping.columns.items()}
    row: dict[str, Any] = {}
    for column, value in values.items():
        if column in mapping.numbered:
            value = whole_number(value)
        if column in names and column.endswith("_ms") and not is_missing(value):
            value = _seconds(column, value)
        row[names.get(column, column)] = value
    return row


def _seconds(column: str, value: Any) -> float:
    try:
        return float(value) / 1000
    except (TypeError, ValueError):
        raise ValueError(f"{column} is {value!r}, which is no number") from None


@dataclass(slots=True)
class Figures:
    """The money, seconds and tokens of a file of answers, eight bytes each, for a look at their units."""

    service_s: array[float] = field(default_factory=lambda: array("d"))
    ttft_s: array[float] = field(default_factory=lambda: array("d"))
    cost: array[float] = field(default_factory=lambda: array("d"))
    cost_a_token: array[float] = field(default_factory=lambda: array("d"))
    prompt_tokens: array[float] = field(default_factory=lambda: array("d"))

    def add(
        self,
        *,
        service_s: float | None,
        ttft_s: float | None,
        cost: float | None,
        tokens: tuple[int, int] | None,
    ) -> None:
        """Take up one answer.

        Args:
            service_s: Seconds that it took, where known.
            ttft_s: Seconds to its first token, where known.
            cost: Its money, where stated.
            tokens: Prompt and output tokens, where known.
        """
        if service_s is not None:
            self.service_s.append(service_s)
        if ttft_s is not None:
            self.ttft_s.append(ttft_s)
        if cost is not None:
            self.cost.append(cost)
        if tokens is not None:
            self.prompt_tokens.append(tokens[0])
            if cost is not None and tokens[0] + tokens[1]:
                self.cost_a_token.append(cost / (tokens[0] + tokens[1]))

    def doubts(self, mapping: ColumnMapping) -> Iterator[str]:
        """A sentence for each column whose median cannot be in the unit that it is read in."""
        for name, values in (("service_s", self.service_s), ("ttft_s", self.ttft_s)):
            column = (mapping.columns.get(name) or (name,))[0]
            if values and (middle := median(values)) > _LONGEST_MEDIAN_S:
                yield (
                    f"the median of {column} is read as {middle:,.0f} s. If these are milliseconds, call the column "
                    f"{name.removesuffix('_s')}_ms"
                )
            elif values and 0 < median(values) < _SHORTEST_MEDIAN_S:
                yield (
                    f"the median of {column} is read as {median(values):g} s. If these are seconds, call the column "
                    f"{name}"
                )
        column = (mapping.columns.get("cost") or ("cost",))[0]
        if self.cost and median(self.cost) > _DEAREST_ANSWER:
            yield (
                f"the median of {column} is {median(self.cost):g} for one answer, in whole units of the currency. If "
                "these are cents or a price a million tokens, give the money of each answer"
            )
        elif self.cost_a_token and (dear := median(self.cost_a_token)) > _DEAREST_TOKEN:
            yield (
                f"{column} comes to {dear * 1e6:,.0f} for a million tokens, in whole units of the currency, more than "
                "any published price. If these are cents, give whole units"
            )
        if self.prompt_tokens and not any(self.prompt_tokens):
            yield "every answer has 0 prompt tokens; leave the column out where tokens are not known"


def given_number(name: str, value: Any) -> int | None:
    """A count of tokens from a cell; None where the cell is empty.

    Raises:
        ValueError: It is no whole number, or negative.
    """
    if is_missing(value):
        return None
    try:
        number = float(value)
        whole = int(number)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {str(value)[:80]!r}, which is no number") from None
    if number < 0 or number != whole:
        raise ValueError(f"{name} is {number:g}; give a whole number of tokens")
    return whole
