"""``evalkit init``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from evalkit.errors import InputError, did_you_mean


@click.command(name="init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from",
    "starter",
    default="support-desk",
    show_default=True,
    help="Starter to copy: support-desk, ticket-routing, zh-faq or blank.",
)
def command(folder: Path, starter: str) -> int:
    """Write a starter suite into FOLDER, which must be new or empty."""
    from evalkit.suite.starters import starters

    suites = starters()
    if starter not in suites:
        raise InputError(f"no starter is called {starter!r}. {did_you_mean(starter, suites)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not empty; name a new folder. Nothing was written.")
    shutil.copytree(suites[starter], folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    click.echo(f"Wrote {folder}. Next:\n  evalkit validate {folder}\n  evalkit run {folder}")
    return 0
