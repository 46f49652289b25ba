"""Why wrong answers are wrong, and whether the retriever found what answers the question.

Every wrong answer gets one kind, the first rule that holds:

1. truncation: it stopped at a length or context limit;
2. refusal_or_empty: nothing, a refusal, or a content filter;
3. format: the reference is in it (word for word, or token F1 >= 0.8) and either a form check failed or there is
   none, so that only the wrapping can be wrong; or a form check failed and the case has no reference to look for;
4. other: a form check failed and the reference is not in it;
5. retrieval_miss, reading_miss: passages were given, without or with one that answers the case; other where the
   case does not say which passages answer it;
6. missing_knowledge: no passages were given.

An answer is wrong when its primary score is below 1 for a 0/1 metric, below 0.5 for a graded one. Form checks are
the suite's ``regex`` and ``json_schema`` metrics; one fails when its score is below 1. Several repeats of a case
are several answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.comparison.retrieval_metrics import FoundPassages, uses_alone
from evalkit.comparison.table import FINISH_REASONS, ScoreTable
from evalkit.records.case import Case
from evalkit.records.comparison import Failures, RetrievalSummary
from evalkit.records.retrieval import IndexFacts
from evalkit.records.sample import LatencyRow, Sample, Status
from evalkit.retrieval.quality import credited
from evalkit.text.fold import CJK
from evalkit.text.normalise import spaced

FORM_CHECKS = ("regex", "json_schema")
GRADED_RIGHT = 0.5
_NEARLY_ALL = 0.8  # token F1 from which the reference counts as being there

_KINDS = (
    "",
    "truncation",
    "refusal_or_empty",
    "format",
    "other",
    "retrieval_miss",
    "reading_miss",
    "missing_knowledge",
)
_TRUNCATED = ("length", "context_limit")


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What reading one arm's answers says beyond their scores.

    Attributes:
        failures: Kinds of its wrong answers; None when no answer has a primary score.
        retrieval: None for arms that are not given passages.
    """

    failures: Failures | None
    retrieval: RetrievalSummary | None


def read_answers(
    table: ScoreTable,
    cases: Iterable[Case],
    samples: Iterable[Sample],
    form_metrics: Collection[str],
    *,
    latency: Iterable[LatencyRow] = (),
    indexes: Mapping[str, IndexFacts] | None = None,
) -> dict[str, AnswerFacts]:
    """One pass over the answers: failures by kind, and recall of the passages that answer.

    Args:
        table: The run's scores.
        cases: The table's cases; others are not read.
        samples: The same samples; a cell's last row counts.
        form_metrics: Names of the metrics that check the form of an answer.
        latency: Rows of the isolated pass.
        indexes: By arm, the index it searched.

    Returns:
        Arm name to what was found.
    """
    by_id = {case.id: case for case in cases}
    columns = {case_id: column for column, case_id in enumerate(table.case_ids)}
    rows = {arm.name: row for row, arm in enumerate(table.arms)}
    kinds = np.zeros(table.status.shape, dtype=np.uint8)
    retrieved, alone = FoundPassages(table), uses_alone(latency)
    right_from = 1.0 if _scored_binary(table) else GRADED_RIGHT
    form = [table.values[name] for name in form_metrics if name in table.values]
    primary = table.values.get(table.primary)
    for sample in samples:
        if sample.status is not Status.OK:
            continue
        if sample.case_id not in columns:
            continue  # set aside because it leaked
        case = by_id[sample.case_id]
        at = rows[sample.arm], columns[sample.case_id], sample.repeat
        retrieved.add(at[0], at[1:], case, sample)
        if primary is not None and primary[at] < right_from:
            broken = any(cells[at] < 1.0 for cells in form)
            retrieves = bool(table.arms[at[0]].retrieval or sample.passages)
            finish, abstained = FINISH_REASONS[table.finish[at]], bool(table.abstained[at])
            kinds[at] = _KINDS.index(_kind(case, sample, finish, abstained, broken, bool(form), retrieves))
    return {
        arm.name: AnswerFacts(
            failures=_failures(kinds[row])
            if primary is not None and np.isfinite(primary[row]).any()
            else None,
            retrieval=retrieved.summary(row, alone.get(arm.name, ()), (indexes or {}).get(arm.name)),
        )
        for row, arm in enumerate(table.arms)
    }


def share_of(failures: Failures, *kinds: str) -> float | None:
    """The share of wrong answers that are of the given kinds; None when nothing is wrong."""
    if failures.n_wrong == 0:
        return None
    return sum(int(getattr(failures, kind)) for kind in kinds) / failures.n_wrong


def contains_reference(output: str, references: Iterable[str]) -> bool:
    """Whether an accepted answer is in the output: as a run of words, or with a token F1 of at least 0.8.

    Compared as normalised answers are; Chinese character by character, so that no dictionary decides.

    >>> contains_reference("The answer is: Paris.", ["Paris"]), contains_reference("Comparison", ["Paris"])
    (True, False)
    """
    words = _words(output)
    return any(
        _runs_in(wanted, words) or _token_f1(wanted, words) >= _NEARLY_ALL
        for wanted in map(_words, references)
    )


def _kind(
    case: Case, sample: Sample, finish: str, abstained: bool, broken: bool, checked: bool, retrieves: bool
) -> str:
    if finish in _TRUNCATED:
        return "truncation"
    if abstained:
        return "refusal_or_empty"
    there = contains_reference(sample.output or "", case.reference)
    if broken:
        return "format" if there or not case.reference else "other"
    if there and not checked:
        return "format"
    if not retrieves:
        return "missing_knowledge"
    if not case.gold_passages:
        return "other"
    given = set(credited(sample.passages, case.gold_passages))
    return "reading_miss" if given & set(case.gold_passages) else "retrieval_miss"


def _scored_binary(table: ScoreTable) -> bool:
    """Whether single answers score 0 or 1, repeats not averaged."""
    cells = table.values.get(table.primary)
    return cells is None or bool(((cells == 0.0) | (cells == 1.0) | np.isnan(cells)).all())


def _failures(kinds: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Failures:
    counts: Mapping[int, int] = Counter(kinds[kinds > 0].tolist())
    named = {_KINDS[code]: count for code, count in counts.items()}
    return Failures(n_wrong=sum(counts.values()), **named)


_WORD = re.compile(rf"[{CJK}]|[^\s{CJK}]+")


def _words(text: str) -> list[str]:
    return _WORD.findall(spaced(text))


def _runs_in(wanted: list[str], words: list[str]) -> bool:
    """Whether the words stand in the others one after the other; no word holds a space."""
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(words)} "


def _token_f1(wanted: list[str], words: list[str]) -> float:
    shared = sum((Counter(wanted) & Counter(words)).values())
    return 2.0 * shared / (len(wanted) + len(words)) if shared else 0.0
