"""Rows come out of every format one at a time, and a bad one is named by its line."""

import json

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from evalkit.data.readers import read_rows
from evalkit.errors import DataError, InputError


def rows(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, shown_as=path.name, **options))


def refusal(path, content, **options):
    with pytest.raises(DataError) as caught:
        rows(path, content, **options)
    return str(caught.value)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_jsonl_is_read_with_any_line_end_and_with_a_byte_order_mark(tmp_path, bom, newline):
    """Blank lines are skipped and still counted."""
    text = bom + newline.join(['{"input": "甲"}', "", '{"input": "b"}', ""])
    found = rows(tmp_path / "a.jsonl", text)
    assert [(row.line, row.values) for row in found] == [(1, {"input": "甲"}), (3, {"input": "b"})]


def test_a_jsonl_row_can_be_read_again_from_its_offset(tmp_path):
    """Also the first one, after a byte-order mark."""
    path = tmp_path / "a.jsonl"
    for row in rows(path, '\ufeff{"a": "甲"}\r\n{"a": 2}'):
        assert json.loads(path.read_bytes()[row.offset :].splitlines()[0]) == row.values


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"input": "half a', "cut off"),
        (b'{"input": NaN}', "NaN is not JSON; write null"),
        (b'{"input": -Infinity}', "-Infinity is not JSON"),
        (b'{"input": "\xff"}', "not UTF-8"),
        (b'["input"]', "must be a JSON object"),
        (b'{"input": 1} {"input": 2}', "not valid JSON"),
        (b"[", "one whole JSON object on each line"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"input,reference", "not valid JSON"),
    ],
)
def test_a_bad_jsonl_line_is_refused_by_its_number(tmp_path, line, said):
    """The message says what to do about it."""
    message = refusal(tmp_path / "a.jsonl", b'{"input": "fine"}\n' + line)
    assert message.startswith("a.jsonl:2: ")
    assert said in message


def test_a_file_in_utf16_is_named_as_such(tmp_path):
    """What Excel and Windows PowerShell write."""
    for name in ("a.jsonl", "a.csv"):
        assert refusal(tmp_path / name, '{"input": 1}'.encode("utf-16")).startswith(f"{name}:1: is UTF-16")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_csv_is_read_with_quotes_line_breaks_and_a_byte_order_mark(tmp_path, bom, newline):
    """An empty cell is None; a row's line is where it starts."""
    text = bom + newline.join(["id,input", '1,"two', 'lines, a ""quote"""', "", "2,", ""])
    found = rows(tmp_path / "a.csv", text)
    assert [(row.line, row.values) for row in found] == [
        (2, {"id": "1", "input": f'two{newline}lines, a "quote"'}),
        (5, {"id": "2", "input": None}),
    ]


def test_tsv_is_separated_by_tabs(tmp_path):
    """Commas are text there."""
    assert rows(tmp_path / "a.tsv", "id\tinput\n1\ta, b\n")[0].values == {"id": "1", "input": "a, b"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3\n", "a.csv:3: has 1 cells where the header has 2"),
        ("a,b\n1,2,3\n", "a.csv:2: has 3 cells where the header has 2"),
        ('a,b\n1,"never closed\n', "a.csv:2: cannot be read as a table: a quoted cell does not end"),
        ("a,a\n1,2\n", "a.csv:1: two columns are called 'a'"),
        ("a,\n1,2\n", "a.csv:1: column 2 of the header has no name"),
        ("a;b\n1;2\n", "semicolons"),
        (b"a,b\n1,2\n\xff,3\n", "a.csv:3: is not UTF-8"),
    ],
)
def test_a_bad_table_is_refused_by_its_line(tmp_path, text, said):
    """Nothing is guessed or filled in."""
    assert said in refusal(tmp_path / "a.csv", text)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_cell_of_five_megabytes_is_read(tmp_path, name):
    """Python's own limit for a CSV cell is 131,072 characters."""
    long = "長" * 1_700_000
    content = json.dumps({"input": long}) if name == "a.jsonl" else f"input\n{long}\n"
    assert rows(tmp_path / name, content)[0].values == {"input": long}


def test_parquet_gives_lists_and_numbers_as_they_are(tmp_path):
    """A broken file is refused."""
    path = tmp_path / "a.parquet"
    values = [{"input": "甲", "docs": ["p1", "p2"], "n": 1}, {"input": "b", "docs": None, "n": 2}]
    parquet.write_table(pyarrow.Table.from_pylist(values), path)
    assert [row.values for row in read_rows(path, shown_as="a.parquet")] == values
    assert "cannot be read as Parquet" in refusal(tmp_path / "b.parquet", b"not parquet")


def test_the_format_goes_by_the_ending_unless_it_is_given(tmp_path):
    """An unknown ending says the known formats; a missing file says so."""
    assert rows(tmp_path / "a.txt", '{"a": 1}', format="jsonl")[0].values == {"a": 1}
    assert "'jsonl', 'csv', 'tsv', 'parquet'" in refusal(tmp_path / "a.xlsx", "x")
    with pytest.raises(InputError, match="Did you mean 'jsonl'"):
        rows(tmp_path / "a.txt", "{}", format="json")
    with pytest.raises(DataError, match="no such file"):
        list(read_rows(tmp_path / "none.jsonl", shown_as="none.jsonl"))
    with pytest.raises(DataError, match="is a folder"):
        list(read_rows(tmp_path, shown_as="here"))


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_place(tmp_path_factory, content):
    """No other error than DataError comes out, whatever the file holds."""
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("a.jsonl", "a.csv", "a.tsv"):
        (folder / name).write_bytes(content)
        try:
            for row in read_rows(folder / name, shown_as=name):
                assert isinstance(row.values, dict)
        except DataError as error:
            assert str(error).startswith(name)


def test_parquet_text_that_is_not_utf8_is_refused(tmp_path):
    """Found by the fuzzer: a text column's bytes are only looked at when they are read."""
    column = pyarrow.array([b"ab\xc3\x28"], pyarrow.binary()).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"input": column}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        list(read_rows(tmp_path / "a.parquet", shown_as="a.parquet"))
