"""The ``gate`` section: by how much a run may be worse than its baseline before the check in CI fails."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from evalkit.suite.economics import Share
from evalkit.suite.models import Strict

MOST_ASKS = 15
"""Asks of one changed case, the run's own included."""


class GateRule(Strict):
    """A further rule: the largest drop of one metric, or its smallest mean, over all cases or those of one tag."""

    metric: str | None = Field(
        None, description="Name of one of the suite's metrics; default: the primary one."
    )
    tag: str | None = Field(None, description="Only the cases with this tag; default: all cases.")
    max_drop: Share | None = Field(
        None, description="Fails where the mean score is certainly lower than the baseline's, and not certainly by "
        "less than this; a share: 0.03 is 3 points."
    )  # fmt: skip
    min: Share | None = Field(None, description="Fails where the mean score is certainly lower than this.")

    @model_validator(mode="after")
    def _one_limit(self) -> GateRule:
        if (self.max_drop is None) == (self.min is None):
            raise ValueError("give either `max_drop` (against the baseline) or `min` (a floor)")
        return self


class GateConfig(Strict):
    """By how much a run may be worse than a baseline run before a gate fails."""

    max_quality_drop: Share = Field(
        0.05, description="Largest drop of the primary metric's mean over all cases: 0.05 is 5 points."
    )
    max_cost_increase: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Largest increase of the cost of a request, as a share of the baseline's; default: no rule.",
    )
    max_p95_latency_s: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Most seconds at the 95th percentile; default: no rule."
    )
    max_error_rate: Share | None = Field(
        None, description="Largest share of requests that failed on the way; default: no rule."
    )
    rules: list[GateRule] = Field(default_factory=list, max_length=200)
    arms: list[str] = Field(
        default_factory=list, description="The arms that are guarded; default: all candidates."
    )
    must_pass: list[str] = Field(
        default_factory=list, description="Ids of cases that every guarded arm has to get right."
    )
    must_pass_score: Share = Field(
        1.0, description="The lowest score of the primary metric that counts as right for `must_pass`."
    )
    quarantine: list[str] = Field(
        default_factory=list, description="Ids of cases that are told and never block: they are in no test."
    )
    confirm: Annotated[int, Field(ge=0, le=MOST_ASKS)] = Field(
        0,
        description="Where the gate would fail, changed cases are asked until they have this many asks, the run's own "
        "included, and the majority counts; odd, 3 at least; 0: never.",
    )
    on_inconclusive: Literal["warn", "fail"] = Field(
        "warn", description="What an inconclusive gate does: exit 0 and say so, or exit 101."
    )
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.05, description="Two-sided error rate of intervals, and of all quality rules together."
    )
    max_age_days: Annotated[int, Field(ge=1)] = Field(90, description="An older baseline brings a warning.")

    @field_validator("confirm")
    @classmethod
    def _a_majority(cls, asks: int) -> int:
        if asks and (asks < 3 or asks % 2 == 0):
            raise ValueError("a majority needs an odd number of asks, 3 at least; 0 asks nothing again")
        return asks

    @field_validator("arms", "must_pass", "quarantine")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{repeated!r} is named twice; once is enough")
        return names

    @model_validator(mode="after")
    def _not_both(self) -> GateConfig:
        if both := sorted({*self.must_pass} & {*self.quarantine}):
            raise ValueError(
                f"case {both[0]!r} is under `must_pass` and under `quarantine`; keep one of them"
            )
        return self
