"""The three prompt-cache scenarios that stand side by side.

A few-shot prefix is mostly cached in production; priced cold, it overstates what tuning saves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Scenario = Literal["cold", "observed", "assumed"]
"""cold: no cache, every prompt token at the input price. observed: as the provider counted. assumed: a share of
the requests, the hit rate, finds the prefix that all requests of the arm share; the others write it."""

SCENARIOS: tuple[Scenario, ...] = ("cold", "observed", "assumed")
"""All of them, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class PromptCache:
    """How the prompt cache is assumed to behave.

    Attributes:
        scenario: Which of the three.
        shared_prefix: Tokens at the start of the prompt that all requests of the arm share (assumed only); 0 where
            it is shorter than what the provider caches.
        hit_rate: Share of requests that find the prefix cached, in [0, 1] (assumed only). At 0 nobody would
            ask for a cache: the same as cold.
    """

    scenario: Scenario = "observed"
    shared_prefix: int = 0
    hit_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not 0 <= self.hit_rate <= 1:
            raise ValueError(f"a cache hit rate lies in [0, 1], got {self.hit_rate}")
        if self.shared_prefix < 0:
            raise ValueError(f"a shared prefix cannot have {self.shared_prefix} tokens")

    @property
    def cached_prefix(self) -> int:
        """Tokens of each prompt that pass through the cache: the shared prefix where a cache is assumed, else 0."""
        return self.shared_prefix if self.scenario == "assumed" and self.hit_rate > 0 else 0


OBSERVED = PromptCache()
