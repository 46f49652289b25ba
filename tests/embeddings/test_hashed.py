"""The embedder without a model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evalkit.embeddings.hashed import HashedEmbedder
from evalkit.suite.retrieval import HashedEmbedderConfig


def vectors(*texts: str, dimensions: int = 1024) -> np.ndarray:
    embedder = HashedEmbedder(HashedEmbedderConfig(type="hashed", dimensions=dimensions), folder=Path())
    found = asyncio.run(embedder.embed(texts, "passage")).vectors
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(lengths > 0, lengths, 1)


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("printers jammed", "The printer is jammed.", "The pump is loud."),
        ("印表機卡紙", "印表機卡紙時，打開後蓋。", "路由器亮紅燈。"),
        ("ＶＰＮ error 12", "VPN error 12: renew the certificate", "Printer error 7"),
    ],
)
def test_texts_that_share_words_or_parts_of_them_are_nearer(question, near, far):
    asked, one, other = vectors(question, near, far)
    assert asked @ one > asked @ other + 0.1


def test_the_order_of_chinese_characters_counts():
    asked, one, other = vectors("蜜蜂", "蜜蜂採蜜", "蜂蜜")
    assert asked @ one > 0
    assert asked @ vectors("蜜蜂")[0] > asked @ other


def test_the_same_text_gives_the_same_bits_in_another_process():
    code = (
        "import asyncio\nfrom pathlib import Path\n"
        "from evalkit.embeddings.hashed import HashedEmbedder\n"
        "from evalkit.suite.retrieval import HashedEmbedderConfig\n"
        "e = HashedEmbedder(HashedEmbedderConfig(type='hashed', dimensions=64), folder=Path())\n"
        "print(asyncio.run(e.embed(['red router 路由器'], 'query')).vectors.tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    embedder = HashedEmbedder(HashedEmbedderConfig(type="hashed", dimensions=64), folder=Path())
    here = asyncio.run(embedder.embed(["red router 路由器"], "query")).vectors
    assert done.stdout.strip() == here.tobytes().hex()


def test_a_text_without_words_is_no_direction_at_all():
    assert not vectors("?!")[0].any()
