"""YAML with lines: what is refused, and where the message points."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import SuiteError
from evalkit.suite.source import parse_yaml, read_yaml


def parse(text: str):
    return parse_yaml(text, file="suite.yaml", folder=Path())


def test_every_key_knows_its_line():
    source = parse("a: 1\nb:\n  c: [x,\n      y]\n")
    assert (source.line(("a",)), source.line(("b", "c")), source.line(("b", "c", 1))) == (1, 3, 4)
    assert source.line(("b", "c", 9, "nothing")) == 3


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2\n", 2, "given twice"),
        ("a: 1\nb: {c: 1, c: 2}\n", 2, "given twice"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "not allowed"),
        ("a: 1\nb: !custom x\n", 2, "not allowed"),
        ("a: [1, 2\n", 2, "not valid YAML"),
        ("a:\n\t- x\n", 2, "not valid YAML"),
        ("- 1\n- 2\n", 1, "must be a mapping"),
        ("a: 1\nb: ${EVALKIT_NO_SUCH_VARIABLE}\n", 2, "is not set"),
        ("? [a, b]\n: 1\n", 1, "plain word"),
        ('a: 1\nb: "\\ud800"\n', 2, "surrogate"),
        ('a: 1\n"\\udfff": 1\n', 2, "surrogate"),
    ],
)
def test_refused_with_its_line(text, line, words):
    with pytest.raises(SuiteError, match=words) as caught:
        parse(text)
    assert f"suite.yaml:{line}:" in str(caught.value)


def test_tags_are_never_executed(tmp_path):
    """A YAML tag that names a Python call is refused; the call does not happen."""
    target = tmp_path / "made"
    with pytest.raises(SuiteError, match="tag"):
        parse(
            f"a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{target}']]\n"
        )
    assert not target.exists()


def test_alias_bombs_stay_small():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9)]
    with pytest.raises(SuiteError, match="too many nodes"):
        parse("\n".join(lines))


def test_an_alias_inside_itself_is_refused():
    with pytest.raises(SuiteError):
        parse("a: &a [*a]\n")


def test_files_that_are_not_text(tmp_path):
    broken = tmp_path / "suite.yaml"
    broken.write_bytes(b"name: \xff\xfe")
    with pytest.raises(SuiteError, match="UTF-8"):
        read_yaml(broken)
    broken.write_bytes(b"")
    with pytest.raises(SuiteError, match="empty"):
        read_yaml(broken)
    with pytest.raises(SuiteError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(SuiteError, match="folder"):
        read_yaml(tmp_path)


def test_a_byte_order_mark_is_fine(tmp_path):
    file = tmp_path / "suite.yaml"
    file.write_bytes("﻿name: x\n".encode())
    assert read_yaml(file).data == {"name": "x"}


def test_variables_are_replaced_in_the_data_and_not_in_the_text(monkeypatch):
    """A secret taken from the environment is never written with the resolved suite."""
    monkeypatch.setenv("EVALKIT_TEST_SECRET", "hush")
    source = parse("key: a-${EVALKIT_TEST_SECRET}-b\n")
    assert source.data["key"] == "a-hush-b"
    assert "hush" not in source.text
    assert "hush" not in repr(source.lines)


def test_merge_keys_give_way_to_own_keys():
    source = parse("base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\n")
    assert source.data["use"] == {"a": 1, "b": 3}


@given(st.text(max_size=200))
def test_any_text_is_a_mapping_or_a_stated_problem(text):
    try:
        source = parse(text)
    except SuiteError as error:
        assert str(error).startswith("suite.yaml")
    else:
        assert isinstance(source.data, dict)
