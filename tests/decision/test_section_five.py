"""What the method before this one got wrong, and its siblings: one block for each fault of kind.

The inputs with which each was found are in tests/failing; these are runs in memory.
"""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.records.decision import Decision, Verdict

KNOWN_SPREAD = {"decision": {"seed_sd": 0}}


def decided(synthetic, arms, **given) -> Decision:
    return synthetic.decision(synthetic.make_run(arms, **given))


def pair(synthetic, few, tuned, **tuned_arm):
    return {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", **{"shots": 0, **tuned_arm}),
    }


def merged(*changes):
    """Changes of a suite laid over each other."""
    result: dict = {}
    for change in changes:
        for key, value in change.items():
            result[key] = {**result.get(key, {}), **value}
    return result


# -- 1. "either is fine" is said of the arm that is told to run, and of its rival ------------------------------------


@pytest.mark.parametrize("hours", [0, 1, 4, 8, 12, 20])
@pytest.mark.parametrize("value", [0.0005, 0.01])
def test_indifferent_needs_both_regrets_below_what_the_margin_is_worth(synthetic, hours, value):
    few, tuned = (
        synthetic.pattern((200, 1), (10, 1), (20, 0), (170, 0)),
        synthetic.pattern((200, 1), (10, 0), (20, 1), (170, 0)),
    )
    decision = decided(
        synthetic,
        pair(synthetic, few, tuned, input=1000),
        economics={"value_per_correct": value, "training": {"labour_hours": hours}},
        models={"tuned": {"training": {"cost": 0}}},
    )
    if decision.reason == "indifferent":
        worth = 0.03 * value * 100_000 * 12
        recommended = decision.recommended_arm or "none"
        assert decision.expected_regret[recommended] < worth
        assert decision.other_choice_loses is not None
        assert decision.other_choice_loses < worth
    assert decision.verdict is Verdict.NOT_DECIDABLE or decision.reason != "indifferent"


def test_a_choice_that_loses_nothing_worth_the_margin_is_indifferent(synthetic):
    """Two more of 400 right, at no cost: 24 USD either way, where the margin is worth 360."""
    few, tuned = (
        synthetic.pattern((200, 1), (10, 1), (12, 0), (178, 0)),
        synthetic.pattern((200, 1), (10, 0), (12, 1), (178, 0)),
    )
    decision = decided(
        synthetic,
        pair(synthetic, few, tuned),
        economics={"value_per_correct": 0.01, "training": {"labour_hours": 0}},
        models={"tuned": {"training": {"cost": 0}}},
        **KNOWN_SPREAD,
    )
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "indifferent")


# -- 2. a share has a subject -----------------------------------------------------------------------------------------


def test_confidence_is_of_the_named_arm_and_no_higher_than_any_of_its_pairs(synthetic):
    rng = np.random.default_rng(5)
    arms = {"few_shot": synthetic.Arm((rng.random(200) < 0.6).astype(float).tolist())}
    for number in range(3):
        right = (rng.random(200) < 0.65).astype(float).tolist()
        arms[f"tuned{number}"] = synthetic.Arm(right, kind="fine_tuned", shots=0)
    decision = decided(synthetic, arms)
    winner = decision.recommended_arm or "none"
    own = {"few_shot"} if winner == "few_shot" else {"tuned0", "tuned1", "tuned2"}
    others = [name for name in decision.pairwise_share[winner] if name not in own]
    assert decision.confidence is not None
    assert decision.confidence <= min(decision.pairwise_share[winner][name] for name in others) + 1e-9
    assert decision.side_share["tuned"] >= decision.p_best["tuned0"]


def test_shares_of_a_pair_add_up_to_one(synthetic):
    decision = decided(synthetic, pair(synthetic, synthetic.scores(110, 200), synthetic.scores(120, 200)))
    shares = decision.pairwise_share
    for one in shares:
        for other in shares[one]:
            if other in shares:
                assert shares[one][other] + shares[other][one] == pytest.approx(1.0)


@pytest.mark.parametrize("rag_right", [120, 126])
def test_a_useless_tune_does_not_choose_between_retrieval_and_the_prompt(synthetic, rag_right):
    rng = np.random.default_rng(3)
    arms = {
        "few_shot": synthetic.Arm(rng.permutation(synthetic.scores(120, 200)).tolist(), input=1000),
        "rag": synthetic.Arm(
            rng.permutation(synthetic.scores(rag_right, 200)).tolist(), kind="rag", input=1000
        ),
        "tuned": synthetic.Arm(synthetic.scores(0, 200), kind="fine_tuned", shots=0),
    }
    decision = decided(synthetic, arms)
    assert decision.verdict is Verdict.DO_NOT_TUNE
    assert decision.kind_share["prompting"] + decision.kind_share["retrieval"] == pytest.approx(1.0)


# -- 3. the prompt cache ----------------------------------------------------------------------------------------------


def test_the_assumed_hit_rate_lowers_the_cost_of_a_hosted_arm_with_a_known_prefix(synthetic):
    """800 of 1,000 input tokens at a tenth of the price, all hits: .00028 + .00004 a request."""
    cached = {"acme-base": {"input_cache_read": 0.1}, "ft:acme-base": {"input_cache_read": 0.1}}
    run = synthetic.make_run(
        pair(synthetic, synthetic.scores(240, 400), synthetic.scores(244, 400)),
        prefix_tokens={"few_shot": 800.0},
        economics={"prompt_cache_hit": 1.0},
        prices=cached,
    )
    decision = synthetic.decision(run)
    assert float(decision.arms["few_shot"].cost_per_request) == pytest.approx((200 + 80 + 40) / 1e6)
    assert float(decision.ledger["few_shot"].scenarios["cold"]) == pytest.approx(1040 / 1e6)


# -- 4. cases that are not independent --------------------------------------------------------------------------------


def test_declared_clusters_and_cases_are_counted(synthetic):
    """Forty clusters of ten: enough clusters to say something, and said to be forty."""
    clusters = [f"k{case // 10}" for case in range(400)]
    decision = decided(
        synthetic, pair(synthetic, synthetic.scores(200, 400), synthetic.scores(300, 400)), clusters=clusters
    )
    assert (decision.cases.shared, decision.cases.clusters) == (400, 40)


def test_nineteen_clusters_carry_no_confident_verdict(synthetic):
    clusters = [f"k{case % 19}" for case in range(380)]
    decision = decided(
        synthetic, pair(synthetic, synthetic.scores(100, 380), synthetic.scores(350, 380)), clusters=clusters
    )
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "too_few_cases")
    assert (decision.condition.figure, decision.condition.needed) == (19, 20)


def test_forty_nine_cases_carry_no_confident_verdict_on_any_side(synthetic):
    for few, tuned in ((5, 45), (45, 5)):
        decision = decided(synthetic, pair(synthetic, synthetic.scores(few, 49), synthetic.scores(tuned, 49)))
        assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "too_few_cases")
        assert (decision.condition.figure, decision.condition.needed) == (49, 50)


# -- 5. missing answers -----------------------------------------------------------------------------------------------


def holes(scores, at):
    return [None if case in at else score for case, score in enumerate(scores)]


def test_hard_cases_that_an_arm_fails_to_answer_do_not_make_it_better(synthetic):
    rng = np.random.default_rng(2)
    few = rng.permutation(synthetic.scores(240, 400)).tolist()
    tuned = [1.0 if rng.random() < 0.75 else 0.0 for _ in few]
    wrong = [case for case, score in enumerate(tuned) if score == 0.0][:60]
    decision = decided(synthetic, pair(synthetic, few, holes(tuned, set(wrong))))
    assert decision.verdict is not Verdict.FINE_TUNE
    assert decision.missing_check is not None


def test_answers_missing_here_and_there_on_both_sides_change_nothing(synthetic):
    few, tuned = synthetic.scores(120, 400), synthetic.scores(360, 400)
    gone = set(range(0, 400, 80))
    decision = decided(synthetic, pair(synthetic, holes(few, gone), holes(tuned, gone)))
    assert decision.verdict is Verdict.FINE_TUNE
    assert decision.missing_check is None or not decision.missing_check.changes


# -- 6. declining, and no value ---------------------------------------------------------------------------------------


def test_an_arm_that_declines_what_it_does_not_know_can_win(synthetic):
    """50 points right and 50 declined earn more than 60 right and 40 wrong where a wrong answer costs .05."""
    declined = ["answer"] * 200 + ["I don't know."] * 200
    decision = decided(
        synthetic,
        pair(synthetic, synthetic.scores(240, 400), synthetic.scores(200, 400)),
        outputs={"tuned": declined},
        economics={"cost_per_wrong": 0.05, "value_per_correct": 0.05},
    )
    assert decision.verdict is Verdict.FINE_TUNE
    assert decision.recommended_arm == "tuned"


def test_without_a_value_fifty_times_the_cost_is_not_advised(synthetic):
    decision = decided(
        synthetic,
        pair(synthetic, synthetic.scores(200, 400), synthetic.scores(260, 400), input=50_000),
        economics={"value_per_correct": None},
    )
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert decision.acceptability is not None
    assert decision.acceptability.cost_per_extra_right is not None


# -- 7. twins, priors, stated costs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [250, 256, 262, 268, 274, 280])
@pytest.mark.parametrize("which", ["few_shot", "tuned"])
def test_a_twin_changes_nothing_near_any_threshold(synthetic, right, which):
    rng = np.random.default_rng(right)
    arms = pair(
        synthetic,
        rng.permutation(synthetic.scores(240, 400)).tolist(),
        rng.permutation(synthetic.scores(right, 400)).tolist(),
    )
    alone = decided(synthetic, arms, **KNOWN_SPREAD)
    original = arms[which]
    twin = synthetic.Arm(list(original.scores), kind=original.kind, shots=original.shots)
    both = decided(synthetic, {**arms, "twin": twin}, **KNOWN_SPREAD)
    assert (both.verdict, both.reason, both.confidence, both.evpi) == (
        alone.verdict,
        alone.reason,
        alone.confidence,
        alone.evpi,
    )
    assert both.expected_regret["twin"] == both.expected_regret[which] == alone.expected_regret[which]


def test_graded_scores_keep_the_precision_that_they_have(synthetic):
    """A difference of .02 with SD .03 on 80 cases against a level of .01: about .999."""
    rng = np.random.default_rng(1)
    few = rng.uniform(0.3, 0.7, 80)
    step = rng.standard_normal(80)
    step = 0.02 + 0.03 * (step - step.mean()) / step.std(ddof=1)
    decision = decided(
        synthetic,
        pair(synthetic, few.tolist(), (few + step).tolist()),
        **merged(
            KNOWN_SPREAD,
            {
                "economics": {"training": {"labour_hours": 2.4}},
                "models": {"tuned": {"training": {"cost": 0}}},
            },
        ),
    )
    assert decision.confidence == pytest.approx(0.9986, abs=0.003)


# -- 8. trainings -----------------------------------------------------------------------------------------------------


def trained(synthetic, few, *tuned):
    arms = pair(synthetic, few, tuned[0], seed=1, fraction=1.0)
    for number, scores in enumerate(tuned[1:], 2):
        arms[f"tuned@1.0/seed{number}"] = synthetic.Arm(
            scores, kind="fine_tuned", shots=0, role="curve", parent="tuned", seed=number, fraction=1.0
        )
    return arms


def test_the_second_training_counts_and_their_order_does_not(synthetic):
    rng = np.random.default_rng(8)
    few = rng.permutation(synthetic.scores(240, 400)).tolist()
    high, low = (rng.permutation(synthetic.scores(right, 400)).tolist() for right in (310, 262))
    first, second = (
        decided(synthetic, trained(synthetic, few, *both)) for both in ((high, low), (low, high))
    )
    alone = decided(synthetic, trained(synthetic, few, high))
    assert first.training_spread["tuned"].seeds == 2
    assert first.confidence == pytest.approx(second.confidence, abs=0.02)
    assert first.confidence < alone.confidence


def test_one_training_says_that_its_spread_is_assumed(synthetic):
    decision = decided(synthetic, pair(synthetic, synthetic.scores(200, 400), synthetic.scores(300, 400)))
    spread = decision.training_spread["tuned"]
    assert (spread.seeds, spread.prior_sd, spread.assumed) == (1, 0.03, True)
    assert spread.mean_tau2 == pytest.approx(0.0018)


# -- 9. limits, unknown costs, losing money ---------------------------------------------------------------------------


def test_an_arm_outside_the_limits_is_not_called_worth_less(synthetic):
    decision = decided(
        synthetic,
        pair(synthetic, synthetic.scores(200, 400), synthetic.scores(300, 400), service_s=3.0),
        decision={"limits": {"p95_latency_s": {"max": 2.0}}},
    )
    assert decision.arms["tuned"].net_benefit.mode > decision.arms["few_shot"].net_benefit.mode
    assert "worth less" not in decision.explanation
    assert any(row.input == "limits.p95_latency_s.max" for row in decision.would_change)


def test_a_limit_that_was_not_measured_is_said_and_sets_nothing_aside(synthetic):
    decision = decided(
        synthetic,
        pair(synthetic, synthetic.scores(200, 400), synthetic.scores(300, 400), service_s=None),
        decision={"limits": {"p95_latency_s": {"max": 2.0}}},
    )
    assert decision.recommended_arm == "tuned"
    assert "p95_latency_s" in decision.arms["tuned"].unmeasured_limits


def test_an_unknown_cost_of_a_dominated_arm_is_not_needed(synthetic):
    """Another tune, far worse, whose training bill nobody knows and whose known costs are above the rival's."""
    arms = pair(synthetic, synthetic.scores(200, 400), synthetic.scores(300, 400))
    arms["unpriced"] = synthetic.Arm(synthetic.scores(40, 400), kind="rag", input=90_000)
    arms["unpriced"].usage = True
    decision = decided(synthetic, arms)
    assert decision.verdict is Verdict.FINE_TUNE


def test_where_every_arm_loses_money_none_is_said_to_be_best(synthetic):
    decision = decided(
        synthetic,
        pair(synthetic, synthetic.scores(120, 400), synthetic.scores(170, 400)),
        economics={"cost_per_wrong": 0.5},
    )
    assert decision.verdict is Verdict.NONE_WORTH_RUNNING
    assert (decision.recommended_arm, decision.side) == (None, "none")
    assert decision.confidence > 0.99


# -- 12. one figure, one place ----------------------------------------------------------------------------------------


def test_the_mean_of_each_arm_lies_inside_its_own_band(synthetic):
    decision = decided(
        synthetic,
        pair(synthetic, synthetic.scores(240, 400), synthetic.scores(270, 400)),
        economics={"requests_per_month": {"low": 20_000, "mode": 30_000, "high": 200_000}},
    )
    for arm in decision.arms.values():
        assert arm.net_benefit.low <= arm.net_benefit.mean <= arm.net_benefit.high


@pytest.mark.parametrize("right", [262, 266, 270, 274])
def test_a_verdict_near_its_threshold_does_not_move_with_the_seed(synthetic, right):
    rng = np.random.default_rng(right)
    few, tuned = (rng.permutation(synthetic.scores(n, 400)).tolist() for n in (240, right))
    run = synthetic.make_run(pair(synthetic, few, tuned), **KNOWN_SPREAD)
    six = [synthetic.decision(run, seed=seed) for seed in range(1, 7)]
    assert len({decision.verdict for decision in six}) == 1
    assert len({decision.expected_regret["tuned"] for decision in six}) == 6


def test_equal_costs_are_not_called_cheaper(synthetic):
    decision = decided(synthetic, pair(synthetic, synthetic.scores(240, 400), synthetic.scores(250, 400)))
    cost = decision.checklist[8]
    assert "less" not in cost.answer
    assert "at once" not in cost.answer
