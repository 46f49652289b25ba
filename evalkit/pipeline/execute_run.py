"""A run from its first stage to its last, and the ways in which it may end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from evalkit.clock import Clock
from evalkit.ending import SignalInterrupt
from evalkit.errors import (
    AccessError,
    CostLimitError,
    IncompleteRunError,
    InterruptedRunError,
    RunError,
)
from evalkit.pipeline import spine
from evalkit.pipeline.typed_commands import resume_command
from evalkit.records.shard import Shard
from evalkit.runner.progress import Progress
from evalkit.runner.run_start import finish_run
from evalkit.runner.session import AnswerCounts
from evalkit.runner.stop_signal import StopSignal, stop_on_interrupt
from evalkit.secrets import hidden_in_errors
from evalkit.store.run_folder import RunFolder
from evalkit.suite.load import read_suite, suite_of_run, with_prices
from evalkit.suite.price_override import PRICES_FILE
from evalkit.suite.schema import IMPORTED_FROM, Suite
from evalkit.suite.trust import NOTHING, Trust

T = TypeVar("T")


def execute_stages(
    prepared: spine.Prepared, folder: RunFolder, options: spine.AnswerOptions, stop: StopSignal, clock: Clock
) -> None:
    """Every stage of a started run, in order; of a shard those up to its answers.

    Raises:
        IncompleteRunError: Some cells have no answer. Everything else is done and on disk.
        InterruptedRunError: Stopped by Ctrl-C, SIGTERM or SIGHUP.
        CostLimitError: Stopped by the cost limit.
        AccessError: The provider refused; nothing else was asked of it.
    """
    with _telling_how_to_resume(prepared, folder, stop) as resume:
        if options.shard is None:
            options.progress.stage("Profile")
            spine.profile_data(prepared, folder)
            _raise_if_interrupted(stop)
        counts = _answered(prepared, folder, options, stop, resume)
        if options.shard is None:
            options.progress.stage("Scoring, comparing, deciding, reporting")
            score_to_report(prepared, folder, stop)
        finish_run(folder, clock=clock)
        _raise_if_incomplete(counts, folder, resume, options.shard)


def conclude_answered(
    prepared: spine.Prepared,
    folder: RunFolder,
    counts: Mapping[str, AnswerCounts],
    progress: Progress,
    clock: Clock,
) -> None:
    """The stages of a run whose answers are there already, which leave it as if it had been answered here.

    Raises:
        IncompleteRunError: Some cells have no answer. Everything else is done and on disk.
        InterruptedRunError: Stopped by Ctrl-C, SIGTERM or SIGHUP.
    """
    stop = StopSignal()
    with _telling_how_to_resume(prepared, folder, stop) as resume:
        progress.stage("Profile")
        spine.profile_data(prepared, folder)
        _raise_if_interrupted(stop)
        progress.stage("Scoring, comparing, deciding, reporting")
        score_to_report(prepared, folder, stop)
        finish_run(folder, clock=clock)
        _raise_if_incomplete(counts, folder, resume)


@contextmanager
def _telling_how_to_resume(prepared: spine.Prepared, folder: RunFolder, stop: StopSignal) -> Iterator[str]:
    """Listens to signals; gives the command that goes on with the run, which stands in the error of one."""
    resume = resume_command(prepared.suite, folder)
    try:
        with stop_on_interrupt(stop), hidden_in_errors(prepared.suite.source.secrets):
            yield resume
    except (KeyboardInterrupt, InterruptedRunError) as error:
        number = error.number if isinstance(error, SignalInterrupt) else stop.number
        by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        raise InterruptedRunError(
            f"Interrupted{by}; what was done is kept. Resume:\n  {resume}", number
        ) from None


def _answered(
    prepared: spine.Prepared, folder: RunFolder, options: spine.AnswerOptions, stop: StopSignal, resume: str
) -> Mapping[str, AnswerCounts]:
    """Train and answer; an end before all was asked is raised."""
    progress = options.progress
    progress.stage("Tuning")
    tuned = spine.tune(prepared, folder, options, stop)
    _raise_if_interrupted(stop)
    progress.stage(
        "Answering"
        if options.shard is None
        else f"Answering shard {options.shard}; cells of other shards count as done"
    )
    counts = wait(spine.answer(prepared, folder, tuned, options, stop))
    _raise_if_interrupted(stop)
    if stop.reason == "cost_limit":
        higher = 2 * (stop.budget.limit or Decimal(1))
        raise CostLimitError(
            f"The cost limit is reached ({stop.spent} spent). Resume with a higher one, such as:\n"
            f"  {resume} --cost-limit {higher:f}"
        )
    if refused := next((each.refused for each in counts.values() if each.refused is not None), None):
        raise AccessError(
            f"{refused}\nNothing else was asked of this endpoint. When it is mended, resume:\n  {resume}"
        )
    return counts


def _raise_if_incomplete(
    counts: Mapping[str, AnswerCounts], folder: RunFolder, resume: str, shard: Shard | None = None
) -> None:
    if failed := sum(each.errors for each in counts.values()):
        told = (
            "The report counts them as missing." if shard is None else "A merged run counts them as missing."
        )
        raise IncompleteRunError(
            f"{_failed_words(counts, failed)} {told} Ask again:\n  {resume} --retry-errors", str(folder.path)
        )


def score_to_report(prepared: spine.Prepared, folder: RunFolder, stop: StopSignal | None = None) -> None:
    """The stages after answering: samples -> scores, comparison, decision, report.

    What is shown of the suite is the one that the run keeps, in which no variable is replaced.
    """
    stop = stop or StopSignal()
    suite = prepared.suite
    kept = suite
    if suite.source.variables.found:
        kept = suite_of_run(folder.path, suite.folder)
        kept._source = replace(kept.source, trust=suite.trust)
    spine.score(prepared, folder)
    _raise_if_interrupted(stop)
    spine.compare_arms(prepared, folder)
    _raise_if_interrupted(stop)
    spine.write_decision(folder, kept)
    _raise_if_interrupted(stop)
    spine.report(folder, spine.records_of(folder, kept, cases=prepared.cases))


def _raise_if_interrupted(stop: StopSignal) -> None:
    """Start no further stage after Ctrl-C."""
    if stop.reason == "interrupted":
        raise InterruptedRunError


def reload_prepared(run: RunFolder, trust: Trust = NOTHING) -> spine.Prepared:
    """The suite of an answered run, ready for the stages after answering.

    Args:
        run: The run.
        trust: What its suite may do.

    Raises:
        RunError: The run was imported, or the suite's cases are not those that were answered.
    """
    manifest = run.manifest()
    if (table := suite_of_run(run.path, Path(manifest.suite_path)).metadata.get(IMPORTED_FROM)) is not None:
        raise RunError(f"{run.path} was imported from {table}: change the scores there and import them again")
    suite = at_run_prices(read_suite(manifest.suite_path, trust), run)
    prepared = spine.prepare(suite, limit=manifest.limit)
    if prepared.cases.digest != manifest.digests.cases:
        raise RunError(
            f"the cases of {manifest.suite_path} changed since {run.path} was answered; run the suite again"
        )
    return prepared


def at_run_prices(suite: Suite, run: RunFolder) -> Suite:
    """The suite under the prices that a repriced run keeps."""
    return with_prices(suite, run.file(PRICES_FILE)) if run.has(PRICES_FILE) else suite


def _failed_words(counts: Mapping[str, AnswerCounts], failed: int) -> str:
    reasons: dict[str, int] = {}
    for each in counts.values():
        for reason, count in each.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    commonest = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    listed = "; ".join(f"{reason} ({count})" for reason, count in commonest)
    return f"{failed} cells have no answer: {listed}."


def wait(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, run on an event loop of its own; also where one is running already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    cancel: list[Callable[[], object]] = []

    async def cancellable() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is not None:
            cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(asyncio.run, cancellable())
        try:
            return done.result()
        except KeyboardInterrupt:  # Ctrl-C for the second time: not all that is in flight is waited for
            for stop in cancel:
                stop()
            raise
