"""``evalkit decide``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import json_option, open_run, output_option, print_json
from evalkit.cli.screen import tell


@click.command(name="decide")
@click.argument("run", required=False)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Assume another value: economics.requests_per_month=50000. Repeatable.",
)
@click.option(
    "--counts",
    metavar="ARM=RIGHT/CASES,...",
    help="Without RUN: what a published table lets you claim, such as base=13/30,rag=26/30.",
)
@output_option
@json_option
def command(
    run: str | None, settings: tuple[str, ...], counts: str | None, output: Path, as_json: bool
) -> int:
    """Decide again, with other assumptions where given. Asks no model and changes nothing on disk."""
    from evalkit.errors import InputError

    if (run is None) == (counts is None):
        raise InputError("name a RUN, or give --counts for a published table; `latest` is the newest run")
    if counts is not None:
        if settings:
            raise InputError("--set goes with a RUN; counts carry no assumptions that could be changed")
        return _from_counts(counts, as_json)
    from evalkit import api

    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {setting}: write KEY=VALUE, such as economics.requests_per_month=50000")
        overrides[key.strip()] = value.strip()
    from evalkit.pipeline.earlier_runs import method_note

    loaded = open_run(run or "latest", output)
    if (note := method_note(loaded.folder, loaded.manifest)) is not None:
        tell(note)
    decision = api.decide(loaded, overrides)
    if as_json:
        print_json(decision)
    else:
        from evalkit.cli.screen import console
        from evalkit.reporting.terminal import print_decision

        print_decision(decision, console())
    return 0


def _from_counts(counts: str, as_json: bool) -> int:
    from evalkit.comparison.published import claims_from_counts, parse_counts

    claims = claims_from_counts(parse_counts(counts))
    if as_json:
        print_json(claims)
        return 0
    from evalkit.cli.screen import console
    from evalkit.reporting.published_tables import published_tables
    from evalkit.reporting.terminal import print_tables

    print_tables(published_tables(claims), console(), notes=claims.unknown)
    return 0
