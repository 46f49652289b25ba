"""The report as GitHub-flavoured Markdown: for pull requests, wikis and readers without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
from evalkit.reporting.markdown_text import escaped, fenced, table_lines
from evalkit.reporting.terminal import EMBEDDED
from evalkit.text import number_format

_EXCERPT = 400


def render_markdown(records: RunRecords, run: Path | None = None) -> str:
    """The whole report, ending with a newline; its commands name the run by its folder ``run``, or by its id."""
    return "\n\n".join((*_blocks(records), *_reading(records, run))) + "\n"


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
    yield fenced(
        (f"{command.line}  # {command.purpose}" for command in provenance_tables.commands(records, run)), "sh"
    )


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
