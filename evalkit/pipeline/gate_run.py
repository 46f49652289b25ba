"""A finished run against a baseline: gate.json, gate.md and junit.xml in the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from evalkit.arms.expand import expand_arms
from evalkit.clock import Clock
from evalkit.data.case_content import CaseContent
from evalkit.data.cases import read_cases
from evalkit.gating.changed_cases import Excerpts, changed_cases, changed_ids
from evalkit.gating.comparability import RunSide, check_comparable, ruled_metrics, side_of
from evalkit.gating.false_alarms import false_alarms
from evalkit.gating.judge import arm_records, in_order, judged_must_pass, judged_rules, verdict_of
from evalkit.gating.make_baseline import baseline_of, guarded_arms, metric_facts, run_day
from evalkit.gating.paired_run import Asked, PairedRun
from evalkit.gating.upheld import upheld_rules
from evalkit.gating.words import with_words
from evalkit.metrics.build import build_aggregates
from evalkit.pipeline.gate_inputs import (
    check_gate_names,
    first_answers,
    kept_suite,
    measure,
    readable_cases,
)
from evalkit.pipeline.text_rule import READS_TEXTS
from evalkit.records.baseline import Baseline
from evalkit.records.gate import BaselineFacts, CaseCounts, Confirmation, GateResult, GateVerdict
from evalkit.reporting.gate.tell_ci import write_gate_reports
from evalkit.runner.progress import Progress, Silent
from evalkit.store.baseline_file import read_baseline, write_baseline
from evalkit.store.lock import sole_writer
from evalkit.store.run_folder import RunFolder
from evalkit.suite.gate import GateConfig
from evalkit.suite.schema import Suite
from evalkit.suite.trust import NOTHING, Trust
from evalkit.text.normalise import RULE

FAILED, INCONCLUSIVE = 100, 101
"""Exit codes of a gate that failed, and of an inconclusive one where that is to fail."""
_MOST_EXCERPTS = 2_000


Confirm = Callable[[PairedRun, GateResult], tuple[Asked, Confirmation] | None]
"""Asks changed cases again, given the gate without it; None where there is none to ask."""


def update_baseline(
    run: RunFolder, file: Path, *, outputs: bool = False, allow_outside: bool = False
) -> Baseline:
    """Write the baseline that a finished run makes, whole or not at all.

    Args:
        run: The run.
        file: Where to write it.
        outputs: Whether the answers themselves are kept, and not only their scores and digests.
        allow_outside: Whether the cases may lie outside the suite's folder.

    Raises:
        IncompleteRunError: Some cell has no answer; nothing was written.
        RunError: The file cannot be written.
    """
    measured = measure(run, kept_suite(run, allow_outside=allow_outside))
    check_gate_names(measured)
    arms = guarded_arms(measured)
    written = None
    if outputs:
        wanted = {(arm, case_id) for arm in arms for case_id in measured.table.case_ids}
        written = first_answers(run, wanted)
    return write_baseline(file, baseline_of(measured, arms=arms, outputs=written))


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How changed cases are asked again.

    Attributes:
        use_cache: Whether earlier answers are replayed and new ones kept.
        cost_limit: Money that may be spent on it; None for the suite's own limit.
        trust: What the suite may do.
    """

    use_cache: bool = True
    cost_limit: Decimal | None = None
    progress: Progress = field(default_factory=Silent)
    trust: Trust = NOTHING
    clock: Clock = field(default_factory=Clock)


def gate_run(run: RunFolder, file: Path, options: GateOptions) -> GateResult:
    """Hold a finished run against the baseline in a file, and write gate.json, gate.md and junit.xml into its folder.

    Raises:
        RunError: The baseline is missing, damaged, edited or of a newer format.
        IncompleteRunError: Some cell has no answer; nothing was judged.
        NotComparableError: The baseline is of other cases, metrics or arms; nothing was judged.
        CostLimitError: Confirming was stopped by the cost limit; nothing was judged.
    """
    baseline = read_baseline(file)
    with sole_writer(run.path):
        suite = kept_suite(run, allow_outside=options.trust.outside)
        result = judged_run(run, suite, baseline, str(file), _confirmer(run, str(file), options))
        write_gate_reports(result, run.path)
    return result


def check_before_run(suite: Suite, file: Path) -> None:
    """Read the baseline and compare what is known of a run before it has begun, so that no money is spent in vain.

    Raises:
        RunError: The baseline is missing, damaged, edited or of a newer format.
        NotComparableError: The baseline is of other cases, metrics or arms.
    """
    baseline = read_baseline(file)
    with read_cases(suite) as cases:
        content = CaseContent.of(suite, cases.mapping)
        contents: dict[str, str | None] = {case.id: content.digest(case) for case in cases}
    metrics = {metric.name: metric_facts(metric) for metric in suite.metrics}
    side = RunSide(
        suite=suite.name,
        primary_metric=suite.primary_metric,
        metrics=metrics,
        contents=contents,
        arms=[arm.name for arm in expand_arms(suite)],
        text_rule=RULE,
        reads_texts=_reading_texts(suite),
    )
    check_comparable(baseline, side, suite.gate or GateConfig(), file=str(file), run="a run of this suite")


def judged_run(
    run: RunFolder, suite: Suite, baseline: Baseline, file: str, confirm: Confirm | None = None
) -> GateResult:
    """What the gate says of a finished run.

    Args:
        run: The run in question.
        suite: Its suite.
        baseline: What it is held against.
        file: The baseline's file as the user named it.
        confirm: Asks changed cases again where the gate would fail; left out, nobody is asked.

    Raises:
        IncompleteRunError: Some cell has no answer; nothing was judged.
        NotComparableError: The baseline is of other cases, metrics or arms; nothing was judged.
    """
    measured = measure(run, suite)
    check_gate_names(measured)
    arms = guarded_arms(measured, [arm.name for arm in baseline.arms])
    now = baseline_of(measured, arms=arms)
    all_arms = {arm.name for arm in measured.table.arms}
    side = side_of(now, all_arms, reads_texts=_reading_texts(suite))
    ids = check_comparable(baseline, side, measured.gate, file=file, run=f"run {measured.manifest.run_id}")
    quarantine = frozenset(measured.gate.quarantine)
    paired = PairedRun(baseline, measured, now, ids, build_aggregates(suite), quarantine)
    result = _judged(paired, run, file)
    if result.verdict != "failed" or confirm is None or not measured.gate.confirm:
        return result
    confirmed = confirm(paired, result)
    return result if confirmed is None else _judged(paired, run, file, confirmed)


def _reading_texts(suite: Suite) -> frozenset[str]:
    return frozenset(metric.name for metric in suite.metrics if metric.type in READS_TEXTS)


def compared_arms(paired: PairedRun) -> list[str]:
    """Names of the guarded arms that both run and baseline have."""
    before = {arm.name for arm in paired.baseline.arms}
    return [arm.name for arm in paired.now.arms if arm.name in before]


def changeable_metrics(paired: PairedRun) -> list[str]:
    """Names of the metrics of single answers that a rule is about."""
    names = ruled_metrics(paired.run.gate, paired.now.primary_metric)
    return [name for name in names if not paired.metric(name).pooled]


def _confirmer(run: RunFolder, file: str, options: GateOptions) -> Confirm:
    def ask_again(paired: PairedRun, result: GateResult) -> tuple[Asked, Confirmation] | None:
        from evalkit.pipeline.confirm_run import Confirmer  # loads what answers, which few gates need

        confirmer = Confirmer(
            run=run,
            baseline=file,
            use_cache=options.use_cache,
            cost_limit=options.cost_limit,
            progress=options.progress,
            clock=options.clock,
            trust=options.trust,
        )
        return confirmer.ask_again(paired, result)

    return ask_again


def _judged(
    own: PairedRun, run: RunFolder, file: str, confirmed: tuple[Asked, Confirmation] | None = None
) -> GateResult:
    """The gate on the run's own answers, or on all asks of the cases that were asked again."""
    settings, arms = own.run.gate, compared_arms(own)
    rules, paired = judged_rules(own, arms, settings), own
    if confirmed is not None and confirmed[0]:
        paired = own.with_asked(confirmed[0])
        rules = in_order(upheld_rules(rules, judged_rules(paired, arms, settings)))
    metrics = changeable_metrics(own)
    changed = {
        (arm, case_id) for arm in arms for metric in metrics for case_id in changed_ids(own, arm, metric)
    }
    must_pass_cells = [(arm, case_id) for arm in arms for case_id in settings.must_pass]
    quoted = _excerpts(own, run, [*sorted(changed), *must_pass_cells])
    must_pass = judged_must_pass(paired, arms, settings, quoted)
    verdict = verdict_of(rules, must_pass)
    result = GateResult(
        suite=own.now.suite,
        run_id=own.now.run_id,
        run_path=str(run.path),
        evalkit_version=own.now.evalkit_version,
        verdict=verdict,
        exit_code=_exit_code(verdict, settings.on_inconclusive),
        headline="",
        alpha=settings.alpha,
        on_inconclusive=settings.on_inconclusive,
        primary_metric=own.now.primary_metric,
        baseline=_baseline_facts(own, file),
        cases=_case_counts(own),
        arms=arm_records(own, [arm.name for arm in own.now.arms]),
        rules=rules,
        must_pass=must_pass,
        changed=changed_cases(paired, arms, metrics, must_pass=settings.must_pass, excerpts=quoted),
        confirmation=None if confirmed is None else confirmed[1],
        false_alarms=false_alarms(rules, alpha=settings.alpha),
    )
    return with_words(result, paired)


def _exit_code(verdict: GateVerdict, on_inconclusive: str) -> int:
    if verdict == "failed":
        return FAILED
    return INCONCLUSIVE if verdict == "inconclusive" and on_inconclusive == "fail" else 0


def _baseline_facts(paired: PairedRun, file: str) -> BaselineFacts:
    baseline = paired.baseline
    age = (date.fromisoformat(run_day(paired.run)) - date.fromisoformat(baseline.created)).days
    return BaselineFacts(
        file=file,
        run_id=baseline.run_id,
        created=baseline.created,
        age_days=age,
        too_old=age > paired.run.gate.max_age_days,
        digest=baseline.digest,
        git_commit=baseline.git_commit,
    )


def _case_counts(paired: PairedRun) -> CaseCounts:
    before = {case.id: case.content for case in paired.baseline.cases}
    now = {case.id: case.content for case in paired.now.cases}
    aside = {*paired.now.set_aside, *paired.baseline.set_aside}
    return CaseCounts(
        common=len(paired.ids),
        baseline=len(before),
        candidate=len(now),
        added=tuple(case_id for case_id in now if case_id not in before and case_id not in aside),
        removed=tuple(case_id for case_id in before if case_id not in now and case_id not in aside),
        set_aside=tuple(sorted(aside)),
        quarantined=tuple(case_id for case_id in paired.ids if case_id in paired.quarantine),
        unchecked=sum(None in (before[case_id], now[case_id]) for case_id in paired.ids),
    )


def _excerpts(paired: PairedRun, run: RunFolder, wanted: Sequence[tuple[str, str]]) -> Excerpts:
    """What changed cases ask and were answered; questions only where the suite still asks them."""
    wanted = wanted[:_MOST_EXCERPTS]
    if not wanted:
        return Excerpts()
    answers = first_answers(run, set(wanted))
    cases = readable_cases(paired.run.suite)
    if cases is None:
        return Excerpts(answers=answers)
    content = CaseContent.of(paired.run.suite, cases.mapping)
    found = [cases.get(case_id) for case_id in {case_id for _, case_id in wanted} if case_id in cases]
    same = [case for case in found if content.digest(case) == paired.run.contents.get(case.id)]
    cases.close()
    return Excerpts(
        inputs={case.id: case.input for case in same},
        references={case.id: case.reference[0] for case in same if case.reference},
        answers=answers,
    )
