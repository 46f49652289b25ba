"""``evalkit tune``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import (
    allow_outside_option,
    allow_plugins_option,
    env_file_option,
    json_option,
    print_json,
    read_env_files,
)


@click.command(name="tune")
@click.argument("suite", type=click.Path(path_type=Path))
@click.option("--model", metavar="NAME", help="Only this tuned model; default: all that arms use.")
@click.option(
    "--export",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the model, adapter merged, as an ordinary transformers folder.",
)
@allow_plugins_option
@allow_outside_option
@env_file_option
@json_option
def command(
    suite: Path,
    model: str | None,
    export: Path | None,
    allow_plugins: bool,
    allow_outside: bool,
    env_file: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Train the models of `type: tuned`, or find them in the cache. A later run of the suite uses them.

    A training that was killed goes on from its last checkpoint.
    """
    read_env_files(env_file)
    from evalkit import api
    from evalkit.cli.progress import shown_progress
    from evalkit.suite.load import load_suite

    loaded = load_suite(suite, allow_plugins=allow_plugins, allow_outside=allow_outside)
    with shown_progress() as progress:
        report = api.tune(loaded, model=model, export=export, progress=progress)
    if as_json:
        print_json(report)
        return 0
    from evalkit.cli.screen import console
    from evalkit.reporting.terminal import print_tables
    from evalkit.reporting.tuning_tables import short_tuning_table

    notes = [] if export is None else [f"Merged model: {export}"]
    print_tables([short_tuning_table(report.runs)], console(), notes=notes)
    return 0
