"""The report as GitHub-flavoured Markdown: for pull requests, wikis and readers without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from evalkit.plain import one_line, plain, unobeyed
from evalkit.records.decision import Evidence, Finding
from evalkit.records.run import Excerpt, RunRecords
from evalkit.reporting import (
    class_tables,
    ledger_tables,
    method,
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
from evalkit.reporting.first_screen import Fact, first_screen
from evalkit.reporting.table import Table
from evalkit.reporting.terminal import EMBEDDED
from evalkit.text import number_format

# What would start emphasis, a link, a table cell, a heading, or a command of a CI service or of GitLab (`/close`). An
# underscore inside a word starts nothing.
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|^[#+-](?=[#\s])|^(?:::|/(?=\w))|(?<=^\d)[.)](?=\s)")
# What sites make a link of, send a message for or link to an issue: an address, a name behind @, a number behind #.
_LIVE = re.compile(
    r"(?<=[A-Za-z0-9+.-]:)(?=//)|(?<=\bwww)(?=\.)|(?<=@)(?=\w)|(?<=#)(?=\d)",
    re.IGNORECASE,
)
_WORD_JOINER = "\u2060"
_EXCERPT = 400


def render_markdown(records: RunRecords, run: Path | None = None) -> str:
    """The whole report, ending with a newline; its commands name the run by its folder ``run``, or by its id."""
    return "\n\n".join((*_blocks(records), *_reading(records, run))) + "\n"


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is, in one line.

    Where a site would make a link of an address, notify who is called ``@name`` or link ``#12`` to an issue, a word
    joiner (U+2060) parts it: it shows nothing, and a backslash does not hinder sites, which look at the finished page.

    >>> escaped("<b> few_shot | *a*\nb")
    '&lt;b&gt; few_shot \\| \\*a\\* b'
    >>> escaped("https://a.example @all").replace("\u2060", "_")
    'https:_//a.example @_all'
    """
    line = " ".join(plain(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda match: "\\" + match[0], _LIVE.sub(_WORD_JOINER, line))


def table_lines(table: Table) -> str:
    """A table with its caption and note; a sentence where it has no rows."""
    if not table.rows:
        return f"{escaped(table.caption)}: nothing to show."
    head = " | ".join(escaped(column.heading) for column in table.columns)
    rule = " | ".join("---:" if column.align == "right" else "---" for column in table.columns)
    lines = [f"**{escaped(table.caption)}**", "", f"| {head} |", f"| {rule} |"]
    for row in table.rows:
        cells = [escaped(cell) for cell in row.cells]
        if row.kind == "section":
            cells = [f"**{cells[0]}**", *[""] * (len(table.columns) - 1)]
        elif row.kind == "total" or row.marked:
            cells = [f"**{cell}**" if cell else "" for cell in cells]
        if row.tag:
            cells[0] += f" ({escaped(row.tag)})"
        lines.append(f"| {' | '.join(cells)} |")
    if table.note:
        lines += ["", escaped(table.note)]
    return "\n".join(lines)


def _blocks(records: RunRecords) -> Iterator[str]:
    yield from _verdict(records)
    yield from _arms(records)
    yield from _differences(records)
    yield "## Checklist"
    yield from map(_finding, records.decision.checklist)
    if not records.decision.checklist:
        yield "No question was answered."
    yield from _money(records)
    yield "## Red flags"
    yield _flags(records)
    yield "## Failures"
    yield table_lines(failures_table(records))
    yield table_lines(retrieval_table(records))
    yield table_lines(indexes_table(records))
    yield from map(table_lines, class_tables.class_tables(records))
    yield from _data(records)


def _verdict(records: RunRecords) -> Iterator[str]:
    screen = first_screen(records.decision, records)
    yield f"# Should we fine-tune? {escaped(records.manifest.suite)}"
    if screen.notice:
        yield f"> {escaped(screen.notice)}"
    yield f"**{screen.headline}** {escaped(' '.join(screen.lead))}".rstrip()
    if screen.points:
        yield "\n".join(f"- {escaped(sentence)}" for sentence in screen.points)
    yield "\n".join(
        (
            *(_fact(fact) for fact in screen.facts),
            f"- What would change this answer: {escaped(screen.change)}",
        )
    )
    if records.embedded:
        yield f"> {EMBEDDED}"


def _fact(fact: Fact) -> str:
    note = f" ({escaped(fact.note)})" if fact.note else ""
    return f"- {escaped(fact.label)}: **{escaped(fact.value)}**{note}"


def _arms(records: RunRecords) -> Iterator[str]:
    yield "## The arms"
    aim = f"To improve: {records.use_case}. " if records.use_case else ""
    yield escaped(f"{aim}{provenance_tables.scope(records)}")
    yield table_lines(arms_table(records, "candidate"))
    if (slow_client := client_bound(records)) is not None:
        yield f"> {escaped(slow_client)}"
    curve_arms = arms_table(records, "curve")
    if curve_arms.rows:
        yield table_lines(curve_arms)


def _differences(records: RunRecords) -> Iterator[str]:
    yield "## Differences"
    yield table_lines(differences_table(records, claims=True))
    others = (differences_table(records, claims=False), slices_table(records), extra_table(records))
    yield from (table_lines(table) for table in others if table.rows)
    for curve in records.comparison.curves:
        yield f"{words.title(curve.kind)} curve of {escaped(curve.parent)}: {curve.trend}. {escaped(curve.note)}"


def _money(records: RunRecords) -> Iterator[str]:
    decision = records.decision
    yield "## Money"
    yield table_lines(ledger_tables.ledger_table(records))
    yield table_lines(ledger_tables.basis_table(records))
    yield table_lines(net_benefit_tables.worth_table(decision, ledger_tables.horizon(records)))
    yield table_lines(net_benefit_tables.break_even_table(decision))
    yield "## What would change the answer"
    yield table_lines(net_benefit_tables.would_change_table(decision))
    yield table_lines(net_benefit_tables.information_table(decision))


def _data(records: RunRecords) -> Iterator[str]:
    yield "## Training and data"
    yield table_lines(tuning_tables.tuning_table(records))
    yield table_lines(tuning_tables.losses_table(records))
    yield table_lines(provenance_tables.cases_table(records))
    yield table_lines(provenance_tables.training_table(records))
    if (leaks := provenance_tables.leaks_table(records)).rows:
        yield table_lines(leaks)
    if records.excerpts:
        yield "## Where the arms disagree"
        yield from map(_excerpt, records.excerpts)


def _reading(records: RunRecords, run: Path | None) -> Iterator[str]:
    """How to read the report, and what makes it again."""
    yield "## How to read this"
    yield "\n".join(
        f"{number}. {escaped(sentence)}" for number, sentence in enumerate(method.sentences(records), 1)
    )
    yield "\n".join(
        f"- {escaped(reference.text)}" + (f", <{reference.url}>" if reference.url else "")
        for reference in method.REFERENCES
    )
    yield "## Prices and inputs"
    yield table_lines(provenance_tables.prices_table(records))
    yield table_lines(provenance_tables.inputs_table(records))
    yield _code(
        f"{command.line}  # {command.purpose}" for command in provenance_tables.commands(records, run)
    )


def _code(lines: Iterable[str]) -> str:
    """Lines of a shell in a fence that is longer than any run of backticks in them."""
    shown = "\n".join(unobeyed(one_line(line)) for line in lines)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", shown))])
    return f"{fence}sh\n{shown}\n{fence}"


def _finding(finding: Finding) -> str:
    lines = [
        f"### {finding.number}. {escaped(finding.question)}",
        "",
        f"**{words.title(words.finding_status(finding))}.** {escaped(finding.answer)}",
    ]
    if finding.evidence:
        lines += ["", *(f"- {_evidence(evidence)}" for evidence in finding.evidence)]
    return "\n".join(lines)


def _evidence(evidence: Evidence) -> str:
    origin = ", ".join(
        part for part in ("declared" if evidence.declared else "", evidence.source or "") if part
    )
    return escaped(f"{evidence.label}: {evidence.value}" + (f" ({origin})" if origin else ""))


def _flags(records: RunRecords) -> str:
    if not records.decision.red_flags:
        return "No red flag was raised."
    return "\n".join(
        f"- **{words.SEVERITIES[flag.severity]}** {escaped(flag.message)} ({escaped(flag.code)})"
        for flag in records.decision.red_flags
    )


def _excerpt(excerpt: Excerpt) -> str:
    lines = [
        f"**{escaped(excerpt.case_id)}** {escaped(words.clipped(excerpt.input, _EXCERPT))}",
        "",
        f"- reference: {'none' if excerpt.reference is None else escaped(words.clipped(excerpt.reference, _EXCERPT))}",
    ]
    for answer in excerpt.answers:
        score = "no score" if answer.value is None else number_format.percent(answer.value, 0)
        output = "no answer" if answer.output is None else words.clipped(answer.output, _EXCERPT)
        lines.append(f"- {escaped(answer.arm)} ({score}): {escaped(output) or 'empty answer'}")
    return "\n".join(lines)
