"""What the base already knew: some training rows asked of it as they are trained, without examples or passages.

Rows that the base answers anyway teach little. The answers are cached like all others, journaled apart from the run's
samples, and no figure but the profile's rests on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from evalkit.arms.arm import Arm
from evalkit.arms.build import build_composer
from evalkit.metrics.protocol import Metric
from evalkit.prompts.template import Template
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case, Example, Message
from evalkit.records.sample import Sample
from evalkit.runner.latency import spread_evenly
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite

MOST_ROWS = 100
RIGHT_FROM = 0.5
"""Primary score from which a row counts as answered: every right answer of a 0/1 metric, half of a graded one."""


def tuned_on(suite: Suite, base: str) -> dict[str, TunedModelConfig]:
    """The models that the run tunes from ``base``, by name."""
    return {
        name: config
        for name, config in suite.models.items()
        if isinstance(config, TunedModelConfig) and config.base == base
    }


def probe_cases(rows: Sequence[Example]) -> list[Case]:
    """At most 100 training rows as cases, evenly over the file; their turns before the question come along."""
    by_id = {row.id: row for row in rows}
    return [_as_case(by_id[row_id]) for row_id in spread_evenly(list(by_id), MOST_ROWS)]


def probe_arm(suite: Suite, model: str) -> Arm:
    """The base of a tuned model, asked in the words that the tune is trained with."""
    config = suite.models[model]
    base = config.base if isinstance(config, TunedModelConfig) else model
    facts = ArmFacts(
        name=f"{base} before {model}",
        kind=ArmKind.ZERO_SHOT,
        role="curve",
        model=base,
        model_type=suite.models[base].type,
        prompt="as trained",
    )
    return Arm(
        facts=facts, composer=build_composer(suite, model), retriever=None, query=Template(""), top_k=0
    )


def share_answered(
    samples: Iterable[Sample], cases: Iterable[Case], metric: Metric
) -> tuple[float | None, int]:
    """The share of the asked rows that the base answers, and how many have a score; None where none has."""
    known: Mapping[str, Case] = {case.id: case for case in cases}
    values = [
        score.value
        for sample in samples
        if sample.output is not None and sample.case_id in known
        if (score := metric.score(known[sample.case_id], sample)).value is not None
    ]
    right = sum(value is not None and value >= RIGHT_FROM for value in values)
    return (right / len(values) if values else None), len(values)


def _as_case(row: Example) -> Case:
    try:
        earlier = tuple(msgspec.convert(row.fields.get("messages", []), list[Message]))
    except msgspec.ValidationError:
        earlier = ()  # a column of that name which holds something else
    return Case(
        id=row.id,
        input=row.input,
        reference=(row.output,),
        messages=earlier,
        cluster=row.cluster,
        fields=row.fields,
    )
