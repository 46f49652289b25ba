"""Questions 1, 8 and 9 in the states that no story ends in, and the words for numbers that are not there."""

import pytest

from evalkit.decision.wording import input_name, interval
from evalkit.records.comparison import Difference, Failures


def two(synthetic, few, tuned, *, few_arm=None, tuned_arm=None, **changes):
    arms = {
        "few_shot": synthetic.Arm(few, **(few_arm or {})),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", **{"shots": 0, **(tuned_arm or {})}),
    }
    return synthetic.make_run(arms, **changes)


def finding(synthetic, run, number):
    return synthetic.decision(run).checklist[number - 1]


def sorted_as(synthetic, run, failures):
    return synthetic.with_comparison(
        run, arms=tuple(synthetic.with_failures(arm, failures) for arm in run.comparison.arms)
    )


def test_failures_of_many_kinds_are_left_to_a_person_to_read(synthetic):
    """40% format, 30% knowledge, 30% retrieval: no kind is half of it."""
    mixed = Failures(n_wrong=100, format=40, missing_knowledge=30, retrieval_miss=30)
    run = sorted_as(synthetic, two(synthetic, synthetic.scores(60, 100), synthetic.scores(70, 100)), mixed)
    found = finding(synthetic, run, 1)
    assert (found.status, found.speaks_for) == ("unknown", "neither")
    assert "Read the wrong answers" in found.answer
    assert {"format", "missing knowledge", "retrieval miss"} <= {entry.label for entry in found.evidence}


def test_what_perfect_retrieval_reaches_stands_beside_the_gap(synthetic):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(60, 100)),
        "gold": synthetic.Arm(synthetic.scores(90, 100), kind="rag", role="curve", retrieval="gold"),
    }
    found = finding(synthetic, synthetic.make_run(arms), 1)
    (told,) = [entry for entry in found.evidence if entry.label == "with the right passages given"]
    assert (told.value, told.source) == ("90.0%", "gold")


@pytest.mark.parametrize(("several", "whose"), [(True, "the best arm per case"), (False, "a perfect score")])
def test_without_a_target_the_gap_is_to_the_best_arm_per_case_or_to_a_perfect_score(
    synthetic, several, whose
):
    few = synthetic.scores(60, 100)
    run = two(synthetic, few, synthetic.scores(90, 100)) if several else None
    alone = synthetic.make_run({"few_shot": synthetic.Arm(few)}, use_case={"target": None})
    run = alone if run is None else synthetic.changed(run, use_case={"target": None})
    told = finding(synthetic, run, 1).evidence[1]
    assert (told.label, told.value, told.declared) == (whose, "90.0%" if several else "100%", False)


def test_arms_without_counted_tokens_or_times_show_neither(synthetic):
    """Nothing is invented for what was not counted: no evidence, and a cost that is not known."""
    bare = {"usage": False, "service_s": None}
    run = two(synthetic, [1.0, 0.0] * 50, [1.0] * 100, few_arm=bare, tuned_arm=bare)
    found = finding(synthetic, run, 9)
    assert found.status == "unknown"
    labels = {entry.label for entry in found.evidence}
    assert labels == {"cost per request", "break-even on cost alone"}


def test_cheaper_requests_that_never_pay_for_the_training_speak_for_neither_side(synthetic):
    """A hundredth of the tokens saves 12 USD a year at 1,000 requests a month; tuning is 600."""
    run = two(
        synthetic,
        [1.0, 0.0] * 100,
        [1.0, 0.0] * 100,
        tuned_arm={"input": 10},
        economics={"requests_per_month": 1000},
    )
    found = finding(synthetic, run, 9)
    assert (found.status, found.speaks_for) == ("not_met", "neither")
    assert "does not pay for tuning inside the horizon" in found.answer


def test_faster_and_dearer_speaks_for_neither_and_slower_and_dearer_against(synthetic):
    for seconds, side in ((0.1, "neither"), (0.9, "against")):
        run = two(
            synthetic, [1.0, 0.0] * 100, [1.0, 0.0] * 100, tuned_arm={"input": 5000, "service_s": seconds}
        )
        assert finding(synthetic, run, 9).speaks_for == side


def test_a_saving_that_costs_nothing_to_get_pays_at_once(synthetic):
    run = two(
        synthetic,
        [1.0, 0.0] * 100,
        [1.0, 0.0] * 100,
        tuned_arm={"input": 100},
        economics={"training": {"labour_hours": 0}},
        models={"tuned": {"training": {"cost": 0}}},
    )
    assert "pays for tuning at once" in finding(synthetic, run, 9).answer


def test_a_run_that_could_have_seen_the_margin_and_still_cannot_exclude_it_asks_for_cases(synthetic):
    """45 gains and 65 losses of 1,000: -2.0 points, down to -4; 3 points would have shown with 80% power."""
    few = synthetic.pattern((455, 1), (45, 0), (65, 1), (435, 0))
    tuned = synthetic.pattern((455, 1), (45, 1), (65, 0), (435, 0))
    found = finding(synthetic, two(synthetic, few, tuned), 8)
    assert found.status == "unknown"
    assert found.answer.endswith("Add cases: 1,000 are too few for what was seen.")


def test_a_run_too_small_for_what_it_saw_says_how_many_cases_would_show_it(synthetic):
    """13 gains and 9 losses of 100, 4 points: 13 are what so many cases show, so it takes some ten times as many."""
    few = synthetic.pattern((40, 1), (13, 0), (9, 1), (38, 0))
    tuned = synthetic.pattern((40, 1), (13, 1), (9, 0), (38, 0))
    found = finding(synthetic, two(synthetic, few, tuned), 8)
    assert found.status == "unknown"
    assert "cases like these would show a difference of 4.0 points." in found.answer


def test_a_comparison_that_lacks_an_arms_figure_leaves_cost_and_payback_unknown(synthetic):
    """A comparison file from before the metric was changed: scores are there, its means are not."""
    run = two(synthetic, synthetic.scores(60, 100), synthetic.scores(80, 100))
    bare = tuple(
        synthetic.struct_replace(arm, quality={}) if arm.name == "tuned" else arm
        for arm in run.comparison.arms
    )
    run = synthetic.with_comparison(run, arms=bare)
    assert "One of the two has no score" in finding(synthetic, run, 9).answer
    assert finding(synthetic, run, 5).status == "unknown"


def record(estimate, low, high):
    return Difference(
        treatment="b",
        control="a",
        metric="m",
        family="tuned",
        estimate=estimate,
        low=low,
        high=high,
        method="m",
        p_value=None,
        n=1200,
        n_clusters=1,
        claim="no_claim",
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((None, None, None), "not comparable"),
        ((0.1, None, None), "+10.0 points (no interval, n = 1,200)"),
        ((0.1, 0.05, 0.15), "+10.0 points (+5.0 to +15.0, n = 1,200)"),
    ],
)
def test_a_difference_is_worded_with_as_much_as_is_known(given, words):
    assert interval(record(*given)) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("labour_hours", "hours of work"),
        ("acme-base input_cache_read", "price of acme-base input cache read"),
        ("quality:rag", "quality of rag"),
        ("discount_rate", "discount rate"),
    ],
)
def test_every_input_has_a_name_in_words(name, words):
    assert input_name(name) == words
