"""Metrics on Traditional Chinese, against values counted by hand from the words shown."""

import pytest

from evalkit.metrics.contains import Contains
from evalkit.metrics.exact_match import ExactMatch
from evalkit.metrics.rouge_l import RougeL
from evalkit.metrics.token_f1 import TokenF1
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status

REFERENCE = "逾期罰金每日五元"  # 逾期 / 罰金 / 每日 / 五元: four words


def score(metric, output, *reference):
    case = Case(id="c", input="問", reference=reference or (REFERENCE,), cluster="c")
    sample = Sample(
        case_id="c", arm="a", status=Status.OK, prompt_digest="", request_digest="", output=output
    )
    return metric.score(case, sample).value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("逾期罰金每日五元", 1.0),
        ("逾期罰金：每日五元。", 1.0),  # signs are no words
        ("罰金每日五元", 6 / 7),  # 3 of 3 words right, 3 of 4 found
        ("逾期罰金每日五元，線上續借", 4 / 5),  # two words more: 4 of 6 right, 4 of 4 found
        ("每日五元，逾期罰金", 1.0),  # order does not count
        ("線上續借", 0.0),
        ("", 0.0),
    ],
)
def test_token_f1_counts_words_not_characters(output, value):
    assert score(TokenF1(), output) == pytest.approx(value)


def test_token_f1_of_one_wrong_word_is_by_words():
    """四元 for 五元 is one word of four; character by character it would be seven of eight."""
    assert score(TokenF1(), "逾期罰金每日四元") == pytest.approx(2 * 3 / 8)


def test_full_width_digits_are_the_digits():
    """每日 / 5 / 元 in both; the reference has two words more."""
    assert score(TokenF1(), "每日５元", "逾期罰金每日5元") == pytest.approx(2 * 3 / 8)
    assert score(ExactMatch(), "每日５元。", "每日5元") == 1.0


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("逾期罰金每日五元", 1.0),
        ("每日五元，逾期罰金", 1 / 2),  # the longest common subsequence has two of four words
        ("罰金每日五元", 6 / 7),
    ],
)
def test_rouge_l_is_by_words_in_order(output, value):
    assert score(RougeL(), output) == pytest.approx(value)


def test_the_two_scripts_are_two_answers():
    """Mapping to Simplified serves cutting alone: 罚金 is not the 罰金 that was asked for."""
    assert score(TokenF1(), "逾期罚金每日五元") == pytest.approx(2 * 3 / 8)
    assert score(ExactMatch(), "逾期罚金每日五元") == 0.0


def test_contains_looks_through_width_and_punctuation():
    assert score(Contains(), "您好，「逾期罰金」每日五元喔！") == 1.0
    assert score(Contains(value="５元"), "每日 15 元") == 0.0
