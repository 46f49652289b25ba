"""Facts about the data, measured before any decision."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.data.cases import Cases
from evalkit.data.corpus import read_suite_corpus
from evalkit.data.duplicates import DuplicateCount, text_digest
from evalkit.data.examples import own_examples, read_examples
from evalkit.data.input_files import corpus_files, example_files
from evalkit.data.leakage import find_leakage
from evalkit.data.question_text import QuestionText
from evalkit.records.case import Example
from evalkit.records.profile import LengthSpread, Profile, PromptProfile, TrainingProfile
from evalkit.suite.schema import OptimisedPrompt, Suite
from evalkit.text.personal_data import holds_personal_data

_MOST_TAGS = 100


def measure_profile(
    suite: Suite,
    cases: Cases,
    *,
    count_tokens: Callable[[str], int] | None,
    length_limit: int | None,
) -> Profile:
    """Measure cases and training files: counts, lengths, duplicates, leakage, personal data. Asks no model.

    Args:
        suite: Names the training, example and corpus files.
        cases: The task set; read once for its own facts and once for each training or example file.
        count_tokens: By the reference model's tokenizer; without one, lengths are in characters.
        length_limit: Tokens of question and answer together that the model can take; None when unknown.

    Raises:
        DataError: A file that the suite names cannot be read.
    """
    ruler = _Ruler(count_tokens, length_limit)
    question_text = QuestionText.of(suite)
    inputs, references = ruler.lengths(), ruler.lengths()
    clusters: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    duplicates = DuplicateCount()
    with_reference = with_gold = 0
    for case in cases:
        inputs.add(case.input)
        clusters[case.cluster] += 1
        tags.update(case.tags)
        duplicates.add(question_text.of_case(case))
        with_gold += bool(case.gold_passages)
        if case.reference:
            with_reference += 1
            references.add(case.reference[0])
    corpora = corpus_files(suite)
    return Profile(
        cases=len(cases),
        clusters=len(clusters),
        largest_cluster=max(clusters.values(), default=0),
        with_reference=with_reference,
        with_gold_passages=with_gold,
        duplicate_inputs=duplicates.exact + duplicates.normalised,
        input_length=inputs.spread(),
        reference_length=references.spread() if with_reference else None,
        tags=dict(tags.most_common(_MOST_TAGS)),
        passages=sum(len(read_suite_corpus(suite, path)) for path in corpora) if corpora else None,
        training={
            path: _measure_file(path, read_examples(suite.path(path), suite), cases, question_text, ruler)
            for path in example_files(suite)
        },
        prompts={
            name: _prompt_profile(prompt, cases, question_text)
            for name, prompt in suite.optimised_prompts.items()
        },
    )


def _prompt_profile(prompt: OptimisedPrompt, cases: Cases, question_text: QuestionText) -> PromptProfile:
    """What the demonstrations of an optimised prompt have in common with the cases."""
    leakage = find_leakage(cases, own_examples(prompt), question_text)
    return PromptProfile(
        file=prompt.path or "",
        demonstrations=len(prompt.demonstrations),
        leaked=leakage.pairs,
        leaked_exact=leakage.same,
        leaked_near=leakage.near,
    )


def _measure_file(
    file: str, rows: Sequence[Example], cases: Cases, question_text: QuestionText, ruler: _Ruler
) -> TrainingProfile:
    inputs, outputs = ruler.lengths(), ruler.lengths()
    duplicates = DuplicateCount()
    answers: Counter[str] = Counter()
    over = personal = 0
    for row in rows:
        tokens = inputs.add(row.input) + outputs.add(row.output)
        over += ruler.limit is not None and tokens > ruler.limit
        duplicates.add(question_text.of_example(row), row.output)
        answers[text_digest(row.output.strip())] += 1
        personal += holds_personal_data(row.input) or holds_personal_data(row.output)
    leakage = find_leakage(cases, rows, question_text)
    return TrainingProfile(
        file=file,
        rows=len(rows),
        clusters=len({row.cluster for row in rows}),
        exact_duplicates=duplicates.exact,
        normalised_duplicates=duplicates.normalised,
        conflicts=duplicates.conflicts,
        input_length=inputs.spread(),
        output_length=outputs.spread(),
        distinct_answers=len(answers),
        largest_answer_share=max(answers.values()) / len(rows),
        over_limit=None if ruler.limit is None else over,
        length_limit=ruler.limit,
        pii_rows=personal,
        leaked=leakage.pairs,
        leaked_exact=leakage.same,
        leaked_near=leakage.near,
    )


class _Ruler:
    """Measures texts in tokens, or in characters where tokens cannot be counted; only tokens have a limit."""

    def __init__(self, count_tokens: Callable[[str], int] | None, limit: int | None) -> None:
        self.measure: Callable[[str], int] = count_tokens or len
        self.unit = "tokens" if count_tokens else "characters"
        self.limit = limit if count_tokens else None

    def lengths(self) -> _Lengths:
        return _Lengths(self)


@dataclass(slots=True)
class _Lengths:
    """The lengths of one column, eight bytes each."""

    ruler: _Ruler
    values: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, text: str) -> int:
        """Measure a text and keep its length."""
        length = self.ruler.measure(text)
        self.values.append(length)
        return length

    def spread(self) -> LengthSpread:
        """Minimum, median, 95th percentile, maximum and mean; all 0 where nothing was measured."""
        values = np.asarray(self.values, dtype=np.float64) if self.values else np.zeros(1)
        median, p95 = np.quantile(values, [0.5, 0.95])
        return LengthSpread(
            unit=self.ruler.unit,
            n=len(self.values),
            minimum=float(values.min()),
            median=float(median),
            p95=float(p95),
            maximum=float(values.max()),
            mean=float(values.mean()),
        )
