"""What the profile counts, above all training questions that are test questions."""

import json

import pytest

from evalkit.data.cases import read_cases
from evalkit.data.profile import measure_profile
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml
from evalkit.text.personal_data import holds_personal_data

SUITE = """
name: small
cases: cases.jsonl
prompts:
  house: {{user: "{user}", shots: 2, examples: {{path: shots.jsonl}}}}
models:
  base: {{type: embedded}}
  tuned: {{type: tuned, base: base, train: train.jsonl}}
arms:
  few: {{model: base, retrieval: {{corpus: corpus}}}}
  tuned: {{model: tuned}}
metrics: [exact_match]
"""


def write(path, rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def profile(folder, cases, train, *, user="{{input}}", **options):
    write(folder / "cases.jsonl", cases)
    write(folder / "train.jsonl", train)
    write(folder / "shots.jsonl", [{"input": "unlike any other", "output": "x"}])
    (folder / "corpus").mkdir(exist_ok=True)
    (folder / "corpus" / "a.md").write_text("text")
    suite = build_suite(parse_yaml(SUITE.format(user=user), file="suite.yaml", folder=folder))
    options = {"count_tokens": None, "length_limit": None, **options}
    with read_cases(suite) as read:
        return measure_profile(suite, read, **options)


def leaks(folder, cases, train, **options):
    found = profile(folder, cases, train, **options).training["train.jsonl"]
    return (
        [(pair.case_id, pair.row_id, pair.match) for pair in found.leaked],
        found.leaked_exact,
        found.leaked_near,
    )


def test_cases_are_counted(tmp_path):
    """Clusters, references, gold passages, repeated questions, tags, lengths, passages."""
    cases = [
        {"input": "How?", "answer": "abc", "cluster": "f", "tags": ["t", "u"], "docs": ["a"]},
        {"input": " how ", "cluster": "f", "tags": "t"},
        {"input": "為何？", "answer": ["x", "longer"]},
    ]
    found = profile(tmp_path, cases, [{"input": "q", "output": "a"}])
    assert (found.cases, found.clusters, found.largest_cluster) == (3, 2, 2)
    assert (found.with_reference, found.with_gold_passages, found.duplicate_inputs) == (2, 1, 1)
    assert found.tags == {"t": 2, "u": 1}
    assert found.passages == 1
    assert (found.input_length.unit, found.input_length.minimum, found.input_length.maximum) == (
        "characters",
        3,
        5,
    )
    assert (found.reference_length.n, found.reference_length.mean) == (2, 2)
    assert set(found.training) == {"train.jsonl", "shots.jsonl"}


def test_training_rows_are_counted(tmp_path):
    """Duplicates exact and normalised, conflicts, balance, length limit, personal data."""
    train = [
        {"input": "How?", "output": "a", "cluster": "f"},
        {"input": "How?", "output": "A.", "cluster": "f"},
        {"input": "how", "output": "b", "cluster": "g"},
        {"input": "mail ann@example.com", "output": "a", "cluster": "h"},
    ]
    found = profile(tmp_path, [{"input": "other"}], train).training["train.jsonl"]
    assert (found.rows, found.clusters) == (4, 3)
    assert (found.exact_duplicates, found.normalised_duplicates, found.conflicts) == (1, 1, 1)
    assert (found.distinct_answers, found.largest_answer_share) == (3, 0.5)
    assert (found.pii_rows, found.over_limit) == (1, None)
    words = profile(
        tmp_path, [{"input": "other"}], train, count_tokens=lambda text: len(text.split()), length_limit=2
    ).training["train.jsonl"]
    assert (words.input_length.unit, words.over_limit, words.length_limit) == ("tokens", 1, 2)


def test_a_training_question_that_is_a_test_question_is_found_in_any_form(tmp_path):
    """Exactly, normalised (full-width, case, punctuation), and nearly; the strictest match is given."""
    cases = [
        {"id": "same", "input": "How do I reset it?"},
        {"id": "form", "input": "ＶＰＮ　怎麼重設？"},
        {"id": "near", "input": "how do i reset the password of my work laptop now"},
        {"id": "free", "input": "Why is the printer red?"},
    ]
    train = [
        {"id": "t1", "input": "How do I reset it?", "output": "x"},
        {"id": "t2", "input": "vpn怎麼重設", "output": "x"},
        {"id": "t3", "input": "how do i reset the password of my work laptop today", "output": "x"},
        {"id": "t4", "input": "HOW do I reset it", "output": "x"},
    ]
    assert leaks(tmp_path, cases, train) == (
        [("same", "t1", "exact"), ("form", "t2", "normalised"), ("near", "t3", "near")],
        2,
        1,
    )


def test_leakage_compares_questions_so_shared_answers_and_clusters_are_no_leak(tmp_path):
    """A paraphrase of the same fact is what the model is to learn from."""
    cases = [{"input": "Where do I restart the VPN client?", "answer": "In settings.", "cluster": "f1"}]
    train = [{"input": "Which menu restarts my VPN?", "output": "In settings.", "cluster": "f1"}]
    assert leaks(tmp_path, cases, train) == ([], 0, 0)


def test_what_a_prompt_shows_beside_the_input_belongs_to_the_question(tmp_path):
    """One instruction over two documents is two questions; a column no prompt shows does not count."""
    cases = [{"id": "c", "input": "Extract the date.", "document": "Bill of 3 May", "author": "x"}]
    train = [
        {"id": "t", "input": "Extract the date.", "document": "Letter from Ann", "author": "y", "output": "-"}
    ]
    shown = "{{document}} {{input}}"
    assert leaks(tmp_path, cases, train, user=shown) == ([], 0, 0)
    assert leaks(tmp_path, cases, train) == ([("c", "t", "exact")], 1, 0)
    same = [{**train[0], "document": "Bill of 3 May"}]
    assert leaks(tmp_path, cases, same, user=shown)[1] == 1
    del train[0]["document"]
    assert leaks(tmp_path, cases, train, user=shown)[1] == 1


def test_a_short_last_turn_leaks_only_with_the_turns_before_it(tmp_path):
    """`Yes` after two different talks is two questions; system text is the same everywhere."""

    def talk(first, *end):
        turns = [("system", "s"), ("user", first), ("assistant", "Sure?"), ("user", "Yes"), *end]
        return {"messages": [{"role": role, "content": content} for role, content in turns]}

    cases = [talk("Delete my account")]
    assert leaks(tmp_path, cases, [talk("Print the page", ("assistant", "ok"))])[1] == 0
    assert leaks(tmp_path, cases, [talk("Delete my account", ("assistant", "ok"))])[1] == 1


@pytest.mark.parametrize(
    "text",
    [
        *("ann.b+c@mail.example.com", "信箱是ann@example.com。", "call +886 2 2345 6789", "(02) 2345-6789"),
        *("555-123-4567", "電話0912345678", "手机13812345678，谢谢", "card 4111 1111 1111 1111"),
        *("4111111111111111", "０９１２３４５６７８"),
    ],
)
def test_signs_of_personal_data_are_seen(text):
    """E-mail addresses, phone numbers, cards with a right check digit; full-width too."""
    assert holds_personal_data(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-05 12:30", "192.168.100.200", "error E1042", "v1.2.3", "4111 1111 1111 1112", "a @ b"),
        *("0000 0000 0000 0000", "user@localhost", "order 1234567", "ISBN 978-3-16-148410-0", "x" * 100_000),
    ],
)
def test_dates_codes_and_addresses_of_machines_are_not_personal_data(text):
    """A flag on every row would be no flag."""
    assert not holds_personal_data(text)
