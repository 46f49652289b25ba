"""What a run will take, before anything is spent: calls, tokens, money and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from statistics import fmean

from evalkit.arms.build import build_composer
from evalkit.calls.budget import Spending
from evalkit.calls.build import build_caller, usual_concurrency
from evalkit.clock import Clock
from evalkit.data.examples import read_examples
from evalkit.data.recorded import read_recorded
from evalkit.models.build import answering_config, build_model
from evalkit.models.prompt_tokens import TokenCounter, prompt_token_counter
from evalkit.pipeline.expected_calls import STATED_RATE, ArmQuestion, Probe, expected_arm, recorded_arm
from evalkit.pipeline.expected_embeddings import expected_embeddings
from evalkit.pipeline.spine import Prepared
from evalkit.pricing.prices_in_force import currency_of, pricer
from evalkit.records.estimate import ArmEstimate, EmbeddingEstimate, RunEstimate, TuningEstimate
from evalkit.records.record import Money
from evalkit.records.sample import Completion
from evalkit.runner.progress import Progress
from evalkit.store.cache import NoCache, ResponseCache
from evalkit.suite.models import HostedModelConfig, RecordedModelConfig, TunedModelConfig
from evalkit.text.token_rate import STATED
from evalkit.tuning.expected import expected_trainings, measure_training, memory_side_by_side, side_by_side
from evalkit.tuning.plan import plan_trainings, trains_here
from evalkit.tuning.protocol import TuningSpec

_PROBED = "Time of local models, and the tokens their base writes, are from a probe on this machine, busy as it is now."
_NOT_PROBED = "Local models were not asked: their time and money are left open."
_STAND_IN = "A model that is not tuned yet is timed by its base and counted by the lengths of the references."
_PATIENCE = "A training with patience is counted to its last planned step; it may stop earlier."
_COLD = "Hosted prompts are priced without a prompt cache."
_EMBEDDED_ONCE = (
    "Corpora are embedded once and equal questions once; vectors and indexes that are kept already are counted all the "
    "same. Until then the passages of these arms are stand-ins from their corpus."
)


async def estimate(
    prepared: Prepared, *, cache: ResponseCache | None, probe: bool, progress: Progress
) -> RunEstimate:
    """Every arm and every training of a suite.

    Args:
        prepared: The suite, checked.
        cache: Where given, answers and adapters that are kept already are left out.
        probe: Whether local models answer a few batches and training makes a few steps, for the time they take.
        progress: Called when each arm is estimated.
    """
    suite = prepared.suite
    progress.stage("Estimating")
    arms = await _arms(prepared, cache, probe, progress)
    embedding = await expected_embeddings(prepared, probe=probe)
    trainings = tuple(_trainings(prepared, cached=cache is not None, probe=probe))
    training_s = side_by_side(trainings) if trainings else 0.0
    return RunEstimate(
        suite=suite.name,
        cases=len(prepared.cases),
        calls=sum(arm.calls for arm in arms),
        cached=sum(arm.cached for arm in arms),
        prompt_tokens=_sum([arm.prompt_tokens for arm in arms]),
        output_tokens=_sum([arm.output_tokens for arm in arms]),
        money=_money([*(arm.cost for arm in arms), *(each.cost for each in embedding)]),
        currency=currency_of(suite),
        seconds=_sum([*(arm.seconds for arm in arms), training_s, *_embedding_seconds(embedding)]),
        tuning_seconds=training_s,
        tuning_memory_bytes=memory_side_by_side(trainings) if trainings else None,
        arms=tuple(arms),
        tuning=trainings,
        embedding=embedding,
        notes=tuple(_notes(prepared, probe)),
    )


async def _arms(
    prepared: Prepared, cache: ResponseCache | None, probe: bool, progress: Progress
) -> list[ArmEstimate]:
    """All arms in the suite's order; those of one model together, so that one model is in memory at a time."""
    suite = prepared.suite
    estimates: dict[str, ArmEstimate] = {}
    progress.start("arms", len(prepared.arms))
    for name in dict.fromkeys(arm.facts.model for arm in prepared.arms):
        config = answering_config(suite, name)
        price = pricer(suite, name, prepared.prices)
        arms = [arm for arm in prepared.arms if arm.facts.model == name]
        if isinstance(config, RecordedModelConfig):
            answers = _recorded(prepared, config)
            cells = len(prepared.cases) * suite.run.repeats
            estimates |= {arm.name: recorded_arm(arm, answers, price, cells) for arm in arms}
            progress.advance("arms", len(arms))
            continue
        gauge = prompt_token_counter(config, suite.folder)
        model = build_model(config, folder=suite.folder, plugins=suite.trust.loads_plugins)
        caller = build_caller(  # an estimate reads the cache and asks no model
            model, config, cache=cache or NoCache(), clock=Clock(), spending=Spending(), price=price
        )
        probes: dict[str, Probe] = {}
        try:
            for arm in arms:
                question = ArmQuestion(
                    arm=arm,
                    cases=prepared.cases,
                    caller=caller,
                    gauge=gauge,
                    price=price,
                    repeats=suite.run.repeats,
                    isolated=suite.run.latency.isolated,
                    isolated_s=suite.run.latency.max_s,
                    seed=suite.run.seed,
                    tuned=isinstance(suite.models[name], TunedModelConfig),
                    limit=config.output_limit,
                    in_flight=suite.run.max_concurrency or usual_concurrency(config),
                    per_minute=config.request_rate_limit,
                )
                estimates[arm.name] = expected_arm(
                    question, probes=probes if probe else None, cached=cache is not None
                )
                progress.advance("arms")
        finally:
            await model.close()
    progress.finish("arms")
    return [estimates[arm.name] for arm in prepared.arms]


def _recorded(prepared: Prepared, config: RecordedModelConfig) -> list[Completion]:
    """The answers of the cases at hand."""
    rows = read_recorded(prepared.suite.path(config.path))
    try:
        answers = (
            rows.get((case_id, repeat))
            for case_id in prepared.cases.ids
            for repeat in range(prepared.suite.run.repeats)
        )
        return [answer.completion() for answer in answers if answer is not None and answer.error is None]
    finally:
        rows.close()


def _trainings(prepared: Prepared, *, cached: bool, probe: bool) -> Iterator[TuningEstimate]:
    suite = prepared.suite
    if not any(isinstance(config, TunedModelConfig) for config in suite.models.values()):
        return
    planned = plan_trainings(
        suite,
        lambda path: read_examples(suite.path(path), suite),
        composer_of=partial(build_composer, suite),
    )
    by_model: dict[str, list[TuningSpec]] = {}
    for spec in planned.values():
        by_model.setdefault(spec.model, []).append(spec)
    for name, specs in by_model.items():
        largest = max(specs, key=lambda spec: len(spec.rows))
        here = probe and trains_here(largest.config.method, plugins=True)
        measured = measure_training(largest) if here else None
        gauge = prompt_token_counter(answering_config(suite, name), suite.folder)
        tokens = fmean(_row_tokens(gauge, largest))
        rate = None if measured is None else measured.seconds_a_token
        yield from expected_trainings(specs, tokens, seconds_a_token=rate, cached=cached, measured=measured)


def _row_tokens(gauge: TokenCounter, spec: TuningSpec) -> list[float]:
    rows = [row.messages for row in spec.rows]
    prompts = gauge.prompts([messages[:-1] for messages in rows])
    return [
        prompt + gauge.answer(messages[:-1], messages[-1].content)
        for prompt, messages in zip(prompts, rows, strict=True)
    ]


def _embedding_seconds(embedding: Iterable[EmbeddingEstimate]) -> list[float]:
    """Of those that were timed here; that of others passes while they are waited for, and is left out."""
    return [each.seconds for each in embedding if each.seconds is not None]


def _sum(figures: Sequence[float | None]) -> float | None:
    given = [figure for figure in figures if figure is not None]
    return sum(given) if len(given) == len(figures) else None


def _money(amounts: Sequence[Money | None]) -> Money | None:
    known = [amount for amount in amounts if amount is not None]
    return Money(sum(known)) if len(known) == len(amounts) else None


def _notes(prepared: Prepared, probe: bool) -> Iterator[str]:
    suite = prepared.suite
    if suite.embedders_used:
        yield _EMBEDDED_ONCE
    used = {arm.facts.model for arm in prepared.arms}
    configs = [answering_config(suite, name) for name in used]
    hosted = any(isinstance(config, HostedModelConfig) for config in configs)
    if any(config.type in ("embedded", "transformers") for config in configs):
        yield _PROBED if probe else _NOT_PROBED
    if any(isinstance(suite.models[name], TunedModelConfig) for name in used):
        yield _STAND_IN
    if any(isinstance(config := suite.models[name], TunedModelConfig) and config.patience for name in used):
        yield _PATIENCE
    if hosted:
        yield from (STATED, _COLD, STATED_RATE)
    if any(isinstance(config, RecordedModelConfig) for config in configs):
        yield "Recorded answers cost no money now; their cost is what the file and the prices say they took."
