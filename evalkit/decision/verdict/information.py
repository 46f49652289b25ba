"""What finding out more would be worth, and what an undecided verdict depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.decision.payoffs.payoff_model import PayoffModel, Payoffs
from evalkit.decision.verdict.choose_verdict import DEPENDS, VerdictStep
from evalkit.decision.verdict.would_change import QUALITY
from evalkit.records.decision import WouldChange
from evalkit.records.digits import significant
from evalkit.stats.value_of_information import choice, evppi

CASES = "quality"


def expected_regret(payoffs: Payoffs) -> dict[str, float]:
    """By arm inside the limits, what choosing it is expected to lose; arms that never count are left out."""
    return {
        name: float(loss)
        for name, loss in zip(payoffs.names, payoffs.regret(), strict=True)
        if np.isfinite(loss)
    }


def value_of_everything(payoffs: Payoffs) -> float | None:
    """EVPI, money over the horizon; None without a value per answer."""
    return choice(payoffs.payoff).evpi if payoffs.in_value and payoffs.names else None


def input_values(payoff_model: PayoffModel, payoffs: Payoffs) -> dict[str, float]:
    """EVPPI: what it would be worth to know one input exactly, the quality of all arms being one of them.

    Returns:
        By input, the largest first; empty without a value per answer or with fewer than two arms.
    """
    if not payoffs.in_value or len(payoffs.names) < 2:
        return {}
    quality = np.stack([payoff_model.world.answers[name].quality for name in payoffs.names], axis=1)
    found = {CASES: evppi(payoffs.payoff, quality)}
    found |= {name: evppi(payoffs.payoff, values) for name, values in payoff_model.world.drawn.items()}
    return dict(sorted(found.items(), key=lambda item: (-significant(item[1]), item[0])))


def reason_of(
    step: VerdictStep,
    values: Mapping[str, float],
    changes: Sequence[WouldChange],
    spans: Mapping[str, tuple[float, float]],
) -> str:
    """The ladder's reason; where it depends on an input, that of the largest EVPPI whose flip lies inside its range.

    Args:
        step: Where the ladder ended.
        values: EVPPI by input, the largest first.
        changes: Where the verdict flips.
        spans: By input (``quality:`` and an arm for qualities), the two ends of its range.
    """
    if step.reason != DEPENDS:
        return step.reason
    flips = {change.input: change.flips_at for change in changes}

    def inside(name: str) -> bool:
        at = flips.get(name)
        return at is not None and name in spans and spans[name][0] <= at <= spans[name][1]

    for name in values:
        if inside(name) or (name == CASES and any(inside(arm) for arm in flips if arm.startswith(QUALITY))):
            return f"depends_on_{name.replace(' ', '_')}"
    # No single input flips it inside its range: what is left is the spread of the cases.
    return f"depends_on_{CASES}"
