"""Confirmation only acquits, and what it acquits is no pass."""

import numpy as np
import pytest

from evalkit.gating.upheld import NOT_UPHELD, upheld_rules
from evalkit.records.gate import RuleResult


def rule(name, verdict, kind="quality", note=""):
    return RuleResult(name=name, kind=kind, arm="rag", limit=0.05, verdict=verdict, note=note)


@pytest.mark.parametrize("after", ["pass", "inconclusive", "fail"])
@pytest.mark.parametrize("before", ["pass", "inconclusive", "fail", "unchanged"])
def test_a_rule_fails_only_if_it_failed_before_and_after(before, after):
    (result,) = upheld_rules([rule("a", before)], [rule("a", after)])
    if before != "fail":
        assert result.verdict == before
    elif after == "fail":
        assert result.verdict == "fail"
    else:
        assert (result.verdict, result.note) == ("inconclusive", NOT_UPHELD)


def test_figures_are_those_of_the_majority_and_other_rules_stay():
    before = [rule("b", "fail"), rule("cost", "fail", "cost"), rule("floor", "fail", "floor")]
    after = [
        rule("cost", "pass", "cost"),
        rule("floor", "fail", "floor", "x"),
        rule("b", "pass", note="Few clusters."),
    ]
    quality, cost, floor = upheld_rules(before, after)
    assert quality.note == f"Few clusters. {NOT_UPHELD}"
    assert cost is before[1]
    assert floor is after[1]


@pytest.mark.parametrize(("chance", "lean"), [(0.8, 0.096), (0.5, 0.0), (0.2, -0.096)])
def test_the_lean_of_a_majority_of_three_is_p_times_1_minus_p_times_2p_minus_1(chance, lean):
    """The docstring's figure, drawn: baseline and candidate alike, only cases that differ asked twice more."""
    rng = np.random.default_rng(7)
    baseline, *asks = (rng.random((4, 200_000)) < chance).astype(float)
    majority = np.where(asks[0] != baseline, np.median(asks, axis=0), asks[0])
    assert float((majority - baseline).mean()) == pytest.approx(lean, abs=0.004)
