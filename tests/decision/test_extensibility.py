"""Question 10: what tuning gave or took on other task sets, each with a margin of its own."""

import pytest


def run_with(synthetic, margin=0.05, **given):
    """100 other cases; few-shot is right on 80 of them, the tuned arm as given."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400)),
        "tuned": synthetic.Arm(synthetic.scores(340, 400), kind="fine_tuned", shots=0),
    }
    return synthetic.make_run(
        arms,
        extra={name: {"few_shot": few, "tuned": tuned} for name, (few, tuned) in given.items()},
        extra_cases={name: {"path": f"{name}.jsonl", "margin": margin} for name in given},
    )


def question(synthetic, run):
    return synthetic.decision(run).checklist[9]


def test_without_other_task_sets_it_is_unknown_and_says_what_to_do(synthetic):
    found = question(synthetic, run_with(synthetic))
    assert found.status == "unknown"
    assert "extra_cases" in found.answer


def test_no_drop_beyond_the_margin_is_met(synthetic):
    """400 cases without a difference: at most 0.7 points could hide."""
    same = synthetic.scores(320, 400)
    found = question(synthetic, run_with(synthetic, general=(same, list(same))))
    assert (found.status, found.speaks_for) == ("met", "tuning")
    (evidence,) = [entry for entry in found.evidence if entry.label.startswith("general")]
    assert evidence.label == "general (forgetting, margin 5.0 points)"
    assert evidence.value.startswith("0.0 points (")


def test_a_drop_is_not_met_and_is_named_with_its_interval(synthetic):
    few, tuned = synthetic.scores(320, 400), synthetic.scores(200, 400)
    same = synthetic.scores(320, 400)
    found = question(synthetic, run_with(synthetic, general=(few, tuned), near=(same, list(same))))
    assert (found.status, found.speaks_for) == ("not_met", "against")
    assert "general −30.0 points" in found.answer
    assert "near" not in found.answer


def test_too_few_cases_leave_it_open(synthetic):
    few, tuned = synthetic.scores(8, 12), synthetic.scores(7, 12)
    found = question(synthetic, run_with(synthetic, general=(few, tuned)))
    assert found.status == "unknown"
    assert "Add cases" in found.answer


def test_a_shown_drop_that_the_margin_allows_is_no_loss(synthetic):
    """Worse by 8 points, surely; a margin of 20 points was declared to be acceptable."""
    few = synthetic.pattern((320, 1), (80, 0))
    tuned = synthetic.pattern((288, 1), (112, 0))
    found = question(synthetic, run_with(synthetic, margin=0.2, general=(few, tuned)))
    assert found.status == "met"


def test_the_main_figures_do_not_move(synthetic):
    """Answers to other task sets are never among those that decide."""
    few, tuned = synthetic.scores(320, 400), synthetic.scores(200, 400)
    plain, more = run_with(synthetic), run_with(synthetic, general=(few, tuned))
    assert plain.comparison.arms == more.comparison.arms
    assert plain.comparison.differences == more.comparison.differences


def test_only_arms_that_answered_stand_in_the_set(synthetic):
    run = run_with(synthetic, general=(synthetic.scores(8, 12), synthetic.scores(7, 12)))
    (found,) = run.comparison.extra
    assert set(found.quality) == {"few_shot", "tuned"}
    assert found.quality["tuned"].mean == pytest.approx(7 / 12)
    assert {record.family for record in found.differences} == {"extra"}
