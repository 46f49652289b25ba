"""What a call may cost is thought of before it is made, and thought high enough."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evalkit.calls.expected_cost import ExpectedCost
from evalkit.records.case import Message
from evalkit.records.sample import Cost, Usage


def expected(most_output: int | None = 100, *, priced: bool = True) -> ExpectedCost:
    def price(usage, timing):
        amount = Decimal(usage.prompt + 10 * usage.output) if priced else None
        return Cost(model=amount, currency="USD")

    return ExpectedCost(price, most_output)


def prompt(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


ENGLISH = "The pump makes a grinding noise after start and the pressure falls. " * 20
CHINESE = "水泵启动后发出摩擦声,压力下降,请说明原因和修理方法。" * 20


@pytest.mark.parametrize(("text", "tokens_per_character"), [(ENGLISH, 0.25), (CHINESE, 1.1)])
def test_the_first_estimate_is_above_what_tokenizers_make_of_prose(text, tokens_per_character):
    least = Decimal(round(len(text) * tokens_per_character) + 10 * 100)
    assert expected().of(prompt(text)) >= least


def test_answers_bring_the_estimate_down_to_what_prompts_take():
    estimate = expected()
    before = estimate.of(prompt(ENGLISH))
    estimate.learn(prompt(ENGLISH), Usage(input=300, output=5))
    after = estimate.of(prompt(ENGLISH))
    assert 300 + 10 * 100 <= after < before
    estimate.learn(prompt(ENGLISH), Usage(input=100, cache_read=300, output=5))
    assert estimate.of(prompt(ENGLISH)) >= 400 + 10 * 100


def test_without_a_cap_twice_the_longest_answer_is_thought_possible():
    estimate = expected(None)
    assert estimate.of(prompt("q")) >= 10 * 1024
    estimate.learn(prompt("q"), Usage(input=1, output=40))
    estimate.learn(prompt("q"), Usage(input=1, output=30))
    assert 10 * 80 <= estimate.of(prompt("q")) < 10 * 100


def test_an_unknown_price_sets_nothing_aside():
    assert expected(priced=False).of(prompt("q")) == 0
