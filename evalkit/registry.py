"""Names that stand for code: built-ins as strings that are imported on use, third parties through entry points.

A registry maps a name to ``"module:Class"`` and imports it on first use, so that importing evalkit
loads none of what is named here. A third party registers through an entry point of the registry's
group: whoever installed that package trusts it. A suite may also write ``my_pkg.mod:Class`` where a name is
expected; that is loaded only where the person who types allows it, and only if it is a class of the extension point.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from evalkit.errors import InputError, did_you_mean

Fits = Callable[[object], bool]
_WHERE_MODULES_LIE = (
    ". It is looked for among the installed packages and in the folders that the variable PYTHONPATH names: for a file "
    "beside the suite, set PYTHONPATH to the suite's folder"
)


class Registry:
    """One extension point.

    Args:
        group: Entry-point group and the word used in messages, e.g. ``evalkit.metrics``.
        kind: What one entry is, for messages: "metric".
        builtin: Name to ``"module:attribute"``.
        fits: Whether what a suite names as ``module:Class`` is one of this extension point.
        shape: What does, for messages: "a class with `complete`".
    """

    def __init__(self, group: str, kind: str, builtin: Mapping[str, str], *, fits: Fits, shape: str) -> None:
        self.group = group
        self.kind = kind
        self._builtin = dict(builtin)
        self._fits = fits
        self._shape = shape
        self._plugins: dict[str, str] | None = None

    def names(self) -> list[str]:
        """All names that may be loaded: built-in ones, then those of installed plugins."""
        return [*self._builtin, *self._load_plugins()]

    def __contains__(self, name: str) -> bool:
        return ":" in name or name in self._builtin or name in self._load_plugins()

    def names_code(self, name: str) -> bool:
        """Whether ``name`` is ``module:Class`` of something that nobody installed as a plugin of this group."""
        return ":" in name and name not in self._load_plugins().values()

    def refusal(self, name: str) -> str:
        """Why ``name``, which names code, is not loaded, and what to do."""
        return (
            f"{self.kind} {name!r} is code that the suite names, and a suite runs none by itself: if you trust it, "
            "pass --allow-plugins (in Python: load_suite(..., allow_plugins=True))"
        )

    def load(self, name: str, *, plugins: bool = False) -> object:
        """The class or function that ``name`` stands for.

        Args:
            name: Of a built-in or an installed plugin, or ``module:Class``.
            plugins: Whether ``module:Class`` of what is not installed as a plugin may be loaded.

        Raises:
            InputError: The name is unknown (the message gives the valid and the nearest ones), or
                what it points to cannot be imported, may not be, or is not of this extension point.
        """
        target = name if ":" in name else self._builtin.get(name) or self._load_plugins().get(name)
        if target is None:
            raise InputError(f"no {self.kind} is called {name!r}. {did_you_mean(name, self.names())}")
        of_suite = self.names_code(name)
        if of_suite and not plugins:
            raise InputError(self.refusal(name))
        module_name, _, attribute = target.partition(":")
        try:
            found = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError, ValueError) as error:  # ValueError: no module has an empty name
            hint = _WHERE_MODULES_LIE if of_suite and isinstance(error, ModuleNotFoundError) else ""
            raise InputError(f"{self.kind} {name!r} ({target}) cannot be loaded: {error}{hint}") from error
        if of_suite and not self._fits(found):
            raise InputError(f"{self.kind} {name!r} is none: it must be {self._shape}")
        return found

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


def _class_with(*choices: tuple[str, ...]) -> Fits:
    """Whether something is a class that has all methods of one of the choices."""

    def fits(found: object) -> bool:
        methods = (all(callable(getattr(found, name, None)) for name in names) for names in choices)
        return isinstance(found, type) and any(methods)

    return fits


def _reads_rows(found: object) -> bool:
    """Whether something is a function that takes a path and ``shown_as``."""
    return inspect.isfunction(found) and "shown_as" in inspect.signature(found).parameters


READERS = Registry(
    "evalkit.readers",
    "data format",
    {
        "jsonl": "evalkit.data.readers:read_jsonl",
        "csv": "evalkit.data.readers:read_csv",
        "tsv": "evalkit.data.readers:read_tsv",
        "parquet": "evalkit.data.readers:read_parquet",
    },
    fits=_reads_rows,
    shape="a function of a path and `shown_as`, as in evalkit.data.protocol",
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
    fits=_class_with(("complete",)),
    shape="a class with `complete`, as in evalkit.models.protocol",
)
EMBEDDERS = Registry(
    "evalkit.embedders",
    "embedder type",
    {
        "openai": "evalkit.embeddings.openai:OpenAIEmbedder",
        "sentence_transformers": "evalkit.embeddings.sentence_transformers:SentenceTransformersEmbedder",
        "hashed": "evalkit.embeddings.hashed:HashedEmbedder",
    },
    fits=_class_with(("embed",)),
    shape="a class with `embed`, as in evalkit.embeddings.protocol",
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
    fits=_class_with(("search",), ("prepare", "find")),
    shape="a class with `search`, or with `prepare` and `find`, as in evalkit.retrieval.protocol",
)
TUNERS = Registry(
    "evalkit.tuners",
    "tuning method",
    {
        "lora": "evalkit.tuning.tuners:LoraTuner",
        "full": "evalkit.tuning.tuners:FullTuner",
        "partial": "evalkit.tuning.tuners:PartialTuner",
    },
    fits=_class_with(("submit", "poll"), ("tune",)),
    shape="a class with `submit` and `poll`, or with `tune`, as in evalkit.tuning.protocol",
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
    fits=_class_with(("score",), ("score_async",)),
    shape="a class with `score` or `score_async`, as in evalkit.metrics.protocol",
)
REGISTRIES = (READERS, MODELS, EMBEDDERS, RETRIEVERS, TUNERS, METRICS)
