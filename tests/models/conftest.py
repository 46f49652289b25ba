"""Fixtures of the model tests."""

import pytest


@pytest.fixture(scope="session")
def small_tokenizer():
    """The embedded model's tokenizer, trained on fewer windows."""
    tokenizer = pytest.importorskip(
        "evalkit.models.embedded.pretrain.tokenizer", reason="needs the extra 'local'"
    )
    return tokenizer.train_tokenizer(1, windows=300)
