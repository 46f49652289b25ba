"""From the rows of a run to its table of scores, read as a stream; answers that are none are noted on the way."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.comparison.pooled_counts import PooledCountsBuilder
from evalkit.comparison.table import (
    ERROR,
    FINISH_REASONS,
    LIMIT,
    OK,
    OWED,
    SECONDS,
    TOKEN_KINDS,
    BoolArray,
    FloatArray,
    IntArray,
    ScoreTable,
)
from evalkit.errors import RunError
from evalkit.records.case import Case
from evalkit.records.manifest import CaseFacts, Manifest
from evalkit.records.sample import FinishReason, Sample, Status
from evalkit.records.score import ScoreRow
from evalkit.stats.connected_clusters import connected_clusters

_MOST_TAGS = 200
_MOST_MODELS = 254
OTHER_MODELS = "(further models)"
"""Stands for every answering model after the first 254 of a run."""
_STATUS = {Status.OK: OK, Status.ERROR: ERROR, Status.LIMIT: LIMIT}

# Only openings count, and only in short answers: a long answer that begins with an apology and then answers is
# an answer. Curly apostrophes are folded before the search.
_OPENINGS = re.compile(
    r"""(
      (i'?m|i\ am|we'?re)\ (very\ |really\ )?(sorry|afraid|unable)
    | (i|we)\ (can'?t|can\ ?not|could\ ?n'?t|am\ not\ able|won'?t|do\ not|don'?t)\ (
          \w+\ )?(answer|help|assist|comply|provide|know|have\ (enough\ )?information|find|say|tell|fulfil)
    | (sorry|apologies)\b
    | as\ an\ ai\b
    | (it\ is\ )?(unknown|not\ (known|given|stated|mentioned|specified|enough\ information))\W*$
    | n/a\W*$
    | (there\ is\ )?(no|insufficient)\ information\b
    | (很|非常|十分)?抱歉 | [对對]不起 | 不好意思 | 我(不知道|不清楚|不能|[无無]法) | [无無]法(回答|提供)
    | (不知道|不清楚)\W*$ | ([^，。]{0,12}中)?[没沒]有((足[够夠]|相[关關])?的?(信息|[资資][讯訊料])|相[关關]的?[规規]定)
    )""",
    re.VERBOSE,
)
_LONGEST_REFUSAL = 300  # characters


def build_table(
    manifest: Manifest,
    cases: Iterable[Case | CaseFacts],
    samples: Iterable[Sample],
    scores: Iterable[ScoreRow],
    primary_metric: str,
) -> ScoreTable:
    """Read a run into one table; rows are streamed and a cell's last row counts.

    Args:
        manifest: Names the arms and the number of repeats.
        cases: All cases of the run.
        samples: Rows of ``samples.jsonl``, in file order.
        scores: Rows of ``scores.jsonl``, in file order.
        primary_metric: Name of the metric that carries the decision.

    Raises:
        RunError: A row names a case, an arm or a repeat that the run does not have.
    """
    builder = _Builder(manifest, cases)
    for sample in samples:
        builder.add_sample(sample)
    for score in scores:
        builder.add_score(score)
    return builder.finish(primary_metric)


def is_abstention(output: str, finish_reason: FinishReason | None = None) -> bool:
    """Whether an arm declined to answer: neither right nor wrong where wrong answers cost money.

    A rule of thumb on the words with which English and Chinese refusals open; broken JSON or a wrong answer is
    not an abstention.

    Args:
        output: What the arm wrote.
        finish_reason: ``content_filter`` counts whatever was written before the filter cut in.

    >>> is_abstention("  "), is_abstention("I'm sorry, I can't help with that."), is_abstention("Paris")
    (True, True, False)
    """
    if finish_reason == "content_filter":
        return True
    text = unicodedata.normalize("NFKC", output).strip().strip("\"'`*").casefold().replace("’", "'")
    if not text:
        return True
    return len(text) <= _LONGEST_REFUSAL and _OPENINGS.match(text) is not None


def _facts(case: Case | CaseFacts) -> CaseFacts:
    if isinstance(case, CaseFacts):
        return case
    return CaseFacts(id=case.id, cluster=case.cluster, tags=case.tags)


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """The clusters of the cases: as declared, and joined where inputs are equal.

    Attributes:
        joined: Shape (n_cases,), numbers counted from 0 in the order of the cases.
        declared: The same without what equal inputs join; None where that is nothing.
        repeated: Shape (n_cases,), whether an earlier case has the same input; None where no case's is known.
    """

    joined: IntArray
    declared: IntArray | None
    repeated: BoolArray | None

    @classmethod
    def of(cls, cases: Sequence[CaseFacts]) -> _Clusters:
        """From facts in the order of the table; a case whose input is not known is like no other."""
        codes: dict[str, int] = {}
        declared = np.array([codes.setdefault(case.cluster, len(codes)) for case in cases], dtype=np.int64)
        if all(case.input is None for case in cases):
            return cls(declared, None, None)
        inputs = [("id", case.id) if case.input is None else ("input", case.input) for case in cases]
        first: dict[tuple[str, str], int] = {}
        own = np.arange(len(inputs))
        repeated = own != [first.setdefault(each, place) for place, each in enumerate(inputs)]
        joined = connected_clusters(inputs, declared.tolist()).codes
        return cls(joined, None if np.array_equal(joined, declared) else declared, repeated)


class _Builder:
    """Arrays of the full size, filled by assignment, so that a later row of a cell replaces an earlier one."""

    def __init__(self, manifest: Manifest, cases: Iterable[Case | CaseFacts]) -> None:
        self._arms = manifest.arms
        self._arm_rows = {arm.name: index for index, arm in enumerate(manifest.arms)}
        self._columns: dict[str, int] = {}
        tagged: dict[str, list[int]] = {}
        # Sums and draws follow the columns: the same cases in another order make the same table.
        facts = sorted(map(_facts, cases), key=lambda facts: facts.id)
        for case in facts:
            for tag in dict.fromkeys(case.tags):
                if tag in tagged or len(tagged) < _MOST_TAGS:
                    tagged.setdefault(tag, []).append(len(self._columns))
            self._columns[case.id] = len(self._columns)
        self._clusters = _Clusters.of(facts)
        self._tags: dict[str, BoolArray] = {}
        for tag, places in tagged.items():
            self._tags[tag] = np.zeros(len(self._columns), dtype=bool)
            self._tags[tag][places] = True
        shape = (len(self._arms), len(self._columns), manifest.repeats)
        self._shape = shape
        self._status = np.full(shape, OWED, dtype=np.uint8)
        self._finish = np.zeros(shape, dtype=np.uint8)
        self._abstained = np.zeros(shape, dtype=bool)
        self._replayed = np.zeros(shape, dtype=bool)
        self._answered_by = np.zeros(shape, dtype=np.uint8)
        self._models: dict[str, int] = {"": 0}
        self._tokens = np.full((*shape, len(TOKEN_KINDS)), np.nan, dtype=np.float32)
        self._seconds = np.full((*shape, len(SECONDS)), np.nan, dtype=np.float32)
        self._cost = np.full(shape, np.nan)
        self._currency: str | None = None
        self._embeds = [arm.embedder is not None for arm in manifest.arms]
        self._values: dict[str, FloatArray] = {}
        self._judges: dict[str, str] = {}
        self._counts: dict[str, PooledCountsBuilder] = {}
        self._reasons: dict[tuple[str, tuple[int, int, int]], str] = {}

    def add_sample(self, sample: Sample) -> None:
        at = self._cell(sample.case_id, sample.arm, sample.repeat)
        self._status[at] = _STATUS[sample.status]
        if sample.status is not Status.OK:
            return
        self._finish[at] = FINISH_REASONS.index(sample.finish_reason or "unknown")
        self._abstained[at] = is_abstention(sample.output or "", sample.finish_reason)
        self._replayed[at] = sample.replayed is not None
        self._answered_by[at] = self._model_code(sample.answering_model or "")
        if sample.usage is not None:
            self._tokens[at] = [getattr(sample.usage, kind) for kind in TOKEN_KINDS]
        if sample.timing is not None:
            figures = [getattr(sample.timing, name) for name in SECONDS]
            self._seconds[at] = [np.nan if figure is None else figure for figure in figures]
        if sample.cost is not None and sample.cost.model is not None:
            self._currency = sample.cost.currency
            if self._embeds[at[0]] and sample.cost.retrieval is None:
                return  # what its passages cost is not known, so neither is the whole
            # A judge's bill is the evaluation's, not the arm's.
            self._cost[at] = float(sample.cost.model + (sample.cost.retrieval or 0))

    def add_score(self, score: ScoreRow) -> None:
        at = self._cell(score.case_id, score.arm, score.repeat)
        if score.metric not in self._values:
            self._values[score.metric] = np.full(self._shape, np.nan)
        if score.judge is not None:
            self._judges[score.metric] = score.judge
        key = (score.metric, at)
        self._values[score.metric][at] = np.nan if score.value is None else score.value
        if score.stats is not None and score.metric not in self._counts:
            self._counts[score.metric] = PooledCountsBuilder(self._shape)
        if score.metric in self._counts:
            self._counts[score.metric].set(at, score.stats)
        if score.value is None and score.stats is None:
            self._reasons[key] = score.reason or "no reason given"
        else:
            self._reasons.pop(key, None)

    def finish(self, primary_metric: str) -> ScoreTable:
        unscored = self._status != OK
        for cells in self._values.values():
            cells[unscored] = np.nan
        for name in self._counts:
            if not np.isfinite(self._values[name]).any():
                del self._values[name]
        return ScoreTable(
            arms=self._arms,
            case_ids=tuple(self._columns),
            clusters=self._clusters.joined,
            tags=self._tags,
            primary=primary_metric,
            values=self._values,
            status=self._status,
            finish=self._finish,
            abstained=self._abstained,
            replayed=self._replayed,
            tokens=self._tokens,
            seconds=self._seconds,
            cost=self._cost,
            currency=self._currency,
            missing_reasons=dict(sorted(Counter(self._missing()).items())),
            judges=self._judges,
            pooled_counts={name: builder.finish(~unscored) for name, builder in self._counts.items()},
            answered_by=self._answered_by,
            answering_models=tuple(self._models),
            declared_clusters=self._clusters.declared,
            repeated=self._clusters.repeated,
        )

    def _model_code(self, model: str) -> int:
        if model not in self._models and len(self._models) > _MOST_MODELS:
            model = OTHER_MODELS
        return self._models.setdefault(model, len(self._models))

    def _missing(self) -> Iterator[str]:
        for (metric, at), reason in self._reasons.items():
            if self._status[at] == OK:
                yield f"{metric}: {reason}"

    def _cell(self, case_id: str, arm: str, repeat: int) -> tuple[int, int, int]:
        try:
            row, column = self._arm_rows[arm], self._columns[case_id]
        except KeyError as missing:
            raise RunError(
                f"the run holds a row for case {case_id!r} and arm {arm!r}, but {missing} is not in its manifest "
                "or cases; were the cases changed after the run? Run it again"
            ) from None
        if not 0 <= repeat < self._shape[2]:
            raise RunError(
                f"the run holds repeat {repeat} of case {case_id!r}, but has {self._shape[2]} repeats"
            )
        return row, column, repeat
