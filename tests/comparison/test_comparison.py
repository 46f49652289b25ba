"""Arms held against each other: families, claims, curves, configurations."""

import numpy as np
import pytest

from evalkit.comparison.compare import config_differences, form_metrics
from evalkit.comparison.differences import oracle
from evalkit.comparison.pairwise import claim_of
from evalkit.comparison.table import pairs
from evalkit.records.digits import significant
from evalkit.records.record import to_json
from evalkit.stats.compare import paired_difference
from evalkit.stats.multiplicity import holm


def arms(synthetic, n=200):
    rng = np.random.default_rng(3)

    def drawn(share):
        return [float(value) for value in rng.random(n) < share]

    return {
        "few_shot": synthetic.Arm(drawn(0.5)),
        "rag": synthetic.Arm(drawn(0.6), kind="rag"),
        "tuned": synthetic.Arm(drawn(0.8), kind="fine_tuned", shots=0),
        "tuned_b": synthetic.Arm(drawn(0.78), kind="fine_tuned", shots=0),
        "few_shot@0": synthetic.Arm(drawn(0.3), role="curve", parent="few_shot", shots=0),
    }


def test_there_are_two_holm_families_and_curve_arms_are_in_neither(synthetic):
    """Every other candidate against the reference; every tuned one against the best untuned."""
    found = synthetic.make_run(arms(synthetic)).comparison.differences
    families = {
        name: [(d.treatment, d.control) for d in found if d.family == name] for name in ("reference", "tuned")
    }
    assert families["reference"] == [("rag", "few_shot"), ("tuned", "few_shot"), ("tuned_b", "few_shot")]
    assert families["tuned"] == [("tuned", "rag"), ("tuned_b", "rag")]
    for family in ("reference", "tuned"):
        members = [d for d in found if d.family == family]
        assert [d.p_adjusted for d in members] == pytest.approx(holm([d.p_value for d in members]).tolist())


def test_the_figures_are_those_of_the_statistics_floor(synthetic):
    run = synthetic.make_run(arms(synthetic))
    found = next(d for d in run.comparison.differences if d.family == "tuned")
    both = pairs(run.table, "tuned", "rag")
    expected = paired_difference(
        both.treatment, both.control, both.clusters, binary=True, alpha=0.05, rng=np.random.default_rng(0)
    )
    kept = found.estimate, found.low, found.high, found.p_value
    assert kept == tuple(
        map(significant, (expected.estimate, expected.low, expected.high, expected.p_value))
    ), "to the digits that a record keeps"


@pytest.mark.parametrize(
    ("low", "high", "significant", "claim"),
    [
        (0.01, 0.20, True, "superior"),
        (0.01, 0.20, False, "non_inferior"),
        (0.01, 0.02, True, "superior"),
        (-0.02, 0.02, False, "equivalent"),
        (-0.02, -0.01, True, "equivalent"),
        (-0.20, -0.01, True, "worse"),
        (-0.02, 0.20, False, "non_inferior"),
        (-0.20, 0.20, False, "no_claim"),
        (-0.20, -0.01, False, "no_claim"),
    ],
)
def test_the_strongest_claim_that_the_interval_carries(low, high, significant, claim):
    assert claim_of(low, high, significant, margin=0.03) == claim


def test_missing_answers_leave_the_pair_and_show_in_the_worst_case(synthetic):
    """A missing treatment counts 0 and a missing control 1 in the worst case only."""
    treatment = [1.0] * 60 + [None] * 20 + [0.0] * 20
    control = [0.0] * 60 + [1.0] * 40
    run = synthetic.make_run(
        {"few_shot": synthetic.Arm(control), "tuned": synthetic.Arm(treatment, kind="fine_tuned")}
    )
    found = run.comparison.differences[0]
    assert found.n == 80
    assert found.estimate == pytest.approx((60 - 20) / 80)
    assert found.worst_case == pytest.approx((60 - 20 - 20) / 100)
    tuned = run.comparison.arms[1]
    assert (tuned.coverage, tuned.errors) == (0.8, 20)
    assert tuned.quality["exact_match"].mean == pytest.approx(0.75)
    assert tuned.worst_case == pytest.approx(0.6)


def test_a_pair_that_cannot_be_compared_says_why(synthetic):
    """All cases in one cluster: nothing says how much clusters differ."""
    run = synthetic.make_run(
        {"few_shot": synthetic.Arm([0.0, 1.0, 0.0]), "rag": synthetic.Arm([1.0, 1.0, 0.0], kind="rag")},
        clusters=["k"] * 3,
    )
    found = run.comparison.differences[0]
    assert found.claim == "no_claim"
    assert found.low is None
    assert "one cluster" in found.note
    assert found.estimate == pytest.approx(1 / 3)


def test_another_metric_is_compared_for_the_same_pairs_unadjusted(synthetic):
    made = arms(synthetic)
    graded = {name: [0.5 + 0.4 * value for value in arm.scores] for name, arm in made.items()}
    run = synthetic.make_run(made, more_scores={"token_f1": graded}, metrics=["exact_match", "token_f1"])
    others = [d for d in run.comparison.differences if d.metric == "token_f1"]
    assert {d.family for d in others} == {"descriptive"}
    assert all(d.p_adjusted is None for d in others)
    assert len(others) == 5


def test_the_shot_curve_runs_through_its_parent_and_its_trend_is_the_paired_last_step(synthetic):
    (curve,) = synthetic.make_run(arms(synthetic)).comparison.curves
    assert [(point.arm, point.x) for point in curve.points] == [("few_shot@0", 0.0), ("few_shot", 4.0)]
    assert curve.trend == "rising"
    assert (curve.last_step.treatment, curve.last_step.control) == ("few_shot", "few_shot@0")


def test_a_learning_curve_keeps_seeds_apart(synthetic):
    """A second seed is no point of the curve; its distance is printed beside."""
    n = 400
    made = {"few_shot": synthetic.Arm(synthetic.scores(100, n))}

    def tuned(right, fraction, seed, **kind):
        return synthetic.Arm(
            synthetic.scores(right, n), kind="fine_tuned", shots=0, fraction=fraction, seed=seed, **kind
        )

    made["tuned"] = tuned(300, 1.0, 1)
    made["tuned@0.5"] = tuned(300, 0.5, 1, role="curve", parent="tuned")
    made["tuned@0.25"] = tuned(200, 0.25, 1, role="curve", parent="tuned")
    made["tuned@1.0/seed2"] = tuned(320, 1.0, 2, role="curve", parent="tuned")
    (curve,) = synthetic.make_run(made).comparison.curves
    assert [point.arm for point in curve.points] == ["tuned@0.25", "tuned@0.5", "tuned"]
    assert curve.seed_spread == pytest.approx(0.05)
    assert curve.trend == "flat"
    assert curve.points[-1].seed_means == pytest.approx({1: 0.75, 2: 0.8})
    assert curve.points[-1].mean == pytest.approx(0.775)


def test_a_candidate_is_the_mean_of_its_trainings(synthetic):
    """Quality, cost and counts; each training stays an arm of its own, and a broken one is left out."""
    n = 100

    def tuned(right, seed, tokens, **kind):
        scores = synthetic.scores(right, n)
        return synthetic.Arm(
            scores, input=tokens, kind="fine_tuned", shots=0, fraction=1.0, seed=seed, **kind
        )

    made = {
        "few_shot": synthetic.Arm(synthetic.scores(60, n)),
        "tuned": tuned(70, 1, 100),
        "tuned@1.0/seed2": tuned(80, 2, 200, role="curve", parent="tuned"),
        "tuned@1.0/seed3": tuned(90, 3, 600, role="curve", parent="tuned"),
    }
    run = synthetic.make_run(made)
    arms = {arm.name: arm for arm in run.comparison.arms}
    candidate = arms["tuned"]
    assert candidate.quality["exact_match"].mean == pytest.approx(0.8)
    assert candidate.seed_means == pytest.approx({1: 0.7, 2: 0.8, 3: 0.9})
    assert (candidate.seeds, candidate.seeds_known, candidate.n) == (3, True, 300)
    assert candidate.tokens.input == pytest.approx(300)
    assert arms["tuned@1.0/seed3"].quality["exact_match"].mean == pytest.approx(0.9)
    assert (arms["few_shot"].seeds, arms["few_shot"].seed_means) == (None, {})
    (difference,) = [each for each in run.comparison.differences if each.family == "tuned"]
    assert difference.estimate == pytest.approx(0.2)
    assert run.table.is_binary(arms=("few_shot",))
    assert not run.table.is_binary(arms=("tuned",)), "thirds are no right and wrong answers"
    assert run.comparison.binary, "each training's answers are"

    made["tuned@1.0/seed3"].scores = [None] * 90 + [1.0] * 10
    left = {arm.name: arm for arm in synthetic.make_run(made).comparison.arms}["tuned"]
    assert (left.seeds, left.quality["exact_match"].mean) == (2, pytest.approx(0.75))


def test_a_tune_made_elsewhere_is_one_training_of_an_unknown_number(synthetic):
    made = {"tuned": synthetic.Arm(synthetic.scores(70, 100), kind="fine_tuned")}
    (arm,) = synthetic.make_run(made).comparison.arms
    assert (arm.seeds, arm.seeds_known, arm.seed_means) == (1, False, {})


def test_arms_that_differ_in_more_than_model_retrieval_and_shots_are_named(synthetic):
    made = arms(synthetic)
    made["tuned"].prompt = "other"
    made["rag"].settings = {"temperature": "0.7"}
    found = synthetic.make_run(made).comparison.config_differences
    assert found == (
        "rag and few_shot also differ in temperature, 0.7 and not set",
        "tuned and few_shot also differ in the system prompt",
    )


def test_the_oracle_is_the_mean_of_the_best_candidate_per_case(synthetic):
    run = synthetic.make_run(
        {
            "few_shot": synthetic.Arm([1.0, 0.0, 0.0, 0.0]),
            "rag": synthetic.Arm([0.0, 1.0, None, 0.0], kind="rag"),
        }
    )
    assert run.comparison.oracle_best_of_arms == 0.5


def test_the_same_run_gives_the_same_bytes(synthetic):
    first, second = (synthetic.make_run(arms(synthetic)).comparison for _ in range(2))
    assert to_json(first) == to_json(second)


def test_the_learning_curves_last_step_averages_the_training_seeds(synthetic):
    """Seed 1 gained and seed 2 lost as much: on average nothing was gained."""
    n = 400
    low, high = synthetic.scores(200, n), synthetic.scores(260, n)

    def tuned(scores, fraction, seed, **kind):
        return synthetic.Arm(list(scores), kind="fine_tuned", shots=0, fraction=fraction, seed=seed, **kind)

    made = {
        "few_shot": synthetic.Arm(synthetic.scores(100, n)),
        "tuned": tuned(high, 1.0, 1),
        "tuned@0.5": tuned(low, 0.5, 1, role="curve", parent="tuned"),
        "tuned@0.5/seed2": tuned(high, 0.5, 2, role="curve", parent="tuned"),
        "tuned@1.0/seed2": tuned(low, 1.0, 2, role="curve", parent="tuned"),
    }
    (curve,) = synthetic.make_run(made).comparison.curves
    assert curve.last_step.estimate == 0.0
    assert curve.trend == "flat"


def differing(synthetic, made, **suite):
    return synthetic.make_run(made, **suite).comparison.config_differences


def test_two_arms_that_retrieve_are_held_against_each_others_wording_of_passages(synthetic):
    """Few-shot has no passages to word; the two that retrieve have, and theirs differ."""
    passages = {"prompts": {"other": {"system": "Answer.", "passages": "Read: {{context}}"}}}
    made = {
        "rag": synthetic.Arm([1.0, 0.0], kind="rag"),
        "rag_b": synthetic.Arm([1.0, 0.0], kind="rag", prompt="other"),
        "few_shot": synthetic.Arm([1.0, 0.0], prompt="other"),
    }
    found = differing(synthetic, made, decision={"reference_arm": "rag"}, **passages)
    assert found == ("rag_b and rag also differ in how passages are laid out",)


def test_an_arm_that_the_suite_no_longer_has_is_told_by_the_name_of_its_prompt(synthetic):
    """The suite was edited after the run: what its prompts were is not known, what they were called is."""
    run = synthetic.make_run(
        {
            "few_shot": synthetic.Arm([1.0, 0.0]),
            "gone": synthetic.Arm([1.0, 0.0], prompt="other"),
            "gone_b": synthetic.Arm([1.0, 0.0]),
        }
    )
    later = synthetic.suite_of({"few_shot": run.arms["few_shot"]})
    assert config_differences(later, run.table.arms, "few_shot") == (
        "gone and few_shot also differ in prompt, other and house",
    )


def test_without_the_reference_arm_in_the_run_no_configuration_is_compared(synthetic):
    run = synthetic.make_run({"few_shot": synthetic.Arm([1.0, 0.0]), "b": synthetic.Arm([1.0, 0.0])})
    assert config_differences(run.suite, run.table.arms, "another") == ()


def test_a_run_of_curve_points_alone_has_no_candidate_to_choose(synthetic):
    """Nothing may be recommended, so there is no ceiling of choosing well."""
    run = synthetic.make_run({"few_shot": synthetic.Arm([1.0, 0.0], role="curve")})
    assert oracle(run.table) is None


def test_the_checks_of_form_are_the_metrics_of_those_two_types(synthetic):
    """Whatever they are called; they tell a broken form from a wrong answer."""
    suite = synthetic.suite_of(
        {"few_shot": synthetic.Arm([1.0])},
        metrics=["exact_match", {"regex": {"name": "house_format", "pattern": "^Cause"}}, "token_f1"],
    )
    assert form_metrics(suite) == ("house_format",)


def test_a_setting_that_both_arms_share_is_no_difference(synthetic):
    given = {"temperature": "0", "max_tokens": "64"}
    made = {
        "few_shot": synthetic.Arm([1.0, 0.0], settings=given),
        "b": synthetic.Arm([1.0, 0.0], settings={**given, "max_tokens": "128"}),
    }
    assert differing(synthetic, made) == ("b and few_shot also differ in max_tokens, 128 and 64",)
