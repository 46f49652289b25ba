"""A sentence-transformers model from a folder that the test makes: no download."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from evalkit.embeddings.sentence_transformers import SentenceTransformersEmbedder
from evalkit.errors import InputError
from evalkit.suite.retrieval import SentenceTransformersConfig

pytest.importorskip("sentence_transformers")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "router", "query", ":", "路", "由", "器"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of two layers with random weights, saved as a sentence-transformers model with a prompt for questions."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    place = tmp_path_factory.mktemp("models")
    (place / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    tokenizer = transformers.BertTokenizer(str(place / "vocab.txt"))
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(place / "bert")
    tokenizer.save_pretrained(place / "bert")
    layers = Transformer(str(place / "bert"))
    model = SentenceTransformer(
        modules=[layers, Pooling(16)], prompts={"query": "query: ", "document": ""}, device="cpu"
    )
    model.save(str(place / "tiny"))
    return place / "tiny"


def embedder(folder, **settings):
    config = SentenceTransformersConfig(
        type="sentence_transformers", model=folder.name, device="cpu", **settings
    )
    return SentenceTransformersEmbedder(config, folder=folder.parent)


def test_vectors_are_the_library_s_own_with_tokens_counted_by_its_tokenizer(folder):
    from sentence_transformers import SentenceTransformer

    found = asyncio.run(embedder(folder).embed(["red router", "路由器"], "passage"))
    library = SentenceTransformer(str(folder), device="cpu").encode_document(["red router", "路由器"])
    assert np.allclose(found.vectors, library, atol=1e-6)
    assert found.vectors.shape == (2, 16)
    assert found.tokens == 4 + 5  # each with [CLS] and [SEP]


def test_questions_get_the_prompt_that_the_model_was_saved_with(folder):
    ours = embedder(folder)
    question = asyncio.run(ours.embed(["red router"], "query")).vectors
    passage = asyncio.run(ours.embed(["query: red router"], "passage")).vectors
    assert np.allclose(question, passage, atol=1e-6)


def test_the_identity_is_of_the_weights_and_not_of_where_they_lie(folder, tmp_path):
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    assert embedder(copy).identity == embedder(folder).identity
    settings = copy / "1_Pooling" / "config.json"
    settings.write_text(settings.read_text() + " ")
    assert embedder(copy).identity != embedder(folder).identity


def test_a_folder_that_is_no_model_or_is_not_there_is_an_input_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no sentence-transformers model: it has no modules\.json"):
        embedder(tmp_path / "empty")
    with pytest.raises(InputError, match="no such model folder"):
        embedder(tmp_path / "no where")
