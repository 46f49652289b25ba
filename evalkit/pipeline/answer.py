"""Arms -> samples: who is asked what, in which order, with one model in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from evalkit.arms.arm import Arm
from evalkit.calls.build import build_caller, usual_concurrency
from evalkit.clock import Clock
from evalkit.models.build import answering_config, build_model
from evalkit.pipeline.base_knowledge import ask_training_rows
from evalkit.pipeline.extra_cases import answers_extra, extra_folder
from evalkit.pipeline.indexes import Retrieval
from evalkit.pipeline.observations import ObservationLog
from evalkit.pipeline.prepare import Prepared
from evalkit.pricing.prices_in_force import currency_of, pricer
from evalkit.runner.answer import answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.journal import Journal
from evalkit.runner.latency import spread_evenly, time_alone
from evalkit.runner.progress import Progress, Renamed
from evalkit.runner.session import AnswerCounts, Session
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.cache import NoCache, ResponseCache
from evalkit.store.run_folder import RunFolder
from evalkit.tuning.tune import TuningOutcome


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How models are asked."""

    cache: ResponseCache
    progress: Progress
    clock: Clock
    max_concurrency: int | None = None
    retry_errors: bool = False


async def answer(
    prepared: Prepared, run: RunFolder, tuned: TuningOutcome, asking: AnswerOptions, stop: StopSignal
) -> dict[str, AnswerCounts]:
    """Arms -> samples, into the journal; candidates also answer a few cases alone, for latency.

    Arms of one model are answered together, so that one model is in memory at a time. The reference arm and the tuned
    candidates answer the extra task sets too, each into a journal of its own.
    """
    suite = prepared.suite
    tallies: dict[str, AnswerCounts] = {}
    seen = ObservationLog(run, asking.clock)
    alone = spread_evenly(list(prepared.cases.ids), suite.run.latency.isolated)
    remember = not isinstance(asking.cache, NoCache)
    async with (
        Retrieval(prepared, run, asking.progress, stop, remember=remember) as retrieval,
        AsyncExitStack() as open_files,
    ):
        journal = open_files.enter_context(Journal(run, retry_errors=asking.retry_errors))
        beside = {
            name: open_files.enter_context(Journal(extra_folder(run, name), retry_errors=asking.retry_errors))
            for name in prepared.extra
        }
        for (name, fraction, seed), arms in _by_model(prepared.arms).items():
            config = tuned.config((name, fraction, seed)) or answering_config(suite, name)
            model = build_model(config, folder=suite.folder)
            caller = build_caller(
                model,
                config,
                cache=asking.cache,
                clock=asking.clock,
                spending=stop.spending,
                price=pricer(suite, name, prepared.prices),
            )
            asked = asking.max_concurrency or suite.run.max_concurrency or usual_concurrency(config)
            session = Session(journal, asking.progress, stop, suite.run.seed, suite.run.repeats, asked)
            try:
                for arm in arms:
                    work = ArmTask(arm, caller, currency_of(suite))
                    tallies[arm.name] = await answer_arm(work, prepared.cases, len(prepared.cases), session)
                    if arm.facts.role == "candidate" and not model.answers_by_case and not stop.asked:
                        picked = (prepared.cases.get(case_id) for case_id in alone)
                        await time_alone(
                            work, picked, run, seed=suite.run.seed, progress=asking.progress, stop=stop
                        )
                    retrieval.note(arm)
                    if not answers_extra(suite, arm.facts) or model.answers_by_case:
                        continue
                    for extra, cases in prepared.extra.items():
                        if not stop.asked:
                            told = Renamed(session.progress, f"on {extra}")
                            apart = replace(session, journal=beside[extra], progress=told)
                            tally = await answer_arm(work, cases, len(cases), apart)
                            tallies[f"{arm.name} on {extra}"] = tally
                if not model.answers_by_case:
                    await ask_training_rows(prepared, run, name, caller, session)
                if not stop.asked:
                    await seen.look_up(name, caller)
            finally:
                await model.close()
            if stop.asked:
                break
    seen.write(tallies)
    return tallies


def _by_model(arms: Sequence[Arm]) -> dict[tuple[str, float, int], list[Arm]]:
    groups: dict[tuple[str, float, int], list[Arm]] = {}
    for arm in arms:
        facts = arm.facts
        groups.setdefault((facts.model, facts.fraction or 1.0, facts.seed or 1), []).append(arm)
    return groups
