"""Questions 8 to 10: quality, cost, and what the tuned model can still do."""

from __future__ import annotations

import math

from evalkit.decision.checklist.question import COST, EXTENSIBILITY, QUALITY
from evalkit.decision.context import DecisionContext
from evalkit.decision.tuning_route import route_of
from evalkit.decision.wording import amount, interval, margin, score, title
from evalkit.economics.break_even import break_even
from evalkit.records.comparison import Difference, ExtraSet
from evalkit.records.decision import Evidence, Finding
from evalkit.text.number_format import p_value, seconds

_KEPT = ("superior", "non_inferior", "equivalent")
_NO_PAIR = "No tuned candidate was measured, or none to compare it with; run a pilot tune."


def quality(context: DecisionContext) -> Finding:
    """Question 8: the best tuned candidate compared with the best untuned one, case by case."""
    if context.tuned is None or context.untuned is None:
        return QUALITY.unknown(_NO_PAIR)
    record = context.claims.between(context.tuned, context.untuned)
    pair = f"{context.tuned} compared with {context.untuned}"
    evidence = [
        Evidence(label=f"{context.table.primary} of {arm}", value=score(context.quality(arm)), source=arm)
        for arm in (context.tuned, context.untuned)
    ]
    evidence.append(Evidence(label="paired difference", value=interval(record), source=pair))
    if record.p_adjusted is not None:
        evidence.append(
            Evidence(
                label="p (adjusted for several comparisons)",
                value=p_value(record.p_adjusted),
                source=record.method,
            )
        )
    if record.mid_p is not None:
        evidence.append(Evidence(label="McNemar's mid-p, beside the exact p", value=p_value(record.mid_p)))
    if record.discordant is not None:
        b, c = record.discordant
        evidence.append(
            Evidence(label="cases only one of the two has right", value=f"{b:,} and {c:,}", source=pair)
        )
    if record.smallest_detectable is not None:
        evidence.append(
            Evidence(
                label="smallest difference this run could detect", value=margin(record.smallest_detectable)
            )
        )
    if record.claim == "superior":
        return QUALITY.met(f"Yes: {pair}, {interval(record)}.", evidence)
    if record.claim == "worse":
        return QUALITY.not_met(f"No, it answers worse: {pair}, {interval(record)}.", evidence)
    if record.claim in ("non_inferior", "equivalent"):
        as_good = f"As good within the margin of {margin(context.margin)}: {pair}, {interval(record)}"
        if _cheaper(context):
            return QUALITY.met(f"{as_good}; the gain is cost.", evidence)
        return QUALITY.not_met(f"{as_good}; {_unit_costs(context)}.", evidence, speaks_for="neither")
    return QUALITY.unknown(
        f"Not shown: {pair}, {interval(record)}. {_cases_that_decide(context, record)}", evidence
    )


def cost(context: DecisionContext) -> Finding:
    """Question 9: unit cost and latency of the two, and when the saving has paid for the training."""
    if context.tuned is None or context.untuned is None:
        return COST.unknown(_NO_PAIR)
    evidence = []
    for arm in (context.tuned, context.untuned):
        summary = context.summaries[arm]
        if summary.tokens is not None:
            whole = summary.tokens.input + summary.tokens.cache_read + summary.tokens.cache_write
            used = f"{whole:,.1f} in, {summary.tokens.output:,.1f} out"
            evidence.append(Evidence(label="tokens per request", value=used, source=arm))
        if summary.latency is not None and summary.latency.p50 is not None:
            median = (
                f"{seconds(summary.latency.p50)} (p50, n = {summary.latency.n:,}, {summary.latency.source})"
            )
            evidence.append(Evidence(label="latency", value=median, source=arm))
        if arm in context.cost_models:
            money = amount(context.unit_cost(arm), context.currency)
            evidence.append(Evidence(label="cost per request", value=money, source=arm))
    if context.terms is None:
        return COST.unknown("No economics are declared, so nothing is priced; give `economics`.", evidence)
    treatment, control = context.priced(context.tuned), context.priced(context.untuned)
    if treatment is None or control is None:
        return COST.unknown("One of the two has no score; answer its cases.", evidence)
    level = break_even(treatment, control, context.terms, basis="cost")
    evidence.append(Evidence(label="break-even on cost alone", value=level.reason))
    if level.side == "unknown":
        return COST.unknown(f"Not known: {level.reason}.", evidence)
    if not _cheaper(context):
        costs = _unit_costs(context)
        if _faster(context):
            return COST.not_met(f"Faster, but not cheaper: {costs}.", evidence, speaks_for="neither")
        return COST.not_met(f"Neither cheaper nor faster: {costs}.", evidence)
    requests = title(_unit_costs(context))
    if level.months is not None:
        when = "at once" if level.months == 0 else f"after {float(level.months):.1f} months"
        return COST.met(f"{requests}; the saving alone pays for tuning {when}.", evidence)
    answer = f"{requests}; the saving alone does not pay for tuning inside the horizon."
    return COST.not_met(answer, evidence, speaks_for="neither")


def extensibility(context: DecisionContext) -> Finding:
    """Question 10: transfer and forgetting on other task sets, and whether the weights can be exported."""
    evidence = []
    arm = context.tuned or context.untuned
    route = route_of(context.suite, context.arms[arm].model).route if arm is not None else None
    if route is not None and route.weights_exportable is not None:
        state = "can be exported" if route.weights_exportable else "cannot be exported, only served"
        evidence.append(Evidence(label="weights", value=state, source=f"{route.source}, {route.as_of}"))
    differences = [
        (each, record)
        for each in context.run.comparison.extra
        for record in each.differences
        if record.treatment == context.tuned and record.estimate is not None
    ]
    if not differences:
        answer = (
            "Not run: name task sets of other kinds under `extra_cases`; the reference arm and the tuned ones answer "
            "them."
        )
        return EXTENSIBILITY.unknown(answer, evidence)
    evidence += [
        Evidence(
            label=f"{each.name} ({each.kind}, margin {margin(each.margin)})",
            value=interval(record),
            source=f"{record.treatment} against {record.control}",
        )
        for each, record in differences
    ]
    lost = [f"{each.name} {interval(record)}" for each, record in differences if _dropped(each, record)]
    if lost:
        return EXTENSIBILITY.not_met(f"Tuning took something away: {'; '.join(lost)}.", evidence)
    unsure = [f"{each.name} {interval(record)}" for each, record in differences if record.claim not in _KEPT]
    if unsure:
        answer = f"Not shown to be kept within the margin: {'; '.join(unsure)}. Add cases to those task sets."
        return EXTENSIBILITY.unknown(answer, evidence)
    names = ", ".join(each.name for each, _ in differences)
    return EXTENSIBILITY.met(f"No drop beyond its margin on {names}.", evidence)


def _dropped(each: ExtraSet, record: Difference) -> bool:
    """Whether a drop is shown, and is larger than what would not matter."""
    return record.claim == "worse" and record.estimate is not None and record.estimate < -each.margin


def _cheaper(context: DecisionContext) -> bool:
    """Whether a request of the tuned arm costs less."""
    pair = [arm for arm in (context.tuned, context.untuned) if arm is not None]
    unit_costs = [context.unit_cost(arm) for arm in pair]
    if len(unit_costs) < 2 or unit_costs[0] is None or unit_costs[1] is None:
        return False
    return unit_costs[0] < unit_costs[1]


def _unit_costs(context: DecisionContext) -> str:
    """What a request of the tuned arm costs beside one of the untuned arm."""
    if context.tuned is None or context.untuned is None:
        return "there is no pair to price"
    tuned, untuned = context.unit_cost(context.tuned), context.unit_cost(context.untuned)
    if tuned is None or untuned is None:
        return "what a request costs is not known"
    if tuned == untuned:
        return f"a request costs the same, {amount(tuned, context.currency)}"
    return (
        f"a request of {context.tuned} costs {amount(tuned, context.currency)}, one of {context.untuned} "
        f"{amount(untuned, context.currency)}"
    )


def _faster(context: DecisionContext) -> bool:
    """Whether the median request of the tuned arm takes less time."""
    pair = [arm for arm in (context.tuned, context.untuned) if arm is not None]
    latencies = [context.summaries[arm].latency for arm in pair]
    medians = [None if latency is None else latency.p50 for latency in latencies]
    return len(medians) == 2 and medians[0] is not None and medians[1] is not None and medians[0] < medians[1]


def _cases_that_decide(context: DecisionContext, record: Difference) -> str:
    """How many cases would show the observed difference, or one of the size of the margin, with 80% power.

    The smallest detectable difference falls with the square root of the number of cases.
    """
    if record.smallest_detectable is None or record.estimate is None or record.n == 0:
        return f"{record.note or 'It cannot be compared'}."
    wanted = max(abs(record.estimate), context.margin)
    needed = math.ceil(record.n * (record.smallest_detectable / wanted) ** 2)
    if needed <= record.n:
        return f"Add cases: {record.n:,} are too few for what was seen."
    return f"About {needed:,} cases like these would show a difference of {margin(wanted)}."
