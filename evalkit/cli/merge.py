"""``evalkit merge``."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from evalkit.cli.options import (
    allow_outside_option,
    allow_plugins_option,
    env_file_option,
    json_option,
    output_option,
    print_json,
    read_env_files,
)


@click.command(name="merge")
@click.argument("shards", metavar="SHARD_RUN...", nargs=-1, required=True)
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    help="Their suite; default: where it lay when the first shard began.",
)
@output_option
@allow_plugins_option
@allow_outside_option
@env_file_option
@json_option
def command(
    shards: tuple[str, ...],
    suite: Path | None,
    output: Path,
    allow_plugins: bool,
    allow_outside: bool,
    env_file: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Make one run of the shards of `evalkit run --shard`: score, compare, decide and report.

    Name the run folders of all shards, in any order. They are left as they are.
    """
    read_env_files(env_file)
    from evalkit import api
    from evalkit.cli.progress import shown_progress
    from evalkit.cli.show import show_run
    from evalkit.errors import IncompleteRunWarning
    from evalkit.pipeline.shard_checks import suite_of_shards
    from evalkit.suite.load import load_suite

    loaded = load_suite(
        suite or suite_of_shards(shards, output), allow_plugins=allow_plugins, allow_outside=allow_outside
    )
    with shown_progress() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteRunWarning)  # said as an error below
        done = api.merge(shards, suite=loaded.with_env_files(env_file), output=output, progress=progress)
    if as_json:
        print_json(done.decision)
    else:
        show_run(done)
    if done.incomplete is not None:
        raise done.incomplete
    return 0
