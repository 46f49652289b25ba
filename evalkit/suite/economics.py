"""The ``economics`` and ``prices`` sections: what an answer is worth and what things cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, model_validator

from evalkit.suite.amounts import Figure, Money, Months
from evalkit.suite.models import Strict

Share = Annotated[float, Field(ge=0, le=1)]


class Range(Strict):
    """A triangular range; one number stands for a point."""

    low: Figure
    mode: Figure
    high: Figure

    @model_validator(mode="before")
    @classmethod
    def _point(cls, value: Any) -> Any:
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if number or (isinstance(value, str) and _is_number(value)):
            return {"low": value, "mode": value, "high": value}
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if not self.low <= self.mode <= self.high:
            raise ValueError(
                f"must be in order low <= mode <= high, not {self.low:g}, {self.mode:g}, {self.high:g}"
            )
        if self.low < 0:
            raise ValueError("must not be negative")
        return self


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


NOTHING = Range(low=0, mode=0, high=0)


class TrainingEffort(Strict):
    """What tuning takes in addition to machine time: hours of people at a rate, labels, failed runs, evaluations."""

    labour_hours: Range = NOTHING
    labour_rate: Range = NOTHING
    retune_hours: Range = NOTHING
    labelling_cost: Money = Decimal(0)
    failed_runs: Annotated[float, Field(ge=0, le=1000)] = 0.0
    evaluation_cost: Money = Field(
        Decimal(0), description="Checking one tune before it is used (judges, people): paid at each tuning."
    )


class RetrievalPrices(Strict):
    """What finding the passages of one request costs, in addition to the model's tokens."""

    embedding_per_request: Money = Field(
        Decimal(0),
        description="Embedding the question; default: what the arm's embedder was measured to take.",
    )
    reranker_per_request: Money = Field(Decimal(0), description="Ranking the passages found, per search.")
    search_per_request: Money = Field(Decimal(0), description="The index vendor's price of one search.")


class Hosting(Strict):
    """Standing costs per month."""

    tuned_per_hour: Money | None = Field(None, description="Serving the tuned model, per hour, all month.")
    vector_store_per_month: Money = Decimal(0)
    hours_per_month: Annotated[float, Field(gt=0, le=744)] = 730.0


class Economics(Strict):
    """The volume, the value of an answer and the effort that the decision assumes.

    Without ``value_per_correct`` the decision is the cheapest arm among those as good as the best.
    """

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    horizon_months: Months = 12
    requests_per_month: Range
    value_per_correct: Range | None = None
    cost_per_wrong: Range = NOTHING
    training: TrainingEffort = TrainingEffort()
    hosting: Hosting = Hosting()
    retrieval: RetrievalPrices = RetrievalPrices()
    retune_every_months: Months | None = None
    reindex_every_months: Months | None = None
    reindex_cost: Money = Field(
        Decimal(0), description="Building the index once; default: what embedding the corpus took."
    )
    discount_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    prompt_cache_hit: Share | None = None
    cost_per_case: Money | None = None
    knowledge_changes_every_months: Months | None = Field(
        None, description="How often the facts behind the answers change; warns when tuning cannot keep up."
    )


class BatchPrice(Strict):
    """Explicit prices of the provider's batch endpoint; they win over ``batch_discount``."""

    input: Money | None = None
    output: Money | None = None
    input_cache_read: Money | None = None


class PriceConfig(Strict):
    """One price row of the suite: prices per million tokens, or per hour where the name says so."""

    input: Money | None = None
    output: Money | None = None
    input_cache_read: Money | None = None
    input_cache_write: Money | None = None
    reasoning: Money | None = None
    train: Money | None = None
    train_per_hour: Money | None = None
    hosting_per_hour: Money | None = None
    batch_discount: Share | None = None
    batch: BatchPrice | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    as_of: date = Field(description="The day the price was checked.")
    source: Annotated[str, Field(min_length=1)] = Field(description="Where the price stands.")
