"""What all charts share: type, axes and legends, the colour of an arm, words beside a plot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evalkit.records.run import RunRecords
from evalkit.reporting.palette import Palette, arm_slots
from evalkit.reporting.svg import VegaLite

Part = dict[str, Any]
"""A piece of a Vega-Lite document: a layer, an encoding, a row of data."""

SERIES_DASHES: tuple[list[int], ...] = ([2, 2], [7, 3], [1, 0], [9, 3, 2, 3])
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_SIZE = 12
_LEGEND_LETTERS = 42  # what fits above a chart of half the page in one line


def chart(palette: Palette, **parts: object) -> VegaLite:
    """A whole document: the parts, and how the report draws."""
    return {"$schema": _SCHEMA, "background": None, "padding": 4, "config": _config(palette)} | parts


def arm_colour(records: RunRecords, palette: Palette, field: str, *, legend: Iterable[str] = ()) -> Part:
    """The colour of the arm named in ``field``: the same in every chart and table of the report.

    ``legend`` holds the arms that a legend names; without any there is no legend.
    """
    slots = arm_slots(records)
    names = list(legend) or list(slots)
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": names, "range": [palette.series[slots.get(name, 0)] for name in names]},
        "legend": {"columns": 2 if sum(map(len, names)) > _LEGEND_LETTERS else 4} if legend else None,
    }


def arm_dash(records: RunRecords, field: str, names: Iterable[str]) -> Part:
    """The dash of the arm named in ``field``, for those who cannot tell the colours apart."""
    slots, arms = arm_slots(records), list(names)
    dashes = [SERIES_DASHES[slots.get(name, 0) % len(SERIES_DASHES)] for name in arms]
    return {"field": field, "type": "nominal", "scale": {"domain": arms, "range": dashes}}


def words_beside(
    field: str, x: float, row: Part, colour: str, *, align: str, limit: int, weight: str = "normal"
) -> Part:
    """Words at a fixed distance from the left edge of the plot, one a row; longer ones are cut with an ellipsis."""
    return {
        "transform": [{"filter": f"isValid(datum.{field})"}],
        "mark": {
            "type": "text",
            "align": align,
            "baseline": "middle",
            "color": colour,
            "limit": limit,
            "fontWeight": weight,
        },
        "encoding": {"x": {"value": x}, "y": row, "text": {"field": field}},
    }


def level_line(height: float, label: str, colour: str, dash: Sequence[int]) -> list[Part]:
    """A horizontal line with its label at the right end."""
    up = {"field": "height", "type": "quantitative"}
    text = {"type": "text", "align": "right", "baseline": "bottom", "dx": -2, "dy": -3, "limit": 220}
    return [
        {
            "data": {"values": [{"height": height}]},
            "mark": {"type": "rule", "color": colour, "strokeDash": list(dash), "strokeWidth": 1.25},
            "encoding": {"y": up},
        },
        {
            "data": {"values": [{"height": height, "label": label}]},
            "mark": text | {"color": colour, "fontSize": _SIZE - 1},
            "encoding": {"x": {"value": "width"}, "y": up, "text": {"field": "label"}},
        },
    ]


def padded(values: Iterable[float], share: float = 0.06) -> list[float]:
    """A scale's domain that holds all values with some room at both ends."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    room = (high - low) * share or 1.0
    return [low - room, high + room]


def _config(palette: Palette) -> Part:
    text = {"labelFontSize": _SIZE, "titleFontSize": _SIZE, "titleFontWeight": "normal"}
    return {
        "aria": False,  # the picture as a whole has a description; Vega would add one for every mark
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": text
        | {
            "labelColor": palette.muted,
            "titleColor": palette.muted,
            "gridColor": palette.rule,
            "domain": False,
            "tickColor": palette.rule,
            "labelPadding": 6,
            "titlePadding": 10,
            "labelLimit": 160,
        },
        "axisX": {"ticks": True},
        # The title lies flat above the axis, where it can be read without turning the head.
        "axisY": {
            "ticks": False,
            "titleAngle": 0,
            "titleAlign": "left",
            "titleBaseline": "bottom",
            "titleX": 0,
            "titleY": -10,
        },
        "legend": text
        | {
            "orient": "top",
            "title": None,
            "labelColor": palette.ink,
            "labelLimit": 170,
            "symbolStrokeWidth": 2,
            "columnPadding": 18,
            "offset": 30,
        },
        "header": {
            "labelColor": palette.ink,
            "labelFontSize": _SIZE,
            "labelFontWeight": "bold",
            "labelLimit": 200,
        },
        "text": {"fontSize": _SIZE},
    }
