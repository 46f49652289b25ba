"""What weakens the evidence, one fact a flag."""

from dataclasses import replace
from datetime import date

import pytest

from evalkit.decision.tuning_route import months_later, route_of
from evalkit.records.profile import LeakedPair
from evalkit.records.tuning import LossPoint, TuningReport
from tests.builders.records import training


def arms(synthetic, n=100, **tuned):
    return {
        "few_shot": synthetic.Arm(synthetic.scores(50, n)),
        "tuned": synthetic.Arm(synthetic.scores(80, n), kind="fine_tuned", shots=0, **tuned),
    }


def flags(synthetic, run):
    return {flag.code: flag for flag in synthetic.decision(run).red_flags}


def test_a_clean_run_has_only_the_one_seed_flag(synthetic):
    assert set(flags(synthetic, synthetic.make_run(arms(synthetic)))) == {"one_training_seed"}


def test_near_duplicates_warn_and_show_the_difference_without_them(synthetic):
    pairs = tuple(
        LeakedPair(
            case_id=f"c{index}",
            row_id="r",
            match="near",
            similarity=0.9,
            case_text="how?",
            row_text="how so?",
        )
        for index in range(50, 60)
    )
    run = synthetic.make_run(arms(synthetic), made_profile=synthetic.profile(leaked=pairs, leaked_near=10))
    flag = flags(synthetic, run)["near_duplicates"]
    assert flag.severity == "warn"
    assert "'how?' ~ 'how so?'" in flag.message
    assert "+22.2 points" in flag.message, "20 of the other 90 cases"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("cache_hit_assumed", {"economics": {"prompt_cache_hit": 0.8}}),
        ("knowledge_changes_faster", {"economics": {"knowledge_changes_every_months": 2}}),
        ("citations_required", {"use_case": {"citations_required": True}}),
        ("limit_not_measured", {"decision": {"limits": {"p99_latency_s": {"max": 1}}}, "n": 40}),
        ("personal_data", {"made_profile": {"pii_rows": 3}}),
    ],
)
def test_declared_and_measured_weaknesses_are_flagged(synthetic, code, changes):
    made = arms(synthetic, n=changes.pop("n", 100))
    if "made_profile" in changes:
        changes["made_profile"] = synthetic.profile(**changes["made_profile"])
    flag = flags(synthetic, synthetic.make_run(made, **changes))[code]
    assert flag.severity == "warn"


def test_different_coverage_is_flagged(synthetic):
    made = arms(synthetic)
    made["tuned"].scores[:10] = [None] * 10
    assert "90.0%" in flags(synthetic, synthetic.make_run(made))["coverage_differs"].message


def test_alternatives_of_one_kind_and_hot_arms_are_flagged(synthetic):
    made = arms(synthetic, settings={"temperature": "0.7"})
    made["other"] = synthetic.Arm(synthetic.scores(55, 100), prompt="other")
    found = flags(synthetic, synthetic.make_run(made))
    assert {"chosen_on_these_cases", "one_repeat", "configurations_differ"} <= set(found)


def test_one_cluster_is_invalid(synthetic):
    run = synthetic.make_run(arms(synthetic), clusters=["k"] * 100)
    assert flags(synthetic, run)["too_few_clusters"].severity == "invalid"


def test_the_prompt_cache_is_flagged_where_it_turns_the_verdict(synthetic):
    """Cold, the long prefix makes few-shot lose; at a hit rate of one and a price of nothing it wins."""
    made = {
        "few_shot": synthetic.Arm(synthetic.scores(80, 100), input=2000),
        "tuned": synthetic.Arm(synthetic.scores(80, 100), kind="fine_tuned", shots=0, input=100),
    }
    run = synthetic.make_run(
        made,
        prefix_tokens={"few_shot": 1900.0, "tuned": 0.0},
        economics={"prompt_cache_hit": 1.0},
        prices={"acme-base": {"input_cache_read": 0.0}},
        decision={"seed_sd": 0},
    )
    assert "nothing cached" in flags(synthetic, run)["depends_on_prompt_cache"].message


def test_an_address_tells_the_provider(synthetic):
    suite = synthetic.suite_of(
        {"few_shot": synthetic.Arm([1.0])}, models={"base": {"model": "gpt-4o-mini", "base_url": None}}
    )
    found = route_of(suite, "base")
    assert (found.route.name, found.base_model) == ("openai", "gpt-4o-mini")
    elsewhere = synthetic.suite_of({"few_shot": synthetic.Arm([1.0])})
    assert route_of(elsewhere, "base").route is None


def test_months_later_keeps_to_the_calendar():
    assert months_later(date(2026, 12, 31), 2) == date(2027, 2, 28)
    assert months_later(date(2026, 11, 20), 12) == date(2027, 11, 20)
    assert months_later(date(2026, 11, 20), 1) == date(2026, 12, 20)


def test_a_run_of_one_family_shows_near_duplicates_without_a_difference(synthetic):
    """Nothing was tuned, so there is no difference to give again without those cases."""
    pair = LeakedPair(
        case_id="c1", row_id="r", match="near", similarity=0.9, case_text="how?", row_text="how so?"
    )
    alone = {"few_shot": synthetic.Arm(synthetic.scores(50, 100))}
    run = synthetic.make_run(alone, made_profile=synthetic.profile(leaked=(pair,), leaked_near=1))
    message = flags(synthetic, run)["near_duplicates"].message
    assert message.endswith("'how?' ~ 'how so?'")


def test_a_judge_of_another_family_is_uncalibrated_and_nobodys_kin(synthetic):
    run = synthetic.make_run(arms(synthetic))
    judged = replace(run, table=replace(run.table, judges={"exact_match": "umbra-judge"}))
    found = flags(synthetic, judged)
    assert found["uncalibrated_judge"].severity == "invalid"
    assert "judge_of_an_arm" not in found


def test_several_training_seeds_are_not_one(synthetic):
    made = arms(synthetic)
    made["tuned@1.0/seed2"] = synthetic.Arm(
        synthetic.scores(78, 100), kind="fine_tuned", shots=0, seed=2, role="curve", parent="tuned"
    )
    assert "one_training_seed" not in flags(synthetic, synthetic.make_run(made))


@pytest.mark.parametrize(("declared", "flagged"), [(1, False), (2, False), (3, True), (None, True)])
def test_knowledge_is_a_worry_only_where_it_changes_faster_than_the_tune_is_made_again(
    synthetic, declared, flagged
):
    economics = {"knowledge_changes_every_months": 2, "retune_every_months": declared}
    found = flags(synthetic, synthetic.make_run(arms(synthetic), economics=economics))
    assert ("knowledge_changes_faster" in found) is flagged


def test_an_arm_that_cites_is_not_asked_to(synthetic):
    """A tuned arm with passages can name its source."""
    made = arms(synthetic)
    made["tuned"].kind = "fine_tuned_rag"
    run = synthetic.make_run(made, use_case={"citations_required": True})
    assert "citations_required" not in flags(synthetic, run)


@pytest.mark.parametrize(("right", "where"), [(99, "ceiling"), (2, "floor")])
def test_a_metric_at_either_end_cannot_decide(synthetic, right, where):
    made = {
        "few_shot": synthetic.Arm(synthetic.scores(right, 100)),
        "tuned": synthetic.Arm(synthetic.scores(right, 100), kind="fine_tuned", shots=0),
    }
    assert f"at its {where}" in flags(synthetic, synthetic.make_run(made))["metric_at_its_end"].message


def test_without_a_score_there_is_no_end_to_be_at(synthetic):
    nothing = {"few_shot": synthetic.Arm([None] * 10)}
    assert "metric_at_its_end" not in flags(synthetic, synthetic.make_run(nothing))


def test_a_slice_that_tuning_hurts_is_named_whatever_the_mean_says(synthetic):
    """Better on 300 cases, worse on the 100 that are tagged: 80 right before, 40 after."""
    few = synthetic.scores(80, 100) + synthetic.scores(120, 300)
    tuned = synthetic.scores(40, 100) + synthetic.scores(290, 300)
    made = {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", shots=0),
    }
    run = synthetic.make_run(made, tags=[("refunds",)] * 100 + [("other",)] * 300)
    message = flags(synthetic, run)["worse_on_a_slice"].message
    assert message.startswith(
        "on the 100 cases tagged refunds tuned answers worse than few_shot: −40.0 points"
    )


@pytest.mark.parametrize(("kept", "flagged"), [(20, True), (10, False)])
def test_weights_from_after_the_validation_loss_rose_are_flagged(synthetic, kept, flagged):
    """It fell to 0.5 and ended at 0.8 while the training loss went on falling; kept from step 10 nothing is wrong."""
    losses = (
        LossPoint(step=10, train=0.6, validation=0.5),
        LossPoint(step=20, train=0.1, validation=0.8),
    )
    run = training(
        steps=20,
        losses=losses,
        final_validation_loss=0.8,
        best_step=10,
        best_validation_loss=0.5,
        kept_step=kept,
    )
    made = synthetic.make_run(arms(synthetic), tuning=TuningReport(runs=(run,)))
    found = flags(synthetic, made)
    assert ("overfitted" in found) == flagged
    assert not flagged or "0.5 at step 10 of 20" in found["overfitted"].message
