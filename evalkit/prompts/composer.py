"""From a case to the messages a model is sent.

    system                      the prompt's, then the case's own where it came with one
    user, assistant             once per demonstration
    ...                         the case's earlier turns, where it came as messages
    user                        one line per passage, then the question

All but the last message are the prefix that a local model may prefill once: with fixed examples it is
the same for nearly all cases.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from evalkit.prompts.examples import ExampleChooser
from evalkit.prompts.template import Template, unknown_field
from evalkit.records.case import Case, Example, Message, Passage
from evalkit.suite.schema import PromptConfig

CASE_FIELDS = ("input", "id")
EXAMPLE_FIELDS = ("input", "output", "id")
PASSAGE_FIELDS = ("passages", "passage_id")


@dataclass(frozen=True, slots=True)
class ComposedPrompt:
    """The messages that a model is sent for one case, and the ids of the examples in them."""

    messages: tuple[Message, ...]
    example_ids: tuple[str, ...]


class Composer:
    """One prompt of a suite, ready for any case.

    Field names are checked by ``field_problems`` before anything runs. A field that only some cases have is
    empty for the others, as in a table with empty cells.

    Args:
        config: Templates and the number of shots.
        chooser: Needed when ``config.shots`` > 0.
    """

    def __init__(self, config: PromptConfig, chooser: ExampleChooser | None = None) -> None:
        if config.shots and chooser is None:
            raise ValueError("a prompt with shots needs examples")
        self._system = Template(config.system or "")
        self._user = Template(config.user)
        self._passages = Template(config.passages)
        self._answer = Template(config.answer)
        self._shots = config.shots
        self._chooser = chooser

    def compose(self, case: Case, passages: Sequence[Passage] = ()) -> ComposedPrompt:
        """The messages for ``case``, in the order that the module's docstring gives.

        Args:
            case: The case. Neither its reference nor its tags can reach the prompt.
            passages: In the order in which they are shown; each needs its text.
        """
        systems = [render_for_case(self._system, case), *_system_texts(case.messages)]
        examples = self._chooser.choose(case, self._shots) if self._chooser else ()
        lines = [_render(self._passages, _passage_values(passage)) for passage in passages]
        lines.append(render_for_case(self._user, case))
        messages = [
            *_system_message(systems),
            *(message for example in examples for message in self._demonstration(example)),
            *_turns(case.messages),
            Message(role="user", content="\n".join(lines)),
        ]
        return ComposedPrompt(tuple(messages), tuple(example.id for example in examples))

    def training_messages(self, example: Example) -> tuple[Message, ...]:
        """A training row in the form in which a tuned model will be asked: no shots, no passages."""
        systems = [_render(self._system, _example_values(example)), *_system_texts(_earlier(example))]
        return (*_system_message(systems), *self._demonstration(example))

    def _demonstration(self, example: Example) -> tuple[Message, ...]:
        values = _example_values(example)
        return (
            *_turns(_earlier(example)),
            Message(role="user", content=_render(self._user, values)),
            Message(role="assistant", content=_render(self._answer, values)),
        )


def field_problems(
    config: PromptConfig, *, case_fields: Collection[str], example_fields: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    """A problem for each field of the templates that nothing can fill.

    Args:
        config: The prompt.
        case_fields: Names of the columns that any case has in addition to ``CASE_FIELDS``.
        example_fields: Names of the columns that the examples or training rows have; None where none are shown.

    Yields:
        The key of the template (``user``) and what is wrong with it.
    """
    of_case = list(dict.fromkeys([*CASE_FIELDS, *case_fields]))
    yield from _constant_problems(config)
    for key, text in (("system", config.system or ""), ("user", config.user)):
        for name in Template(text).unknown(of_case):
            yield key, _HINTS.get(name) or unknown_field(name, of_case)
    for name in Template(config.passages).unknown(PASSAGE_FIELDS):
        yield "passages", unknown_field(name, PASSAGE_FIELDS)
    if example_fields is None:
        return
    of_example = list(dict.fromkeys([*EXAMPLE_FIELDS, *example_fields]))
    for name in Template(config.answer).unknown(of_example):
        yield "answer", f"{unknown_field(name, of_example)} (these are the fields of the examples)"
    for name in Template(config.user).unknown(of_example):
        if name in of_case:
            yield (
                "user",
                f"the cases have {{{{{name}}}}}, the examples have not, so none can be written with it",
            )


def _constant_problems(config: PromptConfig) -> Iterator[tuple[str, str]]:
    """A problem for each template without a field where the text has to differ from case to case."""
    if not Template(config.user).fields and not Template(config.system or "").fields:
        yield "user", f"holds no field, so every case would be asked the same text: {_double_braces('input')}"
    if not Template(config.passages).fields:
        yield "passages", f"holds no field, so no passage would be shown: {_double_braces('passages')}"
    if not Template(config.answer).fields:
        yield (
            "answer",
            f"holds no field, so every example would have the same answer: {_double_braces('output')}",
        )


def _double_braces(name: str) -> str:
    return f"write {{{{{name}}}}}, with two braces on each side, where it is to stand"


_HINTS = {
    "passages": "{{passages}} belongs in the `passages` template, which is put before the user text once "
    "per passage",
    "reference": "{{reference}} is the answer; a prompt that shows it measures nothing",
    "output": "{{output}} is the answer of an example and belongs in the `answer` template",
}


def render_for_case(template: Template, case: Case) -> str:
    """The template's text with the fields of a case; a field that the case lacks is empty."""
    return _render(template, {**case.fields, "input": case.input, "id": case.id})


def _render(template: Template, values: dict[str, object]) -> str:
    return template.render({**dict.fromkeys(template.fields), **values})


def _example_values(example: Example) -> dict[str, object]:
    return {**example.fields, "input": example.input, "output": example.output, "id": example.id}


def _passage_values(passage: Passage) -> dict[str, object]:
    return {"passages": passage.text, "passage_id": passage.id}


def _earlier(example: Example) -> Sequence[Message]:
    """The turns before the question, which the reader of examples keeps in the column ``messages``."""
    try:
        return msgspec.convert(example.fields.get("messages", []), list[Message])
    except msgspec.ValidationError:
        return []  # a column of that name which holds something else


def _turns(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.role != "system"]


def _system_texts(messages: Sequence[Message]) -> list[str]:
    return [message.content for message in messages if message.role == "system"]


def _system_message(texts: Sequence[str]) -> tuple[Message, ...]:
    """One message for all system texts: many chat templates refuse a second one, or one further down."""
    text = "\n".join(text for text in texts if text)
    return (Message(role="system", content=text),) if text else ()
