"""``evalkit reprice``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import json_option, open_run, output_option, print_json


@click.command(name="reprice")
@click.argument("run")
@click.option(
    "--prices",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="YAML or JSON: `prices:` rows as in a suite, and `device_hour:` by model.",
)
@click.option(
    "--write", is_flag=True, help="Let the run keep these prices: decision and reports are rewritten."
)
@output_option
@json_option
def command(run: str, prices: Path, write: bool, output: Path, as_json: bool) -> int:
    """What a run would have cost at other prices, and whether its verdict changes. Asks no model.

    Without --write nothing on disk is changed; the samples never are.
    """
    from evalkit import api

    repriced = api.reprice(open_run(run, output), prices, write=write)
    if as_json:
        print_json(repriced)
        return 0
    from evalkit.cli.screen import console
    from evalkit.reporting.reprice_tables import repriced_tables, verdict_words
    from evalkit.reporting.terminal import print_tables

    notes = [verdict_words(repriced)]
    if repriced.unused:
        notes.append(f"No model of the suite is priced as {', '.join(repriced.unused)}.")
    notes.append(
        "The run keeps these prices." if write else "Nothing was written; --write keeps these prices."
    )
    print_tables(repriced_tables(repriced), console(), notes=notes)
    return 0
