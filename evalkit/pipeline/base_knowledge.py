"""What the base already knew: some training rows asked of it as they are trained, without examples or passages.

Rows that the base answers anyway teach little. The answers are cached like all others, journaled apart from the run's
samples, and no figure but the profile's rests on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
from msgspec import structs

from evalkit.arms.arm import Arm
from evalkit.arms.build import build_composer
from evalkit.calls.caller import Caller
from evalkit.data.examples import read_examples
from evalkit.metrics.protocol import AnyMetric
from evalkit.pipeline.extra_cases import inner_folder
from evalkit.pipeline.prepare import Prepared
from evalkit.prompts.template import Template
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case, Example, Message
from evalkit.records.profile import Profile
from evalkit.records.sample import Sample
from evalkit.runner.answer import answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.journal import Journal
from evalkit.runner.latency import spread_evenly
from evalkit.runner.session import Session
from evalkit.scoring.metric_loop import MetricLoop, ScoreTask
from evalkit.store.run_folder import RunFolder
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
    samples: Iterable[Sample], cases: Iterable[Case], metric: AnyMetric, loop: MetricLoop
) -> tuple[float | None, int]:
    """The share of the asked rows that the base answers, and how many have a score; None where none has."""
    by_id = {case.id: case for case in cases}
    tasks = (
        ScoreTask("base knowledge", metric, sample, by_id[sample.case_id])
        for sample in samples
        if sample.output is not None and sample.case_id in by_id
    )
    values = [score.value for _, score in loop.scores(tasks) if score.value is not None]
    right = sum(value >= RIGHT_FROM for value in values)
    return (right / len(values) if values else None), len(values)


async def ask_training_rows(
    prepared: Prepared, run: RunFolder, base: str, caller: Caller, session: Session
) -> None:
    """Training rows -> what the model they are to tune answers already, for the profile; journaled apart."""
    suite = prepared.suite
    for tuned, trained in tuned_on(suite, base).items():
        if session.stop.requested:
            return
        cases = probe_cases(read_examples(suite.path(trained.train), suite))
        task = ArmTask(probe_arm(suite, tuned), caller)
        with Journal(probe_folder(run, tuned)) as journal:
            await answer_arm(task, cases, len(cases), replace(session, journal=journal, repeats=1))


def probe_folder(run: RunFolder, tuned: str) -> RunFolder:
    """Where the answers to the training rows of a tuned model are kept, apart from those of the run."""
    return inner_folder(run, "known", tuned)


def record_base_knowledge(prepared: Prepared, run: RunFolder, loop: MetricLoop) -> Profile:
    """Answers to training rows -> their share, in the profile."""
    suite, profile = prepared.suite, run.read("profile.json", Profile)
    metric = prepared.metrics[suite.primary_metric]
    for name, config in suite.models.items():
        if isinstance(config, TunedModelConfig) and run.has(f"known/{name}/samples.jsonl"):
            cases = probe_cases(read_examples(suite.path(config.train), suite))
            share, scored = share_answered(probe_folder(run, name).samples(), cases, metric, loop)
            rows = structs.replace(
                profile.training[config.train], base_already_right=share, base_asked=scored
            )
            profile = structs.replace(profile, training={**profile.training, config.train: rows})
            run.write("profile.json", profile)
    return profile


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
