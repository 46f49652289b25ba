"""The ``embedders`` section and an arm's ``retrieval``: which passages an arm is given, and how they are found."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

from evalkit.suite.amounts import Money
from evalkit.suite.model_facts import EmbedderFacts
from evalkit.suite.models import AzureConfig, Strict

WITH_EMBEDDER = ("dense", "hybrid", "qdrant")
"""The built-in methods that compare vectors."""
WITHOUT_EMBEDDER = ("bm25", "gold")


class ChunkConfig(Strict):
    """How documents are cut. A token is a word, a punctuation mark or one Chinese character."""

    by: Literal["tokens", "sentences", "headings"] = Field(
        "tokens",
        description="`sentences`: whole sentences, as many as fit. `headings`: one chunk a Markdown section; "
        "longer sections are cut by sentences.",
    )
    size: PositiveInt = Field(200, description="Most tokens of a chunk.")
    overlap: Annotated[int, Field(ge=0)] = Field(
        0, description="Most tokens that a chunk repeats of the one before."
    )

    @model_validator(mode="after")
    def _goes_on(self) -> ChunkConfig:
        if self.overlap >= self.size:
            raise ValueError(
                f"overlap must be below size, or chunks never get on: {self.overlap} of {self.size}"
            )
        return self


class RetrievalConfig(Strict):
    """Which passages an arm is given. ``gold`` gives those that answer the case: the ceiling."""

    corpus: str = Field(
        description="Folder or file of passages (text, Markdown, JSONL, CSV, Parquet), relative to the suite."
    )
    method: str = Field(
        "bm25", description="bm25, dense, hybrid (bm25 and dense by reciprocal rank), qdrant, gold."
    )
    top_k: Annotated[int, Field(ge=1, le=1000)] = 3
    query: str = Field("{{input}}", description="What is searched for.")
    chunk: ChunkConfig | None = Field(None, description="Default: documents are not cut.")
    embedder: str | None = Field(
        None, description="Name of an embedder of this suite; default: its only one."
    )
    options: dict[str, Any] = Field(default_factory=dict)


class _Embedder(EmbedderFacts, Strict):
    query_prefix: str = Field("", description='Put before each question: E5 models want "query: ".')
    passage_prefix: str = Field("", description='Put before each passage: E5 models want "passage: ".')


class HashedEmbedderConfig(_Embedder):
    """Counts of words and parts of words, hashed into a vector: no model, no download, the same everywhere."""

    type: Literal["hashed"]
    dimensions: Annotated[int, Field(ge=16, le=65_536)] = 512


class OpenAIEmbedderConfig(_Embedder):
    """An OpenAI-compatible ``/embeddings`` endpoint, by base_url."""

    type: Literal["openai"]
    model: str
    base_url: str | None = None
    azure: AzureConfig | None = None
    api_key_env: str | None = Field(
        None,
        description="Name of the environment variable with the key. Default: OPENAI_API_KEY, with azure "
        "AZURE_OPENAI_API_KEY.",
    )
    dimensions: PositiveInt | None = Field(
        None, description="Sent where given; default: all that the model has."
    )
    encoding_format: Literal["base64", "float"] = Field(
        "base64", description="base64 is a third of the bytes; take float for servers that refuse it."
    )
    batch_size: Annotated[int, Field(ge=1, le=2048)] = Field(128, description="Most texts of one request.")
    timeout_s: PositiveFloat = Field(120.0, description="For one attempt, connecting included.")
    max_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 8
    max_attempts: PositiveInt = 5
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    price: str | None = Field(
        None, description="Price row to use (its `input`); default: the model's own id."
    )
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @property
    def price_id(self) -> str:
        """The id under which this embedder's tokens are priced: the declared row, else the model's own id."""
        return self.model if self.price is None else self.price

    @model_validator(mode="after")
    def _one_place(self) -> OpenAIEmbedderConfig:
        if self.azure and self.base_url:
            raise ValueError("give base_url or azure, not both")
        return self


class SentenceTransformersConfig(_Embedder):
    """A sentence-transformers model, run on this machine.

    Its own prompts for questions and passages are used; ``query_prefix`` and ``passage_prefix`` go before the text.
    """

    type: Literal["sentence_transformers"]
    model: str = Field(
        description="Folder or .zip of one (relative to the suite), hub id, or `package:NAME/FILE` for what an "
        "installed package ships."
    )
    revision: str | None = None
    device: str = "auto"
    dimensions: PositiveInt | None = Field(None, description="Cut vectors, for models trained to bear it.")
    batch_size: PositiveInt = 32
    device_hour: Money | None = Field(None, description="Money for one hour of the machine that embeds.")

    @property
    def device_hour_price(self) -> Decimal | None:
        """Money for one hour of the machine that embeds; None where it is not declared."""
        return self.device_hour


class PluginEmbedderConfig(EmbedderFacts, BaseModel):
    """A third party's embedder: ``type`` is its registered name or ``my_pkg.mod:Class``; it checks its own options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str
    price: str | None = None
    device_hour: Money | None = None

    @property
    def price_id(self) -> str | None:
        """The id under which this embedder's tokens are priced; None where nothing names one."""
        return self.price

    @property
    def device_hour_price(self) -> Decimal | None:
        """Money for one hour of the machine that embeds; None where it is not declared."""
        return self.device_hour


EMBEDDER_TYPES = ("hashed", "openai", "sentence_transformers")


def _type_of(value: Any) -> str:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return name if name in EMBEDDER_TYPES else "plugin"


EmbedderConfig = Annotated[
    Annotated[HashedEmbedderConfig, Tag("hashed")]
    | Annotated[OpenAIEmbedderConfig, Tag("openai")]
    | Annotated[SentenceTransformersConfig, Tag("sentence_transformers")]
    | Annotated[PluginEmbedderConfig, Tag("plugin")],
    Discriminator(_type_of),
]
