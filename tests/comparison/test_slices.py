"""Quality by tag: one Holm family over the tags, and a slice that tuning hurts."""

import pytest
from statsmodels.stats.multitest import multipletests

from evalkit.comparison.slices import MOST


def arms(synthetic, few, tuned):
    return {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", shots=0),
    }


def tagged(*blocks):
    return [(tag,) if tag else () for count, tag in blocks for _ in range(count)]


def test_each_tag_has_its_means_and_its_difference(synthetic):
    """Tuning gains on 'north' and loses on 'south'; the mean over all hides it."""
    few = synthetic.pattern((20, 0), (20, 1), (60, 1))
    tuned = synthetic.pattern((20, 1), (20, 0), (60, 1))
    run = synthetic.make_run(
        arms(synthetic, few, tuned), tags=tagged((20, "north"), (20, "south"), (60, None))
    )
    found = {each.tag: each for each in run.comparison.slices}
    assert list(found) == ["north", "south"]
    assert found["north"].n == 20
    assert found["north"].quality["tuned"].mean == 1.0
    assert (found["north"].difference.estimate, found["south"].difference.estimate) == (1.0, -1.0)
    assert (found["north"].difference.claim, found["south"].difference.claim) == ("superior", "worse")
    flags = {flag.code: flag for flag in synthetic.decision(run).red_flags}
    assert "tagged south" in flags["worse_on_a_slice"].message
    assert flags["worse_on_a_slice"].severity == "warn"


def test_p_values_are_adjusted_over_the_slices(synthetic):
    """statsmodels' multipletests(method="holm") on the same p-values."""
    few = synthetic.pattern((8, 0), (12, 1), (9, 0), (11, 1), (5, 0), (15, 1), (40, 1))
    tuned = synthetic.pattern((20, 1), (20, 1), (20, 1), (40, 1))
    run = synthetic.make_run(
        arms(synthetic, few, tuned), tags=tagged((20, "a"), (20, "b"), (20, "c"), (40, None))
    )
    records = [each.difference for each in run.comparison.slices]
    theirs = multipletests([record.p_value for record in records], method="holm")[1]
    assert [record.p_adjusted for record in records] == pytest.approx(theirs)
    assert {record.family for record in records} == {"slice"}


def test_a_tag_on_the_same_cases_as_another_takes_nothing_from_the_others(synthetic):
    """Two names of one slice make one test: the p-values are those without the second name, for both."""
    few = synthetic.pattern((8, 0), (12, 1), (9, 0), (11, 1), (40, 1))
    tuned = synthetic.pattern((20, 1), (20, 1), (40, 1))
    tags = tagged((20, "a"), (20, "b"), (40, None))
    once = synthetic.make_run(arms(synthetic, few, tuned), tags=tags).comparison.slices
    named_twice = [("a", "also a") if "a" in each else each for each in tags]
    twice = synthetic.make_run(arms(synthetic, few, tuned), tags=named_twice).comparison.slices
    adjusted = {each.tag: each.difference.p_adjusted for each in once}
    assert {each.tag: each.difference.p_adjusted for each in twice} == adjusted | {"also a": adjusted["a"]}
    assert adjusted == pytest.approx({"a": 2 * 2 * 0.5**9, "b": 2 * 2 * 0.5**9})


def test_small_tags_and_tags_of_every_case_are_no_slices(synthetic):
    few, tuned = synthetic.scores(50, 100), synthetic.scores(70, 100)
    tags = [("all", *(("few",) if index < 9 else ())) for index in range(100)]
    assert synthetic.make_run(arms(synthetic, few, tuned), tags=tags).comparison.slices == ()


def test_the_largest_tags_are_kept(synthetic):
    few, tuned = synthetic.scores(300, 600), synthetic.scores(400, 600)
    run = synthetic.make_run(arms(synthetic, few, tuned), tags=[(f"t{index % 60}",) for index in range(600)])
    assert len(run.comparison.slices) == MOST


def test_without_a_tuned_arm_the_best_other_is_held_against_the_reference(synthetic):
    given = {
        "few_shot": synthetic.Arm(synthetic.scores(40, 100)),
        "rag": synthetic.Arm(synthetic.scores(60, 100), kind="rag"),
    }
    run = synthetic.make_run(given, tags=tagged((50, "first"), (50, None)))
    (found,) = run.comparison.slices
    assert (found.difference.treatment, found.difference.control) == ("rag", "few_shot")
    assert synthetic.decision(run).red_flags == synthetic.decision(run).red_flags


def test_one_arm_has_means_and_no_difference(synthetic):
    run = synthetic.make_run(
        {"few_shot": synthetic.Arm(synthetic.scores(40, 100))}, tags=tagged((50, "first"), (50, None))
    )
    (found,) = run.comparison.slices
    assert found.difference is None
    assert found.quality["few_shot"].mean == 0.8


def test_a_slice_that_nobody_answered_has_no_p_value(synthetic):
    """Its difference says why, and the others are adjusted without it."""
    few = [None] * 20 + synthetic.pattern((40, 0), (40, 1))
    tuned = synthetic.pattern((100, 1))
    run = synthetic.make_run(arms(synthetic, few, tuned), tags=tagged((20, "lost"), (40, "kept"), (40, None)))
    found = {each.tag: each.difference for each in run.comparison.slices}
    assert found["lost"].p_adjusted is None
    assert found["lost"].note == "no case has a score of both arms"
    assert found["kept"].p_adjusted == found["kept"].p_value
