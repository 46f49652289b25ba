"""Options that several commands share, each with one meaning."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evalkit.cli.screen import say_json, tell
from evalkit.errors import InputError

if TYPE_CHECKING:
    from evalkit.pipeline.loaded_run import Run

F = TypeVar("F", bound=Callable[..., Any])


def output_option(command: F) -> F:
    """Adds ``-o``, the folder that holds the runs."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("reports"),
        show_default=True,
        help="Folder that holds the runs.",
    )(command)


def json_option(command: F) -> F:
    """Adds ``--json``: the command prints one JSON document on standard output and nothing else there."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
    )(command)


def env_file_option(command: F) -> F:
    """Adds ``--env-file``, a file of environment variables for keys and ``${NAME}``."""
    return click.option(
        "--env-file",
        type=click.Path(path_type=Path, dir_okay=False),
        multiple=True,
        help="Read environment variables from this file first; what is already set wins.",
    )(command)


def allow_plugins_option(command: F) -> F:
    """Adds ``--allow-plugins``: code that the suite names is loaded."""
    return click.option(
        "--allow-plugins",
        is_flag=True,
        help="Load code that the suite names (module:Class).",
    )(command)


def allow_outside_option(command: F) -> F:
    """Adds ``--allow-outside``: input files may lie outside the suite's folder."""
    return click.option(
        "--allow-outside", is_flag=True, help="Read input files that lie outside the suite's folder."
    )(command)


def open_run(run: str, output: Path, *, to_score: bool = False) -> Run:
    """The run that a user names; what is to be said about it goes to standard error.

    Args:
        run: A run folder, a run id, or ``latest``.
        output: Folder that holds the runs.
        to_score: It will be scored anew, so damaged scores are no hindrance.
    """
    from evalkit import api

    loaded = api.load_run(run, output=output, to_score=to_score)
    if loaded.notice is not None:
        tell(loaded.notice)
    return loaded


def print_json(record: object) -> None:
    """Write one record to standard output as indented JSON."""
    from evalkit.records.record import to_pretty_json

    say_json(to_pretty_json(record))


def read_env_files(files: tuple[Path, ...]) -> None:
    """Set the environment variables that these files define, where the environment has none of that name.

    Raises:
        InputError: A file is missing, a line is not ``NAME=value``, or it gives leave that only a person gives.
    """
    import os

    from evalkit.bounded_file import SETTINGS_BYTES, read_bounded
    from evalkit.suite.trust import MODEL_CODE

    for file in files:
        try:
            lines = read_bounded(file, SETTINGS_BYTES).decode("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            text = line.strip().removeprefix("export ").strip()
            if not text or text.startswith("#"):
                continue
            name, equals, value = text.partition("=")
            if not equals or not name.strip().isidentifier():
                raise InputError(f"{file}:{number}: is not of the form NAME=value")
            if name.strip() == MODEL_CODE:  # the file may have come with the suite
                raise InputError(
                    f"{file}:{number}: {MODEL_CODE} is set by whoever types the command, not by a file"
                )
            os.environ.setdefault(name.strip(), value.strip().strip("\"'"))


def parse_limit(text: str | None, count: Callable[[], int]) -> int | None:
    """The number of cases that ``--limit`` names: a number, or a share of all cases (lm-eval's two forms).

    Args:
        text: ``30`` or ``0.1``.
        count: Gives the number of all cases; called only for a share.

    Raises:
        InputError: It is neither.
    """
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        raise InputError(
            f"--limit takes a number of cases (30) or a share of them (0.1), not {text!r}"
        ) from None
    if 0 < number < 1:
        return max(1, round(number * count()))
    if 1 <= number < math.inf and number == int(number):
        return int(number)
    raise InputError(f"--limit takes a number of cases (30) or a share of them (0.1), not {text!r}")


def parse_money(text: str | None, option: str) -> Decimal | None:
    """The amount of money that an option names, at least 0.

    Raises:
        click.BadParameter: It is none.
    """
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{text!r} is not an amount of money", param_hint=option)
    return amount
