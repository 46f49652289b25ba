"""Shot curves and learning curves: their trend in words, and the power law where there are points enough for one."""

import pytest

from evalkit.comparison.learning_curve import fit_in_words
from evalkit.records.tuning import TuningReport
from evalkit.stats.curve import CurveFit, PowerLaw
from tests.builders.records import training

N = 400
LAW = PowerLaw(limit=0.9, gap=4.0, decay=0.5)
FRACTIONS = (0.0625, 0.125, 0.25, 0.5, 1.0)


def trained(rows):
    """A report with one run of each size and seed."""
    runs = [
        training(fraction=fraction, seed=seed, rows=round(rows * fraction))
        for fraction in FRACTIONS
        for seed in (1, 2)
    ]
    return TuningReport(runs=tuple(runs))


def learning_arms(synthetic, rows, *, seeds=(1, 2), fractions=FRACTIONS):
    """Tuned arms whose quality follows the law 0.9 - 4 / sqrt(rows), to the nearest of 400 cases."""
    arms = {"few_shot": synthetic.Arm(synthetic.scores(N // 10, N))}
    for fraction in fractions:
        for seed in seeds:
            right = synthetic.scores(round(N * LAW.at(rows * fraction)), N)
            given = {"kind": "fine_tuned", "shots": 0, "fraction": fraction, "seed": seed}
            if fraction == 1.0 and seed == 1:
                arms["tuned"] = synthetic.Arm(right, **given)
            else:
                arms[f"tuned@{fraction}/seed{seed}"] = synthetic.Arm(
                    right, **given, role="curve", parent="tuned"
                )
    return arms


def learning_curve(synthetic, rows, *, clusters=None, report=True, **which):
    run = synthetic.make_run(
        learning_arms(synthetic, rows, **which), clusters=clusters, tuning=trained(rows) if report else None
    )
    return run.comparison.curves[0]


def test_the_law_behind_the_points_is_found_again_and_read_with_care_below_published_sizes(synthetic):
    """3,200 rows under 0.9 - 4 / sqrt(rows): the law says 90% and does not decide."""
    curve = learning_curve(synthetic, 3200)
    assert [point.x for point in curve.points] == [200, 400, 800, 1600, 3200]
    assert "power law: 90." in curve.note
    assert "it informs and does not decide: fits are published from 8,000 rows on" in curve.note


def test_from_8000_rows_on_the_law_is_given_without_that_reservation(synthetic):
    note = learning_curve(synthetic, 51_200).note
    assert "with unlimited rows (off by " in note
    assert "does not decide" not in note


def test_a_law_that_a_repeated_last_value_beats_is_not_to_be_read_beyond_the_data():
    found = CurveFit(LAW, held_out_error=0.04, last_value_error=0.01, extrapolates=False, informs_only=True)
    assert fit_in_words(found) == (
        "power law: 90.0% with unlimited rows (off by 4.0 points on the largest size held out, the value before by "
        "1.0); do not read it beyond the data"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"report": False},
        {"seeds": (1,)},
        {"fractions": FRACTIONS[1:]},
        {"clusters": ["one"] * N},
    ],
    ids=["rows not known", "one seed", "four sizes", "one cluster"],
)
def test_without_rows_seeds_sizes_or_clusters_enough_there_is_no_law(synthetic, given):
    assert "power law" not in learning_curve(synthetic, 3200, **given).note


def shots(synthetic, none, four, **given):
    arms = {
        "few_shot": synthetic.Arm(four),
        "few_shot@0": synthetic.Arm(none, role="curve", parent="few_shot", shots=0),
    }
    return synthetic.make_run(arms, **given).comparison.curves[0]


def test_more_shots_that_answer_worse_are_a_falling_curve(synthetic):
    curve = shots(synthetic, synthetic.scores(300, N), synthetic.scores(200, N))
    assert curve.trend == "falling"
    assert curve.note.endswith("; falling")
    assert "few_shot@0 -> few_shot: −25.0 points" in curve.note


def test_a_step_too_wide_to_tell_is_unknown_and_asks_for_cases(synthetic):
    curve = shots(synthetic, [1.0, 0.0] * 10, [0.0, 1.0] * 10)
    assert curve.trend == "unknown"
    assert curve.note.endswith("too few cases to tell rising from flat")


def test_a_step_without_an_interval_is_unknown_and_says_why(synthetic):
    curve = shots(synthetic, [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], clusters=["one"] * 3)
    assert curve.trend == "unknown"
    assert curve.note.startswith("last step few_shot@0 -> few_shot cannot be compared: ")
    assert "one cluster" in curve.note


def test_points_that_nobody_answered_stay_on_the_curve_without_a_mean(synthetic):
    """No arm has a score: the metric itself is missing from the run."""
    curve = shots(synthetic, [None] * 4, [None] * 4)
    assert [(point.x, point.mean, point.low, point.high) for point in curve.points] == [
        (0.0, None, None, None),
        (4.0, None, None, None),
    ]
