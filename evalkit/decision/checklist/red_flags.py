"""What weakens the evidence: with an ``invalid`` flag there is no confident verdict, a ``warn`` flag is for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from evalkit.comparison.differences import family_of
from evalkit.comparison.settings import ComparisonSettings
from evalkit.decision.checklist.end_dates import EndDate, end_dates
from evalkit.decision.checklist.provenance_flags import adapters, answering_models, optimised_prompts
from evalkit.decision.checklist.scorer_checks import at_an_end, control_failed
from evalkit.decision.context import DecisionContext
from evalkit.decision.tuning_route import months_later, route_of
from evalkit.decision.wording import interval, share
from evalkit.pricing.fixed_costs import retune_every
from evalkit.records.decision import RedFlag
from evalkit.suite.models import TunedModelConfig

CONTROL_FAILED = "negative_control_failed"
UNCALIBRATED_JUDGE = "uncalibrated_judge"
_DIFFERENT_COVERAGE = 0.02
_PAIRS_SHOWN = 3
_MIN_REST, _MIN_SHARE_OF_REST = 50, 0.9

_Check = Callable[[DecisionContext], Iterator[RedFlag]]


def red_flags(context: DecisionContext) -> tuple[RedFlag, ...]:
    """All red flags that apply, the invalid ones first."""
    flags = [flag for check in _CHECKS for flag in check(context)]
    return tuple(sorted(flags, key=lambda flag: flag.severity != "invalid"))


def no_verdict_codes(flags: tuple[RedFlag, ...]) -> tuple[str, ...]:
    """Codes of the flags with which the scores carry no verdict on any side."""
    return tuple(flag.code for flag in flags if flag.code in (CONTROL_FAILED, UNCALIBRATED_JUDGE))


def invalid_codes(flags: tuple[RedFlag, ...]) -> tuple[str, ...]:
    """Codes of the flags with which the evidence cannot carry ``fine_tune``."""
    return tuple(flag.code for flag in flags if flag.severity == "invalid")


def _leakage(context: DecisionContext) -> Iterator[RedFlag]:
    """Questions of the test among the training rows; answers may be shared by design."""
    for rows in context.run.profile.training.values():
        if rows.leaked_exact:
            aside = len(context.table.set_aside)
            message = (
                f"{rows.leaked_exact:,} questions of {rows.file} are test questions, word for word or but for spelling"
                + (f"; {aside:,} cases were set aside with their groups" if aside else "")
            )
            yield (
                _warn("question_leakage", message)
                if _rest_carries(context)
                else _invalid("question_leakage", message)
            )
        if rows.leaked_near:
            near = [pair for pair in rows.leaked if pair.match == "near"]
            shown = "; ".join(f"{pair.case_text!r} ~ {pair.row_text!r}" for pair in near[:_PAIRS_SHOWN])
            without = _without_near(context, {pair.case_id for pair in near})
            yield _warn(
                "near_duplicates",
                f"{rows.leaked_near:,} questions of {rows.file} are almost test questions: {shown}{without}",
            )


def _rest_carries(context: DecisionContext) -> bool:
    """Whether the leaked cases were set aside and enough are left: 90% of the cases, and 50."""
    rest, aside = context.table.n_cases, len(context.table.set_aside)
    return aside > 0 and rest >= _MIN_REST and rest >= _MIN_SHARE_OF_REST * (rest + aside)


def _without_near(context: DecisionContext, cases: set[str]) -> str:
    """The primary difference on the other cases, in words."""
    if context.tuned is None or context.untuned is None or not cases:
        return ""
    keep = np.array([case_id not in cases for case_id in context.table.case_ids])
    (record,) = family_of(
        context.table,
        [context.tuned],
        context.untuned,
        ComparisonSettings.of_suite(context.suite),
        family="descriptive",
        keep=keep,
    )
    return f". Without those cases {context.tuned} compared with {context.untuned}: {interval(record)}"


def _clusters(context: DecisionContext) -> Iterator[RedFlag]:
    n_clusters = context.table.n_clusters
    if n_clusters < 2:
        yield _invalid(
            "too_few_clusters",
            f"the cases lie in {n_clusters} cluster: nothing says how much clusters differ",
        )
    elif n_clusters < 20 and n_clusters < context.table.n_cases:
        yield _warn(
            "few_clusters",
            f"the cases lie in {n_clusters} clusters: intervals tend to be too narrow below 20",
        )


def _scorer(context: DecisionContext) -> Iterator[RedFlag]:
    if (problem := control_failed(context)) is not None:
        yield _invalid(CONTROL_FAILED, problem)
    if (problem := at_an_end(context)) is not None:
        yield _warn("metric_at_its_end", problem)
    judge = context.table.judges.get(context.table.primary)
    if judge is not None:
        yield _invalid(
            UNCALIBRATED_JUDGE,
            f"{context.table.primary} is judged by {judge}, which was not compared with labels by people",
        )
        family = judge.split("-")[0].casefold()
        kin = [
            arm.name
            for arm in context.candidates
            if family and family in _model_id(context, arm.model).casefold()
        ]
        if kin:
            yield _warn(
                "judge_of_an_arm", f"the judge {judge} belongs to the model family of {', '.join(kin)}"
            )


def _model_id(context: DecisionContext, model: str) -> str:
    return context.suite.models[model].model_id or model


def _coverage(context: DecisionContext) -> Iterator[RedFlag]:
    coverage = {arm.name: context.summaries[arm.name].coverage for arm in context.candidates}
    if coverage and max(coverage.values()) - min(coverage.values()) > _DIFFERENT_COVERAGE:
        listed = ", ".join(f"{name} {share(value)}" for name, value in coverage.items())
        yield _warn("coverage_differs", f"arms answered different shares of the cases: {listed}")
    reasons = context.table.missing_reasons
    if reasons:
        listed = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items())
        yield _warn("scores_missing", f"some answers have no score: {listed}")


def _repeats(context: DecisionContext) -> Iterator[RedFlag]:
    hot = [
        arm.name
        for arm in context.candidates
        if float(arm.settings.get("temperature", 0) or 0) > 0 and context.run.manifest.repeats == 1
    ]
    if hot:
        yield _warn(
            "one_repeat",
            f"{', '.join(hot)} answered at a temperature above 0, once: the spread is not measured",
        )
    if context.tuned is not None:
        parent = context.arms[context.tuned]
        seeds = {arm.seed for arm in context.arms.values() if arm.model == parent.model}
        if len(seeds) <= 1:
            message = (
                f"how many trainings the scores of {context.tuned} come from is not known"
                if context.imported and parent.seed is None
                else f"{context.tuned} was trained once: how much another training differs is assumed, not measured"
            )
            yield _warn("one_training_seed", message)


def _overfitting(context: DecisionContext) -> Iterator[RedFlag]:
    """Tuned candidates whose kept weights are from after the validation loss had risen again."""
    runs = {
        run.model: run for arm in context.candidates if (run := context.training_run(arm.name)) is not None
    }
    for run in runs.values():
        if run.overfitted and run.kept_step != run.best_step:
            yield _warn(
                "overfitted",
                f"{run.model} overfits: its validation loss ends at {run.final_validation_loss:.3g} and was "
                f"{run.best_validation_loss:.3g} at step {run.best_step} of {run.steps}; tune fewer epochs, or set "
                "`keep: best` or `patience`",
            )


def _chosen(context: DecisionContext) -> Iterator[RedFlag]:
    """Settings picked on the cases that now judge them."""
    for tuned in (True, False):
        group = [arm for arm in context.candidates if arm.tuned is tuned]
        kinds = [arm.kind for arm in group]
        same = [arm.name for arm in group if kinds.count(arm.kind) > 1]
        if same:
            yield _warn(
                "chosen_on_these_cases",
                f"{', '.join(same)} are of one kind: the best of them is chosen on the same cases that judge it (the "
                "draws repeat that choice)",
            )


def _configurations(context: DecisionContext) -> Iterator[RedFlag]:
    for difference in context.run.comparison.config_differences:
        yield _warn("configurations_differ", difference)


def _slices(context: DecisionContext) -> Iterator[RedFlag]:
    """Slices on which the tuned arm is shown to be worse, whatever the mean over all cases says."""
    for each in context.run.comparison.slices:
        record = each.difference
        if record is not None and record.claim == "worse" and context.arms[record.treatment].tuned:
            yield _warn(
                "worse_on_a_slice",
                f"on the {each.n:,} cases tagged {each.tag} {record.treatment} answers worse than {record.control}: "
                f"{interval(record)}",
            )


def _replays(context: DecisionContext) -> Iterator[RedFlag]:
    summaries = [context.summaries[arm.name] for arm in context.candidates]
    if summaries and all(summary.ok and summary.replayed == summary.ok for summary in summaries):
        yield _warn(
            "replays_only",
            "every answer came from the response cache: costs and times are those of the first call",
        )


def _routes(context: DecisionContext) -> Iterator[RedFlag]:
    arm = context.tuned or context.untuned
    if arm is None:
        return
    tuning_route = route_of(context.suite, context.arms[arm].model)
    if tuning_route.route is None:
        return
    until = months_later(context.today, context.horizon_months)
    for event in tuning_route.route.events:
        if event.concerns(tuning_route.base_model) and context.today <= event.from_day <= until:
            yield _warn("provider_closing", f"{tuning_route.route.name}, {event.from_day}: {event.says}")
    for event in tuning_route.route.restrictions(context.today):
        yield _warn("provider_restricted", f"{tuning_route.route.name}, since {event.from_day}: {event.says}")


def _shutdowns(context: DecisionContext) -> Iterator[RedFlag]:
    """Candidates, tuned or not, whose model does not last through the horizon."""
    arms: dict[EndDate, list[str]] = {}
    for arm in context.candidates:
        for end in end_dates(context, arm.name):
            arms.setdefault(end, []).append(arm.name)
    for end, names in sorted(arms.items(), key=lambda item: item[0].day):
        yield _warn(
            "model_shuts", f"{end.day}: {end.says}, which answers for {', '.join(names)} ({end.source})"
        )


def _knowledge(context: DecisionContext) -> Iterator[RedFlag]:
    economics = context.suite.economics
    if economics is not None and economics.knowledge_changes_every_months is not None:
        changes, declared = economics.knowledge_changes_every_months, economics.retune_every_months
        if declared is None or changes < declared:
            every = retune_every(economics)
            yield _warn(
                "knowledge_changes_faster",
                f"the knowledge changes every {changes} months and retuning was declared "
                f"{'for never' if declared is None else f'every {declared} months'}; the ledger counts a retune every "
                f"{every} months",
            )


def _citations(context: DecisionContext) -> Iterator[RedFlag]:
    tuned = context.tuned
    if (
        context.suite.use_case.citations_required
        and tuned is not None
        and not context.arms[tuned].kind.retrieves
    ):
        yield _warn(
            "citations_required", f"answers must cite their source, and {tuned} is given no passages to cite"
        )


def _training_rows(context: DecisionContext) -> Iterator[RedFlag]:
    trained = {
        config.train for config in context.suite.models.values() if isinstance(config, TunedModelConfig)
    }
    for rows in context.run.profile.training.values():
        if rows.pii_rows and (rows.file in trained or not trained):
            yield _warn(
                "personal_data", f"{rows.pii_rows:,} rows of {rows.file} hold what looks like personal data"
            )


def _assumptions(context: DecisionContext) -> Iterator[RedFlag]:
    economics = context.suite.economics
    if economics is not None and economics.prompt_cache_hit is not None:
        yield _warn(
            "cache_hit_assumed",
            f"the verdict assumes that {share(float(economics.prompt_cache_hit))} of the shared prefix comes from "
            "the prompt cache",
        )
    for arm, check in context.limit_checks.items():
        if check.unknown:
            yield _warn(
                "limit_not_measured",
                f"{arm} has no figure for {', '.join(check.unknown)}: this limit was not applied to it",
            )


_CHECKS: tuple[_Check, ...] = (
    _leakage,
    _clusters,
    _scorer,
    answering_models,
    adapters,
    optimised_prompts,
    _coverage,
    _repeats,
    _overfitting,
    _chosen,
    _configurations,
    _slices,
    _replays,
    _routes,
    _shutdowns,
    _knowledge,
    _citations,
    _training_rows,
    _assumptions,
)


def _invalid(code: str, message: str) -> RedFlag:
    return RedFlag(code=code, severity="invalid", message=message)


def _warn(code: str, message: str) -> RedFlag:
    return RedFlag(code=code, severity="warn", message=message)
