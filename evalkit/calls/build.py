"""How a model's section of the suite decides the way it is asked."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.calls.budget import Spending
from evalkit.calls.caller import Caller
from evalkit.calls.embedding import EmbeddingCaller, EmbeddingPrice
from evalkit.calls.expected_cost import AnswerPrice, ExpectedCost
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy, no_notice
from evalkit.clock import Clock
from evalkit.embeddings.protocol import Embedder
from evalkit.models.protocol import Model
from evalkit.store.cache import ResponseCache
from evalkit.store.vectors import VectorCache
from evalkit.suite.models import HostedModelConfig, ModelConfig
from evalkit.suite.retrieval import EmbedderConfig, OpenAIEmbedderConfig


def build_caller(
    model: Model,
    config: ModelConfig,
    *,
    cache: ResponseCache,
    clock: Clock,
    spending: Spending,
    price: AnswerPrice,
    on_wait: Callable[[str], None] = no_notice,
) -> Caller:
    """The caller of one model, with the retries and rate limits of its section.

    Args:
        model: Who answers.
        config: Its section of the suite.
        cache: Where completions are looked up and kept.
        clock: For the date of new answers.
        spending: The run's money; ``Spending()`` for no limit.
        price: What one answer costs.
        on_wait: Is told in words what a request waits for.
    """
    expected_cost = ExpectedCost(price, config.output_limit)
    if not isinstance(config, HostedModelConfig):
        once = RetryPolicy(attempts=1)
        return Caller(
            model, cache=cache, spending=spending, expected_cost=expected_cost, clock=clock, policy=once
        )
    return Caller(
        model,
        cache=cache,
        spending=spending,
        expected_cost=expected_cost,
        clock=clock,
        policy=RetryPolicy(attempts=config.max_attempts, on_wait=on_wait),
        limits=RateLimits(config.requests_per_minute, config.tokens_per_minute),
    )


def build_embedding_caller(
    embedder: Embedder,
    config: EmbedderConfig,
    *,
    cache: VectorCache,
    spending: Spending,
    price: EmbeddingPrice,
    on_wait: Callable[[str], None] = no_notice,
) -> EmbeddingCaller:
    """The caller of one embedder, with the retries, rate limits and concurrency of its section.

    Args:
        embedder: Who embeds.
        config: Its section of the suite.
        cache: Where vectors are looked up and kept.
        spending: The run's money; ``Spending()`` for no limit.
        price: What tokens and seconds of embedding cost.
        on_wait: Is told in words what a request waits for.
    """
    if not isinstance(config, OpenAIEmbedderConfig):
        once = RetryPolicy(attempts=1)
        return EmbeddingCaller(embedder, spending=spending, price=price, cache=cache, policy=once)
    return EmbeddingCaller(
        embedder,
        spending=spending,
        price=price,
        cache=cache,
        policy=RetryPolicy(attempts=config.max_attempts, on_wait=on_wait),
        limits=RateLimits(config.requests_per_minute, config.tokens_per_minute),
        concurrency=config.max_concurrency,
    )


def usual_concurrency(config: ModelConfig) -> int:
    """Requests in flight that suit a model: its own setting where it is hosted."""
    return config.max_concurrency if isinstance(config, HostedModelConfig) else 1
