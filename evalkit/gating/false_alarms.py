"""How often a gate fails though nothing became worse: once, and over many pull requests against one baseline.

For one gate: where nothing changed in truth, each case is as likely to have come out better as worse, so that a test of
paired cases is as likely to err towards a drop as towards a gain: at most half of alpha for one tested rule. Holm keeps
any error among several rules within alpha. What the interval asks beside the test only lowers this.

For many pull requests: all are compared with the same answers. If those came out luckier than the arm is, every
later run looks worse than it is (``stats.shared_control``). The figures that allow for it assume that the two sides
answered equally often and that nothing but chance tells them apart, so that half of the noise is the baseline's; where
answers do not vary from run to run there is nothing to share, and where changes help some cases and hurt others, less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from evalkit.records.gate import FalseAlarms, RuleResult
from evalkit.stats.shared_control import alarm_with_luck, any_alarm

_TEN, _HUNDRED = 10, 100
_LUCKIER_THAN_19_OF_20 = 1.6449


def false_alarms(rules: Sequence[RuleResult], *, alpha: float) -> FalseAlarms | None:
    """The false alarms of gates like this one, with what the figures assume and leave out as sentences.

    Args:
        rules: All rules of the gate, judged.
        alpha: Error rate of all its tests together.

    Returns:
        None where no quality rule was tested, so that none can have failed by chance.
    """
    tests = sum(rule.kind == "quality" and rule.p_value is not None for rule in rules)
    if not tests:
        return None
    level = alpha / 2.0 if tests == 1 else alpha
    alarms = FalseAlarms(
        per_gate=level,
        tests=tests,
        per_ten=any_alarm(level, _TEN, 0.0),
        per_hundred=any_alarm(level, _HUNDRED, 0.0),
        per_ten_shared=any_alarm(level, _TEN),
        per_hundred_shared=any_alarm(level, _HUNDRED),
        with_lucky_baseline=float(alarm_with_luck(level, _LUCKIER_THAN_19_OF_20)),
    )
    return replace(alarms, words=tuple(_words(rules, alarms, alpha)))


def _words(rules: Sequence[RuleResult], alarms: FalseAlarms, alpha: float) -> Iterator[str]:
    half = _percent(alpha / 2.0)
    if alarms.tests > 1:
        yield (
            f"Holm's method keeps any false claim among the {alarms.tests} tested rules within {_percent(alpha)}; "
            f"about half of them would be of a gain, so that {half} is usual."
        )
    yield (
        "Pull requests that are held against the same baseline share its luck. If chance alone tells the runs apart "
        "and both sides answered equally often, at least one of ten fails in at most "
        f"{_percent(alarms.per_ten_shared)} and at least one of a hundred in at most "
        f"{_percent(alarms.per_hundred_shared)}; but where the baseline came out as lucky as one in twenty does, "
        f"about {_percent(alarms.with_lucky_baseline)} of pull requests that change nothing fail."
    )
    yield (
        "Failures that come again and again with changes that cannot matter point to a lucky baseline: run its commit "
        "again and write the baseline anew."
    )
    others = sum(rule.kind != "quality" and rule.verdict != "not_judged" for rule in rules)
    if others:
        rest = "1 rule on another figure is" if others == 1 else f"{others} rules on other figures are"
        yield (
            f"{rest} not counted in: each adds about {half} where the truth lies exactly on its limit, and less "
            "within it."
        )


def _percent(share: float) -> str:
    return f"{share * 100:.1f}".removesuffix(".0") + "%"
