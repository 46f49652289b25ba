"""A sentence-transformers model on this machine: a folder, a zip of one, a hub id, or what a package ships."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.digest import digest_file, digest_of
from evalkit.embeddings.check_embedders import check_embedder_files
from evalkit.embeddings.protocol import Embedded, Purpose
from evalkit.models.model_source import model_folder, model_source
from evalkit.optional import present, require
from evalkit.suite.models import TransformersModelConfig
from evalkit.suite.retrieval import SentenceTransformersConfig

EXTRA = "retrieval"
_MODEL_FILES = frozenset({".safetensors", ".json", ".model", ".txt", ".tiktoken"})


class SentenceTransformersEmbedder:
    """Embeds on this machine. Torch is imported and weights are loaded when the first text is embedded.

    Questions and passages are given the prompts that the model was saved with. Pickled weights are refused, and code
    that comes with a model is not run.

    Args:
        config: Its section of the suite.
        folder: The suite's folder; paths in ``config`` are relative to it.

    Raises:
        InputError: There is no such model.
        MissingExtraError: sentence-transformers is not installed.
    """

    worth_keeping = True

    def __init__(self, config: SentenceTransformersConfig, *, folder: Path) -> None:
        present("sentence_transformers", EXTRA)
        check_embedder_files(model_source(config.model, folder))
        named = TransformersModelConfig(type="transformers", model=config.model, revision=config.revision)
        self._config = config
        self._folder = model_folder(named, folder=folder)
        self._lock = threading.Lock()
        self._model: Any = None

    @cached_property
    def identity(self) -> Mapping[str, object]:
        """Digest of the model's files, settings, and the libraries without the last part of their version."""
        files = sorted(
            path for path in self._folder.rglob("*") if path.is_file() and path.suffix in _MODEL_FILES
        )
        weights = digest_of(
            [[path.relative_to(self._folder).as_posix(), digest_file(path)] for path in files]
        )
        packages = ("sentence-transformers", "transformers", "torch")
        return {
            "type": "sentence_transformers",
            "weights": weights,
            "device": self._config.device,
            "dimensions": self._config.dimensions,
            "query_prefix": self._config.query_prefix,
            "passage_prefix": self._config.passage_prefix,
            **{name: ".".join(version(name).split(".")[:2]) for name in packages},
        }

    @property
    def max_batch(self) -> int:
        """Texts of one pass through the model, times eight, so that it can put those of one length together."""
        return self._config.batch_size * 8

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Embedded:
        """One vector for each text; tokens are the tokenizer's, cut where the model cuts."""
        return await asyncio.to_thread(self._embed, list(texts), purpose)

    async def close(self) -> None:
        """Give the weights back."""
        self._model = None

    def _embed(self, texts: list[str], purpose: Purpose) -> Embedded:
        with self._lock:
            model = self._loaded()
            config = self._config
            prefix = config.query_prefix if purpose == "query" else config.passage_prefix
            encode = model.encode_query if purpose == "query" else model.encode_document
            prefixed = [prefix + text for text in texts]
            began = time.perf_counter()
            vectors = encode(
                prefixed,
                batch_size=config.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                truncate_dim=config.dimensions,
            )
            service_s = time.perf_counter() - began
            tokens = self._count(model, prefixed)
        return Embedded(np.asarray(vectors, dtype=np.float32), tokens, service_s)

    def _loaded(self) -> Any:
        if self._model is None:
            library = require("sentence_transformers", EXTRA)
            from evalkit.models.engine.quiet import unusable

            device = None if self._config.device == "auto" else self._config.device
            with unusable(
                f"{self._folder} cannot be loaded as a sentence-transformers model.",
                library="sentence-transformers",
            ):
                self._model = library.SentenceTransformer(
                    str(self._folder),
                    device=device,
                    local_files_only=True,
                    model_kwargs={"use_safetensors": True},
                )
        return self._model

    @staticmethod
    def _count(model: Any, texts: list[str]) -> int | None:
        """Tokens with special ones; None for a model without a text tokenizer."""
        try:
            limit = model.max_seq_length
            encoded = model.tokenizer(texts, truncation=limit is not None, max_length=limit)
            return sum(map(len, encoded["input_ids"]))
        except (AttributeError, TypeError, KeyError):
            return None
