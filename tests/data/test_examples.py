"""Demonstrations and training rows in the forms that people have."""

import json

import pytest

from evalkit.data.examples import read_examples
from evalkit.errors import DataError
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

SUITE = """
name: small
cases: {{path: cases.jsonl, fields: {fields}}}
models: {{base: {{type: embedded}}}}
arms: {{zero: {{model: base}}}}
metrics: [exact_match]
"""


def read(folder, rows, fields="{}"):
    path = folder / "train.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    suite = build_suite(parse_yaml(SUITE.format(fields=fields), file="suite.yaml", folder=folder))
    return read_examples(path, suite)


@pytest.mark.parametrize(
    "row",
    [
        {"question": "問", "answer": "答"},
        {"prompt": "問", "completion": "答"},
        {"input": "問", "output": "答"},
        {"Input": "問", "reference": ["答", "other"]},
        {"messages": [{"role": "user", "content": "問"}, {"role": "assistant", "content": "答"}]},
    ],
)
def test_usual_names_and_openais_training_rows_are_understood(tmp_path, row):
    """A training file is checked and used as it is."""
    (example,) = read(tmp_path, [row])
    assert (example.input, example.output) == ("問", "答")
    assert example.cluster == example.id


def test_rows_are_read_with_the_fields_of_the_cases(tmp_path):
    """The usual names serve where a file lacks the declared columns altogether, never for single rows of it."""
    fields = "{input: q, reference: a, cluster: fact}"
    row = {"q": "a", "a": "b", "fact": "f", "input": "no"}
    (first,) = read(tmp_path, [row], fields)
    assert (first.input, first.output, first.cluster) == ("a", "b", "f")
    assert first.fields == {"q": "a", "fact": "f", "input": "no"}
    other = {"input": "c", "output": "d", "id": 9}
    (second,) = read(tmp_path, [other], fields)
    assert (second.input, second.output, second.id, second.cluster) == ("c", "d", "9", "9")
    with pytest.raises(DataError, match=r"train.jsonl:2: has no input: this file's column for it is 'q'"):
        read(tmp_path, [row, other], fields)


def test_earlier_turns_are_kept_beside_the_question(tmp_path):
    """System text and turns, as plain data."""
    talk = [
        *({"role": "system", "content": "s"}, {"role": "user", "content": "a"}),
        *({"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}),
        {"role": "assistant", "content": "d"},
    ]
    (example,) = read(tmp_path, [{"messages": talk}])
    assert (example.input, example.output) == ("c", "d")
    assert example.fields["messages"] == talk[:3]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"input": "a"}, "has no answer"),
        ({"input": "a", "output": " "}, "has no answer"),
        ({"output": "a"}, "has no input"),
        ({"messages": [{"role": "user", "content": "a"}]}, "do not end with an assistant's answer"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "role 'robot'"),
    ],
)
def test_a_row_without_question_or_answer_is_refused_by_its_line(tmp_path, row, said):
    """All such rows are listed."""
    with pytest.raises(DataError) as caught:
        read(tmp_path, [{"input": "a", "output": "b"}, row, row])
    first, second = str(caught.value).splitlines()
    assert "train.jsonl:2: " in first
    assert "train.jsonl:3: " in second
    assert said in first


def test_rows_with_one_id_are_told_apart(tmp_path):
    """Files that repeat a document's id are common, and nothing pairs by an example's id."""
    rows = [{"id": "d", "input": "a", "output": "b"}, {"id": "d", "input": "c", "output": "d"}]
    assert [example.id for example in read(tmp_path, rows)] == ["d", "d-2"]


def test_an_empty_file_is_refused(tmp_path):
    """Zero rows are nothing to learn from."""
    with pytest.raises(DataError, match="holds no example"):
        read(tmp_path, [])
