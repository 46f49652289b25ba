"""Where nothing was tuned: what a tune would have to reach, and what it would cost."""

import pytest

from evalkit.records.decision import Verdict

PILOT = {"quality": {"low": 0.7, "mode": 0.8, "high": 0.9}, "cost": 300}


def untuned(synthetic, **changes):
    return synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(240, 400))}, **changes)


def test_labelling_raises_the_quality_that_a_tune_has_to_reach(synthetic):
    """500 of work and 700 of labels over 12,000 USD a unit of quality."""
    run = untuned(synthetic, economics={"training": {"labelling_cost": 700}})
    assert synthetic.decision(run).q_star == pytest.approx(0.6 + 1200 / 12_000, abs=1e-9)


def test_hosting_and_retuning_raise_it_too(synthetic):
    """0.10 USD an hour for 730 hours a month is 876 a year; two hours of retuning at 50 USD once is 100."""
    run = untuned(
        synthetic,
        economics={
            "hosting": {"tuned_per_hour": 0.1},
            "training": {"retune_hours": 2},
            "retune_every_months": 6,
        },
    )
    assert synthetic.decision(run).q_star == pytest.approx(0.6 + (500 + 876 + 100) / 12_000, abs=1e-9)


def test_a_quality_above_1_is_told_as_never(synthetic):
    run = untuned(synthetic, economics={"training": {"labelling_cost": 50_000}})
    decision = synthetic.decision(run)
    assert decision.verdict is Verdict.STAY_FEW_SHOT
    assert decision.q_star > 1
    assert "Tuning would not pay even if every answer were right" in decision.explanation


def test_without_a_value_per_answer_no_pilot_is_weighed(synthetic):
    run = untuned(synthetic, economics={"value_per_correct": None}, decision={"pilot": PILOT})
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.q_star) == (Verdict.STAY_FEW_SHOT, None)
    assert "Without value_per_correct nothing says what a better answer is worth" in decision.explanation


def test_answers_worth_nothing_have_no_quality_at_which_tuning_pays(synthetic):
    run = untuned(synthetic, economics={"value_per_correct": 0})
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.q_star) == (Verdict.STAY_FEW_SHOT, None)


def test_retrieval_alone_shows_no_request_that_a_tune_would_have(synthetic):
    """A tuned arm is priced like an untuned one without passages; there is none here, so no pilot is weighed."""
    run = synthetic.make_run({"rag": synthetic.Arm(synthetic.scores(240, 400), kind="rag")})
    decision = synthetic.decision(run)
    assert (decision.verdict, decision.reason, decision.q_star) == (Verdict.USE_RAG, "no_tuned_arm", None)
