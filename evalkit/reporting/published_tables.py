"""What a published table of counts lets one claim, as tables."""

from __future__ import annotations

from evalkit.records.published import CountsDecision
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import p_value, percent, percent_interval, points


def published_tables(decision: CountsDecision) -> tuple[Table, Table]:
    """The arms with their intervals, and the pairs with the range of p and what may be said."""
    interval = f"{percent(1 - decision.alpha, 0)} interval"
    arms = Table(
        name="arms",
        caption="Arms, by Wilson's interval",
        columns=(left("Arm"), right("Right"), right("Cases"), right("Share"), right(interval)),
        rows=tuple(
            Row(
                (
                    arm.name,
                    str(arm.right),
                    str(arm.n),
                    percent(arm.share),
                    percent_interval(arm.low, arm.high),
                )
            )
            for arm in decision.arms
        ),
    )
    several = len(decision.pairs) > 1
    pairs = Table(
        name="pairs",
        caption="Pairs, by exact McNemar test",
        columns=(
            left("A compared with B"),
            right("Points"),
            right("p (adjusted for several comparisons)" if several else "p"),
            left("That they differ is", wraps=True),
        ),
        rows=tuple(
            Row(
                (
                    f"{pair.treatment} vs {pair.control}",
                    points(pair.difference),
                    _range(pair.lowest_p_adjusted, pair.highest_p_adjusted),
                    pair.words,
                )
            )
            for pair in decision.pairs
        ),
        note="b + c: the cases that exactly one of the two got right; the more there are, the larger p. "
        f"Claimable: p below {decision.alpha:g}"
        + (f", by Holm over {len(decision.pairs)} pairs." if several else "."),
    )
    return arms, pairs


def _range(low: float, high: float) -> str:
    worded = p_value(low), p_value(high)
    return worded[0] if worded[0] == worded[1] else " to ".join(worded)
