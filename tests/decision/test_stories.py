"""One story a test: what was measured and declared, and the verdict and reason that follow.

Unless a story says otherwise: 100,000 requests a month for 12 months, 0.01 USD a correct answer (so 12,000 USD for all
of the quality), 1 USD per million input tokens and 2 per million output tokens, 600 USD to tune.
"""

import pytest

from evalkit.records.comparison import Failures
from evalkit.records.decision import Verdict
from evalkit.records.record import to_json


def pair(synthetic, few, tuned, **tuned_arm):
    """A few-shot arm and a tuned one."""
    return {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", **{"shots": 0, **tuned_arm}),
    }


def better(synthetic, n=400, **tuned_arm):
    """Tuned is right on 0.85 of the cases, few-shot on 0.60, and loses on a few."""
    few = synthetic.pattern((55, 1), (35, 0), (10, 1)) * (n // 100)
    tuned = synthetic.pattern((55, 1), (30, 1), (5, 0), (10, 0)) * (n // 100)
    return pair(synthetic, few, tuned, **tuned_arm)


def told(decision):
    return decision.verdict, decision.reason


def test_tuned_clearly_better_and_paid_back(synthetic):
    decision = synthetic.decision(synthetic.make_run(better(synthetic)))
    assert told(decision) == (Verdict.FINE_TUNE, "worth_most")
    assert decision.recommended_arm == "tuned"
    assert decision.confidence > 0.95, "one training, which may differ from the next by 3 points"
    assert "Fine-tune" in decision.explanation


def test_better_but_never_paid_back(synthetic):
    """Hosting at 5 USD an hour is 43,800 USD a year; the better answers are worth 3,000."""
    run = synthetic.make_run(better(synthetic), economics={"hosting": {"tuned_per_hour": 5}})
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "untuned_wins")
    net = next(b for b in decision.break_even if b.basis == "net")
    assert net.months is None
    assert decision.checklist[4].status == "not_met"


KNOWN_SPREAD = {"decision": {"seed_sd": 0}}
"""Trainings that do not differ: a story about money or cases alone."""


def test_equal_quality_and_cheaper_is_enough_to_tune(synthetic):
    """A tenth of the tokens saves 1,080 USD a year; a training that may come out 3 points lower costs 360 of them."""
    few = synthetic.pattern((700, 1), (5, 1), (5, 0), (290, 0))
    tuned = synthetic.pattern((700, 1), (5, 0), (5, 1), (290, 0))
    decision = synthetic.decision(synthetic.make_run(pair(synthetic, few, tuned, input=100), **KNOWN_SPREAD))
    assert told(decision) == (Verdict.FINE_TUNE, "worth_most")
    assumed = synthetic.decision(synthetic.make_run(pair(synthetic, few, tuned, input=100)))
    assert assumed.confidence < decision.confidence


def test_equal_quality_and_dearer_is_not(synthetic):
    few = synthetic.pattern((700, 1), (5, 1), (5, 0), (290, 0))
    tuned = synthetic.pattern((700, 1), (5, 0), (5, 1), (290, 0))
    decision = synthetic.decision(synthetic.make_run(pair(synthetic, few, tuned, input=1000), **KNOWN_SPREAD))
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "untuned_wins")


def test_retrieval_equal_and_cheaper(synthetic):
    arms = better(synthetic)
    arms["rag"] = synthetic.Arm(list(arms["tuned"].scores), kind="rag", input=300)
    decision = synthetic.decision(synthetic.make_run(arms))
    assert told(decision) == (Verdict.USE_RAG, "untuned_wins")
    assert decision.recommended_arm == "rag"


def test_all_equal_and_free_is_indifferent(synthetic):
    same = synthetic.scores(600, 1000)
    run = synthetic.make_run(
        pair(synthetic, same, list(same), input=1000),
        economics={"training": {"labour_hours": 0}},
        models={"tuned": {"training": {"cost": 0}}},
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.NOT_DECIDABLE, "indifferent")
    assert decision.recommended_arm == "few_shot", "what to run meanwhile is untuned"


def test_five_cases_with_four_wins_do_not_carry_tuning(synthetic):
    """A plain bootstrap would be sure: no resample of four wins and a tie favours the loser."""
    decision = synthetic.decision(synthetic.make_run(pair(synthetic, [1.0, 0, 0, 0, 0], [1.0] * 5)))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "too_few_cases")
    assert decision.confidence < 0.99


def test_forty_nine_cases_do_not_carry_tuning_and_fifty_do(synthetic):
    for n, verdict in ((49, Verdict.NOT_DECIDABLE), (50, Verdict.FINE_TUNE)):
        few, tuned = synthetic.scores(10, n), synthetic.scores(n - 2, n)
        decision = synthetic.decision(synthetic.make_run(pair(synthetic, few, tuned)))
        assert decision.verdict is verdict, n


def test_nineteen_clusters_do_not_carry_tuning(synthetic):
    arms = better(synthetic)
    for count, verdict in ((19, Verdict.NOT_DECIDABLE), (20, Verdict.FINE_TUNE)):
        clusters = [f"k{index % count}" for index in range(400)]
        assert synthetic.decision(synthetic.make_run(arms, clusters=clusters)).verdict is verdict, count


def test_leaked_questions_make_the_evidence_invalid(synthetic):
    run = synthetic.make_run(better(synthetic), made_profile=synthetic.profile(leaked_exact=3))
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.NOT_DECIDABLE, "invalid_evidence")
    assert decision.red_flags[0].code == "question_leakage"


def test_leaked_questions_do_not_keep_from_staying(synthetic):
    """Invalid evidence cannot carry tuning; an untuned winner is not affected."""
    run = synthetic.make_run(
        better(synthetic),
        made_profile=synthetic.profile(leaked_exact=3),
        economics={"hosting": {"tuned_per_hour": 5}},
    )
    assert synthetic.decision(run).verdict is Verdict.STAY_FEW_SHOT


def test_a_base_at_its_ceiling_leaves_nothing_to_tune(synthetic):
    run = synthetic.make_run(
        pair(synthetic, synthetic.scores(990, 1000), synthetic.scores(995, 1000), input=1000)
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "untuned_wins")
    assert (decision.checklist[0].status, decision.checklist[0].speaks_for) == ("not_met", "against")
    assert "metric_at_its_end" in {flag.code for flag in decision.red_flags}


@pytest.mark.parametrize("hourly", [None, 5])
def test_a_scorer_that_fails_its_negative_control_carries_no_verdict(synthetic, hourly):
    """Neither a tuned nor an untuned one."""
    run = synthetic.make_run(
        better(synthetic),
        chance={"few_shot": 0.59, "tuned": 0.84},
        economics={"hosting": {} if hourly is None else {"tuned_per_hour": hourly}},
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.NOT_DECIDABLE, "invalid_evidence")
    assert decision.would_change == ()


def test_a_scorer_near_chance_on_shuffled_references_passes(synthetic):
    run = synthetic.make_run(better(synthetic), chance={"few_shot": 0.02, "tuned": 0.03})
    assert synthetic.decision(run).verdict is Verdict.FINE_TUNE


def volume_decides(synthetic):
    """0.1 more quality is worth 0.001 a request: 600 USD are earned back at 50,000 requests a month."""
    few = synthetic.pattern((1000, 1), (200, 0), (800, 0))
    tuned = synthetic.pattern((1000, 1), (200, 1), (800, 0))
    return synthetic.make_run(
        pair(synthetic, few, tuned, input=1000),
        economics={"requests_per_month": {"low": 10_000, "mode": 50_000, "high": 90_000}},
        decision={"margin": 0.005},
    )


def test_volume_decides(synthetic):
    decision = synthetic.decision(synthetic.changed(volume_decides(synthetic), **KNOWN_SPREAD))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "depends_on_requests_per_month")
    assert max(decision.evppi, key=decision.evppi.get) == "requests_per_month"
    assert decision.evpi >= decision.evppi["requests_per_month"] > 0


def test_no_tuned_arm_with_a_pilot_that_is_likely_to_pay(synthetic):
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    run = synthetic.make_run(
        arms, decision={"pilot": {"quality": {"low": 0.7, "mode": 0.8, "high": 0.9}, "cost": 300}}
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.PILOT_FIRST, "pilot_pays")
    assert decision.recommended_arm == "few_shot"
    # 300 for the pilot and 500 of work over 12,000 USD a unit of quality
    assert decision.q_star == pytest.approx(0.6 + 800 / 12_000, abs=1e-9)


def test_no_tuned_arm_with_a_pilot_that_is_not(synthetic):
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    run = synthetic.make_run(
        arms, decision={"pilot": {"quality": {"low": 0.4, "mode": 0.5, "high": 0.62}, "cost": 300}}
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "no_tuned_arm")
    assert decision.q_star is not None


@pytest.mark.parametrize(
    ("target", "verdict", "reason"),
    [(0.95, Verdict.PILOT_FIRST, "pilot_pays"), (0.63, Verdict.STAY_FEW_SHOT, "no_tuned_arm")],
)
def test_no_tuned_arm_and_no_pilot_declared_goes_by_the_target(synthetic, target, verdict, reason):
    """q* is 0.6 + 500 / 12,000 = 0.642: a target of 0.63 is not worth a tune."""
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    decision = synthetic.decision(synthetic.make_run(arms, use_case={"target": target}))
    assert told(decision) == (verdict, reason)
    assert decision.q_star == pytest.approx(0.6 + 500 / 12_000, abs=1e-9)


def test_one_arm_only_and_no_target_stays(synthetic):
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    decision = synthetic.decision(synthetic.make_run(arms, use_case={"target": None}))
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "no_tuned_arm")
    assert decision.confidence is None, "one arm alone: there is nothing that it could be better than"


def test_untuned_arms_alone_are_decided_between_kinds(synthetic):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(200, 400)),
        "rag": synthetic.Arm(synthetic.scores(320, 400), kind="rag", input=1500),
    }
    decision = synthetic.decision(synthetic.make_run(arms, use_case={"target": 0.8}))
    assert told(decision) == (Verdict.USE_RAG, "no_tuned_arm")
    assert set(decision.p_best) == {"few_shot", "rag", "none"}


def test_a_tuned_arm_alone_has_nothing_to_be_held_against(synthetic):
    arms = {"tuned": synthetic.Arm(synthetic.scores(240, 400), kind="fine_tuned", shots=0)}
    decision = synthetic.decision(synthetic.make_run(arms))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "missing_input")
    assert "untuned" in decision.explanation


def test_without_economics_the_verdict_says_what_to_declare_and_keeps_the_claims(synthetic):
    decision = synthetic.decision(synthetic.make_run(better(synthetic), economics=None))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "missing_input")
    assert "requests_per_month" in decision.explanation
    assert {d.claim for d in decision.differences} == {"superior"}
    assert decision.checklist[7].status == "met"
    assert decision.ledger == {}


def test_an_arm_of_unknown_cost_is_never_free(synthetic):
    """Answers without token counts: the cost is null, and the verdict says what to add."""
    decision = synthetic.decision(synthetic.make_run(better(synthetic, usage=False)))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "missing_input")
    assert decision.arms["tuned"].cost_per_request is None
    assert decision.ledger["tuned"].total is None
    assert "usage" in decision.explanation


def test_a_training_bill_that_is_not_declared_is_asked_for(synthetic):
    decision = synthetic.decision(synthetic.make_run(better(synthetic), models={"tuned": {"training": None}}))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "missing_input")
    assert "models.tuned.training" in decision.explanation


def test_without_a_value_the_cheapest_arm_as_good_as_the_best_wins(synthetic):
    """Tuned is as good and a tenth of the tokens; few-shot is cheaper to begin with and dearer over the year."""
    few = synthetic.pattern((700, 1), (5, 1), (5, 0), (290, 0))
    tuned = synthetic.pattern((700, 1), (5, 0), (5, 1), (290, 0))
    run = synthetic.make_run(
        pair(synthetic, few, tuned, input=100), economics={"value_per_correct": None}, **KNOWN_SPREAD
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.FINE_TUNE, "as_good_and_cheaper")
    assert decision.evpi is None
    assert decision.evsi == ()
    assert decision.expected_regret["few_shot"] == pytest.approx(1080 - 600, abs=5)


def test_without_a_value_a_worse_arm_does_not_win_by_being_cheap(synthetic):
    arms = better(synthetic, input=5000)
    decision = synthetic.decision(synthetic.make_run(arms, economics={"value_per_correct": None}))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "depends_on_value_per_correct"), "better, and dearer"


def test_a_candidate_outside_the_limits_is_not_recommended(synthetic):
    arms = better(synthetic, service_s=3.0)
    decision = synthetic.decision(
        synthetic.make_run(arms, decision={"limits": {"p95_latency_s": {"max": 2.0}}})
    )
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "alone_within_limits")
    assert decision.arms["tuned"].broken_limits == ("p95 latency is 3 s, must be at most 2 s",)
    assert "tuned" not in decision.expected_regret


def test_no_candidate_inside_the_limits(synthetic):
    run = synthetic.make_run(better(synthetic), decision={"limits": {"exact_match": {"min": 0.95}}})
    assert told(synthetic.decision(run)) == (Verdict.NOT_DECIDABLE, "no_arm_within_limits")


def test_a_base_that_is_shut_inside_the_horizon_blocks_a_tuned_winner_only(synthetic):
    hosted = {
        "base": {"model": "gpt-4o-mini", "base_url": None},
        "tuned": {"model": "ft:gpt-4o-mini:acme::1", "base_url": None},
    }
    run = synthetic.make_run(
        better(synthetic), models=hosted, economics={"requests_per_month": 1_000_000}
    )  # the model answers for under two months, in which the tune pays
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.BLOCKED, "blocked_tunability")
    assert decision.recommended_arm == "few_shot"
    dear = synthetic.changed(run, economics={"hosting": {"tuned_per_hour": 50}})
    assert synthetic.decision(dear).verdict is Verdict.STAY_FEW_SHOT


def test_more_cases_are_bought_where_they_are_worth_more_than_they_cost(synthetic):
    """Twelve cases leave much open, a lot of money hangs on it, and a case costs a cent."""
    few, tuned = synthetic.pattern((4, 1), (8, 0)), synthetic.pattern((6, 1), (6, 0))
    run = synthetic.make_run(
        pair(synthetic, few, tuned, input=1000),
        economics={"cost_per_case": 0.01, "training": {"labour_hours": 40}},
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.COLLECT_MORE_DATA, "more_cases_pay")
    best = max(decision.evsi, key=lambda entry: entry.value - entry.cost)
    assert f"{best.n_cases:,} more cases" in decision.explanation
    undeclared = synthetic.decision(synthetic.changed(run, economics={"cost_per_case": None}))
    assert undeclared.verdict is Verdict.NOT_DECIDABLE
    assert undeclared.evsi[0].cost is None


def test_an_unreadable_case_never_counts_as_wrong(synthetic):
    """A run in which one answer in 25 is missing decides as the run without those cases does."""
    arms = better(synthetic)
    with_holes = {
        name: synthetic.Arm(list(arm.scores), kind=arm.kind, shots=arm.shots) for name, arm in arms.items()
    }
    for case in range(0, 400, 25):
        with_holes["tuned"].scores[case] = None
    kept = [case for case in range(400) if case % 25]
    without = {
        name: synthetic.Arm([arm.scores[case] for case in kept], kind=arm.kind, shots=arm.shots)
        for name, arm in arms.items()
    }
    first, second = (synthetic.decision(synthetic.make_run(made)) for made in (with_holes, without))
    assert first.verdict is second.verdict
    assert first.p_best == second.p_best
    assert first.arms["tuned"].net_benefit == second.arms["tuned"].net_benefit


def test_two_equal_tuned_candidates_get_the_verdict_of_one(synthetic):
    one = better(synthetic)
    two = {**one, "twin": synthetic.Arm(list(one["tuned"].scores), kind="fine_tuned", shots=0)}
    alone, both = (synthetic.decision(synthetic.make_run(arms)) for arms in (one, two))
    assert both.verdict is alone.verdict
    assert both.recommended_arm in ("tuned", "twin")
    assert both.confidence == pytest.approx(alone.confidence, abs=0.01)


def test_the_same_run_gives_the_same_bytes(synthetic):
    run = volume_decides(synthetic)
    assert to_json(synthetic.decision(run)) == to_json(synthetic.decision(run))


def test_another_seed_gives_other_draws(synthetic):
    run = volume_decides(synthetic)
    assert synthetic.decision(run, seed=1).confidence != synthetic.decision(run, seed=2).confidence


def test_a_finding_that_is_unknown_says_what_to_do(synthetic):
    decision = synthetic.decision(synthetic.make_run(better(synthetic)))
    assert [finding.number for finding in decision.checklist] == list(range(1, 11))
    verbs = ("add", "give", "run", "name", "answer", "declare", "score", "look", "read", "repair")
    for finding in decision.checklist:
        if finding.status == "unknown":
            assert any(verb in finding.answer.lower() for verb in verbs), finding.answer


def test_format_failures_speak_for_tuning_and_missing_knowledge_for_retrieval(synthetic):
    run = synthetic.make_run(better(synthetic))
    for failures, side in (
        (Failures(n_wrong=10, format=9, other=1), "tuning"),
        (Failures(n_wrong=10, missing_knowledge=9, other=1), "against"),
    ):
        arms = tuple(synthetic.with_failures(arm, failures) for arm in run.comparison.arms)
        told_by = synthetic.decision(synthetic.with_comparison(run, arms=arms)).checklist[0]
        assert told_by.speaks_for == side


def test_a_candidate_that_never_answered_is_named_and_not_taken_for_untested(synthetic):
    """It is no reason for a pilot: the tuned model exists, its answers are owed."""
    decision = synthetic.decision(
        synthetic.make_run(pair(synthetic, synthetic.scores(50, 100), [None] * 100))
    )
    assert told(decision) == (Verdict.NOT_DECIDABLE, "missing_input")
    assert "tuned has no score" in decision.explanation


def test_arms_without_a_case_in_common_are_not_decided_between(synthetic):
    few, tuned = [1.0] * 50 + [None] * 50, [None] * 50 + [1.0] * 50
    decision = synthetic.decision(synthetic.make_run(pair(synthetic, few, tuned)))
    assert told(decision) == (Verdict.NOT_DECIDABLE, "missing_input")


def test_a_handful_of_examples_is_no_reason_against_a_pilot(synthetic):
    """Eight demonstrations are not the rows that a tune would be trained on."""
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    decision = synthetic.decision(synthetic.make_run(arms, made_profile=synthetic.profile(rows=8)))
    assert decision.verdict is Verdict.PILOT_FIRST
    assert decision.checklist[6].status == "unknown"


def test_a_blocked_finding_never_gives_a_pilot(synthetic):
    """gpt-4o-mini shuts inside the year: there is nothing to pilot."""
    arms = {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}
    run = synthetic.make_run(arms, models={"base": {"model": "gpt-4o-mini", "base_url": None}})
    decision = synthetic.decision(run)
    assert decision.checklist[3].status == "blocked"
    assert told(decision) == (Verdict.STAY_FEW_SHOT, "no_tuned_arm")


def test_without_a_value_an_arm_alone_within_limits_is_no_cheaper_than_another(synthetic):
    """Tuned keeps to a limit of 0.85 that few-shot breaks: no arm is left that it could be cheaper than."""
    arms = better(synthetic)
    run = synthetic.make_run(
        arms, economics={"value_per_correct": None}, decision={"limits": {"exact_match": {"min": 0.85}}}
    )
    decision = synthetic.decision(run)
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert (decision.recommended_arm, set(decision.p_best)) == ("tuned", {"tuned"})


def test_the_decision_holds_the_tuned_arm_against_the_untuned_one_it_would_replace(synthetic):
    """RAG answers best and costs a fortune; the money is between few-shot and tuning."""
    arms = better(synthetic)
    arms["rag"] = synthetic.Arm(synthetic.pattern((364, 1), (36, 0)), kind="rag", input=20_000)
    decision = synthetic.decision(synthetic.make_run(arms))
    assert told(decision) == (Verdict.FINE_TUNE, "worth_most")
    against = {d.control for d in decision.differences if d.family == "tuned"}
    assert against == {"rag", "few_shot"}


def test_a_wrong_answer_costs_and_a_declined_one_does_not(synthetic):
    """At 0.05 USD a wrong answer, an arm that declines its wrong answers is worth more."""
    scores = synthetic.scores(300, 400)
    declined = ["answer"] * 300 + ["I don't know."] * 100
    run = synthetic.make_run(
        pair(synthetic, scores, list(scores), input=1000),
        outputs={"tuned": declined},
        economics={"cost_per_wrong": 0.05},
    )
    benefits = {name: arm.net_benefit.mode for name, arm in synthetic.decision(run).arms.items()}
    assert benefits["tuned"] - benefits["few_shot"] == pytest.approx(12 * 100_000 * 0.05 * 0.25 - 600)


def with_kinds(synthetic, run, failures):
    arms = tuple(synthetic.with_failures(arm, failures) for arm in run.comparison.arms)
    return synthetic.with_comparison(run, arms=arms)


def test_a_knowledge_task_whose_failures_are_retrieval_misses(synthetic):
    """RAG is best and its wrong answers lack the passage: use retrieval, and mend the retriever before tuning."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(80, 400)),
        "rag": synthetic.Arm(synthetic.scores(300, 400), kind="rag", input=1500),
        "tuned": synthetic.Arm(synthetic.scores(140, 400), kind="fine_tuned", shots=0),
    }
    run = with_kinds(
        synthetic, synthetic.make_run(arms), Failures(n_wrong=100, retrieval_miss=80, reading_miss=20)
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.USE_RAG, "untuned_wins")
    first = decision.checklist[0]
    assert (first.status, first.speaks_for) == ("not_met", "against")
    assert "improve the retriever first" in first.answer


def test_a_format_task(synthetic):
    """Few-shot knows the answers and misses the form; the tuned arm does not."""
    run = with_kinds(
        synthetic, synthetic.make_run(better(synthetic)), Failures(n_wrong=160, format=150, other=10)
    )
    decision = synthetic.decision(run)
    assert told(decision) == (Verdict.FINE_TUNE, "worth_most")
    first = decision.checklist[0]
    assert (first.status, first.speaks_for) == ("met", "tuning")
    assert "93.8% of the failures of few_shot are format or behaviour" in first.answer


def only_tuned_inside(synthetic, few, tuned, **tuned_arm):
    """Few-shot takes three seconds where two are allowed."""
    arms = pair(synthetic, few, tuned, **tuned_arm)
    arms["few_shot"].service_s = 3.0
    return synthetic.make_run(arms, decision={"limits": {"p95_latency_s": {"max": 2.0}}})


def test_a_tuned_arm_alone_inside_the_limits_has_to_be_worth_running(synthetic):
    """Against running none: worth it on 400 cases and on 1,000; too few at 48."""
    run = only_tuned_inside(synthetic, *(arm.scores for arm in better(synthetic).values()))
    assert told(synthetic.decision(run)) == (Verdict.FINE_TUNE, "worth_most")
    same = synthetic.pattern((700, 1), (5, 1), (5, 0), (290, 0))
    as_good = synthetic.pattern((700, 1), (5, 0), (5, 1), (290, 0))
    alone = synthetic.decision(only_tuned_inside(synthetic, same, as_good))
    assert told(alone) == (Verdict.FINE_TUNE, "worth_most")
    assert "is set aside by a limit: " in alone.explanation
    few = only_tuned_inside(synthetic, synthetic.scores(8, 48), synthetic.scores(46, 48))
    assert told(synthetic.decision(few)) == (Verdict.NOT_DECIDABLE, "too_few_cases")


def test_the_explanation_says_what_the_claim_says(synthetic):
    """Points and plain words, as the report has them; no code of ours."""
    decision = synthetic.decision(synthetic.make_run(better(synthetic)))
    assert "cases, better" in decision.explanation
    assert "+20.0 points (+" in decision.explanation
    assert "_dec" not in decision.explanation
    volume = synthetic.decision(synthetic.changed(volume_decides(synthetic), **KNOWN_SPREAD)).explanation
    assert "It depends on requests per month." in volume
    assert "Requests per month (most likely 50,000): below 46,300 stay with the prompt (few_shot)" in volume
