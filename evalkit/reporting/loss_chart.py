"""Training against validation loss, step by step: the chart in which overfitting is seen."""

from __future__ import annotations

import math

from evalkit.records.run import RunRecords
from evalkit.records.tuning import TuningRun
from evalkit.reporting.chart_parts import Part, chart
from evalkit.reporting.palette import Palette
from evalkit.reporting.svg import VegaLite
from evalkit.text.number_format import count, percent

CAPTION = (
    "Loss per answer token, in nats. The dot marks the lowest validation loss; a panel that “overfits” ends well above "
    "it while the training loss falls."
)
_POINTS = 120
_OF = ["training", "validation"]


def losses(records: RunRecords, palette: Palette) -> VegaLite | None:
    """One panel a tuned model and fraction of the rows, all on one scale; further seeds are further lines."""
    runs = records.tuning.runs if records.tuning else ()
    rows = [row for run in runs for row in _rows(run, _panel(runs, run))]
    if not rows:
        return None
    x = {
        "field": "step",
        "type": "quantitative",
        "title": "step",
        "axis": {"tickCount": 4, "grid": False},
    }
    y = {"field": "loss", "type": "quantitative", "title": None, "axis": {"tickCount": 4}}
    colours = [palette.s3, palette.s2]
    spec: Part = {
        "width": 250,
        "height": 120,
        "layer": [
            {
                "transform": [{"filter": "!datum.lowest"}],
                "mark": {"type": "line", "strokeWidth": 1.5},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "of",
                        "type": "nominal",
                        "scale": {"domain": _OF, "range": colours},
                        "legend": {"offset": 8},
                    },
                    "strokeDash": {
                        "field": "of",
                        "type": "nominal",
                        "scale": {"domain": _OF, "range": [[1, 0], [4, 2]]},
                    },
                    "detail": {"field": "run"},
                },
            },
            {
                "transform": [{"filter": "datum.lowest"}],
                "mark": {"type": "point", "filled": True, "size": 36, "opacity": 1, "color": palette.s2},
                "encoding": {"x": x, "y": y},
            },
        ],
    }
    panels = list(dict.fromkeys(row["panel"] for row in rows))
    facet = {"field": "panel", "type": "nominal", "sort": panels, "title": None}
    return chart(palette, data={"values": rows}, facet=facet, columns=3, spec=spec)


def _panel(runs: tuple[TuningRun, ...], run: TuningRun) -> str:
    """Title of a panel; it says so where any of its lines overfits."""
    same = [other for other in runs if (other.model, other.fraction) == (run.model, run.fraction)]
    several = len({other.model for other in runs}) > 1
    name = f"{run.model}, " if several else ""
    flag = ", overfits" if any(other.overfitted for other in same) else ""
    return f"{name}{percent(run.fraction)} ({count(run.rows)} rows){flag}"


def _rows(run: TuningRun, panel: str) -> list[Part]:
    step = math.ceil(len(run.losses) / _POINTS) or 1
    looked = [(point.step, point.validation) for point in run.losses if point.validation is not None]
    thin = math.ceil(len(looked) / _POINTS) or 1
    shown = {
        "training": [(point.step, point.train) for point in run.losses[::step]],
        "validation": looked[::thin],
    }
    rows: list[Part] = [
        {
            "panel": panel,
            "run": f"{run.model} {run.seed} {of}",
            "of": of,
            "step": at,
            "loss": loss,
            "lowest": False,
        }
        for of, points_of in shown.items()
        for at, loss in points_of
    ]
    if run.best_step is not None and run.best_validation_loss is not None:
        rows.append({"panel": panel, "step": run.best_step, "loss": run.best_validation_loss, "lowest": True})
    return rows
