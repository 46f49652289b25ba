"""Templates: text with {{fields}} and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import InputError
from evalkit.prompts.template import Template


def test_fields_are_listed_once_in_order_and_spaces_inside_braces_do_not_matter():
    template = Template("{{ b }} {{a}} {{b}}")
    assert template.fields == ("b", "a")
    assert template.render({"a": "x", "b": "y"}) == "y x y"


@given(st.text())
def test_a_value_is_inserted_literally_whatever_it_holds(value):
    """A case that holds {{x}}, a backslash or a group reference is never expanded again."""
    assert Template("a {{v}} b").render({"v": value, "x": "no"}) == f"a {value} b"


def test_an_unknown_field_names_the_valid_ones_and_the_nearest():
    with pytest.raises(
        InputError, match=r"no field is called \{\{inptu\}\}.*'input', 'id'.*Did you mean 'input'"
    ):
        Template("{{inptu}}").render({"input": "q", "id": "1"})


def test_a_section_of_another_template_language_is_refused_not_copied():
    assert Template("{{#each x}}").unknown(["x"]) == ["#each x"]


def test_single_braces_are_plain_text():
    text = 'Answer as {"a": {"b": 1}}.'
    assert Template(text).fields == ()
    assert Template(text).render({}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (3, "3"), (True, "true"), (["a", "ü"], '["a", "ü"]'), ({"k": 1}, '{"k": 1}')],
)
def test_values_that_are_not_text_are_written_as_json_and_none_is_empty(value, text):
    assert Template("{{v}}").render({"v": value}) == text
