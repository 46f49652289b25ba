"""The file to read first: one short function per arrow of the spine.

    suite -> cases -> profile -> tuning -> arms -> samples -> scores -> comparison -> decision -> report

Each stage reads what the stages before it wrote into the run folder and writes its own file there, so each can
be run again alone. Answering is dear and happens once; of what comes after it only scoring asks a model, and only
where a metric does. ``prepare``, ``train``, ``answer``, ``score`` and what is asked in addition to the cases have a
file each in this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import structs

from evalkit.arms.arm import Arm
from evalkit.comparison.arm_summaries import ArmMeasurements
from evalkit.comparison.compare import compare, form_metrics
from evalkit.comparison.excerpts import pick_excerpts
from evalkit.comparison.failures import read_answers
from evalkit.comparison.table import TOKEN_KINDS, ScoreTable
from evalkit.data.cases import Cases
from evalkit.data.profile import measure_profile
from evalkit.decision.context import ComparedRun
from evalkit.decision.decide import decide
from evalkit.metrics.protocol import Aggregate, AnyMetric, aggregate_of
from evalkit.models.build import answering_config
from evalkit.models.local_files import context_limit, text_token_counter
from evalkit.pipeline.answer import AnswerOptions, answer
from evalkit.pipeline.base_knowledge import ask_training_rows
from evalkit.pipeline.earlier_runs import current_comparison
from evalkit.pipeline.extra_cases import extra_table
from evalkit.pipeline.indexes import index_facts
from evalkit.pipeline.observations import answering_of
from evalkit.pipeline.prepare import Prepared, prepare
from evalkit.pipeline.run_table import compared_table, read_table
from evalkit.pipeline.score import chance_scores, score
from evalkit.pipeline.train import train
from evalkit.pricing.prices_in_force import price_table, prices_used
from evalkit.pricing.reprice_samples import prices_digest
from evalkit.pricing.training_price import price_trainings
from evalkit.records.case import Case
from evalkit.records.comparison import Comparison
from evalkit.records.decision import Decision
from evalkit.records.profile import Profile
from evalkit.records.run import DeclaredEconomics, DeclaredRange, RunRecords
from evalkit.records.run_observations import RunObservations
from evalkit.records.tuning import TuningReport
from evalkit.reporting.write import write_reports
from evalkit.runner.prefix import fixed_share, prefix_tokens, shared_prefix
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.run_folder import RunFolder
from evalkit.suite.economics import Economics, Range
from evalkit.suite.models import EmbeddedModelConfig
from evalkit.suite.price_override import PRICES_FILE
from evalkit.suite.schema import IMPORTED_FROM, Suite
from evalkit.tuning.tune import TuningOutcome

__all__ = [
    "AnswerOptions",
    "Prepared",
    "answer",
    "ask_training_rows",
    "compare_arms",
    "compared_table",
    "decide_run",
    "prepare",
    "profile_data",
    "read_table",
    "records_of",
    "report",
    "score",
    "train",
    "tune",
    "tuning_of",
    "write_decision",
]


def profile_data(prepared: Prepared, run: RunFolder) -> Profile:
    """Cases -> profile."""
    suite = prepared.suite
    base = answering_config(suite, suite.arms[suite.reference_arm].model)
    profile = measure_profile(
        suite,
        prepared.cases,
        count_tokens=text_token_counter(base, suite.folder),
        length_limit=context_limit(base, suite.folder),
    )
    run.write("profile.json", profile)
    return profile


def tune(prepared: Prepared, run: RunFolder, options: AnswerOptions, stop: StopSignal) -> TuningOutcome:
    """Training rows -> adapters, for every model of ``type: tuned``; a shard only finds them."""
    outcome = train(
        prepared.suite, progress=options.progress, stopped=lambda: stop.requested, shard=options.shard
    )
    if outcome.report.runs:
        run.write("tuning.json", outcome.report)
    return outcome


def compare_arms(prepared: Prepared, run: RunFolder) -> Comparison:
    """Scores -> comparison."""
    suite = prepared.suite
    table = compared_table(run, suite)
    latency = list(run.latency())
    looked_at = [prepared.cases.get(case_id) for case_id in sorted(prepared.cases.ids)[:40]]
    prefixes = {arm.name: _prefix_tokens(suite, arm, looked_at, table) for arm in prepared.arms}
    comparison = compare(
        suite,
        table,
        ArmMeasurements(
            latency=latency,
            latency_limit_s=suite.run.latency.max_s,
            facts=read_answers(
                table,
                prepared.cases,
                run.samples(),
                form_metrics(suite),
                latency=latency,
                indexes=index_facts(run),
            ),
            chance=chance_scores(prepared, run),
            prefix_tokens={name: tokens for name, tokens in prefixes.items() if tokens is not None},
        ),
        tuning=tuning_of(run),
        aggregates=_aggregates(prepared.metrics),
        extra={name: extra_table(prepared, run, name) for name in prepared.extra},
    )
    run.write("comparison.json", comparison)
    return comparison


def decide_run(run: RunFolder, suite: Suite) -> Decision:
    """Comparison -> decision, from the run folder alone."""
    manifest = run.manifest()
    if run.has(PRICES_FILE):
        digests = structs.replace(manifest.digests, prices=prices_digest(suite))
        manifest = structs.replace(manifest, digests=digests)
    table, tuning = compared_table(run, suite), tuning_of(run)
    compared = ComparedRun(
        manifest=manifest,
        table=table,
        comparison=current_comparison(run, suite, table, tuning),
        profile=run.read("profile.json", Profile),
        tuning=tuning,
        observations=answering_of(run) or RunObservations(),
    )
    return decide(suite, compared, prices=price_table(suite))


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
        tuning=None if (tuning := tuning_of(run)) is None else price_trainings(suite, tuning),
        comparison=run.read("comparison.json", Comparison),
        decision=run.read("decision.json", Decision),
        excerpts=() if cases is None else pick_excerpts(table, cases.get, run.samples(), order=cases.ids),
        use_case=suite.use_case.improve,
        target=suite.use_case.target,
        confidence=suite.decision.confidence,
        economics=None if suite.economics is None else _declared(suite.economics),
        prices=prices_used(suite, price_table(suite)),
        embedded=any(isinstance(model, EmbeddedModelConfig) for model in suite.models.values()),
        imported=IMPORTED_FROM in suite.metadata,
        answering=answering_of(run),
        text_rule=next((row.text_rule for row in run.scores()), None),
    )


def report(run: RunFolder, records: RunRecords, folder: Path | None = None) -> list[Path]:
    """Decision -> report.html, report.md, report.json; beside the run unless another folder is named."""
    return write_reports(records, folder or run.path, run.path)


def tuning_of(run: RunFolder) -> TuningReport | None:
    """``tuning.json`` where the run tuned."""
    return run.read("tuning.json", TuningReport) if run.has("tuning.json") else None


def _declared(economics: Economics) -> DeclaredEconomics:
    """The economics of a suite as a report shows them."""
    volume, value = economics.requests_per_month, economics.value_per_correct
    return DeclaredEconomics(
        currency=economics.currency,
        horizon_months=economics.horizon_months,
        requests_per_month=_range(volume),
        value_per_correct=None if value is None else value.mode,
        cost_per_wrong=economics.cost_per_wrong.mode,
        discount_rate=economics.discount_rate,
        prompt_cache_hit=economics.prompt_cache_hit,
        value_range=None if value is None else _range(value),
        wrong_range=_range(economics.cost_per_wrong),
    )


def _range(declared: Range) -> DeclaredRange:
    return DeclaredRange(low=declared.low, mode=declared.mode, high=declared.high)


def _aggregates(metrics: Mapping[str, AnyMetric]) -> dict[str, Aggregate]:
    return {
        name: aggregate for name, metric in metrics.items() if (aggregate := aggregate_of(metric)) is not None
    }


def _prefix_tokens(suite: Suite, arm: Arm, cases: Sequence[Case], table: ScoreTable) -> float | None:
    """By the model's tokenizer; without one, the prefix's share of the prompt's characters times its input tokens."""
    count = text_token_counter(answering_config(suite, arm.facts.model), suite.folder)
    prefix = shared_prefix(arm, cases)
    if count is not None:
        return prefix_tokens(prefix, count)
    tokens = table.tokens[table.rows(arm.name), ..., TOKEN_KINDS.index("input")]
    share = fixed_share(arm, cases, prefix)
    return None if share is None or not np.isfinite(tokens).any() else share * float(np.nanmean(tokens))
