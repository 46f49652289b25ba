"""Embedders and indexes of a run: opened before the first question, closed at the end, kept in ``retrieval.json``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from evalkit.arms.arm import Arm
from evalkit.calls.build import build_embedding_caller
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.embeddings.build import build_embedder
from evalkit.pipeline.prepare import Prepared
from evalkit.pricing.embedding_cost import embedding_price
from evalkit.records.retrieval import IndexFacts, RetrievalReport
from evalkit.retrieval.passage_vectors import IndexPlace
from evalkit.runner.progress import Progress, notice_of
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.cache import cache_folder
from evalkit.store.run_folder import RunFolder
from evalkit.store.vectors import NoVectors, SqliteVectors, VectorCache

RETRIEVAL_FILE = "retrieval.json"


class Retrieval:
    """Connects the arms that search by vectors to their embedders. Nothing is embedded until an arm asks.

    Args:
        prepared: Its arms are connected.
        run: Keeps ``retrieval.json``.
        progress: Called for each index that is built.
        stop: The run's money, and whether to go on.
        remember: Whether vectors and indexes of earlier runs are used and new ones kept.

    Raises:
        InputError: An embedder cannot be built.
    """

    def __init__(
        self, prepared: Prepared, run: RunFolder, progress: Progress, stop: StopSignal, *, remember: bool
    ) -> None:
        self._run = run
        self._progress = progress
        self._arms = [arm for arm in prepared.arms if arm.searcher is not None]
        self._callers: dict[str, EmbeddingCaller] = {}
        searchers = list(dict.fromkeys(arm.searcher for arm in self._arms if arm.searcher is not None))
        keeps = bool(searchers) and remember
        self._cache: VectorCache = SqliteVectors(cache_folder() / "vectors.sqlite") if keeps else NoVectors()
        place = IndexPlace(cache_folder() / "indexes", reuse=remember)
        with ExitStack() as on_failure:
            on_failure.callback(self._cache.close)
            for searcher in searchers:
                name = searcher.embedder
                if name not in self._callers:
                    self._callers[name] = self._caller(prepared, name, stop)
                searcher.connect(self._callers[name], place, self._started)
            on_failure.pop_all()
        self._searchers = searchers

    def record(self, arm: Arm) -> None:
        """Write what an arm searched; an arm whose answers were all there keeps what an earlier session wrote."""
        if arm.searcher is None or (facts := arm.searcher.facts) is None:
            return
        indexes = dict(index_facts(self._run))
        before = indexes.get(arm.name)
        indexes[arm.name] = facts if before is None else _joined(before, facts)
        self._run.write(RETRIEVAL_FILE, RetrievalReport(indexes=indexes))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for searcher in self._searchers:
            searcher.close()
        for caller in self._callers.values():
            await caller.close()
        self._cache.close()

    def _caller(self, prepared: Prepared, name: str, stop: StopSignal) -> EmbeddingCaller:
        suite = prepared.suite
        config = suite.embedders[name]
        price = embedding_price(suite, name, prepared.prices)
        embedder = build_embedder(config, folder=suite.folder, plugins=suite.trust.loads_plugins)
        return build_embedding_caller(
            embedder,
            config,
            cache=self._cache,
            spending=stop.spending,
            price=price,
            on_wait=notice_of(name, self._progress, suite.source.secrets),
        )

    def _started(self, corpus: str, chunks: int) -> Callable[[int], None]:
        task = f"index of {corpus}"
        self._progress.start(task, chunks)
        left = chunks

        def advance(steps: int) -> None:
            nonlocal left
            left -= steps
            self._progress.advance(task, steps)
            if left <= 0:
                self._progress.finish(task)

        return advance


def index_facts(run: RunFolder) -> dict[str, IndexFacts]:
    """By arm, the index it searched; empty where no arm searched one."""
    return run.read(RETRIEVAL_FILE, RetrievalReport).indexes if run.has(RETRIEVAL_FILE) else {}


def _joined(before: IndexFacts, now: IndexFacts) -> IndexFacts:
    """The facts of a resumed arm: those of the session that built the index, recall from whichever compared more."""
    if before.digest != now.digest:
        return now
    kept = before if now.reused else now
    compared = max(before, now, key=lambda facts: facts.compared)
    return replace(kept, recall=compared.recall, compared=compared.compared)
