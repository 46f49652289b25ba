"""A sentence-transformers model from a folder that the test makes: no download."""

from __future__ import annotations

import asyncio
import zipfile

import numpy as np
import pytest

from evalkit.embeddings.check_embedders import check_embedders
from evalkit.embeddings.sentence_transformers import SentenceTransformersEmbedder
from evalkit.errors import InputError, SuiteError
from evalkit.pipeline.expected_embeddings import expected_embeddings
from evalkit.pipeline.prepare import prepare
from evalkit.suite.load import load_suite
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


SUITE = """\
name: tiny
use_case: {{improve: answers}}
cases: {{path: cases.jsonl}}
prompts: {{plain: {{user: "{{{{input}}}}", passages: "{{{{passages}}}}"}}}}
models:
  base: {{type: embedded}}
embedders:
  own: {{type: sentence_transformers, model: "{model}", device: cpu, device_hour: 3.60}}
arms:
  rag:
    model: base
    prompt: plain
    retrieval: {{corpus: passages.jsonl, method: dense, embedder: own}}
metrics: [exact_match]
"""


def suite_with(folder, model):
    (folder / "suite.yaml").write_text(SUITE.format(model=model), encoding="utf-8")
    (folder / "cases.jsonl").write_text('{"input": "red router", "reference": "b"}\n', encoding="utf-8")
    (folder / "passages.jsonl").write_text('{"id": "a", "text": "a red router"}\n', encoding="utf-8")
    return load_suite(folder)


def test_files_of_embedders_are_checked_with_the_suite_and_nothing_is_unpacked(folder, tmp_path):
    for name, kept in (
        ("whole", lambda name: True),
        ("mute", lambda name: not name.endswith(".safetensors")),
    ):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file() and kept(file.name):
                    archive.write(file, f"model/{file.relative_to(folder)}")
    assert check_embedders(suite_with(tmp_path, "whole.zip")) == ()
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:-30])
    for model, why in (
        ("mute.zip", r"has no \*\.safetensors weights"),
        ("cut.zip", "cannot be unpacked"),
        ("gone.zip", "there is no such file"),
        ("package:no_such_package/model.zip", "no package that is imported as"),
    ):
        with pytest.raises(SuiteError, match=rf"suite\.yaml:8: embedders\.own\.model: .*{why}"):
            prepare(suite_with(tmp_path, model))
    (note,) = check_embedders(suite_with(tmp_path, "owner/name"))
    assert note.startswith("embedders.own: 'owner/name' is no folder here, so it is taken as a hub id")


def test_an_estimate_times_an_embedder_of_this_machine_and_prices_its_seconds(folder, tmp_path):
    """At 3.60 an hour a second costs a thousandth."""
    prepared = prepare(suite_with(tmp_path, str(folder)))
    (left_open,) = asyncio.run(expected_embeddings(prepared, probe=False))
    assert (left_open.chunks, left_open.questions) == (1, 1)
    assert left_open.seconds is None and left_open.cost is None
    (timed,) = asyncio.run(expected_embeddings(prepared, probe=True))
    assert timed.seconds > 0
    assert float(timed.cost) == pytest.approx(timed.seconds / 1000, abs=1e-8)


def test_a_folder_that_is_no_model_or_is_not_there_is_an_input_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no sentence-transformers model: it has no modules\.json"):
        embedder(tmp_path / "empty")
    with pytest.raises(InputError, match="no such model folder"):
        embedder(tmp_path / "no where")
