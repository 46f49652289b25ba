"""``evalkit schema``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="schema")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it here.")
def command(output: Path | None) -> int:
    """Write the JSON Schema of suite.yaml. Editors read it for completion and checks."""
    from evalkit.suite.json_schema import suite_schema

    text = suite_schema()
    if output is None:
        click.echo(text, nl=False)
    else:
        from evalkit.store.atomic import write_atomic

        write_atomic(output, text.encode())
        click.echo(output)
    return 0
