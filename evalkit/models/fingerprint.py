"""Which weights these are: a digest of the files that decide what a local model says."""

from __future__ import annotations

from pathlib import Path

from evalkit.digest import digest_file, digest_of

# Everything transformers may read from a model folder: weights, configuration, vocabulary, template, code.
_MODEL_FILES = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt", ".py", ".tiktoken"})
# What evalkit or peft writes beside an adapter (figures of its training, a card) does not change an answer.
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def fingerprint(folder: Path, adapter: Path | None = None) -> str:
    """Digest of a model folder and of the adapter merged into it. Reads every byte of the weights once.

    Args:
        folder: A transformers folder.
        adapter: A peft folder, or None.
    """
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix in _MODEL_FILES]
    parts = [[path.name, digest_file(path)] for path in sorted(files)]
    if adapter is not None:
        parts += [[name, digest_file(adapter / name)] for name in _ADAPTER_FILES]
    return digest_of(parts)
