"""What tuning adds to a base model: a folder with settings and weights, of one of two kinds.

    adapter_config.json   adapter_model.safetensors       a peft adapter, merged into the base's weights
    replaced_weights.json replaced_weights.safetensors    parameters by name, put in place of the base's own

A full or partial tune writes the second kind: what it did not train is not written again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import InputError


@dataclass(frozen=True, slots=True)
class TunedFiles:
    """The two files in which tuning leaves what it changed: settings and weights."""

    settings: Path
    weights: Path

    @property
    def replaces(self) -> bool:
        """Whether the weights are put in place of the base's own, instead of merged into them."""
        return self.settings.name == _REPLACED[0]


ADAPTER_SETTINGS = "adapter_config.json"
_ADAPTER = (ADAPTER_SETTINGS, "adapter_model.safetensors")
_REPLACED = ("replaced_weights.json", "replaced_weights.safetensors")


def replaced_files(folder: Path) -> TunedFiles:
    """Where a full or partial tune is written to."""
    return _in(folder, _REPLACED)


def tuned_files(folder: Path) -> TunedFiles:
    """The files of a tuned model.

    Raises:
        InputError: ``folder`` holds neither kind.
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike pathlib's, False for a name that is too long
        raise InputError(f"{folder}: there is no such adapter folder")
    files = _in(folder, _REPLACED if (folder / _REPLACED[0]).is_file() else _ADAPTER)
    for file in (files.settings, files.weights):
        if not file.is_file():
            raise InputError(f"{folder}: is not an adapter folder (it has no {file.name})")
    if not files.replaces:
        refuse_named_modules(files.settings)
    return files


def refuse_named_modules(settings: Path) -> None:
    """Refuse settings of an adapter that make peft import a module.

    Raises:
        InputError: They do.
    """
    try:
        # As peft reads them: Python's own parser takes NaN and other words that JSON has not.
        read = json.loads(settings.read_bytes())
    except (ValueError, RecursionError, OSError):
        return  # what is wrong with the file is said where it is loaded
    if isinstance(read, dict) and read.get("megatron_config"):
        raise InputError(
            f"{settings}: `megatron_config` makes peft import the module that `megatron_core` names, and evalkit "
            "runs no code that an adapter names: save the adapter without it"
        )


def _in(folder: Path, names: tuple[str, str]) -> TunedFiles:
    return TunedFiles(folder / names[0], folder / names[1])
