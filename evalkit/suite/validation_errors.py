"""What pydantic refuses in a YAML file, as problems with their line and the nearest valid key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from evalkit.errors import Problem, did_you_mean
from evalkit.suite import models as model_section
from evalkit.suite.names import pattern_words
from evalkit.suite.retrieval import EMBEDDER_TYPES
from evalkit.suite.source import Source
from evalkit.suite.yaml_data import Location


def validation_problems(error: ValidationError, source: Source, root: type[BaseModel]) -> list[Problem]:
    """What pydantic refused, as problems that say where, what, and which valid key is nearest.

    Args:
        error: What validating ``source.data`` raised.
        source: The file.
        root: The class that it was validated as.
    """
    problems = []
    for detail in error.errors():
        location = _file_location(detail["loc"], source)
        given = source.variables.as_written(location, detail["input"])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            siblings = _valid_keys(location[:-1], source.data, root)
            message = f"unknown key {location[-1]!r}. {did_you_mean(str(location[-1]), siblings)}"
        elif detail["type"] == "missing":
            message = f"key {str(detail['loc'][-1])!r} is missing"
        elif detail["type"] in ("literal_error", "enum"):
            expected = str(detail["ctx"]["expected"])
            valid = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
            message = f"{given!r} is not one of the choices. {did_you_mean(str(detail['input']), valid)}"
        elif detail["type"] == "string_pattern_mismatch":
            message = f"{given!r} {pattern_words(detail['ctx']['pattern'])}"
        elif not isinstance(detail["input"], dict | list):
            message = f"{message} (it is {given!r})"
        problem = source.problem(location, message[0].lower() + message[1:])
        if problem not in problems:
            problems.append(problem)
    return problems


def _file_location(loc: tuple[int | str, ...], source: Source) -> Location:
    """Pydantic's location without what is not in the file (union tags, the expanded metric forms)."""
    location: list[str | int] = []
    value: Any = source.data
    for index, part in enumerate(part for part in loc if part != "[key]"):
        if _holds(value, part):
            value = value[part]
        elif not (index == len(loc) - 1 and isinstance(part, str) and part not in _TAGS):
            continue
        location.append(part)
    return tuple(location)


def _holds(value: Any, part: int | str) -> bool:
    """Whether parsed YAML has ``part`` as a key or an index."""
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


_TAGS = {*model_section.BUILT_IN_TYPES, *EMBEDDER_TYPES, "plugin", "str", "PromptUse"}


def _valid_keys(location: Location, data: Any, root: type[BaseModel]) -> list[str]:
    """The keys that the schema allows at ``location``."""
    current: Any = root
    value = data
    for part in location:
        value = value[part] if _holds(value, part) else None
        current = _step(current, part, value)
        if current is None:
            return []
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def _step(current: Any, part: str | int, value: Any) -> Any:
    """What the schema has one key further down: a schema class, a container of them, or None."""
    if get_origin(current) in (dict, list):
        return _class_in(get_args(current)[-1], value)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return None
    field = current.model_fields.get(str(part))
    if field is None:
        return None
    return (
        field.annotation
        if get_origin(field.annotation) in (dict, list)
        else _class_in(field.annotation, value)
    )


def _class_in(annotation: Any, value: Any) -> Any:
    """The schema class inside an annotation; of several, the one that ``type`` names."""
    classes = [
        option
        for option in _flatten(annotation)
        if isinstance(option, type) and issubclass(option, BaseModel)
    ]
    if len(classes) > 1 and isinstance(value, dict):
        for cls in classes:
            kinds = get_args(cls.model_fields["type"].annotation) if "type" in cls.model_fields else ()
            if value.get("type") in kinds:
                return cls
    return classes[0] if classes else None


def _flatten(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if isinstance(annotation, type) or not arguments:
        yield annotation
    for argument in arguments:
        yield from _flatten(argument)
