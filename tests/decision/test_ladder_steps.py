"""Steps of the ladder that a whole run seldom ends on, each on its own."""

import numpy as np
import pytest

from evalkit.comparison.settings import ComparisonSettings
from evalkit.decision.claims import Claims
from evalkit.decision.payoffs.joint_draws import draw_jointly
from evalkit.decision.payoffs.more_cases import values_of_more_cases
from evalkit.decision.payoffs.payoff_model import UNCHANGED, PayoffModel
from evalkit.decision.verdict.choose_verdict import DEPENDS, VerdictInputs, VerdictStep, choose_verdict
from evalkit.decision.verdict.sensitivity import Sensitivity, full_reason
from evalkit.records.decision import Verdict, WouldChange


def two(synthetic, few=60, tuned=80, n=100, **changes):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(few, n)),
        "tuned": synthetic.Arm(synthetic.scores(tuned, n), kind="fine_tuned", shots=0),
    }
    return synthetic.make_run(arms, **changes)


def test_a_broken_scorer_is_told_before_economics_that_are_not_declared(synthetic):
    run = two(synthetic, economics=None, chance={"few_shot": 0.6, "tuned": 0.8})
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "invalid_evidence")
    assert "does not tell right from wrong" in decision.explanation


def test_a_tuned_arm_that_nothing_can_be_held_against_carries_no_claim(synthetic):
    """It wins every draw, alone; with no untuned arm anywhere, inside the limits or out, that is no evidence."""
    run = two(synthetic)
    found = synthetic.prepared(run)
    only = [arm for arm in run.table.candidates if arm.tuned]
    money = {"tuned": found.context.cost_models["tuned"]}
    draws = draw_jointly(run.table, only, money, found.context.terms, n_draws=200, seed=7)
    summaries = {summary.name: summary for summary in run.comparison.arms}
    payoff_model = PayoffModel(draws, {}, 0.03, summaries)
    inputs = VerdictInputs(
        tuned_measured=True,
        blocked=(),
        control_failed=False,
        invalid=(),
        missing=(),
        confidence=0.9,
        cost_per_case=1.0,
        pilot=None,
        best_untuned=None,
    )
    step = choose_verdict(
        payoff_model,
        Claims(run.table, run.comparison, ComparisonSettings(alpha=0.05, margin=0.03, seed=7)),
        inputs,
    )
    assert (step.verdict, step.reason, step.arm) == (Verdict.NOT_DECIDABLE, "no_paired_claim", None)
    assert values_of_more_cases(payoff_model, UNCHANGED, cost_per_case=1.0) == (), "nothing to choose between"


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


def change(name, flips_at):
    return WouldChange(
        input=name, current=1.0, flips_at=flips_at, unit="", verdict_then=Verdict.STAY_FEW_SHOT
    )


@pytest.mark.parametrize(
    ("flips", "reason"),
    [
        ({"requests_per_month": 5.0, "labour_hours": 2.0}, "depends_on_requests_per_month"),
        ({"requests_per_month": 50.0, "labour_hours": 2.0}, "depends_on_labour_hours"),
        ({"requests_per_month": None, "labour_hours": None}, "depends_on_quality"),
        ({"quality:tuned": 0.7, "labour_hours": 2.0}, "depends_on_labour_hours"),
        ({"quality:tuned": 0.7}, "depends_on_quality"),
    ],
    ids=[
        "the dearest",
        "the next where the dearest flips outside its range",
        "none",
        "hours before cases",
        "cases",
    ],
)
def test_it_depends_on_the_dearest_input_whose_flip_lies_inside_its_range(flips, reason):
    """Worth knowing: volume 30, hours 20, quality 10; a flip outside its range is no doubt about that input."""
    values = {"requests_per_month": 30.0, "labour_hours": 20.0, "quality": 10.0}
    ranges = {"requests_per_month": (1.0, 10.0), "labour_hours": (1.0, 3.0), "quality:tuned": (0.6, 0.9)}
    step = VerdictStep(Verdict.NOT_DECIDABLE, DEPENDS)
    changes = tuple(change(name, at) for name, at in flips.items())
    sensitivity = Sensitivity(evppi=values, would_change=changes, ranges=ranges)
    assert full_reason(step, sensitivity) == reason


def test_a_step_that_depends_on_nothing_keeps_its_reason():
    assert full_reason(VerdictStep(Verdict.FINE_TUNE, "superior"), Sensitivity()) == "superior"


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
