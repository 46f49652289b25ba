"""Charts of quality and training, one function each, as Vega-Lite documents that hold their own data.

Each takes the palette it is drawn with and returns None when the run holds nothing to draw. Values are worded by
``number_format`` before they become labels; axes count in percent and points.
"""

from __future__ import annotations

from typing import Any

from evalkit.records.comparison import Curve, Difference
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.chart_parts import Part, arm_colour, chart, level_line, padded, words_beside
from evalkit.reporting.difference_tables import carries_claim
from evalkit.reporting.palette import Palette, arm_slots
from evalkit.reporting.svg import VegaLite
from evalkit.text.number_format import declared_percent, points, points_interval

_LABELS = 236  # pixels left of the forest plot for the names of its rows


def forest(records: RunRecords, palette: Palette) -> VegaLite | None:
    """Paired differences that carry claims, with zero and the margin band."""
    rows = _forest_rows(records)
    if not rows:
        return None
    margin = 100 * records.comparison.margin
    ends = [end for row in rows for end in (row.get("low"), row.get("high")) if end is not None]
    domain = padded([-margin, margin, 0.0, *ends, *(row["estimate"] for row in rows if "estimate" in row)])
    down = {
        "field": "row",
        "type": "ordinal",
        "axis": None,
        "scale": {"domain": [row["row"] for row in rows]},
    }
    across = {
        "type": "quantitative",
        "scale": {"domain": domain, "nice": False},
        "title": f"difference in {words.metric_name(records.comparison.primary_metric)}, points",
        "axis": {"labelExpr": "(datum.value > 0 ? '+' : '') + datum.label", "tickCount": 7},
    }
    width = 330
    layers: list[Part] = [
        {
            "data": {"values": [{"from": -margin, "to": margin}]},
            "mark": {"type": "rect", "color": palette.band},
            "encoding": {"x": across | {"field": "from"}, "x2": {"field": "to"}},
        },
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": palette.ink, "strokeWidth": 1},
            "encoding": {"x": across | {"field": "zero"}},
        },
        *_intervals(across, down, arm_colour(records, palette, "treatment")),
        words_beside("pair", -10, down, palette.ink, align="right", limit=_LABELS),
        words_beside("heading", -_LABELS - 10, down, palette.muted, align="left", limit=_LABELS + width),
        words_beside("points", width + 56, down, palette.ink, align="right", limit=56, weight="bold"),
        words_beside("interval", width + 66, down, palette.muted, align="left", limit=120),
        words_beside("claim", width + 180, down, palette.ink, align="left", limit=170),
    ]
    return chart(palette, data={"values": rows}, layer=layers, width=width, height=30 * len(rows))


def _forest_rows(records: RunRecords) -> list[Part]:
    """A heading for each family, then its differences."""
    shown = [item for item in records.comparison.differences if carries_claim(records, item)]
    rows: list[Part] = []
    for family in ("reference", "tuned"):
        members = [item for item in shown if item.family == family and item.estimate is not None]
        if members:
            rows.append({"row": len(rows), "heading": words.title(words.FAMILIES[family])})
        for item in members:
            rows.append({"row": len(rows)} | _forest_row(item))
    return rows


def _intervals(across: Part, down: Part, colour: Part) -> list[Part]:
    """Each difference as a bar with a dot; the dot is a diamond where nothing is claimed."""
    return [
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 2.5},
            "encoding": {
                "x": across | {"field": "low"},
                "x2": {"field": "high"},
                "y": down,
                "color": colour,
            },
        },
        {
            "transform": [{"filter": "isValid(datum.estimate)"}],
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {
                "x": across | {"field": "estimate"},
                "y": down,
                "color": colour,
                "shape": {
                    "field": "claimed",
                    "type": "nominal",
                    "legend": None,
                    "scale": {"domain": [True, False], "range": ["circle", "diamond"]},
                },
            },
        },
    ]


def quality_curve(records: RunRecords, kind: str, palette: Palette) -> VegaLite | None:
    """Quality against shots (``shots``) or training rows (``learning``), with intervals and the target."""
    curves = [curve for curve in records.comparison.curves if curve.kind == kind]
    rows = [row for curve in curves for row in _curve_rows(curve)]
    if not rows:
        return None
    shares = kind == "learning" and max(row["x"] for row in rows) <= 1
    label = "shots" if kind == "shots" else "share of training rows" if shares else "training rows"
    axis: dict[str, Any] = {"grid": False, "values": sorted({row["x"] for row in rows})}
    across = {"field": "x", "type": "quantitative", "title": label, "axis": axis}
    metric = words.metric_name(records.comparison.primary_metric)
    up = {
        "type": "quantitative",
        "scale": {"domain": [0, 100]},
        "axis": {"labelExpr": "datum.label + '%'", "tickCount": 5, "titleAnchor": "end"},
        "title": metric,
    }
    legend = [curve.parent for curve in curves] if len(curves) > 1 else []
    colour = arm_colour(records, palette, "arm", legend=legend)
    first = [{"filter": "!datum.again"}]
    layers = [
        *_target(records, palette),
        *(_best_untuned(records, palette) if kind == "learning" else []),
        {
            "transform": [*first, {"filter": "isValid(datum.low)"}],
            "mark": {"type": "area", "opacity": 0.18},
            "encoding": {"x": across, "y": up | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "transform": first,
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {"x": across, "y": up | {"field": "mean"}, "color": colour},
        },
        {
            "mark": {"type": "point", "size": 55, "opacity": 1, "strokeWidth": 2},
            "encoding": {
                "x": across,
                "y": up | {"field": "mean"},
                "color": colour,
                "fill": {
                    "condition": {"test": "datum.again", "value": palette.paper},
                    **{key: value for key, value in colour.items() if key != "legend"},
                    "legend": None,
                },
            },
        },
    ]
    return chart(palette, data={"values": rows}, layer=layers, width=360, height=210)


def failures(records: RunRecords, palette: Palette) -> VegaLite | None:
    """Wrong answers of each candidate, stacked by kind: what tuning fixes left, what retrieval fixes right."""
    kinds = list(words.FAILURE_KINDS.values())
    rows = [
        {"arm": arm.name, "kind": label, "count": getattr(arm.failures, kind), "order": place}
        for arm in records.comparison.arms
        if arm.role == "candidate" and arm.failures is not None
        for place, (kind, label) in enumerate(words.FAILURE_KINDS.items())
    ]
    if not any(row["count"] for row in rows):
        return None
    s = palette
    colours = [s.s3, s.s6, s.s7, s.s2, s.s5, s.s4, s.s1]
    encoding = {
        "x": {"field": "count", "type": "quantitative", "stack": "zero", "title": "wrong answers"},
        "y": {
            "field": "arm",
            "type": "nominal",
            "sort": None,
            "title": None,
            "axis": {"labelColor": palette.ink, "labelLimit": 200, "labelPadding": 8},
        },
        "color": {
            "field": "kind",
            "type": "nominal",
            "scale": {"domain": kinds, "range": colours},
            "legend": {"columns": 4, "offset": 12},
        },
        "order": {"field": "order", "type": "quantitative"},
    }
    bar: Part = {
        "mark": {"type": "bar", "height": 18, "stroke": palette.paper, "strokeWidth": 1},
        "encoding": encoding,
    }
    # The number in each part says which it is to those who cannot tell the colours apart.
    number: Part = {
        "transform": [{"filter": f"datum.count >= {_SHOWN_SHARE} * {max(_wrong(rows).values())}"}],
        "mark": {
            "type": "text",
            "color": palette.paper,
            "fontSize": 11,
            "fontWeight": "bold",
            "baseline": "middle",
        },
        "encoding": {
            "x": {"field": "count", "type": "quantitative", "stack": "zero", "bandPosition": 0.5},
            "y": encoding["y"],
            "order": encoding["order"],
            "detail": {"field": "kind", "type": "nominal"},
            "text": {"field": "count", "type": "quantitative"},
        },
    }
    height = 30 * len(_wrong(rows))
    return chart(palette, data={"values": rows}, layer=[bar, number], width=520, height=height)


_SHOWN_SHARE = 0.04  # of the longest bar, from which a part has room for its number


def _wrong(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Wrong answers by arm."""
    return {
        arm: sum(row["count"] for row in rows if row["arm"] == arm) for arm in {row["arm"] for row in rows}
    }


def _forest_row(item: Difference) -> dict[str, Any]:
    assert item.estimate is not None  # noqa: S101 - the caller has left out the others
    row: dict[str, Any] = {
        "pair": words.pair(item),
        "treatment": item.treatment,
        "estimate": 100 * item.estimate,
        "claimed": item.claim != "no_claim",
        "points": points(item.estimate),
        "interval": points_interval(item.low, item.high),
        "claim": words.claim(item),
    }
    if item.low is not None and item.high is not None:
        row |= {"low": 100 * item.low, "high": 100 * item.high}
    return row


def _curve_rows(curve: Curve) -> list[Part]:
    """Points with a mean, and beside a mean of several training seeds each seed as ``again``, which the line passes."""
    rows: list[Part] = []
    for point in curve.points:
        if point.mean is None:
            continue
        place = {"arm": curve.parent, "x": point.x}
        low, high = (None if end is None else 100 * end for end in (point.low, point.high))
        rows.append(place | {"mean": 100 * point.mean, "low": low, "high": high, "again": False})
        if len(point.seed_means) > 1:
            rows += [
                place | {"mean": 100 * mean, "low": None, "high": None, "again": True}
                for mean in point.seed_means.values()
            ]
    return rows


def _target(records: RunRecords, palette: Palette) -> list[Part]:
    if records.target is None:
        return []
    return level_line(
        100 * records.target, f"target {declared_percent(records.target)}", palette.muted, [2, 3]
    )


def _best_untuned(records: RunRecords, palette: Palette) -> list[Part]:
    """The mean of the best untuned candidate, which the learning curve has to pass."""
    primary = records.comparison.primary_metric
    means = [
        (estimate.mean, arm.name)
        for arm in records.comparison.arms
        if arm.role == "candidate"
        and not arm.kind.tuned
        and (estimate := arm.quality.get(primary)) is not None
        and estimate.mean is not None
    ]
    if not means:
        return []
    mean, name = max(means)
    return level_line(100 * mean, f"best untuned: {name}", palette.series[arm_slots(records)[name]], [6, 3])
