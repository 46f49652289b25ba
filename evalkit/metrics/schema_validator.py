"""JSON Schema by the drafts, without anything that leaves the schema or never ends; runs in the watched process."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol, cast

import jsonschema
import msgspec
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from evalkit.metrics.excerpt import excerpt

_TRIED: tuple[Any, ...] = (None, True, 0, "", [], {})


class _Fault(Protocol):
    @property
    def message(self) -> str: ...
    @property
    def json_path(self) -> str: ...


class Validator(Protocol):
    """What ``jsonschema`` makes of a schema."""

    def iter_errors(self, instance: Any) -> Iterator[_Fault]:
        """What is wrong with a value."""
        ...


def build_validator(schema: Any) -> Validator:
    """A schema, checked whole: its references, its patterns, and that it comes to an end.

    Raises:
        ValueError: It is not a JSON Schema, names something outside itself, holds a pattern that is none, or refers to
            itself without end.
    """
    if not isinstance(schema, dict):
        raise ValueError("is not a JSON object")
    cls: Any = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    exact = _exact(cls)
    try:
        fault = next(exact(cls.META_SCHEMA, registry=REGISTRY).iter_errors(schema), None)
        if fault is not None:
            raise ValueError(f"is not a JSON Schema: {fault.json_path}: {fault.message[:300]}")
        # An explicit registry, of the drafts' own schemas: the default one would fetch a $ref from the network.
        registry: Any = REGISTRY
        root = specification_with(str(cls.META_SCHEMA["$schema"])).create_resource(schema)
        _look_up(root, registry.resolver_with_root(root))
        validator = cast(Validator, exact(schema, registry=registry))
    except Unresolvable as error:
        raise ValueError(f"$ref {error.ref!r} is not in the schema, and evalkit fetches none") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    for value in _TRIED:
        try:
            next(validator.iter_errors(value), None)
        except RecursionError:
            raise ValueError(f"refers to itself without end; {value!r} shows it") from None
        except Unresolvable as error:
            raise ValueError(f"$ref {error.ref!r} is not in the schema, and evalkit fetches none") from None
    return validator


def judge(validator: Validator, output: str) -> dict[str, Any]:
    """Whether a text is JSON that fits a schema: ``value`` and ``explanation``, or ``reason`` where it has no value."""
    try:
        answer = msgspec.json.decode(output)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return {"value": 0.0, "explanation": f"{excerpt(output)} is not JSON: {error}"}
    try:
        fault = next(validator.iter_errors(answer), None)
    except RecursionError:
        return {"reason": "too_deep", "explanation": f"{excerpt(output)} leads the schema too deep"}
    except Unresolvable as error:
        return {"reason": "reference_not_found", "explanation": f"$ref {error.ref!r} is not in the schema"}
    if fault is not None:
        return {"value": 0.0, "explanation": f"{fault.json_path}: {excerpt(fault.message)}"}
    return {"value": 1.0, "explanation": "fits the schema"}


def _exact(cls: Any) -> Any:
    validators: Any = jsonschema.validators
    return validators.extend(cls, {"multipleOf": _multiple_of, "uniqueItems": _unique_items})


def _look_up(schema: Any, resolver: Any) -> None:
    """Look up every reference of a schema and of those in it, each from its own base, and compile every pattern.

    Data inside a schema are left alone.

    Raises:
        referencing.exceptions.Unresolvable: A reference leads nowhere.
        ValueError: A pattern is none.
    """
    if isinstance(schema.contents, dict):
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(schema.contents.get(keyword), str):
                resolver.lookup(schema.contents[keyword])
        patterns = schema.contents.get("patternProperties")
        for pattern in (schema.contents.get("pattern"), *(patterns if isinstance(patterns, dict) else ())):
            if isinstance(pattern, str):
                _compile(pattern)
    for part in schema.subresources():
        _look_up(part, resolver.in_subresource(part))


def _compile(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"pattern {pattern[:200]!r} is not a regular expression: {error}") from None


def _multiple_of(validator: Any, divisor: float, instance: Any, schema: Any) -> Iterator[Exception]:
    """``multipleOf`` on the numbers as they are written: 19.99 is a multiple of 0.01, though its float is none."""
    if not validator.is_type(instance, "number"):
        return
    if not math.isfinite(instance) or Fraction(repr(instance)) % Fraction(repr(divisor)):
        yield jsonschema.ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[Exception]:
    """``uniqueItems`` in one pass; the package compares every item with every other where their types differ."""
    if not unique or not validator.is_type(instance, "array"):
        return
    seen: set[object] = set()
    for item in instance:
        form = _comparable(item)
        if form in seen:
            yield jsonschema.ValidationError(f"{excerpt(repr(item))} is twice in the list")
            return
        seen.add(form)


def _comparable(value: Any) -> object:
    """A value that is equal to another where JSON Schema says so: 1 is 1.0 and not true, keys have no order."""
    if isinstance(value, list):
        return ("list", *map(_comparable, value))
    if isinstance(value, dict):
        return frozenset((key, _comparable(item)) for key, item in value.items())
    return (type(value) is bool, value)
