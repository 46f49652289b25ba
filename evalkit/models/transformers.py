"""A causal language model of one's own: a transformers folder or a hub id, run on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import InputError
from evalkit.models.local import EXTRA, LocalModel
from evalkit.optional import require

if TYPE_CHECKING:
    from evalkit.suite.models import TransformersModelConfig

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*$")
# No pickled weights, and no code unless it was asked for.
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken"]


class TransformersModel(LocalModel):
    """A ``LocalModel`` with weights from a folder of the user or from the Hugging Face hub.

    Args:
        config: The model's section of the suite.
        folder: The suite's folder; paths in ``config`` are relative to it.

    Raises:
        InputError: There is no such folder, or the hub does not give the model.
    """

    def __init__(self, config: TransformersModelConfig, *, folder: Path) -> None:
        super().__init__(
            config,
            weights=model_folder(config, folder=folder),
            adapter=None if config.adapter is None else folder / config.adapter,
            device=config.device,
            dtype=config.dtype,
            trust_remote_code=config.trust_remote_code,
        )


def is_hub_id(model: str) -> bool:
    """Whether a name has the form of a hub id: owner/name."""
    return _HUB_ID.match(model) is not None


def model_folder(config: TransformersModelConfig, *, folder: Path) -> Path:
    """The folder that ``config.model`` stands for; a hub id is downloaded unless it lies in the hub's cache.

    Raises:
        InputError: Neither a folder nor a model that the hub gives.
    """
    path = folder / config.model
    if os.path.isdir(path):  # noqa: PTH112 - unlike pathlib's, False for a name that is too long
        return path
    if not is_hub_id(config.model):
        raise InputError(
            f"{path}: there is no such model folder, and {config.model!r} is not a hub id (owner/name). "
            "Give a folder relative to the suite, or a hub id."
        )
    hub = require("huggingface_hub", EXTRA)
    patterns = [*_HUB_FILES, "*.py"] if config.trust_remote_code else _HUB_FILES
    try:
        return Path(hub.snapshot_download(config.model, revision=config.revision, allow_patterns=patterns))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{config.model!r}: there is no folder {path}, and the Hugging Face hub does not give a model of this "
            f"name: {reason} Check the name, `revision`, your access (HF_TOKEN) and HF_HUB_OFFLINE."
        ) from error
