"""Steps of the ladder that a whole run seldom ends on, each on its own."""

import numpy as np
import pytest

from evalkit.comparison.settings import ComparisonSettings
from evalkit.decision.claims import Claims
from evalkit.decision.payoffs.payoff_model import WhatIf
from evalkit.decision.verdict.choose_verdict import DEPENDS, Ladder, VerdictInputs, VerdictStep
from evalkit.decision.verdict.sensitivity import Sensitivity, by_likelihood, condition_of
from evalkit.records.decision import Verdict, WouldChange


def two(synthetic, few=60, tuned=80, n=100, usage_of=None, **changes):
    usage = (usage_of or {}).get("few_shot", True)
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(few, n), usage=usage),
        "tuned": synthetic.Arm(synthetic.scores(tuned, n), kind="fine_tuned", shots=0),
    }
    return synthetic.make_run(arms, **changes)


def test_a_broken_scorer_is_told_before_economics_that_are_not_declared(synthetic):
    run = two(synthetic, economics=None, chance={"few_shot": 0.6, "tuned": 0.8})
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "invalid_evidence")
    assert "does not tell right from wrong" in decision.explanation


def test_a_tuned_arm_alone_has_nothing_that_it_could_be_better_than(synthetic):
    """The same run with the untuned arm's cost not known: what is known is drawn, and no verdict is given."""
    decision = synthetic.decision(two(synthetic, usage_of={"few_shot": False}))
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "missing_input")
    assert decision.arms["tuned"].net_benefit is not None
    assert decision.arms["few_shot"].net_benefit is None
    assert decision.would_change == ()


def test_cases_that_cost_next_to_nothing_are_bought_up_to_the_most_that_is_weighed(synthetic):
    """Ten thousand clusters is where the search ends; at a millionth of a cent each they all pay."""
    few, tuned = synthetic.pattern((4, 1), (8, 0)), synthetic.pattern((6, 1), (6, 0))
    arms = {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", shots=0),
    }
    run = synthetic.make_run(arms, economics={"cost_per_case": 1e-8, "training": {"labour_hours": 40}})
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.reason) == (Verdict.COLLECT_MORE_DATA, "more_cases_pay")
    assert "Answer 10,000 more cases first" in decision.explanation


def change(name, flips_at, probability):
    inside = probability is not None
    return WouldChange(
        input=name,
        current=1.0,
        flips_at=flips_at,
        unit="hours",
        verdict_now="fine_tune",
        verdict_then="stay_few_shot",
        flips_above=flips_at,
        verdict_above=None if flips_at is None else "stay_few_shot",
        inside=inside,
        probability=probability,
    )


@pytest.mark.parametrize(
    ("flips", "code"),
    [
        ({"requests_per_month": 0.3, "labour_hours": 0.1}, "depends_on_requests_per_month"),
        ({"requests_per_month": None, "labour_hours": 0.1}, "depends_on_labour_hours"),
        ({"requests_per_month": None, "labour_hours": None}, "not_sure_enough"),
        ({"quality:tuned": 0.4, "labour_hours": 0.1}, "depends_on_labour_hours"),
        ({"quality:tuned": 0.4}, "not_sure_enough"),
    ],
    ids=[
        "the likeliest",
        "the next where that one flips outside its range",
        "none",
        "hours before cases",
        "the confidence is about the cases",
    ],
)
def test_it_depends_on_the_likeliest_input_whose_flip_lies_inside_its_range(synthetic, flips, code):
    model = synthetic.prepared(two(synthetic, few=61, tuned=66)).payoff_model
    inputs = VerdictInputs(
        tuned_measured=True,
        blocked=(),
        no_verdict=(),
        invalid=(),
        missing=(),
        confidence=0.9,
        cost_per_case=None,
        pilot=None,
    )
    run = two(synthetic)
    claims = Claims(run.table, run.comparison, ComparisonSettings(alpha=0.05, margin=0.0001, seed=7))
    ladder = Ladder(model, claims, inputs, WhatIf(margin=1e-6))
    step = VerdictStep(Verdict.NOT_DECIDABLE, DEPENDS)
    changes = by_likelihood([change(name, 2.0, share) for name, share in flips.items()])
    condition = condition_of(step, ladder, inputs, Sensitivity(would_change=changes), "USD")
    assert condition.code == code
    if code.startswith("depends_on"):
        assert (condition.low_side.verdict, condition.high_side.verdict) == ("fine_tune", "stay_few_shot")


def test_only_what_cannot_decide_has_a_condition(synthetic):
    decision = synthetic.decision(two(synthetic, few=20, tuned=90, n=100))
    assert decision.verdict is Verdict.FINE_TUNE
    assert decision.condition is None


def test_a_difference_from_another_alpha_is_computed_again(synthetic):
    """At alpha 0.2 intervals are narrower: the run's own at 0.05 are not used for it."""
    run = two(synthetic, few=60, tuned=66)
    at_run, wider = (
        Claims(run.table, run.comparison, ComparisonSettings(alpha=alpha, margin=0.03, seed=7)).between(
            "tuned", "few_shot"
        )
        for alpha in (0.05, 0.2)
    )
    assert wider.estimate == at_run.estimate
    assert wider.high - wider.low < at_run.high - at_run.low


def test_a_pair_without_an_interval_claims_nothing_however_it_is_shifted(synthetic):
    run = two(synthetic, clusters=["one"] * 100)
    claims = Claims(run.table, run.comparison, ComparisonSettings(alpha=0.05, margin=0.03, seed=7))
    assert claims.claim("tuned", "few_shot", shift=0.5, margin=None) == "no_claim"


def test_two_arms_too_close_to_call_are_not_decided_and_their_shares_of_the_draws_add_up(synthetic):
    """Five cases of 100 more are worth the 600 USD of tuning: either wins in a good part of the draws."""
    decision = synthetic.decision(two(synthetic, few=61, tuned=66))
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert 0.1 < decision.p_best["tuned"] < 0.9
    assert np.isclose(sum(decision.p_best.values()), 1.0)
