"""What ``evalkit compare`` shows of one run: its families, one pair, other metrics."""

import pytest

from evalkit.comparison.comparison_request import ComparisonRequest, requested_differences
from evalkit.errors import InputError
from evalkit.metrics.macro_f1 import MacroF1

LABELS = ["Falcon", "Heron", "Otter"]


@pytest.fixture(scope="module")
def made(synthetic):
    """Three candidates and a curve point, right on the first 60, 70, 85 and 30 of 100 cases; a second metric."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(60, 100)),
        "rag": synthetic.Arm(synthetic.scores(70, 100), kind="rag"),
        "tuned": synthetic.Arm(synthetic.scores(85, 100), kind="fine_tuned", shots=0),
        "few_shot@0": synthetic.Arm(synthetic.scores(30, 100), role="curve", parent="few_shot", shots=0),
    }
    graded = {name: [0.5 + 0.4 * value for value in arm.scores] for name, arm in arms.items()}
    return synthetic.make_run(arms, more_scores={"token_f1": graded}, metrics=["exact_match", "token_f1"])


def asked(run, aggregates=None, **what):
    return requested_differences(
        run.manifest, run.table, run.comparison, aggregates or {}, ComparisonRequest(**what), seed=7
    )


def test_without_a_pair_both_families_of_the_run_are_shown_and_nothing_else(made):
    found = asked(made)
    assert {item.family for item in found.differences} == {"reference", "tuned"}
    assert all(item in made.comparison.differences for item in found.differences)
    assert {item.metric for item in found.differences} == {"exact_match"}
    assert found.notes == ()
    assert (found.n_cases, found.primary_metric) == (100, "exact_match")


def test_another_metric_comes_after_the_primary_one_and_once(made):
    found = asked(made, metrics=("token_f1", "token_f1"))
    assert [item.metric for item in found.differences] == ["exact_match"] * 3 + ["token_f1"] * 3


def test_a_pair_of_the_run_keeps_its_adjusted_p_value(made):
    found = asked(made, arms=("few_shot", "rag"))
    (one,) = found.differences
    assert one in made.comparison.differences
    assert one.p_adjusted is not None
    assert found.notes == ()


def test_a_pair_that_the_run_did_not_compare_is_compared_now_and_says_that_it_is_not_adjusted(made):
    """The other way round, and with a curve point: neither stands in a family."""
    found = asked(made, arms=("tuned", "few_shot@0"))
    (one,) = found.differences
    assert one.estimate == pytest.approx(0.30 - 0.85)
    assert (one.p_adjusted, one.family, one.discordant) == (None, "descriptive", (0, 55))
    assert found.notes == ("This pair is in no family of the run: its p-value is not adjusted.",)


def test_one_candidate_alone_leaves_nothing_to_compare(synthetic):
    found = asked(synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(6, 10))}))
    assert found.differences == ()
    assert "fewer than two candidates" in found.notes[0]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"metrics": ("token_f2",)}, "no scores of 'token_f2'. Defined: 'exact_match', 'token_f1'."),
        ({"arms": ("few_shot", "tuneed")}, "no arm is called 'tuneed'"),
        ({"arms": ("tuned", "tuned")}, "cannot be compared with itself"),
    ],
)
def test_a_name_that_is_not_there_is_refused(made, what, words):
    with pytest.raises(InputError) as told:
        asked(made, **what)
    assert words in str(told.value)


def test_a_corpus_metric_of_a_pair_is_compared_by_its_counts(synthetic):
    """Macro F1: all right is 1; Falcon for everything is 2 * 20 / (60 + 20) / 3."""
    arms = {
        "few_shot": synthetic.Arm([1.0, 0.0, 0.0] * 20),
        "rag": synthetic.Arm([1.0] * 60, kind="rag"),
    }
    truth = LABELS * 20
    run = synthetic.make_run(
        arms,
        references=truth,
        outputs={"few_shot": ["Falcon"] * 60, "rag": truth},
        metrics=["exact_match", {"macro_f1": {"labels": LABELS}}],
    )
    metric = MacroF1(labels=LABELS)
    counted = synthetic.with_metric(run, "macro_f1", metric)
    found = asked(
        counted, {"macro_f1": metric.aggregate}, metrics=("macro_f1",), arms=("few_shot", "rag")
    ).differences[-1]
    assert found.metric == "macro_f1"
    assert found.estimate == pytest.approx(1 - (40 / 80) / 3)
    assert "bootstrap" in found.method
