"""Which weights these are: a digest of the files that decide what a local model says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from evalkit.digest import digest_file, digest_of
from evalkit.errors import InputError, Problem
from evalkit.models.tuned_folder import tuned_files

# Everything transformers may read from a model folder: weights, configuration, vocabulary, template, code.
_MODEL_FILES = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt", ".py", ".tiktoken"})


def fingerprint(folder: Path, adapter: Path | None = None) -> str:
    """Digest of a model folder and of what tuning added to it. Depends on contents, not on where they lie.

    Reads every byte of the weights, once per process and version of a file.

    Args:
        folder: A transformers folder.
        adapter: A folder that tuning wrote, or None. What else lies in it (a card, figures
            of its training) is left out.

    Raises:
        InputError: The adapter is none, or its settings are not JSON.
    """
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix in _MODEL_FILES]
    parts: list[object] = [[path.name, digest_known_file(path)] for path in sorted(files)]
    if adapter is not None:
        files_of = tuned_files(adapter)
        parts += [_adapter_settings(files_of.settings), digest_known_file(files_of.weights)]
    return digest_of(parts)


def _adapter_settings(file: Path) -> dict[str, object]:
    try:
        settings = msgspec.json.decode(file.read_bytes(), type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise InputError(
            Problem(str(file), None, "", f"is not the settings of an adapter: {error}")
        ) from error
    # Where the base lay on the machine that trained.
    settings.pop("base_model_name_or_path", None)
    # peft writes a set, in an order that differs from process to process.
    if isinstance(modules := settings.get("target_modules"), list):
        settings["target_modules"] = sorted(map(str, modules))
    return settings


def digest_known_file(path: Path) -> str:
    """Digest of a file, read once per process and version of it."""
    state = path.stat()
    return _digest_of_version(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest_of_version(path: Path, size: int, modified_ns: int) -> str:
    return digest_file(path)
