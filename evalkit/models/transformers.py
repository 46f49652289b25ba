"""A causal language model of one's own: a folder, a hub id or a GGUF file, run on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.models.local import LocalModel
from evalkit.models.model_source import model_folder

if TYPE_CHECKING:
    from evalkit.suite.models import TransformersModelConfig


class TransformersModel(LocalModel):
    """A ``LocalModel`` with weights from where the user has them; see ``evalkit.models.model_source``.

    Args:
        config: The model's section of the suite.
        folder: The suite's folder; paths in ``config`` are relative to it.

    Raises:
        InputError: There is no such model, the file cannot be used, or the hub does not give it.
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
