"""Arms -> samples: who is asked what, in which order, with one model in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

from evalkit.arms.arm import Arm
from evalkit.calls.build import build_caller, usual_concurrency
from evalkit.calls.caller import Caller
from evalkit.clock import Clock
from evalkit.data.cases import Cases
from evalkit.models.build import answering_config, build_model
from evalkit.models.protocol import Model
from evalkit.pipeline.base_knowledge import ask_training_rows
from evalkit.pipeline.extra_cases import answers_extra, extra_folder
from evalkit.pipeline.indexes import Retrieval
from evalkit.pipeline.observations import ObservationLog
from evalkit.pipeline.prepare import Prepared
from evalkit.pricing.prices_in_force import currency_of, pricer
from evalkit.records.shard import Shard
from evalkit.runner.answer import answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.journal import Journal
from evalkit.runner.latency import spread_at_any_length, spread_evenly, time_alone
from evalkit.runner.progress import Progress, Renamed, notice_of
from evalkit.runner.session import AnswerCounts, Session
from evalkit.runner.shard import holds_case
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.cache import NoCache, ResponseCache
from evalkit.store.hiding_cache import HidingCache
from evalkit.store.run_folder import RunFolder
from evalkit.suite.models import ModelConfig
from evalkit.suite.schema import Suite
from evalkit.tuning.tune import TuningOutcome


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How models are asked.

    Attributes:
        shard: Only this part of the run is answered, and nothing is trained; None for all of it.
    """

    cache: ResponseCache
    progress: Progress
    clock: Clock
    max_concurrency: int | None = None
    retry_errors: bool = False
    shard: Shard | None = None


async def answer(
    prepared: Prepared, run: RunFolder, tuned: TuningOutcome, options: AnswerOptions, stop: StopSignal
) -> dict[str, AnswerCounts]:
    """Arms -> samples, into the journal; candidates also answer a few cases alone, for latency.

    Arms of one model are answered together, so that one model is in memory at a time. The reference arm and the tuned
    candidates answer the extra task sets too, each into a journal of its own.
    """
    suite = prepared.suite
    secrets, asked = suite.source.secrets, suite.run
    remember = not isinstance(options.cache, NoCache)
    counts: dict[str, AnswerCounts] = {}
    observations = ObservationLog(run, options.clock)
    timed_ids = timed_alone(suite, prepared.cases, options.shard)
    alone = partial(time_alone, run=run, seed=asked.seed, progress=options.progress, stop=stop)
    async with (
        Retrieval(prepared, run, options.progress, stop, remember=remember) as retrieval,
        AsyncExitStack() as open_files,
    ):
        again = options.retry_errors
        journal = open_files.enter_context(Journal(run, retry_errors=again))
        extra_journals = {
            name: open_files.enter_context(Journal(extra_folder(run, name), retry_errors=again))
            for name in prepared.extra
        }
        for (name, fraction, training_seed), arms in by_model(prepared.arms).items():
            config = tuned.config((name, fraction, training_seed)) or answering_config(suite, name)
            model = build_model(config, folder=suite.folder, plugins=suite.trust.loads_plugins)
            caller = caller_of(name, model, config, prepared, options, stop)
            at_once = options.max_concurrency or asked.max_concurrency or usual_concurrency(config)
            session = Session(
                journal, options.progress, stop, asked.seed, asked.repeats, at_once, secrets, options.shard
            )
            try:
                for arm in arms:
                    task = ArmTask(arm, caller, currency_of(suite))
                    counts[arm.name] = await answer_arm(task, prepared.cases, len(prepared.cases), session)
                    if arm.facts.role == "candidate" and not model.answers_by_case and not stop.requested:
                        timed_cases = (prepared.cases.get(case_id) for case_id in timed_ids)
                        await alone(task, timed_cases, limit_s=asked.latency.max_s)
                    retrieval.record(arm)
                    if not answers_extra(suite, arm.facts) or model.answers_by_case:
                        continue
                    for extra, cases in prepared.extra.items():
                        if not stop.requested:
                            progress = Renamed(session.progress, f"on {extra}")
                            extra_session = replace(session, journal=extra_journals[extra], progress=progress)
                            extra_counts = await answer_arm(task, cases, len(cases), extra_session)
                            counts[f"{arm.name} on {extra}"] = extra_counts
                if not model.answers_by_case:
                    await ask_training_rows(prepared, run, name, caller, session)
                if not stop.requested:
                    await observations.read_announced(name, caller)
            finally:
                await model.close()
            if stop.requested:
                break
    observations.write(counts)
    return counts


def timed_alone(suite: Suite, cases: Cases, shard: Shard | None = None) -> list[str]:
    """Ids of the cases that each candidate answers alone, for latency, in the order in which it answers them.

    Args:
        suite: Says how many.
        cases: All cases of the run.
        shard: Only those that it holds; None for all.
    """
    timed = spread_at_any_length(spread_evenly(list(cases.ids), suite.run.latency.isolated))
    return [case_id for case_id in timed if shard is None or holds_case(shard, case_id)]


def caller_of(
    name: str,
    model: Model,
    config: ModelConfig,
    prepared: Prepared,
    options: AnswerOptions,
    stop: StopSignal,
) -> Caller:
    """Who asks a model; no value that the suite took from a variable is kept or shown.

    Args:
        name: Of the model in the suite.
        model: It.
        config: Its section, with an adapter where it is tuned.
        prepared: The suite with its prices.
        options: The cache, and who is told what is waited for.
        stop: The run's money.
    """
    suite, cache = prepared.suite, options.cache
    secrets = suite.source.secrets
    return build_caller(
        model,
        config,
        cache=HidingCache(cache, secrets) if secrets and not isinstance(cache, NoCache) else cache,
        clock=options.clock,
        spending=stop.spending,
        price=pricer(suite, name, prepared.prices),
        on_wait=notice_of(name, options.progress, secrets),
    )


def by_model(arms: Sequence[Arm]) -> dict[tuple[str, float, int], list[Arm]]:
    """Arms by what answers them: name, fraction of the training rows and training seed of a model."""
    groups: dict[tuple[str, float, int], list[Arm]] = {}
    for arm in arms:
        facts = arm.facts
        groups.setdefault((facts.model, facts.fraction or 1.0, facts.seed or 1), []).append(arm)
    return groups
