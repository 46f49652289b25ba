"""The decision on a run under new prices, compared with the one under its old prices."""

from __future__ import annotations

from evalkit.records.decision import Decision
from evalkit.records.record import Money, Record
from evalkit.records.run import PriceUsed


class RepricedArm(Record, frozen=True, kw_only=True):
    """Money per request of one arm, in the ``currency`` of the whole; None where it is not known.

    Attributes:
        old_observed, new_observed: Mean over the run's answers, from each one's own usage and timing.
        old_decided, new_decided: What the decision counts with, under its prompt-cache scenario.
    """

    arm: str
    old_observed: Money | None
    new_observed: Money | None
    old_decided: Money | None
    new_decided: Money | None


class Repriced(Record, frozen=True, kw_only=True):
    """The result of ``evalkit reprice``.

    Attributes:
        old_prices, new_prices: Every price in force, with its date and source.
        old_verdict, new_verdict: The verdict, and the arm it recommends, before and after.
        changes: Whether the verdict or the recommended arm differs.
        unused: Ids in the price file that price no model of the suite.
        written: Whether the run now carries these prices.
        decision: The decision under the new prices.
    """

    format_version: int = 1
    run: str
    currency: str
    arms: tuple[RepricedArm, ...]
    old_prices: tuple[PriceUsed, ...]
    new_prices: tuple[PriceUsed, ...]
    old_verdict: str
    new_verdict: str
    old_arm: str | None
    new_arm: str | None
    changes: bool
    unused: tuple[str, ...] = ()
    written: bool = False
    decision: Decision
