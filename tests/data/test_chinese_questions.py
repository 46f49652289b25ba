"""Repeated and leaked questions in Traditional Chinese."""

import json

import pytest

from evalkit.data.cases import read_cases
from evalkit.data.duplicates import DuplicateCount
from evalkit.data.near_duplicates import shingles
from evalkit.data.profile import measure_profile
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

SUITE = """
name: zh
cases: cases.jsonl
models:
  base: {type: embedded}
  tuned: {type: tuned, base: base, train: train.jsonl}
arms:
  tuned: {model: tuned}
metrics: [exact_match]
"""


def leaks(folder, asked, taught):
    for name, rows in (
        ("cases.jsonl", [{"id": "c", "input": asked, "answer": "答"}]),
        ("train.jsonl", [{"id": f"r{n}", "input": text, "output": "答"} for n, text in enumerate(taught)]),
    ):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    suite = build_suite(parse_yaml(SUITE, file="suite.yaml", folder=folder))
    with read_cases(suite) as cases:
        found = measure_profile(suite, cases, count_tokens=None, length_limit=None)
    return [(pair.row_id, pair.match, pair.similarity) for pair in found.training["train.jsonl"].leaked]


def test_width_and_punctuation_make_no_other_question():
    count = DuplicateCount()
    for question in (
        "借書證遺失，怎麼辦？",
        "借書證遺失，怎麼辦？",
        "借書證遺失怎麼辦",
        "「借書證」遺失怎麼辦?",
    ):
        count.add(question)
    assert (count.exact, count.normalised) == (1, 2)


def test_one_question_with_two_answers_is_a_conflict():
    count = DuplicateCount()
    count.add("逾期一天罰多少？", "５元")
    count.add("逾期一天罰多少", "5元。")
    assert count.conflicts == 0
    count.add("逾期一天罰多少？？", "10元")
    assert count.conflicts == 1


@pytest.mark.parametrize(
    ("taught", "expected"),
    [
        ("借書證遺失後，要怎麼線上申請補發並且保留原本的預約紀錄？", "exact"),
        ("借書證遺失後要怎麼線上申請補發並且保留原本的預約紀錄", "normalised"),
        ("請問借書證遺失後，要怎麼線上申請補發並且保留原本的預約紀錄？", "near"),
        ("學生證遺失後要去哪裡補辦？", None),
    ],
)
def test_a_training_question_that_is_a_test_question_is_found(tmp_path, taught, expected):
    """As it stands, with other signs, and with a word more; not where only some words are shared."""
    asked = "借書證遺失後，要怎麼線上申請補發並且保留原本的預約紀錄？"
    found = leaks(tmp_path, asked, ["圖書館幾點開門？", taught])
    assert [(row, match) for row, match, _ in found] == ([] if expected is None else [("r1", expected)])


def test_a_question_is_compared_by_words_of_its_own_script():
    """借書證 / 遺失 / 怎麼辦: three words, one shingle; not eight characters."""
    assert len(shingles("借書證遺失怎麼辦")) == 1
