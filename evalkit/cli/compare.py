"""``evalkit compare``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import json_option, open_run, output_option, print_json


@click.command(name="compare")
@click.argument("runs", metavar="RUN [RUN]", nargs=-1, required=True)
@click.option("--metric", "metrics", multiple=True, help="Also on this metric. Repeatable.")
@click.option(
    "--arms", metavar="A,B", help="Only B minus A; with two runs, A of the first and B of the second."
)
@output_option
@json_option
def command(
    runs: tuple[str, ...], metrics: tuple[str, ...], arms: str | None, output: Path, as_json: bool
) -> int:
    """Paired differences between the arms of a run; of two runs, the second minus the first.

    Two runs are paired by case id on the cases that both have, arm by arm of the same name.
    """
    from evalkit import api
    from evalkit.errors import InputError

    if len(runs) > 2:
        raise InputError(f"compare takes one run or two, not {len(runs)}")
    pair = None if arms is None else tuple(name.strip() for name in arms.split(","))
    if pair is not None and len(pair) != 2:
        raise InputError(f"--arms {arms}: write two names, such as few_shot,fine_tuned")
    loaded = [open_run(run, output) for run in runs]
    compared = api.compare(*loaded, metrics=metrics, arms=None if pair is None else (pair[0], pair[1]))
    if as_json:
        print_json(compared)
        return 0
    from evalkit.cli.screen import console
    from evalkit.reporting.compare_tables import compared_tables
    from evalkit.reporting.terminal import print_tables

    print_tables(compared_tables(compared), console(), notes=compared.notes)
    return 0
