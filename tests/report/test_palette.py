"""Colours can be read."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evalkit.reporting.palette import DARK, LIGHT, arm_slots


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21():
    """The reference value of WCAG 2.2."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_have_sufficient_contrast(palette):
    """4.5:1 for text (1.4.3), 3:1 for marks, also on shaded ranges (1.4.11)."""
    for ground in (palette.paper, palette.card):
        for text in ("ink", "muted", "link", "go", "stay", "wait", "stop"):
            assert contrast(getattr(palette, text), ground) >= 4.5, (text, ground)
    for mark in palette.series:
        assert contrast(mark, palette.paper) >= 3
        assert contrast(mark, palette.band) >= 3


def test_an_arm_and_its_curve_share_a_colour_and_candidates_differ(ticket_routing, summary_of):
    """The same arm looks the same in every chart."""
    comparison = ticket_routing.comparison
    oracle = replace(summary_of("rag"), name="oracle", role="curve")
    records = replace(ticket_routing, comparison=replace(comparison, arms=(*comparison.arms, oracle)))
    slots = arm_slots(records)
    assert slots["few_shot@4"] == slots["few_shot"]
    candidates = [arm.name for arm in ticket_routing.comparison.arms if arm.role == "candidate"]
    assert len({slots[name] for name in candidates}) == len(candidates)
    assert slots["oracle"] not in {slots[name] for name in candidates}
