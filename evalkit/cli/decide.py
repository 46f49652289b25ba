"""``evalkit decide``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import json_option, output_option, print_json


@click.command(name="decide")
@click.argument("run")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Assume another value: economics.requests_per_month=50000. Repeatable.",
)
@output_option
@json_option
def command(run: str, settings: tuple[str, ...], output: Path, as_json: bool) -> int:
    """Decide again, with other assumptions where given. Asks no model and changes nothing on disk."""
    from evalkit import api
    from evalkit.errors import InputError

    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {setting}: write KEY=VALUE, such as economics.requests_per_month=50000")
        overrides[key.strip()] = value.strip()
    decision = api.decide(api.load_run(run, output=output), overrides)
    if as_json:
        print_json(decision)
    else:
        from rich.console import Console

        from evalkit.report.terminal import print_decision

        print_decision(decision, Console())
    return 0
