"""The questions of the checklist one by one: status and side for each state of the evidence."""

from dataclasses import replace

import pytest

from evalkit.records.comparison import Curve, CurvePoint, Difference, Failures, RetrievalSummary
from evalkit.suite.models import TunedModelConfig


def made(synthetic, **changes):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400)),
        "tuned": synthetic.Arm(synthetic.scores(340, 400), kind="fine_tuned", shots=0),
    }
    return synthetic.make_run(arms, **changes)


def step(low, high):
    return Difference(
        treatment="b",
        control="a",
        metric="exact_match",
        family="curve",
        estimate=None if low is None else (low + high) / 2,
        low=low,
        high=high,
        method="m",
        p_value=None,
        n=100,
        n_clusters=100,
        claim="no_claim",
    )


def curve(kind, parent, trend, last=None):
    return Curve(kind=kind, parent=parent, points=(), trend=trend, last_step=last or step(0.0, 0.1))


def finding(synthetic, run, number):
    return synthetic.decision(run).checklist[number - 1]


@pytest.mark.parametrize(
    ("trend", "status", "words"),
    [
        ("rising", "not_met", "add shots or prompts first"),
        ("flat", "met", "exhausted"),
        ("falling", "met", "exhausted"),
        ("unknown", "unknown", "answer more cases"),
    ],
)
@pytest.mark.parametrize("parent", ["few_shot", "other"])
def test_prompting_goes_by_the_last_shot_step(synthetic, trend, status, words, parent):
    """Of the best untuned arm, else of any untuned one."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400)),
        "other": synthetic.Arm(synthetic.scores(200, 400), prompt="other"),
    }
    run = synthetic.with_comparison(synthetic.make_run(arms), curves=(curve("shots", parent, trend),))
    found = finding(synthetic, run, 2)
    assert found.status == status
    assert words in found.answer


def test_prompts_without_a_shot_curve_and_one_prompt_alone_are_unknown(synthetic):
    one = finding(synthetic, made(synthetic), 2)
    assert (one.status, "One prompt" in one.answer) == ("unknown", True)
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400)),
        "other": synthetic.Arm(synthetic.scores(200, 400), prompt="other"),
    }
    several = finding(synthetic, synthetic.make_run(arms), 2)
    assert (several.status, "shot_curve" in several.answer) == ("unknown", True)


@pytest.mark.parametrize(
    ("recall", "status", "words"),
    [
        (0.9, "met", "the reader is the limit"),
        (0.5, "not_met", "fix the retriever"),
        (None, "unknown", "gold_passages"),
    ],
)
def test_retrieval_goes_by_the_passages_found(synthetic, recall, status, words):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400)),
        "rag": synthetic.Arm(synthetic.scores(260, 400), kind="rag"),
    }
    run = synthetic.make_run(arms)
    found = RetrievalSummary(method="bm25", top_k=3, recall_at_k=recall, mrr=None, n=400)
    summaries = tuple(
        arm if arm.name != "rag" else synthetic.struct_replace(arm, retrieval=found)
        for arm in run.comparison.arms
    )
    told = finding(synthetic, synthetic.with_comparison(run, arms=summaries), 3)
    assert told.status == status
    assert words in told.answer


def test_without_an_arm_that_retrieves_it_is_unknown(synthetic):
    assert finding(synthetic, made(synthetic), 3).status == "unknown"


@pytest.mark.parametrize(
    ("profile", "trend", "status", "words"),
    [
        ({"rows": 9}, None, "blocked", "refuse fewer than 10"),
        ({"rows": 49}, None, "not_met", "Collect more"),
        ({"leaked_exact": 2}, None, "not_met", "take them out"),
        ({}, None, "unknown", "fractions"),
        ({}, "unknown", "unknown", "fractions"),
        (
            {"over_limit": 3, "base_already_right": 0.4, "base_asked": 100},
            "rising",
            "met",
            "more rows still help",
        ),
        ({}, "flat", "not_met", "no longer help"),
    ],
)
def test_data_goes_by_rows_leaks_and_the_curve(synthetic, profile, trend, status, words):
    """The suite trains on train.jsonl itself; with a target of 0.95 the tuned arm's 0.85 is below it."""
    run = made(synthetic, made_profile=synthetic.profile(**profile))
    trained = TunedModelConfig(type="tuned", base="base", train="train.jsonl")
    models = {**run.suite.models, "pilot": trained}
    run = replace(run, suite=run.suite.model_copy(update={"models": models}))
    if trend is not None:
        run = synthetic.with_comparison(run, curves=(curve("learning", "tuned", trend),))
    found = finding(synthetic, run, 7)
    assert (found.status, words in found.answer) == (status, True), found.answer
    labels = {entry.label: entry.value for entry in found.evidence}
    if "base_asked" in profile:
        assert labels["rows that the base answers"] == "40.0% of 100 asked"
        assert labels["rows over the length limit"] == "3"


def test_data_at_its_target_is_enough_and_rows_elsewhere_are_unknown(synthetic):
    run = made(synthetic, use_case={"target": 0.8})
    trained = TunedModelConfig(type="tuned", base="base", train="train.jsonl")
    here = replace(run, suite=run.suite.model_copy(update={"models": {**run.suite.models, "pilot": trained}}))
    flat = synthetic.with_comparison(here, curves=(curve("learning", "tuned", "flat"),))
    assert "the target is reached" in finding(synthetic, flat, 7).answer
    assert "names no training" in finding(synthetic, run, 7).answer


def test_people_s_work_and_the_machine_s_are_told_apart(synthetic):
    """500 of work and 100 of training; paid back within the year."""
    run = made(synthetic)
    work, machine = finding(synthetic, run, 5), finding(synthetic, run, 6)
    assert "$500.00 of work" in work.answer
    assert "$100.00 of compute" in machine.answer
    assert (work.status, machine.status) == ("met", "met")


def test_without_economics_or_a_tuned_arm_the_costs_are_unknown(synthetic):
    assert finding(synthetic, made(synthetic, economics=None), 5).status == "unknown"
    alone = synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(240, 400))})
    assert "pilot" in finding(synthetic, alone, 5).answer


def test_a_run_from_the_cache_alone_is_flagged_and_a_judge_is_not_trusted(synthetic):
    run = made(synthetic)
    summaries = tuple(synthetic.struct_replace(arm, replayed=arm.ok) for arm in run.comparison.arms)
    replayed = synthetic.with_comparison(run, arms=summaries)
    codes = {flag.code for flag in synthetic.decision(replayed).red_flags}
    assert "replays_only" in codes
    judged = replace(run, table=replace(run.table, judges={"exact_match": "acme-judge"}))
    flags = {flag.code: flag.severity for flag in synthetic.decision(judged).red_flags}
    assert flags["uncalibrated_judge"] == "invalid"
    assert flags["judge_of_an_arm"] == "warn"
    assert synthetic.decision(judged).verdict == "not_decidable"


def test_few_clusters_and_missing_scores_are_flagged(synthetic):
    run = made(synthetic, clusters=[f"k{case % 15}" for case in range(400)])
    assert "few_clusters" in {flag.code for flag in synthetic.decision(run).red_flags}
    missing = replace(run, table=replace(run.table, missing_reasons={"exact_match: no_reference": 3}))
    told = {flag.code: flag.message for flag in synthetic.decision(missing).red_flags}
    assert "no_reference (3)" in told["scores_missing"]


def with_failures(synthetic, run, **failures):
    """The comparison with these kinds of failures, by arm."""
    arms = tuple(
        synthetic.struct_replace(arm, failures=failures[arm.name]) if arm.name in failures else arm
        for arm in run.comparison.arms
    )
    return synthetic.with_comparison(run, arms=arms)


@pytest.mark.parametrize(
    ("missed", "misread", "status", "words"),
    [
        (
            108,
            4,
            "not_met",
            "108 wrong answers lacked the passage, 4 had it and misread it: fix the retriever first.",
        ),
        (
            6,
            40,
            "met",
            "6 wrong answers lacked the passage, 40 had it and misread it: the reader is the limit.",
        ),
    ],
)
def test_the_retriever_or_the_reader_is_the_limit_by_what_the_wrong_answers_lacked(
    synthetic, missed, misread, status, words
):
    """Recall alone does not say it: half the passages found and a reader right in 96% of them is the retriever."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400)),
        "rag": synthetic.Arm(synthetic.scores(260, 400), kind="rag"),
    }
    failures = Failures(n_wrong=missed + misread, retrieval_miss=missed, reading_miss=misread)
    found = finding(synthetic, with_failures(synthetic, synthetic.make_run(arms), rag=failures), 3)
    assert (found.status, words in found.answer) == (status, True), found.answer


def test_no_right_answer_at_any_number_of_shots_is_exhausted(synthetic):
    """0 of 216 at five shot counts is not "too uncertain to tell"."""
    points = tuple(
        CurvePoint(arm=f"few_shot@{shots}", x=float(shots), mean=0.0, low=0.0, high=0.02)
        for shots in range(5)
    )
    flat = synthetic.struct_replace(curve("shots", "few_shot", "unknown"), points=points)
    arms = {"few_shot": synthetic.Arm(synthetic.scores(0, 216))}
    run = synthetic.with_comparison(synthetic.make_run(arms), curves=(flat,))
    found = finding(synthetic, run, 2)
    assert found.status == "met"
    assert found.answer.startswith("No answer is right at any of 5 numbers of shots (100 cases)")


def test_a_kind_of_failure_that_tuning_mends_is_not_left_to_retrieval(synthetic):
    """Missing knowledge in 96 of few_shot's answers and in 4 of the tuned arm's."""
    run = with_failures(
        synthetic,
        made(synthetic),
        few_shot=Failures(n_wrong=160, missing_knowledge=96, other=64),
        tuned=Failures(n_wrong=60, missing_knowledge=4, other=56),
    )
    found = finding(synthetic, run, 1)
    assert (found.status, found.speaks_for) == ("met", "tuning")
    assert "tuned makes 4 such failures in 400 answers, few_shot 96 in 400." in found.answer
    assert "retrieval supplies" not in found.answer


def test_equal_cost_is_called_the_same(synthetic):
    """Neither "cost less" nor "paid at once"."""
    scores = synthetic.scores(240, 400)
    arms = {
        "few_shot": synthetic.Arm(scores),
        "tuned": synthetic.Arm(synthetic.scores(340, 400), kind="fine_tuned"),
    }
    found = finding(synthetic, synthetic.make_run(arms), 9)
    assert "a request costs the same, $" in found.answer
    assert "cost less" not in found.answer


def test_a_perfect_classifier_of_a_rare_class_passes_the_negative_control(synthetic):
    """98% with shuffled references and 100% with its own: all of what can be gained above chance."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(396, 400)),
        "tuned": synthetic.Arm(synthetic.scores(400, 400), kind="fine_tuned", shots=0),
    }
    run = synthetic.make_run(arms, chance={"few_shot": 0.97, "tuned": 0.98})
    assert "negative_control_failed" not in {flag.code for flag in synthetic.decision(run).red_flags}


def test_nothing_is_invented_for_an_imported_table(synthetic):
    """Neither prompts and shots tried nor the number of trainings."""
    run = made(synthetic)
    suite = run.suite.model_copy(update={"metadata": {"imported_from": "scores.csv"}})
    facts = tuple(synthetic.struct_replace(arm, model_type="recorded", seed=None) for arm in run.table.arms)
    imported = replace(run, suite=suite, table=replace(run.table, arms=facts))
    decision = synthetic.decision(imported)
    found = decision.checklist[1]
    assert {entry.value for entry in found.evidence} == {"not known"}
    assert "does not say which prompts" in found.answer
    messages = {flag.code: flag.message for flag in decision.red_flags}
    assert messages["one_training_seed"] == "how many trainings the scores of tuned come from is not known"


def test_an_optimised_prompt_is_prompting_tried(synthetic):
    """Optimised on the training rows; on the cases it would be no evidence."""
    run = made(synthetic)
    facts = tuple(
        synthetic.struct_replace(arm, prompt_source="dspy", optimised_on="train")
        if arm.name == "few_shot"
        else arm
        for arm in run.table.arms
    )
    found = finding(synthetic, replace(run, table=replace(run.table, arms=facts)), 2)
    assert (found.status, found.answer) == ("met", "An optimised prompt was tried: few_shot 60.0%.")
