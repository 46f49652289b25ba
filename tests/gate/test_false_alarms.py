"""False alarms: the bound of one gate, many pull requests against one baseline, and the sentences that say it."""

import pytest

from evalkit.gating.false_alarms import false_alarms
from evalkit.records.gate import RuleResult


def rule(kind="quality", p=0.5, verdict="pass"):
    return RuleResult(name=kind, kind=kind, arm="rag", limit=0.05, verdict=verdict, p_value=p)


def test_one_tested_rule_errs_towards_a_drop_in_half_of_alpha():
    alarms = false_alarms([rule(), rule("cost", None)], alpha=0.05)
    assert (alarms.per_gate, alarms.tests) == (0.025, 1)
    assert alarms.per_ten == pytest.approx(1 - 0.975**10)
    assert alarms.per_hundred == pytest.approx(1 - 0.975**100)
    assert alarms.per_ten_shared == pytest.approx(0.144, abs=5e-4)
    assert alarms.per_hundred_shared == pytest.approx(0.402, abs=5e-4)
    assert alarms.with_lucky_baseline == pytest.approx(0.130, abs=5e-4)
    assert alarms.words[0] == (
        "Pull requests that are held against the same baseline share its luck. If chance alone tells the runs apart "
        "and both sides answered equally often, at least one of ten fails in at most 14.4% and at least one of a "
        "hundred in at most 40.2%; but where the baseline came out as lucky as one in twenty does, about 13% of pull "
        "requests that change nothing fail."
    )
    assert alarms.words[-1].startswith("1 rule on another figure is not counted in: each adds about 2.5%")


def test_several_rules_are_kept_within_alpha_by_holm():
    rules = [
        rule(),
        rule(),
        rule("cost", None),
        rule("latency", None),
        rule("error_rate", None, "not_judged"),
    ]
    alarms = false_alarms(rules, alpha=0.05)
    assert (alarms.per_gate, alarms.tests) == (0.05, 2)
    assert alarms.words[0].startswith(
        "Holm's method keeps any false claim among the 2 tested rules within 5%"
    )
    assert alarms.words[-1].startswith("2 rules on other figures are not counted in")


def test_without_rules_on_other_figures_nothing_is_said_of_them():
    assert "lucky baseline" in false_alarms([rule()], alpha=0.05).words[-1]


def test_unchanged_arms_raise_no_alarm():
    assert false_alarms([rule(p=None, verdict="unchanged"), rule("cost", None)], alpha=0.05) is None
