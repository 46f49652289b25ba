"""Text of strangers in Markdown: it is shown as it is, and starts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from evalkit.plain import one_line, plain, unobeyed
from evalkit.reporting.table import Table

# What would start emphasis, a link, a table cell, a heading, or a command of a CI service or of GitLab (`/close`). An
# underscore inside a word starts nothing.
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|^[#+-](?=[#\s])|^(?:::|/(?=\w))|(?<=^\d)[.)](?=\s)")
# What sites make a link of, send a message for or link to an issue: an address, a name behind @, a number behind #, or
# behind `GH-` (GitHub), `!`, `%`, `~` or `&` (GitLab).
_LIVE = re.compile(
    r"[A-Za-z0-9+.-]:(?=//)|\b[Ww]{3}(?=\.)|@(?=\w)|[#!%~](?=\d)|&amp;(?=\d)|\b[Gg][Hh]-(?=\d)"
)
_WORD_JOINER = "\u2060"


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
    line = _LIVE.sub(lambda match: match[0] + _WORD_JOINER, line)
    return _SPECIAL.sub(lambda match: "\\" + match[0], line)


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


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Lines in a fence that is longer than any run of backticks in them; none is a command to a CI service."""
    shown = "\n".join(unobeyed(one_line(line)) for line in lines)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", shown))])
    return f"{fence}{language}\n{shown}\n{fence}"
