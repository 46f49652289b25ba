"""Numbers in sentences, and whether a record holds them: what a report says must be what was worked out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(
    r"(?<![\w.,@:/-])(?P<money>[A-Z]{0,2}[$€£¥])?(?P<sign>[-−+]?)(?P<money2>[A-Z]{0,2}[$€£¥])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?P<scale> million| billion)?(?P<unit>%| points?\b| USD\b)?(?![\w@])(?!-[a-zA-Z0-9])"
)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2} [A-Z][a-z]+ \d{4}\b")
_SCALES = {None: 1.0, " million": 1e6, " billion": 1e9}
_TO = re.compile(r"^( to | and |–)")


@dataclass(frozen=True)
class Shown:
    """A number as a sentence shows it.

    Attributes:
        text: As it stands.
        value: What it says: a share where it is in percent or points.
        step: Half of this is what rounding may have moved it by.
        kind: ``share``, ``money`` or ``number``.
    """

    text: str
    value: float
    step: float
    kind: str


def numbers(sentence: str, names: Iterable[str] = ()) -> Iterator[Shown]:
    """The numbers of a sentence; dates and digits in names are none.

    Args:
        sentence: Plain text or Markdown.
        names: Of arms, models and metrics, which may hold digits.
    """
    plain = re.sub(r"&(lt|gt);", lambda m: {"lt": "<", "gt": ">"}[m[1]], sentence).replace("\\", "")
    plain = _DATE.sub(" ", plain)
    for name in sorted(names, key=len, reverse=True):
        plain = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " it ", plain)
    matches = list(_NUMBER.finditer(plain))
    units = [match["unit"] for match in matches]
    for at in range(len(matches) - 2, -1, -1):
        # "85.1 to 94.2%": the unit stands behind the second number only
        between = plain[matches[at].end() : matches[at + 1].start()]
        if units[at] is None and units[at + 1] and re.fullmatch(r" to | and | or ", between):
            units[at] = units[at + 1]
    for match, unit in zip(matches, units, strict=True):
        digits = match["digits"].replace(",", "")
        decimals = len(digits.partition(".")[2])
        scale = _SCALES[match["scale"]]
        value, step = float(digits) * scale, 10.0**-decimals * scale
        if match["sign"] in ("-", "−"):
            value = -value
        if decimals == 0 and value:
            # 667,812 may be worded 668,000: the trailing zeros are not digits; at least three stand
            zeros = len(digits) - len(digits.rstrip("0"))
            step *= 10.0 ** min(zeros, max(0, len(digits) - 3))
        if unit in ("%", " point", " points"):
            yield Shown(match[0], value / 100.0, step / 100.0, "share")
        elif match["money"] or match["money2"] or unit == " USD":
            yield Shown(match[0], value, step, "money")
        else:
            yield Shown(match[0], value, step, "number")


def figures(record: Any) -> Iterator[tuple[str, float]]:
    """Every number in a record that was read from JSON, with its path; numbers that are written as text included."""

    def walk(value: Any, path: str) -> Iterator[tuple[str, float]]:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, int | float):
            yield path, float(value)
        elif isinstance(value, str):
            if re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", value):
                yield path, float(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}")
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner, path)

    yield from walk(record, "")


class Figures:
    """The numbers that sentences about a run may show.

    Args:
        records: JSON texts of the records.
        constants: Further numbers that may stand, each with the reason.
    """

    def __init__(self, records: Iterable[str], constants: dict[float, str]) -> None:
        found = {(path, value) for text in records for path, value in figures(json.loads(text))}
        values = sorted({value for _, value in found if math.isfinite(value)} | set(constants))
        self.values = values
        self.shares = [value for value in values if abs(value) <= 1.0]
        small = [value for value in values if 0.0 < value < 0.1]
        self.money = [*values, *(value * 1e3 for value in small), *(value * 1e6 for value in small)]

    def holds(self, shown: Shown) -> bool:
        """Whether some figure, worded with so many digits, reads like this; a sign may be carried by words.

        A plain number may be in percent, its unit standing elsewhere in the sentence; money for one request may be
        worded for a thousand or a million.
        """
        if shown.kind == "share":
            return _any_near(self.shares, shown.value, shown.step)
        if shown.kind == "money":
            return _any_near(self.money, shown.value, shown.step)
        return _any_near(self.values, shown.value, shown.step) or _any_near(
            self.shares, shown.value / 100.0, shown.step / 100.0
        )


def _any_near(pool: Iterable[float], value: float, step: float) -> bool:
    # records keep ten digits; what is worked out from them has a few fewer
    slack = max(step * 0.5 * (1 + 1e-6) + 1e-12, 1e-8 * abs(value))
    return any(min(abs(held - value), abs(held + value)) <= slack for held in pool)
