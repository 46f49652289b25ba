"""YAML from elsewhere is read within bounds; what does not exist, or is too much, has its line."""

import pytest

from evalkit.errors import SuiteError
from evalkit.suite.yaml_data import MOST_DEPTH, YamlRules, yaml_data


def read(text, **rules):
    return yaml_data(text, file="s.yaml", rules=YamlRules(**rules))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-02-31", "day"),
        ("!!int ''", "is not a plain value"),
        ("!!bool maybe", "is not a plain value"),
        ("!!timestamp now", "is not a plain value"),
        ("!!float 1e", "is not a plain value"),
        (":".join(["1"] * 300), "is no value of 599 characters"),
        ("9" * 401, "is no value of 401 characters"),
        ("[" * (MOST_DEPTH + 1), "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("{a: " * 100_000, "nested too deeply"),
        ("&x [*x]", "nested too deeply"),
    ],
)
def test_a_value_that_is_none_is_told_with_its_line(value, words):
    with pytest.raises(SuiteError, match=words) as caught:
        read(f"first: 1\nsecond: {value}\n")
    assert str(caught.value).startswith("s.yaml:2: " if "*" not in value else "s.yaml: ")


def test_aliases_count_as_what_they_stand_for():
    """A file of 100,000 characters would stand for 100 million."""
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n"
    with pytest.raises(SuiteError, match=r"^s.yaml:1: b\.\d+: its texts have over 8,000,000"):
        read(text)


def test_what_fits_is_read():
    deep = "[" * (MOST_DEPTH - 1) + "]" * (MOST_DEPTH - 1)
    data, lines = read(f"# a comment\na: &a {{x: 2026-02-28}}\nb: *a\nc: {deep}\n")
    assert str(data["b"]["x"]) == "2026-02-28"
    assert lines[("a",)] == 2
    assert read("a: 1\na: 2\n", unique_keys=False)[0] == {"a": 2}
    assert read("")[0] is None
