"""The messages that a case becomes."""

import pytest

from evalkit.prompts.composer import Composer, field_problems
from evalkit.prompts.examples import ExampleChooser
from evalkit.records.case import Case, Example, Message, Passage
from evalkit.suite.schema import PromptConfig

HOUSE = PromptConfig(
    system="Answer in the house format.",
    user="Question: {{input}}",
    passages="Context: {{passages}}",
    answer="Answer: {{output}}",
    shots=2,
)
EXAMPLES = [Example(id=f"e{i}", input=f"q{i}", output=f"a{i}", cluster=f"e{i}") for i in range(4)]
PASSAGES = [Passage(id="p1", text="first"), Passage(id="p2", text="second {{input}}")]
CASE = Case(id="c1", input="What is {{system}}?", cluster="c1", reference=("secret",), tags=("secret",))


def turns(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def test_system_then_demonstrations_then_passages_then_the_question():
    prompt = Composer(HOUSE, ExampleChooser(EXAMPLES)).compose(CASE, PASSAGES)
    assert turns(prompt.messages) == [
        ("system", "Answer in the house format."),
        ("user", "Question: q0"),
        ("assistant", "Answer: a0"),
        ("user", "Question: q1"),
        ("assistant", "Answer: a1"),
        ("user", "Context: first\nContext: second {{input}}\nQuestion: What is {{system}}?"),
    ]
    assert prompt.example_ids == ("e0", "e1")


def test_a_bare_prompt_is_the_question_alone():
    assert turns(Composer(PromptConfig()).compose(CASE).messages) == [("user", CASE.input)]


def test_the_reference_and_the_tags_never_reach_a_prompt():
    config = HOUSE.model_copy(update={"user": "{{input}} {{reference}} {{tags}}"})
    prompt = Composer(config, ExampleChooser(EXAMPLES)).compose(CASE)
    assert "secret" not in str(turns(prompt.messages))


def test_earlier_turns_of_a_case_stand_between_the_demonstrations_and_the_question():
    """System texts are one message in first place: many chat templates refuse anything else."""
    chat = Case(
        id="c",
        input="and now?",
        cluster="c",
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="hello"),
            Message(role="assistant", content="hi"),
        ),
    )
    config = HOUSE.model_copy(update={"shots": 1})
    assert turns(Composer(config, ExampleChooser(EXAMPLES)).compose(chat).messages) == [
        ("system", "Answer in the house format.\nBe brief."),
        ("user", "Question: q0"),
        ("assistant", "Answer: a0"),
        ("user", "hello"),
        ("assistant", "hi"),
        ("user", "Question: and now?"),
    ]


def test_a_column_that_this_case_lacks_is_empty():
    config = PromptConfig(user="{{input}} ({{product}})")
    with_it = Case(id="a", input="q", cluster="a", fields={"product": "pump"})
    without = Case(id="b", input="q", cluster="b")
    assert Composer(config).compose(with_it).messages[-1].content == "q (pump)"
    assert Composer(config).compose(without).messages[-1].content == "q ()"


def test_a_column_called_input_cannot_replace_the_question():
    odd = Case(id="a", input="q", cluster="a", fields={"input": "other"})
    assert Composer(PromptConfig()).compose(odd).messages[-1].content == "q"


def test_training_rows_have_the_prompt_s_form_without_shots_and_passages():
    composer = Composer(HOUSE, ExampleChooser(EXAMPLES))
    assert turns(composer.training_messages(EXAMPLES[3])) == [
        ("system", "Answer in the house format."),
        ("user", "Question: q3"),
        ("assistant", "Answer: a3"),
    ]


def test_turns_before_an_example_s_question_are_kept_so_that_a_follow_up_makes_sense():
    """Rows in the chat form of training files carry them in ``messages``; anything else there is a plain column."""
    turns_before = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    row = Example(id="e", input="and now?", output="a", cluster="e", fields={"messages": turns_before})
    config = HOUSE.model_copy(update={"shots": 1})
    assert turns(Composer(config, ExampleChooser([row])).training_messages(row)) == [
        ("system", "Answer in the house format.\nBe brief."),
        ("user", "hello"),
        ("user", "Question: and now?"),
        ("assistant", "Answer: a"),
    ]
    odd = Example(id="e", input="q", output="a", cluster="e", fields={"messages": 3})
    assert len(Composer(config, ExampleChooser([odd])).training_messages(odd)) == 3


def test_shots_without_examples_are_a_programming_error():
    with pytest.raises(ValueError, match="examples"):
        Composer(HOUSE)


def problems(example_fields=None, **templates):
    config = PromptConfig(**templates)
    return list(field_problems(config, case_fields=["product"], example_fields=example_fields))


def test_a_sound_prompt_has_no_problems():
    sound = {"user": "{{id}} {{input}} {{product}}", "passages": "{{passage_id}} {{passages}}"}
    assert problems(example_fields=["product"], **sound) == []


def test_each_template_names_its_own_valid_fields():
    ((key, message),) = problems(user="{{produkt}}")
    assert key == "user"
    assert "Did you mean 'product'?" in message
    ((key, message),) = problems(passages="{{input}}")
    assert key == "passages"
    assert "'passages', 'passage_id'" in message
    ((key, message),) = problems(answer="{{answer}}", example_fields=[])
    assert key == "answer"
    assert "'input', 'output', 'id'" in message


def test_fields_that_people_expect_in_the_user_text_are_told_where_they_belong():
    assert "`passages` template" in problems(user="{{passages}}")[0][1]
    assert "measures nothing" in problems(user="{{reference}}")[0][1]
    assert "`answer` template" in problems(system="{{output}}")[0][1]


def test_a_column_that_only_cases_have_cannot_be_written_into_demonstrations():
    ((key, message),) = problems(user="{{product}}", example_fields=[])
    assert key == "user"
    assert "examples have not" in message
