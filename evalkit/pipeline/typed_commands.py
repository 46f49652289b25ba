"""Commands that messages tell a user to type, fit for a shell and for the folder where the run was started."""

from __future__ import annotations

from pathlib import Path

from evalkit.records.shard import Shard
from evalkit.store.run_folder import RunFolder, path_argument, run_argument
from evalkit.suite.load import FILE_NAME
from evalkit.suite.schema import Suite


def tune_command(suite: Suite) -> str:
    """What to type to train the suite's models."""
    return f"evalkit tune {_named(suite)}{_options(suite)}"


def shard_command(suite: Suite, shard: Shard, limit: int | None) -> str:
    """What to type to answer a shard."""
    first = "" if limit is None else f" --limit {limit}"
    return f"evalkit run {_named(suite)} --shard {shard}{first}{_options(suite)}"


def resume_command(suite: Suite, run: RunFolder) -> str:
    """What to type to go on with a run."""
    resume = f"--resume {run_argument(run.path, suite.name)}"
    return f"evalkit run {_named(suite)} {resume}{_options(suite)}"


def _named(suite: Suite) -> str:
    """The suite as a command names it: its folder, or its file where that has a name of its own."""
    file = Path(suite.source.file)
    return path_argument(suite.folder if file.name == FILE_NAME else file)


def _options(suite: Suite) -> str:
    """What the command that is running was told of variables and trust, each option with a space before it."""
    keys = "".join(f" --env-file {path_argument(file)}" for file in suite.source.env_files)
    return f"{keys}{suite.trust.options}"
