"""Metrics of the whole corpus: counts summed in every resample, paired by case; confusion matrices from them."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.comparison.build_table import build_table
from evalkit.comparison.compare import compare
from evalkit.comparison.confusion import confusions
from evalkit.comparison.pooled_metrics import pooled_differences, pooled_estimate
from evalkit.comparison.settings import ComparisonSettings
from evalkit.metrics.accuracy import Accuracy
from evalkit.metrics.macro_f1 import MacroF1
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status
from evalkit.records.score import Score, ScoreRow
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml
from tests.builders.records import manifest

SETTINGS = ComparisonSettings(alpha=0.05, margin=0.03, seed=1)
TEAMS = ["Falcon", "Heron", "Otter"]
METRICS = {"accuracy": Accuracy(labels=TEAMS), "macro_f1": MacroF1(labels=TEAMS)}
SUITE = """
name: s
cases: c.jsonl
models: {m: {type: embedded}}
arms: {p: {model: m}, q: {model: m}}
metrics: [accuracy: {labels: [Falcon, Heron, Otter]}, macro_f1: {labels: [Falcon, Heron, Otter]}]
"""


def run(answers, truth, *, clusters=None, repeats=1, metrics=METRICS):
    """A table of arms' answers (None: an error) to cases; a list of lists holds repeats."""
    cases = [
        Case(
            id=f"c{i}",
            input="q",
            reference=(label,) if isinstance(label, str) else label,
            cluster=clusters[i] if clusters else f"c{i}",
        )
        for i, label in enumerate(truth)
    ]
    facts = [
        ArmFacts(name=arm, kind=ArmKind.ZERO_SHOT, role="candidate", model="m", model_type="t", prompt="p")
        for arm in answers
    ]
    run_manifest = manifest(*facts, repeats=repeats, n_cases=len(cases))
    samples, scores = [], []
    for arm, given in answers.items():
        for case, outputs in zip(cases, given, strict=True):
            for repeat, output in enumerate(outputs if isinstance(outputs, list) else [outputs]):
                sample = Sample(
                    case_id=case.id,
                    arm=arm,
                    repeat=repeat,
                    status=Status.ERROR if output is None else Status.OK,
                    prompt_digest="",
                    request_digest="",
                    output=output,
                )
                samples.append(sample)
                for name, metric in metrics.items():
                    found = metric.score(case, sample) if output is not None else None
                    scores.append(
                        ScoreRow(
                            case_id=case.id,
                            arm=arm,
                            repeat=repeat,
                            metric=name,
                            value=found.value if found else None,
                            stats=found.stats if found else None,
                            reason=None if found else "no_answer",
                        )
                    )
    return build_table(run_manifest, cases, samples, scores, "accuracy")


def drawn(n, right, rng):
    """Labels, and answers of which about a share is right, the rest anything."""
    truth = [TEAMS[i % 3] for i in range(n)]
    answers = [label if rng.random() < right else str(rng.choice([*TEAMS, "?"])) for label in truth]
    return truth, answers


def test_the_estimate_is_the_metric_of_the_summed_counts():
    """Falcon 2 of 3, one Heron taken for Falcon, Otter never found: as in the metric's own test."""
    truth = ["Falcon", "Falcon", "Falcon", "Heron", "Heron", "Otter"]
    table = run({"p": ["Falcon", "Falcon", "Heron", "Heron", "Falcon", "?"]}, truth)
    found = pooled_estimate(table, "p", "macro_f1", METRICS["macro_f1"].aggregate, SETTINGS)
    assert found.mean == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)
    assert found.low < found.mean < found.high
    assert "bootstrap" in found.method
    assert table.metrics == ("accuracy",)
    assert table.missing_reasons == {}, "counts are not a missing value"


def test_a_case_that_an_arm_did_not_answer_has_no_counts_and_is_left_out_of_the_pair():
    truth = ["Falcon", "Heron", "Otter", "Falcon"] * 10
    table = run({"p": truth, "q": [None if i == 0 else "Heron" for i in range(40)]}, truth)
    (found,) = pooled_differences(table, [("p", "q")], {"macro_f1": METRICS["macro_f1"].aggregate}, SETTINGS)
    assert found.n == 39
    assert np.isnan(table.pooled_counts["macro_f1"].per_case([1])[0]).all()
    assert table.missing_reasons == {}, "an error is counted as an error, not twice"
    # q names Heron for everything: F1 of Heron 2*10/(20 + 29), the others 0
    assert found.estimate == pytest.approx(1 - (20 / 49) / 3)


def test_a_paired_difference_is_found_and_swapping_the_arms_flips_it():
    rng = np.random.default_rng(5)
    truth, good = drawn(150, 0.9, rng)
    _, bad = drawn(150, 0.5, rng)
    table = run({"p": good, "q": bad}, truth)
    aggregates = {"macro_f1": METRICS["macro_f1"].aggregate}
    there, back = pooled_differences(table, [("p", "q"), ("q", "p")], aggregates, SETTINGS)
    assert there.estimate == pytest.approx(-back.estimate)
    assert there.low > 0
    assert there.p_value < 0.01
    assert (there.claim, back.claim) == ("superior", "worse")
    assert there.family == "descriptive"


def test_clusters_are_resampled_whole():
    """Five paraphrases of one question are one observation: the interval is wider than of single cases."""
    rng = np.random.default_rng(6)
    truth, answers = [], []
    for cluster in range(30):
        label = TEAMS[cluster % 3]
        answer = label if rng.random() < 0.7 else "Otter"
        truth += [label] * 5
        answers += [answer] * 5
    together = [str(i // 5) for i in range(150)]

    def width(table):
        found = pooled_estimate(table, "p", "macro_f1", METRICS["macro_f1"].aggregate, SETTINGS)
        return found.high - found.low

    assert width(run({"p": answers}, truth, clusters=together)) > 1.5 * width(run({"p": answers}, truth))


def test_repeats_of_a_case_are_averaged_before_they_are_summed():
    """Two repeats of a case weigh as much as one of another."""
    table = run({"p": [["Falcon", "Heron"], ["Heron", "Heron"]]}, ["Falcon", "Heron"], repeats=2)
    counts = table.pooled_counts["macro_f1"]
    rows = [dict(zip(counts.names, row, strict=True)) for row in counts.per_case([0])]
    assert rows[0] == {"tp:Falcon": 0.5, "fn:Falcon": 0.5, "fp:Heron": 0.5, "tp:Heron": 0.0}
    assert rows[1] == {"tp:Falcon": 0.0, "fn:Falcon": 0.0, "fp:Heron": 0.0, "tp:Heron": 1.0}


def test_the_last_row_of_a_cell_replaces_its_counts():
    """A cell that failed and was asked again; and one whose second answer failed."""
    table = run({"p": ["Falcon", None]}, ["Falcon", "Heron"])
    assert table.pooled_counts["macro_f1"].present[0, :, 0].tolist() == [True, False]


def test_the_confusion_matrix_says_which_class_was_taken_for_which():
    """Rows are the cases' classes; an answer that is no label stands apart."""
    truth = ["Falcon", "Falcon", "Falcon", "Heron", "Heron", "Otter"]
    table = run({"p": ["Falcon", "Heron", "?", "Heron", "Falcon", ""], "q": truth}, truth)
    found = confusions(table)["p"]
    assert found.labels == ("Falcon", "Heron", "Otter")
    assert found.counts == ((1, 1, 0), (1, 1, 0), (0, 0, 0))
    assert found.outside == (1, 0, 1)
    falcon, heron, otter = found.classes
    assert (falcon.n, falcon.named, falcon.right) == (3, 2, 1)
    assert (falcon.precision, falcon.recall) == (1 / 2, 1 / 3)
    assert falcon.f1 == pytest.approx(2 / 5)
    assert heron.f1 == pytest.approx(2 / 4)
    assert (otter.precision, otter.recall, otter.f1) == (None, 0.0, 0.0)
    assert confusions(table)["q"].counts == ((3, 0, 0), (0, 2, 0), (0, 0, 1))


def test_of_several_accepted_labels_the_named_one_is_the_case_s_class():
    table = run({"p": ["Heron", "Otter"]}, [("Falcon", "Heron"), ("Falcon", "Heron")])
    found = confusions(table)["p"]
    assert found.labels == ("Falcon", "Heron", "Otter")
    assert found.counts == ((0, 0, 1), (0, 1, 0), (0, 0, 0))


def test_the_comparison_holds_the_metric_beside_the_others_and_never_in_a_family():
    rng = np.random.default_rng(7)
    truth, good = drawn(90, 0.9, rng)
    _, bad = drawn(90, 0.6, rng)
    suite = build_suite(parse_yaml(SUITE, file="suite.yaml", folder=Path()))
    table = run({"p": good, "q": bad}, truth)
    aggregates = {"macro_f1": METRICS["macro_f1"].aggregate}
    found, again = (compare(suite, table, aggregates=aggregates) for _ in range(2))
    assert found == again
    assert list(found.arms[0].quality) == ["accuracy", "macro_f1"]
    assert found.arms[0].confusion.metric == "accuracy"
    assert [(item.metric, item.family) for item in found.differences] == [
        ("accuracy", "reference"),
        ("macro_f1", "descriptive"),
    ]


def test_a_suite_without_labels_has_no_matrix():
    table = run({"p": ["Falcon"]}, ["Falcon"], metrics={"accuracy": Accuracy()})
    assert confusions(table) == {}
    assert table.pooled_counts == {}


class Letters:
    """Counts the letters of an answer."""

    def score(self, case, sample):
        return Score(value=None, stats={"letters": float(len(sample.output))})


def test_the_matrix_is_read_off_the_first_metric_that_counts_classes():
    """A plugin's metric may carry counts of something else, here of letters."""
    truth = ["Falcon", "Heron"]
    table = run({"p": ["Falcon", "Falcon"]}, truth, metrics={"letters": Letters(), **METRICS})
    assert list(table.pooled_counts) == ["letters", "accuracy", "macro_f1"]
    assert confusions(table)["p"].metric == "accuracy"


MACRO_F1 = {"macro_f1": METRICS["macro_f1"].aggregate}


def test_an_arm_that_answered_nothing_has_no_corpus_score_and_no_difference():
    table = run({"p": ["Falcon", "Heron"], "q": [None, None]}, ["Falcon", "Heron"])
    alone = pooled_estimate(table, "q", "macro_f1", MACRO_F1["macro_f1"], SETTINGS)
    assert (alone.mean, alone.low, alone.method, alone.n) == (None, None, "no score", 0)
    (pair,) = pooled_differences(table, [("p", "q")], MACRO_F1, SETTINGS)
    assert (pair.estimate, pair.p_value, pair.claim) == (None, None, "no_claim")
    assert pair.note == "no case has counts of both arms"


def test_one_cluster_gives_the_metric_without_an_interval_and_says_why():
    truth = ["Falcon", "Heron", "Otter", "Falcon"]
    table = run({"p": truth, "q": ["Falcon"] * 4}, truth, clusters=["one"] * 4)
    alone = pooled_estimate(table, "p", "macro_f1", MACRO_F1["macro_f1"], SETTINGS)
    assert (alone.mean, alone.low, alone.high) == (1.0, None, None)
    assert alone.method.startswith("no interval: ")
    assert "cluster" in alone.method
    (pair,) = pooled_differences(table, [("p", "q")], MACRO_F1, SETTINGS)
    assert pair.estimate == pytest.approx(1 - (4 / 6) / 3)
    assert (pair.low, pair.p_value, pair.claim) == (None, None, "no_claim")
    assert "cluster" in pair.note


def test_a_corpus_metric_that_the_run_has_no_counts_of_is_passed_over():
    table = run({"p": ["Falcon"] * 3, "q": ["Heron"] * 3}, ["Falcon"] * 3, metrics={"accuracy": Accuracy()})
    assert pooled_differences(table, [("p", "q")], MACRO_F1, SETTINGS) == ()


def compared(answers, truth, **given):
    return compare(
        build_suite(parse_yaml(SUITE, file="suite.yaml", folder=Path())), run(answers, truth, **given)
    )


def test_the_spread_between_repeats_is_told_apart_from_the_interval():
    """One case of two right once in two repeats: variances 0.5 and 0, root mean 0.5."""
    found = compared({"p": [["Falcon", "Heron"], ["Heron", "Heron"]]}, ["Falcon", "Heron"], repeats=2)
    assert found.notes[-1] == (
        "Between repeats of one case the primary score varies by 50.0 points (standard deviation)."
    )


def test_repeats_of_which_one_is_missing_everywhere_have_no_spread_to_tell():
    found = compared({"p": [["Falcon", None], [None, "Heron"]]}, ["Falcon", "Heron"], repeats=2)
    assert not any("Between repeats" in note for note in found.notes)
    assert any("2 of 4 cells have no answer" in note for note in found.notes)


def test_a_run_without_a_score_of_the_primary_metric_says_so():
    found = compared({"p": [["Falcon", "Heron"]]}, ["Falcon"], repeats=2, metrics={})
    assert "No sample has a score of the primary metric 'accuracy'." in found.notes
    assert found.oracle_best_of_arms is None
