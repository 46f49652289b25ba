"""Prompts that an optimiser wrote: a compiled DSPy program, or a plain file of instructions and examples.

What was read is kept with a run, so that it can be decided again without the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from evalkit.bounded_file import read_bounded
from evalkit.errors import Problem, RunError, SuiteError
from evalkit.suite.dspy_program import QUESTION_NAMES, PromptContent, read_program, text_of
from evalkit.suite.models import Strict
from evalkit.suite.schema import MOST_SHOTS, Demonstration, OptimisedPrompt, PromptConfig, Suite
from evalkit.suite.source import parse_yaml
from evalkit.suite.validation_errors import validation_problems

KEPT_FILE = "optimised_prompts.json"
_MOST_BYTES = 5_000_000
_ANSWER_NAMES = ("output", "answer", "reference")


def read_optimised_prompt(path: Path, config: PromptConfig) -> OptimisedPrompt:
    """The prompt in a file, with what the suite's section declares over it.

    Args:
        path: The file.
        config: The section of the suite that names it, with ``from``.

    Raises:
        SuiteError: The file is missing, too large, not of that shape, or holds several predictors and none is named.
    """
    text = _text_of(path)
    content = _of_file(text, path) if config.source == "file" else read_program(text, path, config)
    declared = config.model_dump(by_alias=True, exclude_unset=True)
    read = {
        "system": content.system,
        "user": content.user,
        "answer": content.answer,
        "shots": len(content.demonstrations),
        "demonstrations": content.demonstrations,
    }
    return OptimisedPrompt.model_validate({**read, **declared})


def kept_prompts(suite: Suite) -> bytes | None:
    """A suite's optimised prompts as the file that its run keeps; None where it has none."""
    if not (prompts := suite.optimised_prompts):
        return None
    kept = {name: prompt.model_dump(mode="json", by_alias=True) for name, prompt in prompts.items()}
    return (json.dumps(kept, ensure_ascii=False, indent=2) + "\n").encode()


def read_kept_prompts(folder: Path) -> dict[str, OptimisedPrompt]:
    """The optimised prompts that a run keeps, by name; empty where it keeps none.

    Raises:
        RunError: The file is not what ``kept_prompts`` gave.
    """
    path = folder / KEPT_FILE
    if not path.exists():
        return {}
    try:
        kept = json.loads(path.read_bytes())
        return {name: OptimisedPrompt.model_validate(prompt) for name, prompt in kept.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise RunError(Problem(str(path), None, "", f"is not readable: {error}")) from error


def _text_of(path: Path) -> str:
    try:
        if not path.is_file():
            raise SuiteError(f"{path} is no file" if path.exists() else f"no such file: {path}")
        return read_bounded(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise SuiteError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SuiteError(
            f"{path} is not text. Of a DSPy program only what `program.save('program.json')` writes is read: a pickled "
            "one can run code"
        ) from None


class _PlainFile(Strict):
    """A plain file: what the model is told, and solved questions."""

    instructions: str = Field(min_length=1)
    examples: list[dict[str, Any]] = Field(default_factory=list, max_length=MOST_SHOTS)


def _of_file(text: str, path: Path) -> PromptContent:
    source = parse_yaml(text, file=str(path), folder=path.parent, substitute=False)
    try:
        plain = _PlainFile.model_validate(source.data)
    except ValidationError as error:
        raise SuiteError(*validation_problems(error, source, _PlainFile)) from None
    demonstrations = []
    for index, example in enumerate(plain.examples):
        values = {name: text_of(value) for name, value in example.items()}
        question, answer = _first(values, QUESTION_NAMES), _first(values, ("output", "answer", "reference"))
        if question is None or answer is None:
            lacks = "question: call it `input`" if question is None else "answer: call it `output`"
            raise SuiteError(source.problem(("examples", index), f"has no {lacks}"))
        demonstrations.append(Demonstration(input=question, output=answer, fields=values))
    return PromptContent(plain.instructions, "{{input}}", "{{output}}", tuple(demonstrations))


def _first(values: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((values[name] for name in names if name in values), None)
