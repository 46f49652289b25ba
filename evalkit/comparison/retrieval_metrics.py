"""Whether the retriever found what answers the question, and what finding took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from evalkit.comparison.table import ScoreTable
from evalkit.economics.latency import percentiles
from evalkit.records.arm import ArmFacts
from evalkit.records.case import Case
from evalkit.records.comparison import RetrievalSummary
from evalkit.records.retrieval import IndexFacts
from evalkit.records.sample import LatencyRow, RetrievalUse, Sample
from evalkit.retrieval.quality import credited, ndcg_at_k, recall_at_k, reciprocal_rank

_FIGURES = ("recall", "rank", "ndcg", "tokens", "embed_s", "seconds")


class FoundPassages:
    """Figures of every answer that was given passages; a cell's last row counts.

    Args:
        table: The run.
    """

    def __init__(self, table: ScoreTable) -> None:
        self._arms = table.arms
        shape = table.status.shape
        self._cells: dict[int, dict[str, npt.NDArray[np.float32]]] = {
            row: {name: np.full(shape[1:], np.nan, dtype=np.float32) for name in _FIGURES}
            for row, arm in enumerate(table.arms)
            if arm.retrieval is not None
        }

    def add(self, row: int, at: tuple[int, int], case: Case, sample: Sample) -> None:
        """Note one answer of the arm in ``row`` to the case and repeat ``at``."""
        cells = self._cells.get(row)
        if cells is None:
            return
        if case.gold_passages:
            ranked = credited(sample.passages, case.gold_passages)
            k = self._arms[row].top_k or len(ranked)
            figures = (
                recall_at_k(ranked, case.gold_passages, k),
                reciprocal_rank(ranked, case.gold_passages),
                ndcg_at_k(ranked, case.gold_passages, k),
            )
            for name, value in zip(_FIGURES[:3], figures, strict=True):
                cells[name][at] = value
        if (use := sample.retrieval) is not None:
            for name, taken in (("tokens", use.tokens), ("embed_s", use.embed_s), ("seconds", use.seconds)):
                cells[name][at] = np.nan if taken is None else taken

    def summary(
        self, row: int, alone: Iterable[RetrievalUse], index: IndexFacts | None
    ) -> RetrievalSummary | None:
        """The figures of one arm; None for arms that are not given passages.

        Args:
            row: Of the arm.
            alone: What finding took in the isolated pass; where there was none, the run's own times count.
            index: What it searched.
        """
        cells = self._cells.get(row)
        if cells is None:
            return None
        arm: ArmFacts = self._arms[row]
        isolated = [use.seconds for use in alone if use.seconds is not None]
        seconds = np.array(isolated, dtype=np.float64) if isolated else cells["seconds"].astype(np.float64)
        times = percentiles(seconds.ravel())
        return RetrievalSummary(
            method=arm.retrieval or "",
            top_k=arm.top_k or 0,
            recall_at_k=_mean(cells["recall"]),
            mrr=_mean(cells["rank"]),
            ndcg_at_k=_mean(cells["ndcg"]),
            n=int(np.isfinite(cells["recall"]).sum()),
            query_tokens=_mean(cells["tokens"]),
            embed_s=_mean(cells["embed_s"]),
            p50_s=times.p50,
            p95_s=times.p95,
            index=index,
        )


def uses_alone(latency: Iterable[LatencyRow]) -> Mapping[str, list[RetrievalUse]]:
    """What finding passages took in the isolated pass, by arm."""
    by_arm: dict[str, list[RetrievalUse]] = {}
    for row in latency:
        if row.retrieval is not None:
            by_arm.setdefault(row.arm, []).append(row.retrieval)
    return by_arm


def _mean(values: npt.NDArray[np.float32]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if finite.size else None
