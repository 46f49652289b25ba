"""Where an answer ends: end tokens, stop strings, think blocks."""

from __future__ import annotations

import pytest
import transformers

from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.stop import StopRule

ENDS = frozenset({2, 201})  # <eos> and the line's end, which the embedded model's settings name


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(weights_folder())


def tokens_of(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_without_stop_strings_only_a_token_that_no_text_spells_ends_an_answer(tokenizer):
    """A line's end is the embedded model's own end, and part of an answer of several lines."""
    tokens = [*tokens_of(tokenizer, " alpha red\nbeta red\n"), 2]
    assert StopRule(tokenizer, None, ENDS).end_in(tokens) == len(tokens)
    assert StopRule(tokenizer, None, ENDS).text(tokens) == "alpha red\nbeta red"
    short = StopRule(tokenizer, [], ENDS)
    assert short.text(tokens[: short.end_in(tokens)]) == "alpha red"


def test_no_stop_string_ends_an_answer_inside_a_think_block(tokenizer):
    rule = StopRule(tokenizer, ["\n"], frozenset({2}))
    tokens = tokens_of(tokenizer, "<think>\n\n</think>\n\nalpha red\nmore")
    written = tokens[: rule.end_in(tokens)]
    assert rule.text(written) == "<think>\n\n</think>\n\nalpha red"
    block = tokens_of(tokenizer, "<think>\n\n</think>")
    assert abs(rule.thought_tokens(written) - len(block)) <= 1
    assert rule.end_in(block) is None
    assert rule.thought_tokens(tokens_of(tokenizer, "alpha red")) == 0


def test_a_prompt_that_opened_the_block_gives_it_its_beginning(tokenizer):
    rule = StopRule(tokenizer, ["\n"], frozenset({2}), in_thought=True)
    tokens = tokens_of(tokenizer, "two\nand two</think>\n4\n")
    assert rule.end_in(tokens) == len(tokens)
    assert rule.text(tokens) == "<think>two\nand two</think>\n4"


def test_the_end_token_is_the_tokenizers_own(tokenizer):
    assert StopRule(tokenizer, ["\n"], ENDS).end_token == 2
    assert StopRule(tokenizer, ["\n"], frozenset({201})).end_token is None
