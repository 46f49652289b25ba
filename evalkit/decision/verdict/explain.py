"""The verdict as a short paragraph in plain words."""

from __future__ import annotations

from evalkit.decision.context import DecisionContext
from evalkit.decision.verdict.choose_verdict import MIN_CASES, MIN_CLUSTERS, VerdictInputs, VerdictStep
from evalkit.decision.wording import SHORT, amount, count, input_name, interval, share_of_draws
from evalkit.records.decision import Finding, RedFlag, Verdict, WouldChange

_WHY_TUNE = {
    "superior": "it answers better",
    "as_good_and_cheaper": "it answers as well, within the margin, and costs less",
    "alone_within_limits": "it answers no worse than the best untuned arm, and no untuned arm keeps to the limits",
}


def explain(
    context: DecisionContext,
    step: VerdictStep,
    inputs: VerdictInputs,
    findings: tuple[Finding, ...],
    flags: tuple[RedFlag, ...],
    changes: tuple[WouldChange, ...],
) -> str:
    """What was decided, on what, and what to do next."""
    sentences = [_verdict(context, step, inputs, findings, flags)]
    if context.tuned is not None and context.untuned is not None:
        record = context.claims.between(context.tuned, context.untuned)
        sentences.append(f"{context.tuned} against {context.untuned} on {record.metric}: {interval(record)}.")
    if step.pilot is not None:
        sentences.append(f"{step.pilot.reason[0].upper()}{step.pilot.reason[1:]}.")
    volume = next((change for change in changes if change.input == "requests_per_month"), None)
    if volume is not None and volume.flips_at is not None:
        side = "Above" if volume.flips_at > volume.current else "Below"
        sentences.append(
            f"{side} {count(volume.flips_at)} requests a month the answer becomes: {_then(volume.verdict_then)}."
        )
    return " ".join(sentences)


def _verdict(
    context: DecisionContext,
    step: VerdictStep,
    inputs: VerdictInputs,
    findings: tuple[Finding, ...],
    flags: tuple[RedFlag, ...],
) -> str:
    share_won = (
        ""
        if step.confidence is None
        else f" It wins in {share_of_draws(step.confidence)} of the joint draws."
    )
    arm = step.arm
    if step.verdict is Verdict.FINE_TUNE:
        why = _WHY_TUNE[step.reason]
        return f"Fine-tune: {arm} is worth most, and {why}.{share_won}"
    if step.verdict is Verdict.USE_RAG:
        return f"Use retrieval: {arm} is worth most.{share_won}{_untested(inputs)}"
    if step.verdict is Verdict.STAY_FEW_SHOT:
        return f"Stay with prompting: {arm} is worth most.{share_won}{_untested(inputs)}"
    if step.verdict is Verdict.PILOT_FIRST:
        return f"Make a pilot tune first; run {arm} meanwhile."
    if step.verdict is Verdict.BLOCKED:
        answers = " ".join(finding.answer for finding in findings if finding.status == "blocked")
        return f"Tuning would win but is blocked. {answers} Run {arm} meanwhile.{share_won}"
    if step.verdict is Verdict.COLLECT_MORE_DATA and step.purchase is not None:
        worth = amount(step.purchase.value, context.currency)
        price = amount(step.purchase.cost, context.currency)
        return f"Answer {step.purchase.n_cases:,} more cases first: worth {worth}, cost {price}. Run {arm} meanwhile."
    return f"Not decidable: {_why_not(context, step, inputs, flags)}{'' if arm is None else f' Run {arm} meanwhile.'}"


def _untested(inputs: VerdictInputs) -> str:
    return "" if inputs.tuned_measured else " No tuned candidate was measured."


def _why_not(
    context: DecisionContext, step: VerdictStep, inputs: VerdictInputs, flags: tuple[RedFlag, ...]
) -> str:
    if step.reason == "no_arm_within_limits":
        broken = "; ".join(
            f"{arm}: {', '.join(check.broken)}" for arm, check in context.limit_checks.items() if check.broken
        )
        return f"no candidate keeps to the limits ({broken})."
    if step.reason == "invalid_evidence":
        return " ".join(f"{flag.message}." for flag in flags if flag.severity == "invalid")
    if step.reason == "missing_input":
        return "; ".join(inputs.missing) + "."
    if step.reason == "no_paired_claim":
        return (
            "the paired evidence does not carry tuning: it takes an arm that is superior, or as good and cheaper, "
            f"on at least {MIN_CASES} cases in {MIN_CLUSTERS} clusters; one chosen from several tuned ones has to win "
            "by itself, with the allowed error shared among them."
        )
    if step.reason == "indifferent":
        return "either is fine; choosing wrongly is expected to cost less than the margin is worth."
    return f"it depends on {input_name(step.reason.removeprefix('depends_on_'))}."


def _then(verdict: str | None) -> str:
    return SHORT[Verdict(verdict)] if verdict is not None else "another one"
