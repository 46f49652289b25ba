"""What the arms are worth: net benefit, break-even, what would change the verdict, what knowing more is worth."""

from __future__ import annotations

from evalkit.decision.wording import input_name
from evalkit.records.decision import BreakEven, Decision, Interval3
from evalkit.reporting import verdict_words, words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import (
    NOT_APPLICABLE,
    UNKNOWN,
    count,
    money,
    percent,
    share_of_draws,
    significant,
)

_BASES = {"cost": "cost only", "net": "value and cost"}


def worth_table(decision: Decision, over: str = "the horizon") -> Table:
    """Net benefit and expected regret of each candidate; ``over`` names the horizon."""
    candidates = {name: arm for name, arm in decision.arms.items() if arm.role == "candidate"}
    rows = [
        Row(
            (
                name,
                *money_interval(arm.net_benefit, decision.currency),
                money(decision.expected_regret.get(name), decision.currency),
                "yes" if arm.within_limits else ", ".join(arm.broken_limits) or "no",
            ),
            arm=name,
            tag="recommended"
            if name == decision.recommended_arm
            else ("" if arm.within_limits else "outside the limits"),
        )
        for name, arm in candidates.items()
    ]
    shares = "; ".join(
        f"{words.spaced(family)} {share_of_draws(share)}" for family, share in decision.p_best.items()
    )
    return Table(
        name="worth",
        caption=f"What each arm is worth over {over}",
        columns=(
            left("Arm"),
            right("Net benefit"),
            right("90% of draws"),
            right("Expected regret"),
            left("Within limits"),
        ),
        rows=tuple(rows),
        note="Net benefit: value of correct answers less all costs, at the mode. Expected regret: what choosing this "
        "arm loses on average against the best arm of each draw."
        + (f" Worth most, as a share of draws: {shares}." if shares else "")
        + (
            f" Unbeaten on quality, cost and latency at once: {', '.join(decision.pareto)}."
            if decision.pareto
            else ""
        ),
    )


def break_even_table(decision: Decision) -> Table:
    """From how many requests a month one arm is ahead of another."""
    rows = [
        Row(
            (
                f"{item.treatment} vs {item.control}",
                _BASES[item.basis],
                level_volume(item),
                _span(item.requests_per_month),
                _months(item.months),
                percent(item.never),
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
            left("Treatment vs control"),
            left("Counting", wraps=True),
            right("Requests a month"),
            right("90% of draws"),
            right("Paid back"),
            right("Never"),
            left("By hand", wraps=True),
        ),
        rows=tuple(rows),
        note="Never: the share of draws in which no volume pays. Paid back at the volume's mode.",
    )


def would_change_table(decision: Decision) -> Table:
    """The nearest value of each input at which the verdict changes."""
    differs = any(item.verdict_now not in (None, decision.verdict) for item in decision.would_change)
    rows = [
        Row(
            (
                words.title(input_name(item.input)),
                verdict_words.quantity(item.current, verdict_words.unit_of(item)),
                *([verdict_words.verdict_now(item)] if differs else []),
                "none within 100×"
                if item.flips_at is None
                else _bare(item.flips_at, verdict_words.unit_of(item)),
                verdict_words.verdict_then(item),
                NOT_APPLICABLE
                if item.closed_form is None
                else _bare(item.closed_form, verdict_words.unit_of(item)),
            )
        )
        for item in decision.would_change
    ]
    return Table(
        name="would-change",
        caption="The nearest value of each input that changes the verdict",
        columns=(
            left("Input", wraps=True),
            right("Now"),
            *([left("Verdict if certain", wraps=True)] if differs else []),
            right("Changes at"),
            left("Verdict then", wraps=True),
            right("Crossing by hand"),
        ),
        rows=tuple(rows),
        note="One input at a time, on the same draws. By hand: where the expected net benefits cross."
        + (" If certain: with the range of this input taken away." if differs else ""),
    )


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
                f"{count(sample.n_cases)} more cases",
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
        note="Expected gain from deciding after knowing it exactly (or after so many more cases) instead of now.",
    )


def level_volume(item: BreakEven) -> str:
    """The break-even volume at the mode, in words."""
    if item.requests_per_month is None:
        return "none"
    mode = item.requests_per_month.mode
    if mode is None:
        return "none"
    return "from the first" if mode == 0 else significant(mode)


def money_interval(interval: Interval3 | None, currency: str) -> tuple[str, str]:
    """Mode and range of an amount, in words."""
    if interval is None:
        return UNKNOWN, "no interval"
    if interval.low is None or interval.high is None:
        return money(interval.mode, currency), "no interval"
    return money(
        interval.mode, currency
    ), f"{money(interval.low, currency)} to {money(interval.high, currency)}"


def _bare(value: float, unit: str) -> str:
    return verdict_words.quantity(value, unit, named=False)


def _span(interval: Interval3 | None) -> str:
    if interval is None or (interval.low is None and interval.high is None):
        return "no interval"
    if interval.high == 0:
        return "from the first"
    if interval.low is None:
        return f"up to {significant(interval.high)}"
    if interval.high is None:
        return f"{significant(interval.low)} and beyond"
    return f"{significant(interval.low)} to {significant(interval.high)}"


def _months(interval: Interval3 | None) -> str:
    if interval is None or interval.mode is None:
        return "beyond the horizon"
    return f"{interval.mode:.1f} months" if interval.mode else "at once"
