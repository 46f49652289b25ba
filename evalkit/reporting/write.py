"""The reports as files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalkit.records.record import to_pretty_json
from evalkit.records.run import RunRecords
from evalkit.reporting.html import render_html
from evalkit.reporting.markdown import render_markdown
from evalkit.store.atomic import raise_disk_error, write_atomic

SCHEMA = 1
"""Of ``report.json``; raised when a field changes its meaning or goes away; new fields do not raise it."""


def write_reports(records: RunRecords, folder: Path, run: Path | None = None) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.json``, each whole or not at all.

    All three are made before the first is written, so that an error leaves the earlier reports as they were. The same
    records give the same bytes.

    Args:
        records: A decided run.
        folder: Made where it is missing.
        run: The run's folder, by which the commands in the report name it; default: they name it by its id.

    Returns:
        The files, the page first.
    """
    pages = {
        "report.html": render_html(records, run).encode(),
        "report.md": render_markdown(records, run).encode(),
        "report.json": render_document(records),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise_disk_error(folder, error)
    for name, content in pages.items():
        write_atomic(folder / name, content)
    return [folder / name for name in pages]


def render_document(records: RunRecords) -> bytes:
    """``report.json``: all that the other forms show, as indented JSON, its schema version first; money is strings."""
    return to_pretty_json({"schema": SCHEMA} | msgspec.structs.asdict(records))
