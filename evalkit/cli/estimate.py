"""``evalkit estimate``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import (
    allow_outside_option,
    allow_plugins_option,
    env_file_option,
    json_option,
    parse_limit,
    print_json,
    read_env_files,
)


@click.command(name="estimate")
@click.argument("suite", type=click.Path(path_type=Path))
@click.option("--limit", metavar="N", help="Only the first N cases, or a share such as 0.1.")
@click.option("--cached", is_flag=True, help="Leave out what the caches of answers and adapters have.")
@click.option("--no-probe", is_flag=True, help="Ask no local model: its time and money stay open.")
@allow_plugins_option
@allow_outside_option
@env_file_option
@json_option
def command(
    suite: Path,
    limit: str | None,
    cached: bool,
    no_probe: bool,
    allow_plugins: bool,
    allow_outside: bool,
    env_file: tuple[Path, ...],
    as_json: bool,
) -> int:
    """What a run will take, before anything is spent: calls, tokens, money and time. Asks no hosted model.

    Local models answer a few batches and train a few steps to be timed; --no-probe leaves that out.
    """
    read_env_files(env_file)
    from evalkit import api
    from evalkit.cli.progress import shown_progress
    from evalkit.data.cases import read_cases
    from evalkit.suite.load import load_suite

    loaded = load_suite(suite, allow_plugins=allow_plugins, allow_outside=allow_outside)
    with shown_progress() as progress:
        forecast = api.estimate(
            loaded,
            limit=parse_limit(limit, lambda: len(read_cases(loaded))),
            cached=cached,
            probe=not no_probe,
            progress=progress,
        )
    if as_json:
        print_json(forecast)
        return 0
    from evalkit.cli.screen import console
    from evalkit.reporting.estimate_tables import estimate_tables
    from evalkit.reporting.terminal import print_tables

    print_tables(estimate_tables(forecast), console(), notes=forecast.notes)
    return 0
