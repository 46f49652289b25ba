"""``evalkit score``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import (
    allow_outside_option,
    allow_plugins_option,
    json_option,
    open_run,
    output_option,
    print_json,
)


@click.command(name="score")
@click.argument("run")
@output_option
@allow_plugins_option
@allow_outside_option
@json_option
def command(run: str, output: Path, allow_plugins: bool, allow_outside: bool, as_json: bool) -> int:
    """Score a finished run again with the metrics that its suite has now, and report again.

    Nothing is answered again; a model is asked only by a metric that asks one.
    """
    from evalkit import api
    from evalkit.cli.show import show_run

    done = api.score(
        open_run(run, output, to_score=True), allow_plugins=allow_plugins, allow_outside=allow_outside
    )
    if as_json:
        print_json(done.decision)
    else:
        show_run(done)
    return 0
