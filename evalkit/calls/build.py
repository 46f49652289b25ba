"""How a model's section of the suite decides the way it is asked."""

from __future__ import annotations

from evalkit.calls.caller import Caller
from evalkit.calls.embedding import EmbeddingCaller, Spend
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy
from evalkit.clock import Clock
from evalkit.embeddings.protocol import Embedder
from evalkit.models.protocol import Model
from evalkit.store.cache import ResponseCache
from evalkit.store.vectors import VectorCache
from evalkit.suite.models import HostedModelConfig, ModelConfig
from evalkit.suite.retrieval import EmbedderConfig, OpenAIEmbedderConfig


def build_caller(model: Model, config: ModelConfig, *, cache: ResponseCache, clock: Clock) -> Caller:
    """The caller of one model, with the retries and limits of its section."""
    if not isinstance(config, HostedModelConfig):
        return Caller(model, cache=cache, clock=clock, policy=RetryPolicy(attempts=1))
    return Caller(
        model,
        cache=cache,
        clock=clock,
        policy=RetryPolicy(attempts=config.max_attempts),
        limits=RateLimits(config.requests_per_minute, config.tokens_per_minute),
    )


def build_embedding_caller(
    embedder: Embedder, config: EmbedderConfig, *, spend: Spend, cache: VectorCache
) -> EmbeddingCaller:
    """The caller of one embedder, likewise."""
    if not isinstance(config, OpenAIEmbedderConfig):
        return EmbeddingCaller(embedder, spend=spend, cache=cache, policy=RetryPolicy(attempts=1))
    return EmbeddingCaller(
        embedder,
        spend=spend,
        cache=cache,
        policy=RetryPolicy(attempts=config.max_attempts),
        limits=RateLimits(config.requests_per_minute, config.tokens_per_minute),
        concurrency=config.max_concurrency,
    )


def usual_concurrency(config: ModelConfig) -> int:
    """Requests in flight that suit a model: its own setting where it is hosted."""
    return config.max_concurrency if isinstance(config, HostedModelConfig) else 1
