"""Charts of money, one function each: what the arms cost and bring by volume, and what the lead rests on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.decision.verdict.conditions import unit_of
from evalkit.decision.wording import input_name, quantity
from evalkit.records.run import DeclaredEconomics, RunRecords
from evalkit.reporting import words
from evalkit.reporting.chart_parts import Part, arm_colour, arm_dash, chart, padded, words_beside
from evalkit.reporting.palette import Palette
from evalkit.reporting.svg import VegaLite
from evalkit.text.number_format import significant

_NAMES = 200  # pixels left of the tornado for the names of its rows
_STEPS = 48
_WIDTH, _HEIGHT = 380, 250


@dataclass(frozen=True, slots=True)
class _Line:
    """One arm's money by volume, not discounted.

    Attributes:
        fixed: One-off, standing and recurring costs over the horizon.
        unit: Cost of a request.
        worth: What the answer to a request is worth on average; None when that was not declared or measured.
    """

    arm: str
    fixed: float
    unit: float
    worth: float | None


def total_cost(records: RunRecords, palette: Palette) -> VegaLite | None:
    """What each candidate costs over the horizon, against requests a month; both axes logarithmic."""
    terms, lines = records.economics, _lines(records)
    if terms is None or not lines:
        return None
    months = terms.horizon_months

    def cost(line: _Line, volume: float) -> float:
        return line.fixed + line.unit * volume * months

    crossings = _crossings(records, lines, "cost")
    rows = [row for row in _rows(lines, _volumes(terms, crossings), cost) if row["value"] > 0]
    if not rows:
        return None
    crossings = [row | {"value": cost(row["line"], row["volume"])} for row in crossings]
    low, high = min(row["value"] for row in rows), max(row["value"] for row in rows)
    up: Part = {
        "field": "value",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low / 1.5, high * 1.5], "nice": False},
        "axis": {"values": _ticks(low, high), "format": ",~r"},
        "title": f"total cost over {months} months, {terms.currency}",
    }
    return _by_volume(records, palette, rows, up, crossings)


def net_benefit(records: RunRecords, palette: Palette) -> VegaLite | None:
    """Net benefit of 1,000 requests, fixed costs included, against requests a month; None without a value."""
    terms, lines = records.economics, [line for line in _lines(records) if line.worth is not None]
    if terms is None or not lines:
        return None
    months = terms.horizon_months

    def net(line: _Line, volume: float) -> float:
        return 1000 * ((line.worth or 0.0) - line.unit - line.fixed / (volume * months))

    crossings = _crossings(records, lines, "net")
    rows = _rows(lines, _volumes(terms, crossings), net)
    crossings = [row | {"value": net(row["line"], row["volume"])} for row in crossings]
    # Towards no requests at all the fixed costs of each grow without end: show where the crossing lies.
    start = min([terms.requests_per_month.low, *(row["volume"] for row in crossings)])
    shown = [row["value"] for row in rows if row["volume"] >= start]
    up: Part = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": padded([0.0, *shown, *(row["value"] for row in crossings)], 0.08), "nice": False},
        "axis": {"format": ",~r", "tickCount": 5},
        "title": f"net benefit per 1,000 requests, {terms.currency}",
    }
    return _by_volume(records, palette, rows, up, crossings)


def tornado(records: RunRecords, palette: Palette) -> VegaLite | None:
    """Lead of the recommended arm over the best choice of the other sides, one input at each end of its range."""
    bars = sorted(records.decision.tornado, key=lambda bar: -abs(bar.at_high - bar.at_low))
    if not bars:
        return None
    units = {change.input: unit_of(change) for change in records.decision.would_change}
    rows: list[Part] = []
    for place, bar in enumerate(bars):
        unit = units.get(bar.input, "")
        (start, first), (stop, last) = sorted(((bar.at_low, bar.low_input), (bar.at_high, bar.high_input)))
        rows.append(
            {
                "row": place,
                "name": words.title(input_name(bar.input)),
                "from": start,
                "to": stop,
                "left": quantity(first, unit, named=False),
                "right": quantity(last, unit, named=False),
            }
        )
    down: Part = {"field": "row", "type": "ordinal", "axis": None}
    across: Part = {
        "type": "quantitative",
        "scale": {"domain": padded([0.0, *(row[end] for row in rows for end in ("from", "to"))], 0.3)},
        "title": f"ahead of the best choice of the other sides, {records.decision.currency}",
        "axis": {"format": ",~r", "tickCount": 5},
    }
    text: Part = {"type": "text", "color": palette.muted, "fontSize": 11, "baseline": "middle"}
    clear = text | {
        "stroke": palette.paper,
        "strokeWidth": 4,
        "strokeJoin": "round",
    }  # so that no line runs through
    ends = (("from", "left", "right", -5), ("to", "right", "left", 5))
    layers: list[Part] = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": palette.ink},
            "encoding": {"x": across | {"field": "zero"}},
        },
        {
            "mark": {"type": "bar", "height": 14, "color": palette.s2, "opacity": 0.75},
            "encoding": {"y": down, "x": across | {"field": "from"}, "x2": {"field": "to"}},
        },
        *(
            {
                "mark": mark | {"align": align, "dx": shift},
                "encoding": {"y": down, "x": across | {"field": end}, "text": {"field": label}},
            }
            for mark in (clear, text)
            for end, label, align, shift in ends
        ),
        words_beside("name", -10, down, palette.ink, align="right", limit=_NAMES),
    ]
    return chart(palette, data={"values": rows}, layer=layers, width=430, height=30 * len(rows))


def _lines(records: RunRecords) -> list[_Line]:
    """The candidates whose ledger is known."""
    lines: list[_Line] = []
    for arm, column in records.decision.ledger.items():
        if column.total is None or column.per_request_total is None:
            continue
        fixed = column.total - column.per_request_total * column.requests
        lines.append(_Line(arm, float(fixed), float(column.per_request_total), _worth(records, arm)))
    return lines


def _worth(records: RunRecords, arm: str) -> float | None:
    """Value of an answer; every answer that is not correct counts as wrong, abstentions included."""
    terms, verdict = records.economics, records.decision.arms.get(arm)
    estimate = verdict.quality.get(records.comparison.primary_metric) if verdict else None
    if terms is None or terms.value_per_correct is None or estimate is None or estimate.mean is None:
        return None
    return terms.value_per_correct * estimate.mean - terms.cost_per_wrong * (1 - estimate.mean)


def _crossings(records: RunRecords, lines: list[_Line], basis: str) -> list[Part]:
    """Break-even points that are a volume, neither "from the first request" nor "never"."""
    by_arm = {line.arm: line for line in lines}
    rows: list[Part] = []
    for item in records.decision.break_even:
        volume = item.requests_per_month
        if item.basis != basis or item.treatment not in by_arm or volume is None or not volume.mode:
            continue
        rows.append(
            {
                "line": by_arm[item.treatment],
                "volume": volume.mode,
                "label": significant(volume.mode),
                "low": volume.low,
                "high": volume.high,
            }
        )
    return rows


def _volumes(terms: DeclaredEconomics, crossings: list[Part]) -> list[float]:
    """Volumes to draw at: the declared range and every crossing, with room on both sides, evenly on a log axis."""
    declared = terms.requests_per_month
    volumes = [declared.low, declared.mode, declared.high, *(row["volume"] for row in crossings)]
    volumes = [volume for volume in volumes if volume > 0] or [1.0]
    low, high = math.log(min(volumes) / 2.5), math.log(max(volumes) * 2.5)
    return [math.exp(low + (high - low) * step / _STEPS) for step in range(_STEPS + 1)]


def _rows(lines: list[_Line], volumes: list[float], value: Callable[[_Line, float], float]) -> list[Part]:
    return [
        {"arm": line.arm, "volume": volume, "value": value(line, volume)}
        for line in lines
        for volume in volumes
    ]


def _by_volume(
    records: RunRecords, palette: Palette, rows: list[Part], up: Part, crossings: list[Part]
) -> VegaLite | None:
    """Lines of arms over volume, the declared range shaded, crossings marked."""
    if records.economics is None:
        return None
    declared = records.economics.requests_per_month
    low, high = rows[0]["volume"], rows[-1]["volume"]
    names = dict.fromkeys(row["arm"] for row in rows)
    across: Part = {
        "field": "volume",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {"values": _ticks(low, high), "format": ",~r", "grid": False},
        "title": "requests a month (dotted: declared)"
        if declared.low == declared.high
        else "requests a month (shaded: declared range, dotted: the most likely)",
    }
    layers: list[Part] = [
        {
            "data": {"values": [{"from": max(declared.low, low), "to": declared.high}]},
            "mark": {"type": "rect", "color": palette.band},
            "encoding": {"x": across | {"field": "from"}, "x2": {"field": "to"}},
        },
        {
            "data": {"values": [{"volume": declared.mode}]},
            "mark": {"type": "rule", "color": palette.muted, "strokeDash": [2, 3]},
            "encoding": {"x": across},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.25, "clip": True},
            "encoding": {
                "x": across,
                "y": up,
                "color": arm_colour(records, palette, "arm", legend=names),
                "strokeDash": arm_dash(records, "arm", names),
            },
        },
        *_crossing_layers(palette, across, up, crossings),
    ]
    return chart(palette, data={"values": rows}, layer=layers, width=_WIDTH, height=_HEIGHT)


def _crossing_layers(palette: Palette, across: Part, up: Part, crossings: list[Part]) -> list[Part]:
    """Each break-even point with its interval and its volume in figures."""
    low, high = across["scale"]["domain"]
    edge = low * (high / low) ** 0.75
    points = [
        {key: value for key, value in row.items() if key != "line"}
        | {"align": "right" if row["volume"] > edge else "left"}
        for row in crossings
    ]
    return [
        {
            "data": {"values": [point for point in points if point["low"] and point["high"]]},
            "mark": {"type": "rule", "color": palette.ink, "strokeWidth": 1.5, "clip": True},
            "encoding": {"x": across | {"field": "low"}, "x2": {"field": "high"}, "y": up},
        },
        {
            "data": {"values": points},
            "mark": {"type": "point", "filled": True, "size": 70, "color": palette.ink, "opacity": 1},
            "encoding": {"x": across, "y": up},
        },
        {
            "data": {"values": points},
            "mark": {
                "type": "text",
                "color": palette.ink,
                "align": "left",
                "dx": 7,
                "dy": 14,
                "fontWeight": "bold",
            },
            "encoding": {"x": across, "y": up, "text": {"field": "label"}},
        },
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers on a log axis: powers of ten, with 2 and 5 times those where there are few, some where many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [10.0**exponent for exponent in exponents if low <= 10.0**exponent <= high]
    if len(powers) < 3:
        return [
            value
            for exponent in exponents
            for step in (1, 2, 5)
            if low <= (value := step * 10.0**exponent) <= high
        ]
    return powers[:: max(1, math.ceil(len(powers) / 6))]
