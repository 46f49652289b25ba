"""What a published table of counts lets one claim, and what it does not."""

from __future__ import annotations

from typing import Literal

from evalkit.records.record import Record

FromCounts = Literal["whatever_the_overlap", "depends_on_overlap", "not_claimable"]


class CountedArm(Record, frozen=True, kw_only=True):
    """One arm of a published table; ``low`` and ``high`` are Wilson's interval for its share of right answers."""

    name: str
    right: int
    n: int
    share: float
    low: float
    high: float


class CountedPair(Record, frozen=True, kw_only=True):
    """Two arms of which only the counts are known: the range that their overlap leaves open.

    Attributes:
        difference: Treatment's share minus the control's.
        fewest_discordant, most_discordant: Bounds of b + c, the cases that exactly one arm got right; b + c has the
            parity of either.
        lowest_p, highest_p: Exact McNemar p-value at these bounds.
        lowest_p_adjusted, highest_p_adjusted: The same, by Holm over all pairs; as they are where there is one.
        claim: Whether "they differ" may be said: adjusted ``highest_p`` below alpha, adjusted ``lowest_p`` not below
            alpha, or neither.
        claimable_up_to: Largest b + c at which the difference may be said whatever the other pairs do; None when no
            b + c is small enough.
        words: The same in a sentence.
    """

    treatment: str
    control: str
    difference: float
    fewest_discordant: int
    most_discordant: int
    lowest_p: float
    highest_p: float
    lowest_p_adjusted: float
    highest_p_adjusted: float
    claim: FromCounts
    claimable_up_to: int | None
    words: str


class CountsDecision(Record, frozen=True, kw_only=True):
    """What counts alone can carry. It is no verdict: ``unknown`` says what that would need."""

    format_version: int = 1
    alpha: float
    arms: tuple[CountedArm, ...]
    pairs: tuple[CountedPair, ...]
    unknown: tuple[str, ...]
