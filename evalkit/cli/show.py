"""What a command prints of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.pipeline.loaded_run import Run


def show_run(run: Run) -> None:
    """The terminal report on standard output, and where the files are."""
    from rich.console import Console

    from evalkit.reporting.terminal import print_report

    console = Console()
    print_report(run.records(), console)
    console.print(f"\nReport: {run.path / 'report.html'}", soft_wrap=True, highlight=False, markup=False)
