"""Embedding with the promises of the calls floor: nothing asked twice, retries, money, order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.calls.budget import Budget, Spending
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.calls.endpoint import HaltedError
from evalkit.calls.retry import RetryPolicy
from evalkit.embeddings.openai import OpenAIEmbedder
from evalkit.errors import AccessError, RequestError, RetryableError
from evalkit.store.vectors import NoVectors, SqliteVectors
from evalkit.suite.retrieval import OpenAIEmbedderConfig

PRICE = Decimal("0.001")


class ComparisonRequest:
    """A server that embeds by the length of a text, and sessions that ask it.

    Attributes:
        fault: Gives a reply to send instead, for a request and its number, or None.
    """

    def __init__(self, server: Any, replies: Any, folder: Path) -> None:
        self.server, self.replies, self.folder = server, replies, folder
        self.fault: Callable[[dict[str, Any], int], Any] = lambda request, number: None
        self.limits: list[str] = []
        self.spent = Decimal(0)
        server.answer = self._answer

    def _answer(self, request: dict[str, Any]) -> Any:
        if (reply := self.fault(request, len(self.server.requests))) is not None:
            return reply
        data = [
            {"index": index, "embedding": [float(len(text)), 1.0]}
            for index, text in enumerate(request["input"])
        ]
        return self.replies.reply({"data": data, "usage": {"prompt_tokens": 10 * len(data)}})

    @property
    def texts(self) -> list[str]:
        """All texts that were sent, in order."""
        return [text for request in self.server.requests for text in request["input"]]

    def session(self, work, *, cached: bool = True, limit: Decimal | None = None, **settings: Any) -> Any:
        """Run ``work(caller)`` as a process of its own would."""

        async def run() -> Any:
            config = OpenAIEmbedderConfig(
                type="openai",
                model="m",
                base_url=self.server.url,
                encoding_format="float",
                timeout_s=5,
                **settings,
            )
            cache = SqliteVectors(self.folder / "vectors.sqlite") if cached else NoVectors()
            budget = Budget(limit)
            spending = Spending(budget, lambda: self.limits.append("reached"), lambda: bool(self.limits))
            policy = RetryPolicy(attempts=4, first_wait_s=0.01, longest_wait_s=0.05, patience_s=1)
            embedder = OpenAIEmbedder(config, folder=Path())
            caller = EmbeddingCaller(
                embedder,
                spending=spending,
                price=lambda tokens, seconds: None if tokens is None else Decimal(repr(tokens)) * PRICE,
                cache=cache,
                policy=policy,
                concurrency=2,
            )
            try:
                return await work(caller)
            finally:
                self.spent += budget.spent
                await caller.close()
                cache.close()

        return asyncio.run(run())


@pytest.fixture
def asked(chat_server, replies, tmp_path) -> ComparisonRequest:
    return ComparisonRequest(chat_server, replies, tmp_path)


def passages(*texts: str):
    return lambda caller: caller.passages(list(texts), lambda steps: None)


def test_vectors_are_scaled_to_1_and_come_in_the_order_of_the_texts(asked):
    found = asked.session(passages("aaa", "b", "aaa"), batch_size=1)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1)
    assert np.allclose(found.vectors[0], np.array([3, 1]) / 10**0.5)
    assert np.array_equal(found.vectors[0], found.vectors[2])
    assert sorted(asked.texts) == ["aaa", "b"]  # a repeated text is asked once
    assert found.tokens == 20


def test_a_second_run_asks_nothing_and_keeps_tokens_and_seconds_of_the_first(asked):
    first = asked.session(passages("aa", "b"))
    again = asked.session(passages("b", "aa"))
    assert len(asked.server.requests) == 1
    assert (again.tokens, again.replayed) == (first.tokens, 2) == (20, 2)
    assert again.service_s == pytest.approx(first.service_s)
    assert np.array_equal(again.vectors[::-1], first.vectors)


def test_a_question_and_a_passage_of_one_text_and_other_models_have_vectors_of_their_own(asked):
    asked.session(passages("aa"))
    asked.session(lambda caller: caller.query("aa"))
    asked.session(passages("aa"), dimensions=2)
    assert asked.texts == ["aa"] * 3


def test_without_a_cache_a_repeated_question_of_one_run_is_still_asked_once(asked):
    async def three_at_once_and_one_later(caller):
        found = await asyncio.gather(*(caller.query("aa") for _ in range(3)))
        return [*found, await caller.query("aa")]

    found = asked.session(three_at_once_and_one_later, cached=False)
    assert asked.texts == ["aa"]
    assert [each.replayed for each in found] == [0, 1, 1, 1]


def test_throttling_faults_and_wrong_numbers_of_vectors_are_asked_again_and_paid_once(asked):
    wrong = [
        asked.replies.reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "0.01"}),
        asked.replies.reply({"error": {"message": "oops"}}, status=500),
        asked.replies.reply({"data": [], "usage": {"prompt_tokens": 10}}),
    ]
    asked.fault = lambda request, number: wrong[number - 1] if number <= len(wrong) else None
    found = asked.session(passages("aa"))
    assert found.tokens == 10
    assert len(asked.server.requests) == 4
    assert asked.spent == 10 * PRICE


def test_what_one_request_brought_is_kept_when_a_later_one_fails_and_never_paid_again(asked):
    """Four texts, one a request: the fourth always fails. The second session asks for it alone."""
    texts = ["a", "bb", "ccc", "dddd"]
    broken = asked.replies.reply({"error": {"message": "no"}}, status=400)
    asked.fault = lambda request, number: broken if "dddd" in request["input"] else None
    with pytest.raises(RequestError):
        asked.session(passages(*texts), batch_size=1)
    paid = asked.spent
    asked.fault = lambda request, number: None
    before = len(asked.texts)
    asked.session(passages(*texts), batch_size=1)
    assert asked.texts[before:] == ["dddd"]
    assert (paid, asked.spent) == (30 * PRICE, 40 * PRICE)


def test_a_wrong_key_costs_one_request(asked):
    asked.fault = lambda request, number: asked.replies.reply({"error": {"message": "key"}}, status=401)
    with pytest.raises(AccessError):
        asked.session(passages(*"abcdefgh"), batch_size=1)
    assert len(asked.server.requests) == 1


def test_a_fault_that_stays_is_told_after_the_last_attempt(asked):
    asked.fault = lambda request, number: asked.replies.reply(b"NaN")
    with pytest.raises(RetryableError):
        asked.session(passages("a"))
    assert len(asked.server.requests) == 4


def test_the_cost_limit_stops_before_it_is_passed(asked):
    """A request of one short text may cost 10 tokens or so and does cost 10: the limit of 25 bears two."""
    with pytest.raises(HaltedError):
        asked.session(passages("a" * 18, "b" * 18, "c" * 18, "d" * 18), batch_size=1, limit=25 * PRICE)
    assert set(asked.limits) == {"reached"}
    assert asked.spent == 20 * PRICE


def test_unknown_tokens_are_unknown_for_the_whole(asked):
    asked.fault = lambda request, number: (
        asked.replies.reply({"data": [{"index": 0, "embedding": [1.0, 0.0]}]}) if number == 1 else None
    )
    assert asked.session(passages("a", "b"), batch_size=1).tokens is None


def test_an_endpoint_that_changes_its_model_is_noticed_by_the_length_of_its_vectors(asked):
    asked.session(passages("a"))
    asked.fault = lambda request, number: asked.replies.reply({"data": [{"index": 0, "embedding": [1.0]}]})
    with pytest.raises(RequestError, match="its model changed"):
        asked.session(passages("a", "b"))


def test_long_texts_are_asked_in_several_requests_whatever_the_batch_size(asked):
    asked.session(passages(*("字" * 20_000 + mark for mark in "abcde")))
    assert sorted(len(request["input"]) for request in asked.server.requests) == [1, 2, 2]


def test_embeddings_whose_tokens_are_not_told_count_as_the_most_that_they_can_be(asked):
    """Four texts of 18 letters, at most 10 tokens each: the limit of 25 ends after two, though nothing is counted."""
    data = [{"index": 0, "embedding": [1.0, 1.0]}]
    zero = {"prompt_tokens": 0, "total_tokens": 0}
    asked.fault = lambda request, number: asked.replies.reply({"data": data, "usage": zero})
    with pytest.raises(HaltedError):
        asked.session(passages("a" * 18, "b" * 18, "c" * 18, "d" * 18), batch_size=1, limit=25 * PRICE)
    assert set(asked.limits) == {"reached"}
    assert len(asked.server.requests) == 2
    assert asked.spent == 0
