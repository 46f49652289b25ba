"""The reports as files."""

from __future__ import annotations

from pathlib import Path

from evalkit.records.run import RunRecords
from evalkit.reporting.document import render_document
from evalkit.reporting.html import render_html
from evalkit.reporting.markdown import render_markdown
from evalkit.store.atomic import write_atomic


def write_reports(records: RunRecords, folder: Path) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.json``, each whole or not at all.

    All three are made before the first is written, so that an error leaves the earlier reports as they were. The same
    records give the same bytes.

    Args:
        records: A decided run.
        folder: Made where it is missing.

    Returns:
        The files, the page first.
    """
    pages = {
        "report.html": render_html(records).encode(),
        "report.md": render_markdown(records).encode(),
        "report.json": render_document(records),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pages.items():
        write_atomic(folder / name, content)
    return [folder / name for name in pages]
