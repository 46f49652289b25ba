"""Accuracy, macro F1 and the counts behind them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.data.cases import read_cases
from evalkit.errors import DataError
from evalkit.metrics.accuracy import Accuracy
from evalkit.metrics.check import check_cases
from evalkit.metrics.class_counts import class_counts, macro_f1
from evalkit.metrics.macro_f1 import MacroF1
from evalkit.metrics.protocol import aggregate_of, refusal
from evalkit.metrics.token_f1 import TokenF1
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

TEAMS = ["Falcon", "Heron", "Otter"]


def case(*reference):
    return Case(id="c", input="q", reference=reference, cluster="c")


def score(metric, output, *reference):
    sample = Sample(
        case_id="c", arm="a", status=Status.OK, prompt_digest="", request_digest="", output=output
    )
    return metric.score(case(*reference), sample)


def summed(pairs, metric):
    """Counts of (answer, label) pairs, as marking gives them."""
    total = {}
    for answer, label in pairs:
        for name, count in score(metric, answer, label).stats.items():
            total[name] = total.get(name, 0.0) + count
    return total


@pytest.mark.parametrize(
    ("output", "value"),
    [("Falcon", 1), (" falcon.\n", 1), ("ＦＡＬＣＯＮ", 1), ("Heron", 0), ("the Falcon team", 0), ("", 0)],
)
def test_accuracy_wants_the_label_in_any_usual_form(output, value):
    """Case, width and punctuation do not count; words beside it do."""
    assert score(Accuracy(), output, "Falcon").value == value
    assert score(Accuracy(labels=TEAMS), output, "Falcon").value == value


def test_the_label_can_be_picked_out_of_a_longer_answer():
    metric = Accuracy(labels=TEAMS, extract=r"team: (\w+)")
    assert score(metric, "I think it is this team: Otter, thanks", "Otter").value == 1
    assert score(metric, "Otter", "Otter").value == 0


def test_any_accepted_label_is_right_where_a_case_is_ambiguous():
    assert score(Accuracy(labels=TEAMS), "Heron", "Falcon", "Heron").value == 1
    assert score(Accuracy(), "Heron", "Falcon", "Heron").value == 1


def test_an_answer_outside_the_labels_is_wrong_and_counted_as_such():
    """It misses its class and is taken for no other; that is how the confusion matrix knows it."""
    found = score(Accuracy(labels=TEAMS), "the billing people", "Falcon")
    assert (found.value, found.stats) == (0.0, {"fn:Falcon": 1.0})
    assert "none of the labels" in found.explanation


def test_a_reference_that_is_no_label_is_told_before_any_model_runs():
    """And never counts against an arm."""
    told = refusal(Accuracy(labels=TEAMS), case("Falcom"))
    assert "'Falcom' is none of the labels" in told
    assert "Did you mean 'Falcon'?" in told
    assert refusal(Accuracy(), case("anything")) is None
    assert refusal(TokenF1(), case("anything")) is None
    assert score(MacroF1(labels=TEAMS), "Falcon", "Falcom").reason == "reference_is_no_label"


def test_labels_of_one_letter_are_told_apart():
    """A is an English article, and here a class."""
    assert score(Accuracy(labels=["A", "B"]), "A", "A").value == 1
    assert score(Accuracy(labels=["A", "B"]), "", "A").value == 0


def test_macro_f1_gives_counts_and_no_value():
    found = score(MacroF1(labels=TEAMS), "heron", "Falcon")
    assert (found.value, found.reason) == (None, None)
    assert found.stats == {"fn:Falcon": 1.0, "fp:Heron": 1.0}
    assert aggregate_of(MacroF1(labels=TEAMS)) is not None
    assert aggregate_of(Accuracy()) is None


def test_macro_f1_of_a_hand_sized_example():
    """Falcon: tp 2, fn 1, fp 1, F1 4/6. Heron: tp 1, fn 1, fp 1, F1 2/4. Otter: tp 0, fn 1, fp 0, F1 0."""
    metric = MacroF1(labels=TEAMS)
    pairs = [
        ("Falcon", "Falcon"),
        ("Falcon", "Falcon"),
        ("Heron", "Falcon"),
        ("Heron", "Heron"),
        ("Falcon", "Heron"),
        ("no idea", "Otter"),
    ]
    assert metric.aggregate(summed(pairs, metric)) == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)


def test_a_class_that_a_resample_does_not_hold_is_left_out():
    """Otherwise every resample of a rare class would be punished for it; nothing at all gives 0, not NaN."""
    assert macro_f1({"tp:Falcon": 3.0, "tp:Otter": 0.0, "fn:Otter": 0.0}) == 1.0
    assert macro_f1({"tp:Falcon": 3.0, "fp:Otter": 1.0}) == 0.5
    assert macro_f1({}) == macro_f1({"tp:Falcon": 0.0}) == 0.0


@given(st.lists(st.tuples(st.sampled_from([*TEAMS, "?"]), st.sampled_from(TEAMS)), min_size=1, max_size=40))
def test_accuracy_and_macro_f1_count_the_same(pairs):
    """The share of right answers is the sum of tp over all; macro F1 lies in [0, 1]."""
    accuracy, macro = Accuracy(labels=TEAMS), MacroF1(labels=TEAMS)
    counts = summed(pairs, macro)
    assert counts == summed(pairs, accuracy)
    right = sum(count for name, count in counts.items() if name.startswith("tp:"))
    assert right / len(pairs) == sum(score(accuracy, *pair).value for pair in pairs) / len(pairs)
    assert 0.0 <= macro.aggregate(counts) <= 1.0


def test_macro_f1_does_not_depend_on_the_order_of_the_counts():
    """Bit for bit: a report made again is the same report."""
    counts = {"tp:a": 3.0, "fn:a": 1.0, "tp:b": 2.0, "fp:b": 5.0, "tp:c": 7.0, "fn:c": 3.0}
    assert len({macro_f1(dict(order)) for order in (counts.items(), reversed(counts.items()))}) == 1


def test_the_label_that_was_named_counts_as_the_case_s_own():
    assert class_counts("Heron", ["Falcon", "Heron"]) == {"tp:Heron": 1.0}
    assert class_counts("Otter", ["Falcon", "Heron"]) == {"fn:Falcon": 1.0, "fp:Otter": 1.0}


def test_a_misspelt_label_in_the_cases_is_an_error_with_its_line(tmp_path):
    """Not a case that silently goes missing."""
    lines = ['{"input": "a", "answer": "Falcon"}', '{"input": "b", "answer": "Falcom"}']
    (tmp_path / "cases.jsonl").write_text("\n".join(lines))
    text = "name: s\ncases: cases.jsonl\nmodels: {m: {type: embedded}}\narms: {a: {model: m}}\nmetrics: [accuracy]\n"
    suite = build_suite(parse_yaml(text, file="suite.yaml", folder=tmp_path))
    with read_cases(suite) as cases:
        check_cases({"accuracy": Accuracy()}, cases)
        with pytest.raises(DataError, match=r"cases.jsonl:2: accuracy: reference 'Falcom'.*Did you mean"):
            check_cases({"accuracy": Accuracy(labels=TEAMS)}, cases)
