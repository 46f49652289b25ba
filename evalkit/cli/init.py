"""``evalkit init``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from evalkit.cli.screen import say
from evalkit.errors import InputError, did_you_mean


@click.command(name="init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from",
    "starter",
    default="support-desk",
    show_default=True,
    help="Starter to copy: support-desk, ticket-routing, zh-faq, blank or it-helpdesk.",
)
def command(folder: Path, starter: str) -> int:
    """Write a starter suite into FOLDER, which must be new or empty."""
    from evalkit.store.run_folder import path_argument
    from evalkit.suite.starters import starters

    suites = starters()
    if starter not in suites:
        raise InputError(f"no starter is called {starter!r}. {did_you_mean(starter, suites)}")
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        if not taken:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(suites[starter], folder, dirs_exist_ok=True, ignore=ignored)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {_reason(error)}. Name another folder.") from error
    if taken:
        raise InputError(f"{folder}: is not empty; name a new folder. Nothing was written.")
    typed = path_argument(folder)
    say(f"Wrote {folder}. Next:\n  evalkit validate {typed}\n  evalkit run {typed}")
    return 0


def _reason(error: OSError) -> str:
    """Why a folder could not be copied: ``shutil.Error`` lists a reason for each file and has none of its own."""
    if isinstance(error, shutil.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1])
    return error.strerror or type(error).__name__
