"""The file to read first: one short function per arrow of the spine.

    suite -> cases -> profile -> tuning -> arms -> samples -> scores -> comparison -> decision -> report

Each stage reads what the stages before it wrote into the run folder and writes its own file there, so each can
be run again alone. Answering is dear and happens once; what comes after it asks no model.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from msgspec import structs

from evalkit.arms.arm import Arm
from evalkit.arms.build import build_arms, build_composer
from evalkit.arms.expand import expand_arms
from evalkit.calls.build import build_caller, most_output, usual_concurrency
from evalkit.calls.caller import Caller
from evalkit.clock import Clock
from evalkit.comparison.compare import compare, form_metrics
from evalkit.comparison.excerpts import pick_excerpts
from evalkit.comparison.failures import read_answers
from evalkit.comparison.table import ScoreTable, build_table
from evalkit.data.cases import Cases, read_cases
from evalkit.data.check import check_files
from evalkit.data.corpus import read_corpus
from evalkit.data.examples import read_examples
from evalkit.data.profile import measure_profile
from evalkit.decision.decide import decide
from evalkit.decision.money import check_prices
from evalkit.economics.prices import PriceTable
from evalkit.metrics.build import build_metrics
from evalkit.metrics.check import check_cases
from evalkit.metrics.protocol import Aggregate, Metric, aggregate_of
from evalkit.models.build import build_model
from evalkit.models.on_disk import answering_config, context_limit, token_counter, weights_digest
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import Comparison
from evalkit.records.decision import Decision
from evalkit.records.profile import Profile
from evalkit.records.run import DeclaredEconomics, DeclaredRange, RunRecords
from evalkit.records.tuning import TuningReport
from evalkit.reporting.write import write_reports
from evalkit.runner.answer import Session, Tally, answer_arm
from evalkit.runner.begin import Experiment
from evalkit.runner.cells import ArmWork
from evalkit.runner.journal import Journal
from evalkit.runner.latency import spread_evenly, time_alone
from evalkit.runner.prefix import prefix_tokens, shared_prefix
from evalkit.runner.pricing import price_table, pricer, prices_as_of, prices_used
from evalkit.runner.probe import probe_arm, probe_cases, share_answered, tuned_on
from evalkit.runner.progress import Progress, Renamed
from evalkit.runner.reprice import prices_digest, repriced
from evalkit.runner.stop import Stop
from evalkit.scoring.mark import mark, negative_control
from evalkit.store.cache import ResponseCache
from evalkit.store.jsonl import rewrite
from evalkit.store.run_folder import RunFolder
from evalkit.suite.economics import Economics
from evalkit.suite.models import EmbeddedModelConfig, TunedModelConfig
from evalkit.suite.price_override import PRICES_FILE
from evalkit.suite.schema import Suite
from evalkit.tuning.tune import TuningOutcome, tune_models


@dataclass(frozen=True, slots=True)
class Prepared:
    """A suite whose every input was read and checked; no model has been loaded and nothing written."""

    suite: Suite
    cases: Cases
    arms: Sequence[Arm]
    metrics: Mapping[str, Metric]
    prices: PriceTable
    limit: int | None
    extra: Mapping[str, Cases] = field(default_factory=dict)

    @property
    def experiment(self) -> Experiment:
        """What the manifest records."""
        local = {
            name: weights_digest(config, self.suite.folder) for name, config in self.suite.models.items()
        }
        return Experiment(
            suite=self.suite,
            cases=self.cases,
            facts=[arm.facts for arm in self.arms],
            weights={name: digest for name, digest in local.items() if digest is not None},
            prices_as_of=prices_as_of(self.suite, self.prices),
            limit=self.limit,
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """How models are asked."""

    cache: ResponseCache
    progress: Progress
    clock: Clock
    max_concurrency: int | None = None
    retry_errors: bool = False


def prepare(suite: Suite, *, limit: int | None = None) -> Prepared:
    """Suite -> cases, arms, metrics, prices. Everything that can be wrong with the input is found here.

    Args:
        suite: As loaded.
        limit: Only the first cases.

    Raises:
        InputError: With file, line and what to do.
    """
    cases = check_files(suite)
    metrics = build_metrics(suite)
    check_cases(metrics, cases)
    prices = price_table(suite)
    check_prices(suite, prices)
    arms = build_arms(
        suite,
        expand_arms(suite),
        cases,
        read_examples=cache(lambda path: read_examples(suite.path(path), suite)),
        read_corpus=cache(lambda path: read_corpus(suite.path(path))),
    )
    extra = {name: read_cases(suite, name) for name in suite.extra_cases}
    for name, others in extra.items():
        check_cases({(metric := suite.extra_metric(name)): metrics[metric]}, others)
    if limit is not None:  # columns and gold ids may appear only later
        cases, extra = cases.first(limit), {name: others.first(limit) for name, others in extra.items()}
    return Prepared(suite, cases, arms, metrics, prices, limit, extra)


def profile_data(prepared: Prepared, run: RunFolder) -> Profile:
    """Cases -> profile."""
    suite = prepared.suite
    base = answering_config(suite, suite.arms[suite.reference_arm].model)
    profile = measure_profile(
        suite,
        prepared.cases,
        count_tokens=token_counter(base, suite.folder),
        length_limit=context_limit(base, suite.folder),
    )
    run.write("profile.json", profile)
    return profile


def tune(prepared: Prepared, run: RunFolder, asking: Asking) -> TuningOutcome:
    """Training rows -> adapters, for every model of ``type: tuned``."""
    suite = prepared.suite
    outcome = tune_models(
        suite,
        lambda path: read_examples(suite.path(path), suite),
        composer_of=partial(build_composer, suite),
        progress=asking.progress,
    )
    if outcome.report.runs:
        run.write("tuning.json", outcome.report)
    return outcome


async def answer(
    prepared: Prepared, run: RunFolder, tuned: TuningOutcome, asking: Asking, stop: Stop
) -> dict[str, Tally]:
    """Arms -> samples, into the journal; candidates also answer a few cases alone, for latency.

    Arms of one model are answered together, so that one model is in memory at a time. The reference arm and the tuned
    candidates answer the extra task sets too, each into a journal of its own.
    """
    suite = prepared.suite
    tallies: dict[str, Tally] = {}
    alone = spread_evenly(list(prepared.cases.ids), suite.run.latency.isolated)
    with ExitStack() as open_files:
        journal = open_files.enter_context(Journal(run, retry_errors=asking.retry_errors))
        beside = {
            name: open_files.enter_context(Journal(extra_folder(run, name), retry_errors=asking.retry_errors))
            for name in prepared.extra
        }
        for (name, fraction, seed), arms in _by_model(prepared.arms).items():
            config = answering_config(suite, name, tuned.adapters.get((name, fraction, seed)))
            model = build_model(config, folder=suite.folder)
            caller = build_caller(model, config, cache=asking.cache, clock=asking.clock)
            asked = asking.max_concurrency or suite.run.max_concurrency or usual_concurrency(config)
            session = Session(journal, asking.progress, stop, suite.run.seed, suite.run.repeats, asked)
            try:
                for arm in arms:
                    work = ArmWork(arm, caller, pricer(suite, name, prepared.prices), most_output(config))
                    tallies[arm.name] = await answer_arm(work, prepared.cases, len(prepared.cases), session)
                    if arm.facts.role == "candidate" and not model.answers_by_case and not stop.asked:
                        picked = (prepared.cases.get(case_id) for case_id in alone)
                        await time_alone(
                            work, picked, run, seed=suite.run.seed, progress=asking.progress, stop=stop
                        )
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
            finally:
                await model.close()
            if stop.asked:
                break
    return tallies


async def ask_training_rows(
    prepared: Prepared, run: RunFolder, base: str, caller: Caller, session: Session
) -> None:
    """Training rows -> what the model they are to tune answers already, for the profile; journaled apart."""
    suite = prepared.suite
    for tuned, trained in tuned_on(suite, base).items():
        if session.stop.asked:
            return
        cases = probe_cases(read_examples(suite.path(trained.train), suite))
        work = ArmWork(probe_arm(suite, tuned), caller, pricer(suite, base, prepared.prices))
        with Journal(probe_folder(run, tuned)) as journal:
            await answer_arm(work, cases, len(cases), replace(session, journal=journal, repeats=1))


def probe_folder(run: RunFolder, tuned: str) -> RunFolder:
    """Where the answers to the training rows of a tuned model are kept, apart from those of the run."""
    return _inner(run, "known", tuned)


def note_known_rows(prepared: Prepared, run: RunFolder) -> Profile:
    """Answers to training rows -> their share, in the profile."""
    suite, profile = prepared.suite, run.read("profile.json", Profile)
    metric = prepared.metrics[suite.primary_metric]
    for name, config in suite.models.items():
        if isinstance(config, TunedModelConfig) and run.has(f"known/{name}/samples.jsonl"):
            cases = probe_cases(read_examples(suite.path(config.train), suite))
            share, asked = share_answered(probe_folder(run, name).samples(), cases, metric)
            rows = structs.replace(profile.training[config.train], base_already_right=share, base_asked=asked)
            profile = structs.replace(profile, training={**profile.training, config.train: rows})
            run.write("profile.json", profile)
    return profile


def score(prepared: Prepared, run: RunFolder) -> int:
    """Samples -> scores. Rewrites ``scores.jsonl`` whole, and the extra sets'; gives the number of the run's rows."""
    note_known_rows(prepared, run)
    for name, cases in prepared.extra.items():
        metric, beside = prepared.suite.extra_metric(name), extra_folder(run, name)
        rewrite(beside.scores_file, mark(beside.samples(), cases, {metric: prepared.metrics[metric]}))
    return rewrite(run.scores_file, mark(run.samples(), prepared.cases, prepared.metrics))


def extra_folder(run: RunFolder, name: str) -> RunFolder:
    """Where the samples and scores of an extra task set are kept, apart from those of the run."""
    return _inner(run, "extra", name)


def answers_extra(suite: Suite, arm: ArmFacts) -> bool:
    """Whether an arm answers the extra task sets: what was before tuning, and what came of it."""
    return arm.role == "candidate" and (arm.tuned or arm.name == suite.reference_arm)


def read_table(run: RunFolder, suite: Suite) -> ScoreTable:
    """The scores of a run as arrays; where the run was repriced, with the costs of its present prices."""
    manifest, samples = run.manifest(), run.samples()
    if run.has(PRICES_FILE):
        samples = repriced(samples, manifest.arms, suite, price_table(suite))
    return build_table(manifest, run.cases(), samples, run.scores(), suite.primary_metric)


def compare_arms(prepared: Prepared, run: RunFolder) -> Comparison:
    """Scores -> comparison."""
    suite = prepared.suite
    table = read_table(run, suite)
    metric = prepared.metrics[suite.primary_metric]
    candidates = [arm.name for arm in table.candidates]
    chance = {
        name: found
        for name in candidates
        if (found := _chance(run, name, prepared.cases, metric, suite.run.seed)) is not None
    }
    prefixes = {arm.name: _prefix_tokens(prepared, arm) for arm in prepared.arms}
    comparison = compare(
        suite,
        table,
        latency=list(run.latency()),
        facts=read_answers(table, prepared.cases, run.samples(), form_metrics(suite)),
        chance=chance,
        prefix_tokens={name: tokens for name, tokens in prefixes.items() if tokens is not None},
        tuning=tuning_of(run),
        aggregates=_aggregates(prepared.metrics),
        extra={name: _extra_table(prepared, run, name) for name in prepared.extra},
    )
    run.write("comparison.json", comparison)
    return comparison


def decide_run(run: RunFolder, suite: Suite) -> Decision:
    """Comparison -> decision, from the run folder alone."""
    manifest = run.manifest()
    if run.has(PRICES_FILE):
        digests = structs.replace(manifest.digests, prices=prices_digest(suite))
        manifest = structs.replace(manifest, digests=digests)
    return decide(
        suite,
        manifest,
        read_table(run, suite),
        run.read("comparison.json", Comparison),
        run.read("profile.json", Profile),
        tuning_of(run),
        prices=price_table(suite),
    )


def write_decision(run: RunFolder, suite: Suite) -> Decision:
    """Decide and keep ``decision.json``."""
    decision = decide_run(run, suite)
    run.write("decision.json", decision)
    return decision


def records_of(run: RunFolder, suite: Suite, *, cases: Cases | None = None) -> RunRecords:
    """Everything a report shows.

    Args:
        run: A decided run.
        suite: Its suite.
        cases: For the excerpts; left out, none are shown.
    """
    table = read_table(run, suite)
    return RunRecords(
        manifest=run.manifest(),
        profile=run.read("profile.json", Profile),
        tuning=tuning_of(run),
        comparison=run.read("comparison.json", Comparison),
        decision=run.read("decision.json", Decision),
        excerpts=() if cases is None else pick_excerpts(table, cases.get, run.samples()),
        use_case=suite.use_case.improve,
        target=suite.use_case.target,
        confidence=suite.decision.confidence,
        economics=None if suite.economics is None else _declared(suite.economics),
        prices=prices_used(suite, price_table(suite)),
        embedded=any(isinstance(model, EmbeddedModelConfig) for model in suite.models.values()),
    )


def report(run: RunFolder, records: RunRecords, folder: Path | None = None) -> list[Path]:
    """Decision -> report.html, report.md, report.json; beside the run unless another folder is named."""
    return write_reports(records, folder or run.path)


def tuning_of(run: RunFolder) -> TuningReport | None:
    """``tuning.json`` where the run tuned."""
    return run.read("tuning.json", TuningReport) if run.has("tuning.json") else None


def _declared(economics: Economics) -> DeclaredEconomics:
    """The economics of a suite as a report shows them."""
    volume = economics.requests_per_month
    value = economics.value_per_correct
    return DeclaredEconomics(
        currency=economics.currency,
        horizon_months=economics.horizon_months,
        requests_per_month=DeclaredRange(low=volume.low, mode=volume.mode, high=volume.high),
        value_per_correct=None if value is None else float(value),
        cost_per_wrong=float(economics.cost_per_wrong),
        discount_rate=economics.discount_rate,
        prompt_cache_hit=economics.prompt_cache_hit,
    )


def _aggregates(metrics: Mapping[str, Metric]) -> dict[str, Aggregate]:
    return {
        name: aggregate for name, found in metrics.items() if (aggregate := aggregate_of(found)) is not None
    }


def _inner(run: RunFolder, group: str, name: str) -> RunFolder:
    folder = run.file(group) / name
    folder.mkdir(parents=True, exist_ok=True)
    return RunFolder(folder)


def _extra_table(prepared: Prepared, run: RunFolder, name: str) -> ScoreTable:
    beside = extra_folder(run, name)
    metric = prepared.suite.extra_metric(name)
    return build_table(run.manifest(), prepared.extra[name], beside.samples(), beside.scores(), metric)


def _by_model(arms: Sequence[Arm]) -> dict[tuple[str, float, int], list[Arm]]:
    groups: dict[tuple[str, float, int], list[Arm]] = {}
    for arm in arms:
        facts = arm.facts
        groups.setdefault((facts.model, facts.fraction or 1.0, facts.seed or 1), []).append(arm)
    return groups


def _chance(run: RunFolder, arm: str, cases: Cases, metric: Metric, seed: int) -> float | None:
    samples = (sample for sample in run.samples() if sample.arm == arm)
    return negative_control(samples, cases, metric, seed=seed)


def _prefix_tokens(prepared: Prepared, arm: Arm) -> float | None:
    suite = prepared.suite
    count = token_counter(answering_config(suite, arm.facts.model), suite.folder)
    return prefix_tokens(shared_prefix(arm, itertools.islice(prepared.cases, 40)), count)
