"""Answers made elsewhere."""

import json

import pytest

from evalkit.data.recorded import read_recorded
from evalkit.errors import DataError
from evalkit.records.case import Passage
from evalkit.records.sample import Completion, Timing, Usage


def write(folder, rows):
    path = folder / "answers.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_answers_are_found_by_case_and_repeat(tmp_path):
    """With everything that was measured; what is not there is unknown."""
    full = {
        **{
            "case_id": 1,
            "output": "答",
            "repeat": 1,
            "finish_reason": "length",
            "service_s": 1.5,
            "ttft_s": 0.2,
        },
        **{
            "usage": {"input": 10, "output": 3},
            "passages": ["p1", {"id": "p2", "text": "t"}],
            "answering_model": "m-2026",
            "note": "kept out",
        },
    }
    answers = read_recorded(write(tmp_path, [{"case_id": 1, "output": ""}, full]))
    assert set(answers) == {("1", 0), ("1", 1)}
    assert answers["1", 0].completion() == Completion(output="")
    assert answers["1", 1].completion() == Completion(
        output="答",
        finish_reason="length",
        usage=Usage(input=10, output=3),
        timing=Timing(service_s=1.5, ttft_s=0.2),
        passages=(Passage(id="p1"), Passage(id="p2", text="t")),
        answering_model="m-2026",
    )
    assert answers.get(("2", 0)) is None
    answers.close()


def test_an_error_is_kept_as_the_reason_that_there_is_no_answer(tmp_path):
    """Missing, not wrong."""
    answers = read_recorded(write(tmp_path, [{"case_id": "a", "output": None, "error": "timeout"}]))
    assert (answers["a", 0].output, answers["a", 0].error) == (None, "timeout")
    answers.close()


def test_a_table_is_read_alike(tmp_path):
    """Numbers and JSON in its cells are opened; an answer that looks like JSON stays text."""
    path = tmp_path / "answers.csv"
    path.write_text(
        'case_id,output,repeat,service_s,usage\n7,"{""a"": 1}",2,0.5,"{""input"": 1, ""output"": 2}"\n',
        encoding="utf-8",
    )
    answers = read_recorded(path)
    found = answers["7", 2]
    assert (found.output, found.service_s, found.usage) == ('{"a": 1}', 0.5, Usage(input=1, output=2))
    answers.close()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"output": "x"}, "has no case_id"),
        ({"case_id": "b"}, "neither an output nor an error"),
        ({"case_id": "b", "output": None}, "neither an output nor an error"),
        ({"case_id": "a", "output": "y"}, "case 'a' repeat 0 was already answered on line 1"),
        ({"case_id": "b", "output": "x", "usage": {"prompt_tokens": 3}}, "missing required field `input`"),
        ({"case_id": "b", "output": "x", "service_s": "fast"}, "Expected `float | null`"),
        ({"case_id": "b", "output": "x", "finish_reason": "bored"}, "Invalid enum value 'bored'"),
    ],
)
def test_a_bad_row_is_refused_by_its_line(tmp_path, row, said):
    """Before the run, not in the middle of it."""
    with pytest.raises(DataError) as caught:
        read_recorded(write(tmp_path, [{"case_id": "a", "output": "x"}, row]))
    assert "answers.jsonl:2: " in str(caught.value)
    assert said in str(caught.value)


def test_an_empty_file_is_refused(tmp_path):
    """It would make every case of the arm missing."""
    with pytest.raises(DataError, match="holds no answer"):
        read_recorded(write(tmp_path, []))


@pytest.mark.parametrize(
    "figures",
    [
        {"service_s": 1e308},
        {"service_s": -1},
        {"repeat": -1},
        {"usage": {"input": -5, "output": 1}},
        {"ttft_s": 1e9},
    ],
)
def test_figures_that_no_answer_can_have_are_refused_with_their_line(tmp_path, figures):
    """They would overflow or turn costs negative later, where the line is not known any more."""
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps({"case_id": "a", "output": "x", **figures}) + "\n")
    with pytest.raises(DataError, match=r"answers.jsonl:1: .*which no answer can have"):
        read_recorded(file)
