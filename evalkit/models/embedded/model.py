"""The small model that ships with evalkit, so that everything runs without a network, a key or a GPU.

It reads code-keyed records in a few hundred English words. It is no language model in any general sense, and
what is decided with it does not transfer to real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.models.local import LocalModel

if TYPE_CHECKING:
    from evalkit.suite.models import EmbeddedModelConfig


def weights_folder() -> Path:
    """The transformers folder inside the package."""
    return Path(__file__).parent / "weights"


class EmbeddedModel(LocalModel):
    """A ``LocalModel`` with the weights inside the package. Always float32 on the CPU, where it is quickest.

    Args:
        config: The model's section of the suite.
        folder: The suite's folder; ``adapter`` is relative to it.
    """

    def __init__(self, config: EmbeddedModelConfig, *, folder: Path) -> None:
        super().__init__(
            config,
            weights=weights_folder(),
            adapter=None if config.adapter is None else folder / config.adapter,
            device="cpu",
            dtype="float32",
        )
