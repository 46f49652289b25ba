"""Qdrant's local mode: an index built, reused, made anew for what changed, and never half."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from evalkit.digest import digest_file
from evalkit.errors import InputError
from evalkit.records.case import Passage
from evalkit.retrieval.dense import DenseRetriever
from evalkit.retrieval.qdrant import QdrantRetriever

pytest.importorskip("qdrant_client")


async def asked(retriever, questions, k=5):
    await retriever.prepare(lambda steps: None)
    try:
        return [await retriever.find(question, k) for question in questions]
    finally:
        retriever.close()


def built(bench, passages=None, **settings):
    """The facts of an index after a run of its own, and how many passages that run embedded."""
    retriever = QdrantRetriever(bench.vectors(passages, **settings))
    asyncio.run(asked(retriever, bench.questions[:1]))
    return retriever.facts, bench.embedder.passages


def indexes(bench) -> list[str]:
    return sorted(each.name for each in bench.folder.iterdir() if each.is_dir())


def test_an_index_is_built_once_and_reused_with_the_tokens_that_it_took(bench):
    first, embedded = built(bench)
    again, nothing = built(bench)
    assert (embedded, nothing) == (80, 0)
    assert (first.reused, again.reused) == (False, True)
    assert again.tokens == first.tokens == sum(len(passage.text.split()) for passage in bench.corpus)
    assert indexes(bench) == [first.digest]


def test_equally_near_passages_keep_the_order_of_the_corpus_at_the_cut(bench):
    """Twelve equal texts in the middle of the corpus: the first of them are found, however Qdrant orders them."""
    twins = [Passage(id=f"twin-{at}", text=bench.questions[0]) for at in range(12)]
    passages = [*bench.corpus[:40], *twins, *bench.corpus[40:]]
    for k in (1, 5, 11, 12, 14):
        (found,) = asyncio.run(asked(QdrantRetriever(bench.vectors(passages)), bench.questions[:1], k))
        assert [passage.id for passage in found.passages][:12] == [f"twin-{at}" for at in range(min(k, 12))]
        assert len(found.passages) == k


def test_it_gives_what_exact_search_gives_and_says_so(bench):
    retriever = QdrantRetriever(bench.vectors())
    ours = asyncio.run(asked(retriever, bench.questions, 10))
    exact = asyncio.run(asked(DenseRetriever(bench.vectors()), bench.questions, 10))
    for index, dense in zip(ours, exact, strict=True):
        assert [passage.score for passage in index.passages] == pytest.approx(
            [passage.score for passage in dense.passages], abs=1e-5
        )
        edge = dense.passages[-1].score + 1e-5  # those that are equally near as the last may differ
        certain = {passage.id for passage in dense.passages if passage.score > edge}
        assert certain <= {passage.id for passage in index.passages}
    assert retriever.facts.recall == 1.0


def test_a_changed_corpus_makes_a_new_index_and_the_old_one_stays_for_who_goes_back(bench):
    before, _ = built(bench)
    changed = [*bench.corpus[:-1], replace(bench.corpus[-1], text="Something else.")]
    after, embedded = built(bench, changed)
    assert after.digest != before.digest
    assert (after.reused, embedded) == (False, 80)
    assert built(bench)[0].reused
    assert indexes(bench) == sorted([before.digest, after.digest])


def test_other_chunks_of_the_same_texts_make_a_new_index(bench):
    moved = [replace(passage, start=1, end=2, document="d") for passage in bench.corpus]
    assert built(bench)[0].digest != built(bench, moved)[0].digest


def test_a_changed_embedder_makes_a_new_index(bench):
    before, _ = built(bench)
    after, embedded = built(bench, dimensions=128)
    assert (after.digest != before.digest, after.dimensions, embedded) == (True, 128, 80)


def test_without_reuse_it_is_built_anew_in_place(bench):
    first, _ = built(bench)
    again, embedded = built(bench, reuse=False)
    assert (again.reused, embedded, again.digest) == (False, 80, first.digest)
    assert indexes(bench) == [first.digest]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import Bench
from evalkit.retrieval.qdrant import QdrantRetriever
bench = Bench(Path({folder!r}))
def dying(descriptor):  # the vectors are written, and neither safe on the disk nor marked as whole
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = dying
asyncio.run(QdrantRetriever(bench.vectors()).prepare(lambda steps: None))
"""


def test_a_build_killed_half_way_leaves_no_index_that_is_reused(bench):
    tests = str(Path(__file__).parent)
    code = KILLED.format(tests=tests, folder=str(bench.folder))
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stderr
    (left,) = indexes(bench)
    assert ".building-" in left
    facts, embedded = built(bench)
    assert (facts.reused, embedded) == (False, 80)
    assert indexes(bench) == [facts.digest]  # what was left is gone


@pytest.mark.parametrize("damage", ["no mark", "no vectors", "torn", "one bit", "other shape"])
def test_a_folder_that_is_not_whole_is_built_again(bench, damage):
    facts, _ = built(bench)
    folder = bench.folder / facts.digest
    vectors = folder / "vectors.npy"
    content = vectors.read_bytes()
    if damage == "no mark":
        (folder / "evalkit.json").unlink()
    elif damage == "no vectors":
        vectors.unlink()
    elif damage == "torn":
        vectors.write_bytes(content[:5000])
    elif damage == "one bit":
        vectors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        np.save(vectors, np.load(vectors)[:-1])
        mark = json.loads((folder / "evalkit.json").read_text())
        (folder / "evalkit.json").write_text(json.dumps(mark | {"vectors": digest_file(vectors)}))
    again, embedded = built(bench)
    assert (again.reused, embedded) == (False, 80)
    assert built(bench)[0].reused


def test_what_is_kept_is_numbers_and_a_mark(bench):
    """Nothing that is unpickled where it is opened, so a cache restored from elsewhere runs no code."""
    facts, _ = built(bench)
    folder = bench.folder / facts.digest
    assert sorted(file.name for file in folder.rglob("*")) == ["evalkit.json", "vectors.npy"]
    assert np.load(folder / "vectors.npy", allow_pickle=False).shape == (80, facts.dimensions)


def test_a_first_and_a_later_run_find_the_same_with_the_same_scores(bench):
    first, later = (
        asyncio.run(asked(QdrantRetriever(bench.vectors()), bench.questions, 10)) for _ in range(2)
    )
    assert [each.passages for each in first] == [each.passages for each in later]


def test_two_runs_search_one_index_at_the_same_time(bench):
    async def both():
        first, second = QdrantRetriever(bench.vectors()), QdrantRetriever(bench.vectors())
        await first.prepare(lambda steps: None)
        await second.prepare(lambda steps: None)
        found = [await each.find("router is loud", 3) for each in (first, second)]
        second.close()
        first.close()
        return found, second.facts

    (one, other), facts = asyncio.run(both())
    assert one.passages == other.passages
    assert facts.reused


def test_no_suite_can_name_the_folder(bench):
    """An index belongs to the cache: one that came with a suite could be of another corpus than it says."""
    with pytest.raises(InputError, match="qdrant has no option 'path'"):
        QdrantRetriever(bench.vectors(), options={"path": "here"})


def test_a_corpus_of_one_passage_is_searched(bench):
    vectors = bench.vectors([Passage(id="only", text="router")])
    (found,) = asyncio.run(asked(QdrantRetriever(vectors), ["router"], 3))
    assert [passage.id for passage in found.passages] == ["only"]
