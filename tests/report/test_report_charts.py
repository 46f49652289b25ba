"""Charts: what is drawn, and what becomes of it as SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import msgspec
import pytest

from evalkit.records.run import DeclaredRange
from evalkit.reporting import charts, loss_chart, money_charts
from evalkit.reporting.palette import LIGHT, PAGE
from evalkit.reporting.svg import to_svg

CHARTS = {
    "forest": charts.forest,
    "shots": lambda records, palette: charts.quality_curve(records, "shots", palette),
    "learning": lambda records, palette: charts.quality_curve(records, "learning", palette),
    "failures": charts.failures,
    "losses": loss_chart.losses,
    "cost": money_charts.total_cost,
    "net": money_charts.net_benefit,
    "tornado": money_charts.tornado,
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_holds_nothing_from_outside(name, hostile):
    """Untrusted names become text; there is no script, no link and no font of its own."""
    svg = to_svg(CHARTS[name](hostile, PAGE), name, f"{name} <chart>")
    root = ET.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "a", "image", "foreignObject", "use", "style"}
    assert "font-family" not in svg
    assert root.get("aria-label") == f"{name} <chart>"


@pytest.mark.parametrize("name", CHARTS)
def test_a_run_without_the_numbers_has_no_chart(name, sparse):
    """Nothing is drawn rather than a zero."""
    assert CHARTS[name](sparse, PAGE) is None


def test_ids_of_two_pictures_do_not_clash_and_the_same_chart_gives_the_same_bytes(ticket_routing):
    """The renderer numbers its clip paths through the life of the process."""
    definition = money_charts.net_benefit(ticket_routing, PAGE)
    first, second = (to_svg(definition, name, "x") for name in ("one", "two"))
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in (first, second)]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    assert set(re.findall(r"url\(#([^)]+)\)", first)) <= set(ids[0])
    assert first == to_svg(definition, "one", "x")


def test_control_characters_do_not_reach_the_renderer(ticket_routing):
    """One of them ends the whole process inside the renderer."""
    definition = charts.forest(ticket_routing, PAGE)
    definition["title"] = "a\x1b[31m\ud800b"
    assert "a�[31m�b" in to_svg(definition, "x", "x")


def test_a_chart_is_drawn_in_the_colours_it_is_given(ticket_routing):
    """The page's colours are variables of its style sheet; a viewer gives plain ones."""
    assert "var(--s3)" in to_svg(charts.forest(ticket_routing, PAGE), "x", "x")
    plain = to_svg(charts.forest(ticket_routing, LIGHT), "x", "x")
    assert LIGHT.s3 in plain
    assert "var(" not in plain


def test_the_crossing_is_drawn_where_the_lines_meet(ticket_routing, advised_break_even):
    """The break-even record and the ledger's lines tell the same story."""
    definition = money_charts.net_benefit(ticket_routing, PAGE)
    (mark,) = definition["layer"][4]["data"]["values"]
    treatment, control = advised_break_even.treatment, advised_break_even.control
    assert (treatment, control) == ("fine_tuned", "few_shot_nearest")
    assert mark["volume"] == advised_break_even.requests_per_month.mode
    lines = {treatment: [], control: []}
    for row in definition["data"]["values"]:
        if row["arm"] in lines:
            lines[row["arm"]].append((row["volume"], row["value"]))
    lead = [(one[0], one[1] - other[1]) for one, other in zip(lines[treatment], lines[control], strict=True)]
    below = max(volume for volume, ahead in lead if ahead < 0)
    above = min(volume for volume, ahead in lead if ahead > 0)
    assert below < mark["volume"] < above


def test_a_volume_given_as_a_point_can_be_drawn(ticket_routing):
    """Low, mode and high are then one number."""
    terms = msgspec.structs.replace(
        ticket_routing.economics, requests_per_month=DeclaredRange(low=5000, mode=5000, high=5000)
    )
    records = msgspec.structs.replace(ticket_routing, economics=terms)
    for chart in (money_charts.net_benefit, money_charts.total_cost):
        assert "<path" in to_svg(chart(records, PAGE), "x", "x")


def test_differences_without_an_estimate_are_left_out_of_the_forest(ticket_routing):
    """They stand in the table as unknown."""
    first, *rest = ticket_routing.comparison.differences
    gone = msgspec.structs.replace(first, estimate=None, low=None, high=None)
    no_interval = msgspec.structs.replace(rest[0], low=None, high=None)
    comparison = msgspec.structs.replace(
        ticket_routing.comparison, differences=(gone, no_interval, *rest[1:])
    )
    definition = charts.forest(msgspec.structs.replace(ticket_routing, comparison=comparison), PAGE)
    pairs = [row.get("pair") for row in definition["data"]["values"]]
    assert f"{first.treatment} vs {first.control}" == "few_shot_nearest vs few_shot"
    assert "few_shot_nearest vs few_shot" not in pairs
    assert "rag vs few_shot" in pairs
    assert "no interval" in to_svg(definition, "x", "x")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (6000, 130_000, [10_000, 20_000, 50_000, 100_000]),
        (900, 2_000_000, [1000, 10_000, 100_000, 1_000_000]),
        (0.01, 1e9, [0.01, 1, 100, 10_000, 1_000_000, 100_000_000]),
    ],
)
def test_a_log_axis_has_a_few_round_numbers(low, high, ticks):
    """Between two and six or so, however wide the range."""
    assert money_charts._ticks(low, high) == pytest.approx(ticks)


def test_every_training_seed_is_a_dot_beside_the_mean_that_the_line_goes_through(ticket_routing):
    (curve,) = [each for each in ticket_routing.comparison.curves if each.kind == "learning"]
    last = msgspec.structs.replace(curve.points[-1], mean=0.8, seed_means={1: 0.75, 2: 0.85})
    curves = (msgspec.structs.replace(curve, points=(*curve.points[:-1], last)),)
    comparison = msgspec.structs.replace(ticket_routing.comparison, curves=curves)
    drawn = charts.quality_curve(
        msgspec.structs.replace(ticket_routing, comparison=comparison), "learning", PAGE
    )
    rows = [row for row in drawn["data"]["values"] if row["x"] == last.x]
    assert [(round(row["mean"]), row["again"]) for row in rows] == [(80, False), (75, True), (85, True)]
    assert "<path" in to_svg(drawn, "x", "x")
