"""A compiled DSPy program as a prompt: the instructions and demonstrations of one of its predictors.

Only the JSON that ``program.save("program.json")`` writes is read; DSPy's pickled forms can run code when they are
loaded. Taken are the instructions, the prefixes and own descriptions of the fields, and the demonstrations. They are
laid out as evalkit lays out prompts, one message a turn, not with the markers of DSPy's own adapters.

References:
    DSPy, "Saving and loading", https://dspy.ai/tutorials/saving/ ; ``Predict.dump_state``, ``Signature.dump_state`` and
    ``BaseModule.save`` of DSPy 2.5.3 to 3 (stanfordnlp/dspy) for the shape of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import SuiteError, did_you_mean
from evalkit.suite.schema import MOST_SHOTS, Demonstration, PromptConfig

NOT_SUPPLIED = "Not supplied for this particular example."
"""What DSPy's chat adapter writes for a field that a demonstration lacks."""

QUESTION_NAMES = ("input", "question", "prompt")
_NOT_PREDICTORS = ("metadata",)
_OWN_NAME = re.compile(r"\$\{(\w+)\}")
_REASONING = ("reasoning", "rationale")


@dataclass(frozen=True, slots=True)
class PromptContent:
    """What a file gives: templates as in a prompt of the suite, and the demonstrations."""

    system: str
    user: str
    answer: str
    demonstrations: tuple[Demonstration, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a predictor's signature; the saved state names it only through its prefix and description."""

    name: str
    prefix: str
    description: str | None


def read_program(text: str, path: Path, config: PromptConfig) -> PromptContent:
    """The prompt that one predictor of a saved program asks.

    Args:
        text: What the file holds.
        path: What messages call it.
        config: The section of the suite: which predictor, and which fields are its inputs.

    Raises:
        SuiteError: It is not of that shape, or holds several predictors and none is chosen.
    """
    name, predictor = _predictor(_json(text, path), path, config.predictor)
    signature = predictor.get("signature")
    if not isinstance(signature, dict):
        older = "signature_instructions" in predictor
        why = "it was saved before DSPy 2.5.3; save it again" if older else "it has no signature"
        raise SuiteError(f"{path}: the predictor {name!r} cannot be read: {why}")
    demos = predictor.get("demos") or []
    if not isinstance(demos, list) or not all(isinstance(demo, dict) for demo in demos):
        raise SuiteError(f"{path}: the demos of {name!r} are no list of objects")
    if len(demos) > MOST_SHOTS:
        raise SuiteError(f"{path}: {name!r} has {len(demos)} demos; up to {MOST_SHOTS} are read")
    fields = _fields(signature, demos, path, name)
    inputs, outputs = _sides(fields, config, path)
    instructions = text_of(signature.get("instructions") or "").strip()
    described = [f"{field.prefix} {field.description}" for field in fields if field.description]
    return PromptContent(
        system="\n".join([instructions, *(["", *described] if described else [])]),
        user="\n".join(f"{field.prefix} {{{{{_column(field, inputs)}}}}}" for field in inputs),
        answer=_answer_template(outputs),
        demonstrations=tuple(
            _demonstration(demo, inputs, outputs, f"{path}: demo {number} of {name!r}")
            for number, demo in enumerate(demos, start=1)
        ),
    )


def text_of(value: Any) -> str:
    """A value of the file as a prompt shows it: text as it is, a list of texts line by line, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False)


def _json(text: str, path: Path) -> dict[str, Any]:
    try:
        state = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SuiteError(
            f"{path} is not JSON ({error}); save the program with `program.save('program.json')`"
        ) from None
    if not isinstance(state, dict):
        raise SuiteError(f"{path} is no saved DSPy program: it holds a {type(state).__name__}, not an object")
    return state


def _predictor(state: dict[str, Any], path: Path, chosen: str | None) -> tuple[str, dict[str, Any]]:
    """The predictor that is asked for, or the only one. A ``dspy.Predict`` saved alone is the state itself."""
    predictors = {
        name: value
        for name, value in state.items()
        if name not in _NOT_PREDICTORS and isinstance(value, dict) and {"signature", "demos"} & value.keys()
    }
    if not predictors and {"signature", "demos"} & state.keys():
        predictors = {"self": state}
    if not predictors:
        raise SuiteError(
            f"{path} holds no predictor; it should be what `program.save('program.json')` of DSPy writes"
        )
    if chosen is None and len(predictors) > 1:
        raise SuiteError(
            f"{path} is a program of {len(predictors)} predictors ({', '.join(predictors)}): evalkit asks one "
            "prompt for each case. Choose one with `predictor:`, or record the answers of the whole program"
        )
    name = next(iter(predictors)) if chosen is None else chosen
    if name not in predictors:
        raise SuiteError(f"{path} has no predictor {name!r}. {did_you_mean(name, predictors)}")
    return name, predictors[name]


def _fields(
    signature: dict[str, Any], demos: Sequence[dict[str, Any]], path: Path, predictor: str
) -> list[_Field]:
    saved = signature.get("fields")
    if not isinstance(saved, list) or not all(isinstance(field, dict) for field in saved) or len(saved) < 2:
        raise SuiteError(f"{path}: the signature of {predictor!r} has no input and output fields")
    known = {name for demo in demos for name in demo}
    fields = []
    for field in saved:
        prefix, description = text_of(field.get("prefix") or ""), text_of(field.get("description") or "")
        own = _OWN_NAME.fullmatch(description.strip())
        # The name is in no other place: DSPy matches fields by position and infers the prefix from the name.
        words = re.findall(r"\w+", prefix.split(":")[0])
        name = own.group(1) if own else "_".join(words).lower()
        if not own and name not in known:
            name = next(
                (each for each in known if each.replace("_", "").lower() == "".join(words).lower()), name
            )
        if not name:
            raise SuiteError(f"{path}: a field of {predictor!r} has neither a prefix nor a description")
        fields.append(_Field(name, prefix or f"{name}:", None if own or not description else description))
    return fields


def _sides(
    fields: Sequence[_Field], config: PromptConfig, path: Path
) -> tuple[Sequence[_Field], Sequence[_Field]]:
    """Inputs and outputs. The saved state does not say where inputs end: declared, else all but the last field.

    The reasoning that ``ChainOfThought`` puts before the answer is an output too.
    """
    names = [field.name for field in fields]
    if config.inputs:
        for name in config.inputs:
            if name not in names:
                raise SuiteError(f"{path} has no field {name!r}. {did_you_mean(name, names)}")
        sides = (
            [field for field in fields if field.name in config.inputs],
            [field for field in fields if field.name not in config.inputs],
        )
    else:
        first_output = len(fields) - 1
        if first_output > 1 and names[first_output - 1] in _REASONING:
            first_output -= 1
        sides = (list(fields[:first_output]), list(fields[first_output:]))
    if not sides[0] or not sides[1]:
        raise SuiteError(
            f"{path}: `inputs` must leave a field for the answer; the fields are {', '.join(names)}"
        )
    return sides


def _column(field: _Field, inputs: Sequence[_Field]) -> str:
    """The field of a case that an input is filled from: the question where it is the only one or is called so first."""
    named = next((each.name for each in inputs if each.name in QUESTION_NAMES), None)
    return "input" if len(inputs) == 1 or field.name == named else field.name


def _answer_template(outputs: Sequence[_Field]) -> str:
    """The answer alone; with reasoning before it each field after its prefix, the answer last."""
    if len(outputs) == 1:
        return "{{output}}"
    *before, last = outputs
    return "\n".join(
        [*(f"{field.prefix} {{{{{field.name}}}}}" for field in before), f"{last.prefix} {{{{output}}}}"]
    )


def _demonstration(
    demo: dict[str, Any], inputs: Sequence[_Field], outputs: Sequence[_Field], what: str
) -> Demonstration:
    values = {name: text_of(value) for name, value in demo.items()}
    answer = outputs[-1].name
    lacking = [name for name in (*(field.name for field in inputs), answer) if name not in values]
    if lacking:
        raise SuiteError(f"{what} has no {lacking[0]!r}; it has {', '.join(values) or 'nothing'}")
    question = next((field.name for field in inputs if _column(field, inputs) == "input"), inputs[0].name)
    absent = {field.name: NOT_SUPPLIED for field in outputs if field.name not in values}
    return Demonstration(input=values[question], output=values[answer], fields=values | absent)
