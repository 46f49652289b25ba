"""``evalkit report``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import allow_outside_option, json_option, open_run, output_option, print_json
from evalkit.cli.screen import say


@click.command(name="report")
@click.argument("run")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the files here instead."
)
@output_option
@allow_outside_option
@json_option
def command(run: str, folder: Path | None, output: Path, allow_outside: bool, as_json: bool) -> int:
    """Write report.html, report.md and report.json of a run again."""
    from evalkit import api

    written = api.report(open_run(run, output), folder, allow_outside=allow_outside)
    if as_json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            say(path)
    return 0
