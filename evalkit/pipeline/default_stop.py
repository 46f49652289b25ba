"""The stop strings of local models that name none: a line's end where every answer is one line, else none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from evalkit.data.input_files import example_files
from evalkit.records.case import Case, Example
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig
from evalkit.suite.schema import Suite


def with_default_stops(
    suite: Suite,
    cases: Iterable[Case],
    extra: Iterable[Iterable[Case]],
    examples_of: Callable[[str], Sequence[Example]],
) -> Suite:
    """The suite with ``stop: null`` for its local models that name no ``stop``, where an answer may have several lines.

    The answers looked at are the references of all cases, training rows and demonstrations, and how the prompts write
    them. One of several lines, or no reference at all, and a model goes on until its own end or ``max_tokens``. All
    local models are treated alike, so that arms are compared under one rule.

    Args:
        suite: The suite.
        cases: All cases of the suite.
        extra: The cases of its extra task sets.
        examples_of: From a path in the suite to its examples.
    """
    undeclared = {
        name: config
        for name, config in suite.models.items()
        if isinstance(config, EmbeddedModelConfig | TransformersModelConfig)
        and "stop" not in config.model_fields_set
    }
    if not undeclared or _all_one_line(suite, cases, extra, examples_of):
        return suite
    settled = {name: config.model_copy(update={"stop": None}) for name, config in undeclared.items()}
    return suite.model_copy(update={"models": {**suite.models, **settled}})


def _all_one_line(
    suite: Suite,
    cases: Iterable[Case],
    extra: Iterable[Iterable[Case]],
    examples_of: Callable[[str], Sequence[Example]],
) -> bool:
    some = False
    for text in _answers(suite, cases, extra, examples_of):
        if len(text.strip().splitlines()) > 1:
            return False
        some = True
    return some


def _answers(
    suite: Suite,
    cases: Iterable[Case],
    extra: Iterable[Iterable[Case]],
    examples_of: Callable[[str], Sequence[Example]],
) -> Iterator[str]:
    for each in (cases, *extra):
        for case in each:
            yield from case.reference
    for path in example_files(suite):
        for example in examples_of(path):
            yield example.output
    for name in suite.arms:
        prompt = suite.prompt_of(name)[1]
        if "\n" in prompt.answer.strip():
            yield prompt.answer
