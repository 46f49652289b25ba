"""Asking changed cases again before a gate fails, through the ordinary callers, cache, journal and cost limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal

from evalkit.arms.arm import Arm
from evalkit.calls.build import usual_concurrency
from evalkit.clock import Clock
from evalkit.errors import (
    AccessError,
    CostLimitError,
    IncompleteRunError,
    InputError,
    InterruptedRunError,
)
from evalkit.gating.confirm import CasesToAsk, asks_together, cases_to_ask, upheld_pairs
from evalkit.gating.paired_run import Asked, PairedRun
from evalkit.models.build import answering_config, build_model
from evalkit.pipeline.answer import AnswerOptions, by_model, caller_of
from evalkit.pipeline.execute_run import wait
from evalkit.pipeline.indexes import Retrieval
from evalkit.pipeline.prepare import Prepared, prepare
from evalkit.pipeline.train import train
from evalkit.pricing.prices_in_force import currency_of
from evalkit.records.gate import Confirmation, GateResult
from evalkit.records.sample import Sample, Status
from evalkit.runner.answer import answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.confirmations import ConfirmationJournal, further_answers
from evalkit.runner.progress import Progress, Renamed
from evalkit.runner.run_start import digests
from evalkit.runner.session import AnswerCounts, Session
from evalkit.runner.stop_signal import StopSignal, stop_on_interrupt
from evalkit.scoring.score import score_samples
from evalkit.secrets import hidden_in_errors
from evalkit.store.run_folder import RunFolder, path_argument
from evalkit.store.write_behind import open_cache
from evalkit.suite.load import read_suite
from evalkit.suite.models import RecordedModelConfig, TunedModelConfig
from evalkit.suite.schema import IMPORTED_FROM, Suite
from evalkit.suite.trust import Trust
from evalkit.tuning.tune import TuningOutcome


@dataclass(frozen=True, slots=True)
class Confirmer:
    """Who asks changed cases again.

    Attributes:
        run: A finished run, locked by this process.
        baseline: The baseline's file, for the command that goes on.
        use_cache: Whether earlier answers are replayed and new ones kept.
        cost_limit: Money that may be spent; what the run itself spent counts too. None for the suite's own limit.
        trust: What the suite may do.
    """

    run: RunFolder
    baseline: str
    use_cache: bool
    cost_limit: Decimal | None
    progress: Progress
    clock: Clock
    trust: Trust

    def ask_again(self, paired: PairedRun, result: GateResult) -> tuple[Asked, Confirmation] | None:
        """All scores of the changed cases of what failed, and what that took; None where there is no such case.

        Args:
            paired: Run and baseline.
            result: The gate as the run's own answers make it.

        Raises:
            CostLimitError: The limit was reached; what was answered is kept.
            IncompleteRunError: A case found no answer; what was answered is kept.
            InterruptedRunError: Stopped by a signal; likewise.
        """
        asks, repeats = paired.run.gate.confirm, paired.run.manifest.repeats
        wanted = cases_to_ask(paired, result)
        if not wanted.cases or repeats >= asks:
            return None
        prepared, refused = self._prepared(paired, wanted)
        askable = {arm: ids for arm, ids in wanted.cases.items() if arm not in refused}
        to_ask = CasesToAsk(askable, {arm: wanted.metrics[arm] for arm in askable})
        record = Confirmation(
            asks=asks, cases=to_ask.pairs, answers=0, not_asked=refused, verdict_before=result.verdict
        )
        if prepared is None or not askable:
            return {}, record
        stop = StopSignal(self._limit(prepared.suite))
        self.progress.stage(
            f"Confirming: {to_ask.pairs} pairs of a case and an arm, until each has {asks} asks"
        )
        with prepared.cases, hidden_in_errors(prepared.suite.source.secrets), stop_on_interrupt(stop):
            samples = self._answers(prepared, paired, to_ask, stop)
            rows = list(score_samples(samples, prepared.cases, prepared.metrics))
        asked = asks_together(paired, to_ask, rows)
        record = Confirmation(
            asks=asks,
            cases=to_ask.pairs,
            answers=len(samples),
            spent=f"{stop.spent:f}" if all(map(_priced, samples)) else None,
            currency=currency_of(prepared.suite),
            upheld=upheld_pairs(paired, to_ask, asked),
            not_asked=refused,
            verdict_before=result.verdict,
        )
        return asked, record

    def _prepared(self, paired: PairedRun, wanted: CasesToAsk) -> tuple[Prepared | None, dict[str, str]]:
        """The suite ready to be asked, and by arm why one cannot be."""
        manifest, names = paired.run.manifest, list(wanted.cases)
        if IMPORTED_FROM in paired.run.suite.metadata:
            return None, dict.fromkeys(names, "its scores were imported")
        try:
            suite = read_suite(manifest.suite_path, self.trust)
            recorded = {arm: _why_not(suite, paired, arm) for arm in names}
            refused = {arm: reason for arm, reason in recorded.items() if reason is not None}
            if len(refused) == len(names):
                return None, refused
            prepared = prepare(suite, limit=manifest.limit)
            now, then = digests(prepared.experiment), manifest.digests
        except InputError as error:
            first = str(error).partition("\n")[0]
            return None, dict.fromkeys(names, f"the suite cannot be used any more ({first})")
        if (now.suite, now.cases, now.data, now.weights) != (then.suite, then.cases, then.data, then.weights):
            prepared.cases.close()
            return None, dict.fromkeys(
                names, "the suite, its cases or its files changed since the run was made"
            )
        return prepared, refused

    def _limit(self, suite: Suite) -> Decimal | None:
        """What may still be spent: the limit without what the run itself spent."""
        limit = self.cost_limit if self.cost_limit is not None else suite.run.cost_limit
        return None if limit is None else max(Decimal(0), limit - sum(_spent(self.run.samples()), Decimal(0)))

    def _answers(
        self, prepared: Prepared, paired: PairedRun, to_ask: CasesToAsk, stop: StopSignal
    ) -> list[Sample]:
        """The further answers, asked now where they are not there yet."""
        repeats = range(paired.run.manifest.repeats, paired.run.gate.confirm)
        arms = {name: arm for arm, ids in to_ask.cases.items() for name in paired.run.trainings(arm) if ids}
        wanted = {(name, case_id) for name, arm in arms.items() for case_id in to_ask.cases[arm]}
        chosen = [arm for arm in prepared.arms if arm.name in arms]
        with (
            closing(open_cache(self.use_cache)) as cache,
            ConfirmationJournal(self.run, repeats.start, wanted) as journal,
        ):
            options = AnswerOptions(cache=cache, progress=self.progress, clock=self.clock)
            session = Session(
                journal,
                self.progress,
                stop,
                prepared.suite.run.seed,
                repeats.stop,
                1,
                prepared.suite.source.secrets,
            )
            cases = {name: to_ask.cases[arm] for name, arm in arms.items()}
            if any(journal.owes(case_id, name, repeat) for name, case_id in wanted for repeat in repeats):
                tuned = self._tuned(prepared, chosen, stop)
                work = _ask(
                    _Asking(prepared, self.run, options, session, tuned, self.use_cache), chosen, cases
                )
                try:
                    self._check(wait(work), stop)
                except KeyboardInterrupt:
                    raise self._interrupted(stop) from None
        return self._all_of(further_answers(self.run, repeats, wanted), len(wanted) * len(repeats), stop)

    def _tuned(self, prepared: Prepared, arms: Sequence[Arm], stop: StopSignal) -> TuningOutcome:
        """The tuned models of these arms, which most often come from the cache of adapters."""
        models = {arm.facts.model for arm in arms}
        if not any(isinstance(prepared.suite.models[name], TunedModelConfig) for name in models):
            return TuningOutcome()
        return train(prepared.suite, progress=self.progress, stopped=lambda: stop.requested)

    def _check(self, counts: Mapping[str, AnswerCounts], stop: StopSignal) -> None:
        if stop.reason == "interrupted":
            raise self._interrupted(stop)
        if stop.reason == "cost_limit":
            raise CostLimitError(
                f"The cost limit is reached while changed cases were asked again ({stop.spent} spent on it). Nothing "
                f"was judged. Go on with a higher one:\n  {self._command} --cost-limit MONEY"
            )
        if refused := next((each.refused for each in counts.values() if each.refused is not None), None):
            raise AccessError(f"{refused}\nNothing was judged. When it is mended, go on:\n  {self._command}")

    def _all_of(self, samples: list[Sample], expected: int, stop: StopSignal) -> list[Sample]:
        if stop.reason == "interrupted":
            raise self._interrupted(stop)
        if (missing := expected - len(samples)) > 0:
            are = "answer is" if missing == 1 else "answers are"
            raise IncompleteRunError(
                f"Of the cases that were asked again {missing} of {expected} {are} missing. Nothing was judged. Ask "
                f"for them:\n  {self._command}",
                str(self.run.path),
            )
        return samples

    def _interrupted(self, stop: StopSignal) -> InterruptedRunError:
        return InterruptedRunError(
            f"Interrupted while changed cases were asked again; what was answered is kept. Go on:\n  {self._command}",
            stop.number,
        )

    @property
    def _command(self) -> str:
        baseline = f"--baseline {path_argument(self.baseline)}"
        return f"evalkit gate {path_argument(self.run.path)} {baseline}{self.trust.options}"


@dataclass(frozen=True, slots=True)
class _Asking:
    """What asking takes besides the arms and the cases."""

    prepared: Prepared
    run: RunFolder
    options: AnswerOptions
    session: Session
    tuned: TuningOutcome
    remember: bool


async def _ask(
    asking: _Asking, arms: Sequence[Arm], cases: Mapping[str, Sequence[str]]
) -> dict[str, AnswerCounts]:
    """Ask these arms for these cases, one model in memory at a time."""
    prepared, session = asking.prepared, asking.session
    suite, stop = prepared.suite, session.stop
    counts: dict[str, AnswerCounts] = {}
    async with Retrieval(prepared, asking.run, session.progress, stop, remember=asking.remember):
        for (name, fraction, seed), group in by_model(arms).items():
            config = asking.tuned.config((name, fraction, seed)) or answering_config(suite, name)
            model = build_model(config, folder=suite.folder, plugins=suite.trust.loads_plugins)
            caller = caller_of(name, model, config, prepared, asking.options, stop)
            concurrency = suite.run.max_concurrency or usual_concurrency(config)
            own = replace(session, concurrency=concurrency, progress=Renamed(session.progress, "asked again"))
            try:
                for arm in group:
                    chosen = [prepared.cases.get(case_id) for case_id in cases[arm.name]]
                    task = ArmTask(arm, caller, currency_of(suite))
                    counts[arm.name] = await answer_arm(task, chosen, len(chosen), own)
            finally:
                await model.close()
            if stop.requested:
                break
    return counts


def _why_not(suite: Suite, paired: PairedRun, arm: str) -> str | None:
    """Why an arm cannot be asked again; None where it can."""
    facts = paired.run.table.arms[paired.run.table.row(arm)]
    if facts.model not in suite.models:
        return "the suite no longer has its model"
    if isinstance(suite.models[facts.model], RecordedModelConfig):
        return "its answers are recorded"
    return None


def _spent(samples: Iterator[Sample]) -> Iterator[Decimal]:
    for sample in samples:
        if sample.status is Status.OK and sample.replayed is None and sample.cost is not None:
            yield (sample.cost.model or Decimal(0)) + (sample.cost.retrieval or Decimal(0))


def _priced(sample: Sample) -> bool:
    return sample.cost is not None and sample.cost.model is not None
