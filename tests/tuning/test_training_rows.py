"""Rows as tokens and the order in which they are seen."""

import numpy as np
import pytest
import transformers

from evalkit.errors import TuningError
from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.chat import Chat
from evalkit.models.engine.stop import StopRule
from evalkit.tuning.rows import TokenRow, batches, tokenize


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(weights_folder())


@pytest.fixture(scope="module")
def chat(tokenizer):
    return Chat(tokenizer)


@pytest.fixture(scope="module")
def newline(tokenizer):
    """An answer ends with its line, as it does by default where all answers are one line."""
    return StopRule(tokenizer, ["\n"], frozenset({2, 201}))


def test_every_row_is_seen_once_a_pass(chat, newline, rows):
    """Eight rows in batches of four: every two batches hold each row once."""
    tokens = tokenize(rows, chat, 512, newline)
    seen = list(batches(tokens, 4, 16, np.random.default_rng(0)))
    assert [len(batch) for batch in seen] == [4] * 16
    counts = [sum(batch.count(row) for batch in seen) for row in tokens]
    assert counts == [8] * 8


def test_batches_hold_rows_of_similar_length():
    """Lengths 1 to 256: padding stays below a tenth, where random batches would waste almost half."""
    rows = [TokenRow((0,) * length, (1,)) for length in np.random.default_rng(0).permutation(256) + 1]
    seen = list(batches(rows, 32, 8, np.random.default_rng(0)))
    padded = sum(max(row.tokens for row in batch) * len(batch) for batch in seen)
    real = sum(row.tokens for batch in seen for row in batch)
    assert padded / real < 1.15
    assert [max(row.tokens for row in batch) for batch in seen] != sorted(
        max(row.tokens for row in batch) for batch in seen
    )


def test_a_step_holds_no_row_twice_where_there_are_rows_enough():
    """48 rows in batches of 16: sorted over the eight batches of several passes, a step held its rows three times."""
    rows = [TokenRow((0,) * length, (length,)) for length in range(1, 49)]
    seen = list(batches(rows, 16, 12, np.random.default_rng(0)))
    assert [len(set(batch)) for batch in seen] == [16] * 12
    assert all(
        len({row for batch in seen[start : start + 3] for row in batch}) == 48 for start in range(0, 12, 3)
    )


def test_fewer_rows_than_a_batch_still_fill_it():
    rows = [TokenRow((0,), (index,)) for index in range(3)]
    (batch,) = batches(rows, 8, 1, np.random.default_rng(0))
    assert len(batch) == 8 and set(batch) <= set(rows)


def test_a_row_longer_than_the_context_is_refused_and_named(chat, newline, rows):
    """Cutting it would teach half an answer."""
    with pytest.raises(TuningError, match=r"training row has \d+ tokens and the model takes 12.*error E10"):
        tokenize(rows, chat, 12, newline)
