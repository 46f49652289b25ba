"""Scores: the value that a metric gives to one sample."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from evalkit.records.record import Count, Record, Share


class Score(Record, frozen=True, kw_only=True):
    """The value of one metric for one sample, or the reason there is none.

    Attributes:
        value: In [0, 1], higher is better. None when we could not measure it; ``reason`` says why.
        stats: Counts of a pooled metric, summed over cases before the metric is computed; ``value`` is then None.
            A score with both has counts that a report adds up, for example of classes.
        explanation: For people: what was extracted and compared.
    """

    value: float | None
    stats: dict[str, float] | None = None
    reason: str | None = None
    explanation: str | None = None

    @classmethod
    def missing(cls, reason: str) -> Self:
        """A score without a value, for a reason that is not the arm's fault."""
        return cls(value=None, reason=reason)


class ScoreRow(Record, frozen=True, kw_only=True):
    """A row of ``scores.jsonl``.

    Attributes:
        text_rule: Version of the rule by which texts were compared, ``evalkit.text.normalise.RULE``; rows written
            before there was such a field are of rule 1.
    """

    case_id: str
    arm: str
    repeat: Count = 0
    metric: str
    value: Share | None
    stats: dict[str, float] | None = None
    reason: str | None = None
    explanation: str | None = None
    judge: str | None = None
    cost: Decimal | None = None
    text_rule: int = 1


class NegativeControl(Record, frozen=True, kw_only=True):
    """``negative_control.json``: the primary metric when each answer is compared with another case's reference.

    Attributes:
        metric: Name of the primary metric.
        seed: Of the shuffle.
        arms: By candidate, the mean in [0, 1]; None where there is nothing to shuffle: no scored sample, fewer than two
            clusters with references, or a metric that does not use the reference.
    """

    format_version: int = 1
    metric: str
    seed: int
    arms: dict[str, Share | None]
