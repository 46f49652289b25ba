"""The colours of charts and page, in one place.

Text reaches a contrast of at least 4.5:1 against paper and card, marks at least 3:1 (WCAG 2.2, 1.4.3 and 1.4.11);
a test computes both. Arms differ in dash and shape as well, so that no reading rests on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from evalkit.records.arm import ArmKind
from evalkit.records.run import RunRecords


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they are for, as CSS writes them.

    Attributes:
        paper: Background of the page.
        card: Background of a raised box.
        ink: Text.
        muted: Secondary text, axis labels.
        rule: Hairlines and grid.
        band: Shaded ranges in charts.
        link: Links and focus.
        go, stay, wait, stop: Tones of verdicts, statuses and flags.
        s1: And on to s8: arms.
    """

    paper: str
    card: str
    ink: str
    muted: str
    rule: str
    band: str
    link: str
    go: str
    stay: str
    wait: str
    stop: str
    s1: str
    s2: str
    s3: str
    s4: str
    s5: str
    s6: str
    s7: str
    s8: str

    @property
    def series(self) -> tuple[str, ...]:
        """Colours of arms, by slot."""
        return tuple(getattr(self, f"s{slot}") for slot in range(1, 9))

    def variables(self) -> dict[str, str]:
        """Every colour by name, for the style sheet."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


LIGHT = Palette(
    paper="#ffffff",
    card="#f7f6f2",
    ink="#1c2024",
    muted="#5a626b",
    rule="#d9d6ce",
    band="#ece7da",
    link="#1d4f86",
    go="#1c6b45",
    stay="#1d4f86",
    wait="#875400",
    stop="#a3241f",
    s1="#66727e",
    s2="#1f77ad",
    s3="#c2480f",
    s4="#7a4aa6",
    s5="#2b7d5a",
    s6="#96690a",
    s7="#b3205f",
    s8="#414a54",
)
DARK = Palette(
    paper="#15181b",
    card="#1e2226",
    ink="#e8e6e1",
    muted="#a6adb5",
    rule="#383e44",
    band="#2b2f31",
    link="#8fbdee",
    go="#74cc9f",
    stay="#8fbdee",
    wait="#e6b45c",
    stop="#f2918b",
    s1="#a3b0bc",
    s2="#62b4e8",
    s3="#f58d55",
    s4="#c3a0ea",
    s5="#6ccaa0",
    s6="#dfb24e",
    s7="#f283b4",
    s8="#c8ced4",
)
# Inside the page the style sheet decides, so that one drawing serves light, dark and print.
PAGE = Palette(**{field.name: f"var(--{field.name})" for field in fields(Palette)})

_SLOTS = {
    ArmKind.FEW_SHOT: 0,
    ArmKind.RAG: 1,
    ArmKind.FINE_TUNED: 2,
    ArmKind.FINE_TUNED_RAG: 3,
    ArmKind.ZERO_SHOT: 7,
}


def arm_slots(records: RunRecords) -> dict[str, int]:
    """The series slot of every arm: by kind for the first of its kind, the next free one for others.

    Points of a curve have the slot of the arm they belong to.
    """
    slots: dict[str, int] = {}
    for arm in sorted(records.comparison.arms, key=lambda arm: arm.role != "candidate"):
        if arm.parent in slots:
            slots[arm.name] = slots[arm.parent]
            continue
        taken = set(slots.values())
        free = [_SLOTS[arm.kind], *range(4, 8), *range(4)]
        slots[arm.name] = next((slot for slot in free if slot not in taken), len(slots) % 8)
    return slots
