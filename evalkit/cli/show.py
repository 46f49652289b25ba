"""What ``run``, ``score`` and ``import`` print about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.pipeline.loaded_run import Run


def show_run(run: Run) -> None:
    """Print the terminal report of a run on standard output, and where its report file is."""
    from evalkit.cli.screen import console, say
    from evalkit.reporting.terminal import print_report

    print_report(run.records(), console())
    say(f"\nReport: {run.path / 'report.html'}")
