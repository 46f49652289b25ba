"""The report as one HTML page: no script, no network, no second file.

All text of users and models passes through the template's autoescaping; a content security policy in the page
forbids scripts even so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.decision.verdict.evidence_sentences import counts
from evalkit.plain import plain
from evalkit.records.decision import Finding
from evalkit.records.run import RunRecords
from evalkit.reporting import (
    charts,
    class_tables,
    ledger_tables,
    loss_chart,
    method,
    money_charts,
    net_benefit_tables,
    provenance_tables,
    tuning_tables,
    words,
)
from evalkit.reporting.arms_tables import arms_table
from evalkit.reporting.breakdown_tables import (
    extra_table,
    failures_table,
    indexes_table,
    retrieval_table,
    slices_table,
)
from evalkit.reporting.client_bottleneck import client_bound
from evalkit.reporting.difference_tables import differences_table
from evalkit.reporting.first_screen import first_screen
from evalkit.reporting.palette import DARK, LIGHT, PAGE, Palette, arm_slots
from evalkit.reporting.svg import VegaLite, to_svg
from evalkit.reporting.table import Column
from evalkit.text import number_format

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_Draw = Callable[[RunRecords, Palette], VegaLite | None]
GROUPS = ("use case", "alternatives", "cost", "benefit")


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart in the page.

    Attributes:
        svg: None when the run holds nothing to draw.
        caption: What to see in it.
    """

    name: str
    svg: str | None
    caption: str


def render_html(records: RunRecords, run: Path | None = None) -> str:
    """The whole page; its commands name the run by its folder ``run``, or by its id."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            **_shared(records),
            figures=_figures(records),
            tables={
                table.name: table
                for table in (
                    arms_table(records, "candidate"),
                    arms_table(records, "curve"),
                    differences_table(records, claims=True),
                    differences_table(records, claims=False),
                    slices_table(records),
                    extra_table(records),
                    failures_table(records),
                    retrieval_table(records),
                    indexes_table(records),
                    net_benefit_tables.worth_table(records.decision, ledger_tables.horizon(records)),
                    net_benefit_tables.break_even_table(records.decision),
                    net_benefit_tables.would_change_table(records.decision),
                    net_benefit_tables.information_table(records.decision),
                    ledger_tables.ledger_table(records),
                    ledger_tables.basis_table(records),
                    provenance_tables.cases_table(records),
                    provenance_tables.training_table(records),
                    provenance_tables.leaks_table(records),
                    tuning_tables.tuning_table(records),
                    tuning_tables.losses_table(records),
                    provenance_tables.prices_table(records),
                    provenance_tables.inputs_table(records),
                )
            },
            classes=class_tables.class_tables(records),
            groups={
                group: [finding for finding in records.decision.checklist if finding.group == group]
                for group in GROUPS
            },
            slow_client=client_bound(records),
            sentences=method.sentences(records),
            references=method.REFERENCES,
            commands=provenance_tables.commands(records, run),
        )
    )


def summary_html(records: RunRecords) -> str:
    """The verdict and the arms table, for a notebook cell; brings its own style, scoped to itself."""
    table = arms_table(records, "candidate")
    return _environment().get_template("summary.html.j2").render(**_shared(records), table_of_arms=table)


def _shared(records: RunRecords) -> dict[str, object]:
    """What both templates use."""
    decision = records.decision
    return {
        "records": records,
        "decision": decision,
        "screen": first_screen(decision, records),
        "scope": provenance_tables.scope(records),
        "counted": counts(decision),
        "information": net_benefit_tables.information_in_words(decision),
        "slots": {arm: slot + 1 for arm, slot in arm_slots(records).items()},
        "light": LIGHT.variables(),
        "dark": DARK.variables(),
        "words": words,
        "numbers": number_format,
    }


def _figures(records: RunRecords) -> dict[str, Figure]:
    metric = words.metric_name(records.comparison.primary_metric)
    drawn: dict[str, tuple[_Draw, str]] = {
        "forest": (
            charts.forest,
            f"Paired differences in {metric}, first arm less second, with their intervals. The band is the margin; an "
            "interval that clears zero on the right says that the first arm is better.",
        ),
        "shots": (
            lambda run, palette: charts.quality_curve(run, "shots", palette),
            f"{words.title(metric)} by number of demonstrations.",
        ),
        "learning": (
            lambda run, palette: charts.quality_curve(run, "learning", palette),
            f"{words.title(metric)} by training rows. Open points: further trainings of the same rows.",
        ),
        "net": (
            money_charts.net_benefit,
            "Net benefit of 1,000 requests with their share of the fixed costs. A dot, where there is one, marks "
            "break-even and the bar through it 90% of the simulated futures.",
        ),
        "cost": (money_charts.total_cost, "Total cost, quality left aside. Both axes are logarithmic."),
        "failures-by-kind": (
            charts.failures,
            "Wrong answers by kind, the number in each bar: first what tuning mends, then what retrieval mends.",
        ),
        "tornado": (
            money_charts.tornado,
            "Net benefit of the recommended arm less that of the best choice of the other sides, one input at either "
            "end of its range. A bar that crosses the line can turn the choice.",
        ),
        "losses": (loss_chart.losses, loss_chart.CAPTION),
    }
    return {name: _figure(records, name, draw, caption) for name, (draw, caption) in drawn.items()}


def _figure(records: RunRecords, name: str, draw: _Draw, caption: str) -> Figure:
    definition = draw(records, PAGE)
    svg = None if definition is None else to_svg(definition, f"chart-{name}", caption)
    return Figure(name, svg, caption)


def _status_tone(finding: Finding) -> str:
    if finding.status == "blocked":
        return "stop"
    if finding.status == "unknown":
        return "wait"
    return {"tuning": "go", "against": "stay", "neither": "none"}[finding.speaks_for]


def _link(source: str) -> Markup | str:
    """A web address as a link, anything else as text."""
    from markupsafe import Markup

    if not re.fullmatch(r"https?://[^\s\"'<>`]+", source):
        return source
    return Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>').format(source)


def _prose(text: str) -> Markup:
    """A sentence in which `names` stand as code, all else as it is."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(plain(text)))))  # noqa: S704 - escaped


def _runs(columns: Sequence[Column], attribute: str) -> list[list[Column]]:
    """Neighbouring columns with the same value together."""
    return [list(run) for _, run in itertools.groupby(columns, key=lambda column: getattr(column, attribute))]


def _finalize(value: object) -> object:
    """Every value on its way into the page: untrusted text is cleaned, and nothing is not worded as "None"."""
    if value is None:
        return number_format.UNKNOWN
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return plain(value)
    return value


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("evalkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["link"] = _link
    environment.filters["prose"] = _prose
    environment.filters["groupby_run"] = _runs
    environment.filters["tone"] = _status_tone
    return environment
