"""What the person who types lets a suite do. A suite by itself runs no code of its own and reads no file but its own.

Suites, run folders, corpora, answers, model folders and caches may come from strangers; README.md has the table.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Trust:
    """What a suite may do beyond its own folder.

    Attributes:
        plugins: What becomes of code that the suite names as ``module:Class``. ``load``: it is loaded where it is
            needed. ``refuse``: the suite is refused. ``leave``: it is left alone, by commands that can do without it.
        outside: Whether input files may lie outside the suite's folder.
        model_code: Whether code runs that a model folder brings, where the suite says ``trust_remote_code``. Whoever
            trusts the suite's own code need not trust that of everybody whose model it names.
    """

    plugins: Literal["load", "refuse", "leave"] = "refuse"
    outside: bool = False
    model_code: bool = False

    @property
    def loads_plugins(self) -> bool:
        """Whether code that the suite names is loaded."""
        return self.plugins == "load"

    @property
    def options(self) -> str:
        """The options of a command that say the same, each with a space before it."""
        plugins = " --allow-plugins" if self.loads_plugins else ""
        return f"{plugins} --allow-outside" if self.outside else plugins


MODEL_CODE = "EVALKIT_ALLOW_MODEL_CODE"
"""The environment variable whose 1 lets the code of model folders run. No file sets it: not even ``--env-file``."""
NOTHING = Trust()
"""What a suite may do where nobody said anything."""


def allowed(*, plugins: bool, outside: bool, model_code: bool | None = None) -> Trust:
    """The trust of a command that runs a suite: what is not allowed is refused.

    Args:
        plugins: Whether code that the suite names is loaded.
        outside: Whether its input files may lie outside its folder.
        model_code: Whether code of model folders runs; default: what ``MODEL_CODE`` says.
    """
    if model_code is None:
        model_code = os.environ.get(MODEL_CODE) == "1"
    return Trust(plugins="load" if plugins else "refuse", outside=outside, model_code=model_code)


def lies_inside(file: str | Path, folder: str | Path) -> bool:
    """Whether a path leads into a folder once every symbolic link and ``..`` is followed. Neither need exist."""
    try:
        real, root = os.path.realpath(file), os.path.realpath(folder)
    except ValueError:  # a zero byte, which no file's name has: opening it says so
        return True
    return Path(real).is_relative_to(root)


def outside_words(path: str, folder: Path) -> str:
    """Why a file is refused that lies outside a suite's folder."""
    return (
        f"{path} leads out of the suite's folder {folder}, and a suite reads only files of its own: copy it there, or "
        "pass --allow-outside (in Python: load_suite(..., allow_outside=True))"
    )
