"""What the arms are worth: net benefit, break-even, what would change the verdict, what knowing more is worth."""

from __future__ import annotations

from evalkit.decision.verdict.conditions import flips, unit_of
from evalkit.decision.verdict.explain import recommendation_tag
from evalkit.decision.verdict.money_sentences import level_band, level_volume
from evalkit.decision.wording import NONE, choice_name, input_name, outcome, quantity, share, threshold
from evalkit.records.decision import BreakEven, Decision, Interval3, WouldChange
from evalkit.reporting import words
from evalkit.reporting.difference_tables import PAIR
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import NOT_APPLICABLE, UNKNOWN, count, money, of_100

_LOSS = {
    "value": "Expected loss: what this choice loses on average against the best choice of each future.",
    "cost": "Without a value, best of all is the cheapest arm that answers as well as the best; expected loss is what "
    "an arm costs more than that one, in the futures in which it answers as well itself.",
}
_BASES = {"cost": "cost only", "net": "value and cost"}
BY_HAND = "Crossing by hand"
NO_VALUE = "needs a value_per_correct above 0, which the suite does not declare"


def worth_table(decision: Decision, over: str = "the horizon") -> Table:
    """Net benefit, cost in all and expected loss of each candidate; ``over`` names the horizon."""
    candidates = {name: arm for name, arm in decision.arms.items() if arm.role == "candidate"}
    rows = [
        Row(
            (
                name,
                *money_interval(arm.net_benefit, decision.currency),
                money(None if arm.net_benefit is None else arm.net_benefit.mode, decision.currency),
                money(arm.total_cost, decision.currency),
                money(decision.expected_regret.get(name), decision.currency),
                NOT_APPLICABLE if name not in decision.p_best else of_100(decision.p_best[name]),
                "yes" if arm.within_limits else " and ".join(arm.broken_limits) or "no",
            ),
            arm=name,
            tag=recommendation_tag(decision)
            if name == decision.recommended_arm
            else ("" if arm.within_limits else "outside the limits"),
            marked=name == decision.recommended_arm,
        )
        for name, arm in candidates.items()
    ]
    if NONE in decision.expected_regret:
        nothing = money(0, decision.currency)
        regret, best = decision.expected_regret[NONE], decision.p_best.get(NONE)
        cells = (nothing, NOT_APPLICABLE, nothing, nothing, money(regret, decision.currency))
        rows.append(Row((choice_name(NONE), *cells, NOT_APPLICABLE if best is None else of_100(best), "yes")))
    return Table(
        name="worth",
        caption=f"What each arm is worth over {over}",
        columns=(
            left("Arm"),
            right("mean", "Net benefit"),
            right("90% of futures", "Net benefit"),
            right("at the most likely values", "Net benefit"),
            right("Cost in all"),
            right("Expected loss if this is the wrong choice"),
            right("Best of all in"),
            left("Within limits", wraps=True),
        ),
        rows=tuple(rows),
        note="Net benefit: value of right answers less all costs. Mean and 90% are of the simulated futures; at the "
        "most likely values it can be followed by hand and may lie elsewhere. "
        + _LOSS[decision.decided_under]
        + (
            f" Unbeaten on quality, cost and latency at once: {', '.join(decision.pareto)}."
            if decision.pareto
            else ""
        ),
    )


def break_even_table(decision: Decision) -> Table:
    """From how many requests a month one arm is ahead of another."""
    declared = None if decision.terms is None else decision.terms.requests_per_month
    rows = [
        Row(
            (
                f"{item.treatment} vs {item.control}",
                _BASES[item.basis],
                level_volume(item, declared),
                _span(item),
                _months(item, decision),
                UNKNOWN if item.never is None else share(item.never),
                item.reason,
            ),
            arm=item.treatment,
        )
        for item in decision.break_even
    ]
    return Table(
        name="break-even",
        caption="Where two arms are level",
        columns=(
            left(PAIR),
            left("Counting", wraps=True),
            right("Level at"),
            right("90% of futures"),
            right("Paid back"),
            right("Chance it never pays"),
            left("By hand", wraps=True),
        ),
        rows=tuple(rows),
        note="Volumes are requests a month, to three digits, with every input at its mean; by hand they come out so. "
        "Chance it never pays: the share of futures in which no volume pays. Paid back at the most likely values.",
    )


def would_change_table(decision: Decision) -> Table:
    """Where each input changes the verdict: those inside their own range first, by the chance of it."""
    rows = [Row(_change_cells(decision, item)) for item in _by_chance(decision)]
    return Table(
        name="would-change",
        caption="The nearest value of each input that changes the verdict",
        columns=(
            left("Input", wraps=True),
            right("Now"),
            right("Its range or interval"),
            right("Chance of a change"),
            left("Changes below", wraps=True),
            left("Changes above", wraps=True),
            right(BY_HAND),
        ),
        rows=tuple(rows),
        note="One input at a time, on the same simulated futures, known exactly. By hand: where the expected net "
        "benefits cross; thresholds have three digits.",
    )


def _change_cells(decision: Decision, item: WouldChange) -> tuple[str, ...]:
    unit = unit_of(item)
    span = NOT_APPLICABLE
    if item.low is not None and item.high is not None:
        span = f"{quantity(item.low, unit, named=False)} to {quantity(item.high, unit, named=False)}"
    bounded = item.input in ("margin", "retune_every_months") or item.input.startswith(
        ("quality:", "limits.")
    )
    shown = [
        ("no change" if bounded else "no change within 100×")
        if side is None
        else f"{threshold(side.at, unit)}: {outcome(side.verdict, side.arm)}"
        for side in flips(item)
    ]
    return (
        words.title(input_name(item.input)),
        quantity(item.current, unit),
        span,
        NOT_APPLICABLE if item.probability is None else share(item.probability),
        *shown,
        NOT_APPLICABLE if item.closed_form is None else threshold(item.closed_form, unit),
    )


def _by_chance(decision: Decision) -> list[WouldChange]:
    """Flips inside the own range first, by their chance; then other flips; then inputs that change nothing."""
    return sorted(
        decision.would_change,
        key=lambda item: (not item.inside, item.flips_at is None, -(item.probability or 0.0)),
    )


def information_in_words(decision: Decision) -> str:
    """Whether more evidence is worth buying, and what knowing everything is worth at most."""
    if decision.evpi is None:
        return f"Not computed: it {NO_VALUE}."
    most = f"knowing everything is worth at most {money(decision.evpi, decision.currency)}"
    bought = decision.purchase
    if bought is not None:
        n = count(bought.n or bought.n_cases)
        what = f"{n} more trainings" if bought.kind == "seeds" else f"{n} more cases"
        paid = f"{money(bought.value, decision.currency)} for {money(bought.cost, decision.currency)}"
        return f"{what} are worth {paid}; {most}."
    priced = [sample for sample in decision.evsi if sample.cost is not None]
    if priced and not any(sample.value > (sample.cost or 0.0) for sample in priced):
        return f"No further evidence is worth buying: {words.title(most)[:1].lower()}{most[1:]}."
    if not priced:
        return f"{words.title(most)}. What a case costs is not declared (cost_per_case)."
    return f"{words.title(most)}."


def information_table(decision: Decision) -> Table:
    """What it is worth to find out more before deciding."""
    paid = decision.currency
    rows = [Row(("Everything", money(decision.evpi, paid), NOT_APPLICABLE, NOT_APPLICABLE))]
    rows += [
        Row((words.title(input_name(name)), money(value, paid), NOT_APPLICABLE, NOT_APPLICABLE))
        for name, value in sorted(decision.evppi.items(), key=lambda item: -item[1])
    ]
    rows += [
        Row(
            (
                f"{count(sample.n or sample.n_cases)} more {'trainings' if sample.kind == 'seeds' else 'cases'}",
                money(sample.value, paid),
                money(sample.cost, paid),
                UNKNOWN if sample.cost is None else money(sample.value - sample.cost, paid),
            )
        )
        for sample in decision.evsi
    ]
    return Table(
        name="information",
        caption="What it is worth to know more",
        columns=(left("To know", wraps=True), right("Worth at most"), right("Costs"), right("Leaves")),
        rows=tuple(rows) if decision.evpi is not None or decision.evppi or decision.evsi else (),
        note="Expected gain from deciding after knowing it exactly (or after so much more evidence) instead of now.",
    )


def money_interval(interval: Interval3 | None, currency: str) -> tuple[str, str]:
    """Mean and range of the simulated futures, in words; records of format 1 hold no mean."""
    if interval is None:
        return UNKNOWN, "no interval"
    mean = (
        NOT_APPLICABLE
        if interval.mean is None and interval.low is not None
        else money(interval.mean, currency)
    )
    if interval.low is None or interval.high is None:
        return mean, "no interval"
    return mean, f"{money(interval.low, currency)} to {money(interval.high, currency)}"


def _span(item: BreakEven) -> str:
    interval = item.requests_per_month
    if item.never is None:
        return UNKNOWN
    if interval is not None and interval.high == 0:
        return "ahead at any volume"
    return level_band(item) or "no interval"


def _months(item: BreakEven, decision: Decision) -> str:
    """Months to pay back at the most likely volume."""
    interval = item.months
    if item.never is None:
        return UNKNOWN
    if interval is None or interval.mode is None:
        months = None if decision.terms is None else decision.terms.horizon_months
        return "not within the horizon" if months is None else f"not within {months} months"
    return f"after {interval.mode:.1f} months" if interval.mode else "at once"
