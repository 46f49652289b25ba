"""``evalkit schema``."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.screen import say


@click.command(name="schema")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it here.")
def command(output: Path | None) -> int:
    """Write the JSON Schema of suite.yaml. Editors read it for completion and checks."""
    from evalkit.suite.json_schema import suite_schema

    text = suite_schema()
    if output is None:
        say(text)
    else:
        from evalkit.store.atomic import write_atomic

        write_atomic(output, text.encode())
        say(output)
    return 0
