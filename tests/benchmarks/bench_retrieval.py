"""Retrieval over 100,000 chunks: cutting, embedding, exact search, Qdrant's local mode built and reused.

    python tests/benchmarks/bench_retrieval.py [chunks]        # default 100000

Each step runs in a process of its own and prints its wall and processor time and its peak resident memory. Documents
are made of a made-up vocabulary with Zipf's frequencies, half of them Chinese, and are cut by sentences; questions are
some words of a document, so that each has a right answer. The embedder is the hashed one with 256 dimensions, so no
network is involved. Recall@10 is against exact search, over 200 questions; recall of the right document is printed
beside it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

QUESTIONS, K, DIMENSIONS = 200, 10, 256
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]


def documents(chunks: int) -> Iterator[tuple[str, str]]:
    """Documents of ten sentences each, of which every sentence becomes a chunk."""
    rng = random.Random(7)
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(20_000)]
    signs = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    sign_weights = list(itertools.accumulate(1 / rank for rank in range(1, len(signs) + 1)))
    for number in range(chunks // 10):
        if number % 2:
            text = "".join(
                "".join(rng.choices(signs, cum_weights=sign_weights, k=40)) + "。" for _ in range(10)
            )
        else:
            sentences = (" ".join(rng.choices(words, cum_weights=weights, k=25)) for _ in range(10))
            text = " ".join(sentence.capitalize() + "." for sentence in sentences)
        yield f"d{number}", text


def prepared(chunks: int, place: Path):
    from evalkit.calls.budget import Spending
    from evalkit.calls.embedding import EmbeddingCaller
    from evalkit.embeddings.hashed import HashedEmbedder
    from evalkit.records.case import Passage
    from evalkit.retrieval.chunks import cut
    from evalkit.retrieval.passage_vectors import IndexPlace, PassageVectors
    from evalkit.suite.retrieval import ChunkConfig, HashedEmbedderConfig

    whole = [Passage(id=name, text=text) for name, text in documents(chunks)]
    began = time.perf_counter()
    pieces = cut(whole, ChunkConfig(by="sentences", size=42))
    print(
        f"  cut {len(whole):,} documents into {len(pieces):,} chunks in {time.perf_counter() - began:.1f} s",
        flush=True,
    )
    vectors = PassageVectors(pieces, corpus="made up", documents=len(whole), embedder="hashed")
    embedder = HashedEmbedder(HashedEmbedderConfig(type="hashed", dimensions=DIMENSIONS), folder=Path())
    caller = EmbeddingCaller(embedder, spending=Spending(), price=lambda tokens, seconds: Decimal(0))
    vectors.connect(caller, IndexPlace(place))
    return vectors


def questions(pieces) -> list[tuple[str, str]]:
    rng = random.Random(8)
    found = []
    for piece in rng.sample(list(pieces), QUESTIONS):
        words = piece.text.rstrip("。.").split() if " " in piece.text else list(piece.text)
        start = rng.randrange(max(1, len(words) - 8))
        found.append(((" " if " " in piece.text else "").join(words[start : start + 8]), piece.source))
    return found


async def step(name: str, chunks: int, place: Path) -> None:
    from evalkit.retrieval.dense import DenseRetriever
    from evalkit.retrieval.hybrid import HybridRetriever
    from evalkit.retrieval.qdrant import QdrantRetriever

    vectors = prepared(chunks, place)
    made = {
        "dense": DenseRetriever,
        "hybrid": HybridRetriever,
        "qdrant": QdrantRetriever,
        "reused": QdrantRetriever,
    }
    retriever = made[name](vectors)
    began, cpu = time.perf_counter(), time.process_time()
    await retriever.prepare(lambda steps: None)
    facts = retriever.facts
    print(
        f"  ready in {time.perf_counter() - began:.1f} s wall, {time.process_time() - cpu:.1f} s processor"
        f"{' (reused)' if facts.reused else ''}",
        flush=True,
    )
    asked = questions(vectors.chunks)
    times, given, right = [], [], 0
    cpu = time.process_time()
    for text, source in asked:
        found = await retriever.find(text, K)
        times.append(found.use.seconds)
        given.append([passage.id for passage in found.passages])
        right += any(passage.source == source for passage in found.passages)
    cpu = (time.process_time() - cpu) / len(asked)
    times.sort()
    file = place / "exact.json"
    if name == "dense":
        file.write_text(json.dumps(given))
    exact = json.loads(file.read_text())
    recall = sum(len(set(a) & set(b)) for a, b in zip(given, exact, strict=True)) / (K * len(asked))
    same = sum(a == b for a, b in zip(given, exact, strict=True))
    stated = "" if retriever.facts.recall is None else f"; it states {retriever.facts.recall:.4f}"
    p50, p95 = 1000 * times[len(times) // 2], 1000 * times[int(len(times) * 0.95)]
    print(
        f"  a question takes p50 {p50:.1f} ms, p95 {p95:.1f} ms wall, {1000 * cpu:.1f} ms processor\n"
        f"  right document among {K}: {right / len(asked):.3f}; recall@{K} against exact {recall:.4f}, same list in "
        f"{same} of {len(asked)}{stated}"
    )
    retriever.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    print(f"  peak memory {peak:,.0f} MB", flush=True)


def main() -> None:
    if len(sys.argv) > 2:
        asyncio.run(step(sys.argv[2], int(sys.argv[1]), Path(sys.argv[3])))
        return
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for name in ("dense", "qdrant", "reused", "hybrid"):
            print(f"{name}, {chunks:,} chunks", flush=True)
            subprocess.run([sys.executable, __file__, str(chunks), name, folder], check=True)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        print(f"on disk {size / 2**20:,.0f} MB")


if __name__ == "__main__":
    main()
