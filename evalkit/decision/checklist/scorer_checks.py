"""Whether the scores can carry a decision at all."""

from __future__ import annotations

from evalkit.decision.context import DecisionContext
from evalkit.decision.wording import score

_LEAST_FILLED = 0.1
"""Share of the room above chance that the best candidate has to fill for the scorer to pass."""


def control_failed(context: DecisionContext) -> str | None:
    """In words, how the scorer failed its negative control; None where it passed or none was run.

    With references shuffled between clusters a score must fall to chance. What counts is the share of the room above
    chance that the best candidate fills, ``(score - chance) / (1 - chance)``: a perfect classifier of a rare class
    keeps nearly all of its score and yet fills the whole room. The check fails where that share is below a tenth, or
    below the margin: then the metric does not look at the reference. An arm that scores no more than the margin has
    nothing to lose and decides nothing here.
    """
    measured = [
        (mean, summary.scorer_chance, arm.name)
        for arm in context.candidates
        if (summary := context.summaries[arm.name]).scorer_chance is not None
        and (mean := context.quality(arm.name)) is not None
    ]
    if not measured:
        return None
    mean, chance, name = max(measured)
    room = 1.0 - (chance or 0.0)
    filled = (mean - (chance or 0.0)) / room if room > 0.0 else 0.0
    if mean > context.margin and filled < max(context.margin, _LEAST_FILLED):
        return (
            f"{name} scores {score(chance)} with shuffled references and {score(mean)} with its own: "
            f"{context.table.primary} does not tell right from wrong"
        )
    return None


def at_an_end(context: DecisionContext) -> str | None:
    """In words, that the metric is at its ceiling or floor for every candidate; None where it is not."""
    means = [context.quality(arm.name) for arm in context.candidates]
    scored = [mean for mean in means if mean is not None]
    if not scored:
        return None
    if min(scored) >= 1.0 - context.margin:
        return (
            f"every candidate scores {score(min(scored))} or more: {context.table.primary} is at its ceiling"
        )
    if max(scored) <= context.margin:
        return f"no candidate scores more than {score(max(scored))}: {context.table.primary} is at its floor"
    return None
