"""Names that stand for code: built-ins as strings that are imported on use, third parties through entry points.

A registry maps a name to ``"module:Class"`` and imports it on first use, so that importing evalkit
loads none of what is named here. A third party registers through an entry point of the registry's
group, or writes ``my_pkg.mod:Class`` where a name is expected.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points

from evalkit.errors import InputError, did_you_mean


class Registry:
    """One extension point.

    Args:
        group: Entry-point group and the word used in messages, e.g. ``evalkit.metrics``.
        kind: What one entry is, for messages: "metric".
        builtin: Name to ``"module:attribute"``.
    """

    def __init__(self, group: str, kind: str, builtin: Mapping[str, str]) -> None:
        self.group = group
        self.kind = kind
        self._builtin = dict(builtin)
        self._plugins: dict[str, str] | None = None

    def names(self) -> list[str]:
        """All names that may be loaded: built-in ones, then those of installed plugins."""
        return [*self._builtin, *self._load_plugins()]

    def __contains__(self, name: str) -> bool:
        return ":" in name or name in self._builtin or name in self._load_plugins()

    def load(self, name: str) -> object:
        """The class or function that ``name`` stands for.

        Raises:
            InputError: The name is unknown (the message gives the valid and the nearest ones), or
                what it points to cannot be imported.
        """
        target = name if ":" in name else self._builtin.get(name) or self._load_plugins().get(name)
        if target is None:
            raise InputError(f"no {self.kind} is called {name!r}. {did_you_mean(name, self.names())}")
        module_name, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise InputError(f"{self.kind} {name!r} ({target}) cannot be loaded: {error}") from error

    def _load_plugins(self) -> dict[str, str]:
        if self._plugins is None:
            plugins = {point.name: point.value for point in entry_points(group=self.group)}
            if clash := sorted(plugins.keys() & self._builtin.keys()):
                raise InputError(
                    f"a plugin registers {self.kind} {clash[0]!r} in {self.group}, which is built in. "
                    "Uninstall the plugin or ask its author to rename it."
                )
            self._plugins = plugins
        return self._plugins


READERS = Registry(
    "evalkit.readers",
    "data format",
    {
        "jsonl": "evalkit.data.readers:read_jsonl",
        "csv": "evalkit.data.readers:read_csv",
        "tsv": "evalkit.data.readers:read_tsv",
        "parquet": "evalkit.data.readers:read_parquet",
    },
)
MODELS = Registry(
    "evalkit.models",
    "model type",
    {
        "embedded": "evalkit.models.embedded.model:EmbeddedModel",
        "transformers": "evalkit.models.transformers:TransformersModel",
        "openai": "evalkit.models.openai:OpenAIModel",
        "gemini": "evalkit.models.gemini:GeminiModel",
        "recorded": "evalkit.models.recorded:RecordedModel",
    },
)
EMBEDDERS = Registry(
    "evalkit.embedders",
    "embedder type",
    {
        "openai": "evalkit.embeddings.openai:OpenAIEmbedder",
        "sentence_transformers": "evalkit.embeddings.sentence_transformers:SentenceTransformersEmbedder",
        "hashed": "evalkit.embeddings.hashed:HashedEmbedder",
    },
)
RETRIEVERS = Registry(
    "evalkit.retrievers",
    "retrieval method",
    {
        "bm25": "evalkit.retrieval.bm25:BM25Retriever",
        "dense": "evalkit.retrieval.dense:DenseRetriever",
        "hybrid": "evalkit.retrieval.hybrid:HybridRetriever",
        "qdrant": "evalkit.retrieval.qdrant:QdrantRetriever",
        "gold": "evalkit.retrieval.gold:GoldRetriever",
    },
)
TUNERS = Registry(
    "evalkit.tuners",
    "tuning method",
    {
        "lora": "evalkit.tuning.tuners:LoraTuner",
        "full": "evalkit.tuning.tuners:FullTuner",
        "partial": "evalkit.tuning.tuners:PartialTuner",
    },
)
METRICS = Registry(
    "evalkit.metrics",
    "metric",
    {
        "exact_match": "evalkit.metrics.exact_match:ExactMatch",
        "token_f1": "evalkit.metrics.token_f1:TokenF1",
        "contains": "evalkit.metrics.contains:Contains",
        "regex": "evalkit.metrics.regex:Regex",
        "json_schema": "evalkit.metrics.json_schema:JsonSchema",
        "rouge_l": "evalkit.metrics.rouge_l:RougeL",
        "accuracy": "evalkit.metrics.accuracy:Accuracy",
        "macro_f1": "evalkit.metrics.macro_f1:MacroF1",
        "imported": "evalkit.metrics.imported:Imported",
    },
)
REGISTRIES = (READERS, MODELS, EMBEDDERS, RETRIEVERS, TUNERS, METRICS)
