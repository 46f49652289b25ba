"""What the models on this machine have in common: identity, batches, and weights loaded on first use."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import InputError
from evalkit.models.fingerprint import fingerprint
from evalkit.models.part_counts import refuse_impossible_counts
from evalkit.models.tuned_folder import tuned_files
from evalkit.optional import present, require
from evalkit.records.sample import Completion, Request

if TYPE_CHECKING:
    from evalkit.models.engine.engine import Engine
    from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig

EXTRA = "local"
_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json", "tokenizer.json")


class LocalModel:
    """A causal language model that runs here, one request at a time or in batches.

    Building one checks folders and digests the weights; torch is imported when the first answer is asked
    for. Identity holds the versions of torch and transformers without their last part: an upgrade may change the
    low bits of a sum and with them, rarely, a token. It does not hold the batch size, which may do the same.

    Args:
        config: The model's section of the suite.
        weights: Folder of the base model.
        adapter: Folder that tuning wrote, or None.
        device: As torch names it, or ``auto``.
        dtype: A torch type by name, or ``auto``.
        trust_remote_code: Run Python code that comes with the model.

    Raises:
        InputError: A folder is not what it should be.
        MissingExtraError: torch, transformers or peft is not installed.
    """

    def __init__(
        self,
        config: EmbeddedModelConfig | TransformersModelConfig,
        *,
        weights: Path,
        adapter: Path | None,
        device: str,
        dtype: str,
        trust_remote_code: bool = False,
    ) -> None:
        for module in ("torch", "transformers"):
            present(module, EXTRA)
        check_model_folder(weights)
        if adapter is not None and not tuned_files(adapter).replaces:
            present("peft", EXTRA)
        self._config = config
        self._weights = weights
        self._adapter = adapter
        self._device = device
        self._dtype = dtype
        self._trust_remote_code = trust_remote_code
        self._fingerprint = fingerprint(weights, adapter)
        self._thinks = knows_think_blocks(weights)
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> Mapping[str, object]:
        """Digest of the weights, every setting that decides an answer, and the libraries' versions."""
        # Such a model's answers were cut inside their think blocks before those were set aside.
        thoughts = {"thoughts": "set aside"} if self._thinks else {}
        return {
            "provider": "local",
            "weights": self._fingerprint,
            "max_tokens": self._config.max_tokens,
            "stop": None if self._config.stop is None else list(self._config.stop),
            "temperature": self._config.temperature,
            "device": self._resolved_device(),
            "dtype": self._dtype,
            "torch": release("torch"),
            "transformers": release("transformers"),
            **thoughts,
        }

    @property
    def answers_by_case(self) -> bool:
        """Never: answers are made from the messages."""
        return False

    @property
    def max_batch(self) -> int:
        """Requests per pass."""
        return self._config.max_batch

    @property
    def context_limit(self) -> int:
        """Prompt plus output tokens that fit."""
        return self._ready().context_limit

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` by the model's own tokenizer, without special tokens."""
        engine = self._ready()
        # A tokenizer refuses to serve two threads at a time.
        with self._lock:
            return engine.count_tokens(text)

    def complete_batch(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order; more than ``max_batch`` are answered in several passes."""
        engine = self._ready()
        with self._lock:
            return [
                completion
                for start in range(0, len(requests), self.max_batch)
                for completion in engine.complete(requests[start : start + self.max_batch])
            ]

    async def complete(self, request: Request) -> Completion:
        """One completion, as a batch of one, in a thread."""
        (completion,) = await asyncio.to_thread(self.complete_batch, [request])
        return completion

    async def close(self) -> None:
        """Give the weights back; the next request would load them again."""
        with self._lock:
            self._engine = None

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._load()
            return self._engine

    def _load(self) -> Engine:
        require("transformers", EXTRA)
        from evalkit.models.engine.engine import Engine, Settings
        from evalkit.models.engine.weights import load_weights

        weights = load_weights(
            self._weights,
            adapter=self._adapter,
            device=self._resolved_device(),
            dtype=self._dtype,
            trust_remote_code=self._trust_remote_code,
        )
        config = self._config
        stop = None if config.stop is None else tuple(config.stop)
        return Engine(weights, Settings(config.max_tokens, stop, config.temperature))

    def _resolved_device(self) -> str:
        if self._device == "auto":
            require("torch", EXTRA)
            from evalkit.models.engine.weights import resolve_device

            self._device = resolve_device()
        return self._device


def check_model_folder(folder: Path) -> None:
    """Raise ``InputError`` unless ``folder`` looks like what ``save_pretrained`` writes for a model that can be."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: is not a model folder (it has no config.json)")
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{folder}: has no *.safetensors weights; pickled weights are not read. "
            "Save it again with save_pretrained(..., safe_serialization=True)"
        )
    refuse_impossible_counts(folder)


def knows_think_blocks(folder: Path) -> bool:
    """Whether the template or the vocabulary of a model names think blocks."""
    files = [folder / name for name in _TEMPLATE_FILES]
    return any(b"<think" in file.read_bytes() for file in files if file.is_file())


def release(package: str) -> str:
    """Major and minor version: ``2.13``."""
    matched = re.match(r"\d+\.\d+", version(package))
    return matched.group() if matched else version(package)
