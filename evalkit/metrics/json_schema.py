"""Is the answer JSON of the right shape?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import msgspec
from pydantic.dataclasses import dataclass

from evalkit.metrics.excerpt import LONGEST_SEARCHED, excerpt
from evalkit.metrics.options import STRICT
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


class _Fault(Protocol):
    @property
    def message(self) -> str: ...
    @property
    def json_path(self) -> str: ...


class _Validator(Protocol):
    def iter_errors(self, instance: Any) -> Iterator[_Fault]: ...


@dataclass(frozen=True, config=STRICT)
class JsonSchema:
    """1 when the whole output is JSON that fits the schema, else 0. Needs no reference.

    Nothing is repaired: text or a code fence around the JSON, NaN, or more than 100,000 characters score 0.

    Attributes:
        schema: The JSON Schema itself.
        path: A file that holds it, relative to the suite. Give one of the two.
        folder: The suite's folder; filled in by ``build_metrics``.
    """

    binary: ClassVar[bool] = True

    schema: dict[str, Any] | None = None
    path: str | None = None
    folder: Path = Path()

    def __post_init__(self) -> None:
        """Refuse what is not a JSON Schema."""
        _ = self._validator

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        output = (sample.output or "").strip()
        if len(output) > LONGEST_SEARCHED:
            return Score(value=0.0, explanation=f"longer than {LONGEST_SEARCHED:,} characters")
        try:
            answer = msgspec.json.decode(output)
            fault = next(self._validator.iter_errors(answer), None)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return Score(value=0.0, explanation=f"{excerpt(output)} is not JSON: {error}")
        if fault is not None:
            return Score(value=0.0, explanation=f"{fault.json_path}: {excerpt(fault.message)}")
        return Score(value=1.0, explanation="fits the schema")

    @cached_property
    def _validator(self) -> _Validator:
        import jsonschema
        from jsonschema_specifications import REGISTRY
        from referencing.exceptions import Unresolvable
        from referencing.jsonschema import specification_with

        schema = self._read()
        cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            cls.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ValueError(f"is not a JSON Schema: {error.json_path}: {error.message}") from None
        # An explicit registry, of the drafts' own schemas: the default one would fetch a $ref from the network.
        registry: Any = REGISTRY
        root = specification_with(str(cls.META_SCHEMA["$schema"])).create_resource(schema)
        try:
            _look_up_references(root, registry.resolver_with_root(root))
        except Unresolvable as error:
            raise ValueError(f"$ref {error.ref!r} is not in the schema, and evalkit fetches none") from None
        validators: Any = jsonschema.validators
        exact = validators.extend(cls, {"multipleOf": _multiple_of})
        return cast(_Validator, exact(schema, registry=registry))

    def _read(self) -> dict[str, Any]:
        if (self.schema is None) == (self.path is None):
            raise ValueError("give either schema or path")
        if self.schema is not None:
            return self.schema
        file = self.folder / str(self.path)
        try:
            return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        except OSError as error:
            raise ValueError(f"path: {file} cannot be read: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ValueError(f"path: {file} does not hold a JSON object: {error}") from None


def _look_up_references(schema: Any, resolver: Any) -> None:
    """Look up every reference of a schema and of the schemas in it, each from its own base; data are left alone.

    Raises:
        referencing.exceptions.Unresolvable: One leads nowhere.
    """
    if isinstance(schema.contents, dict):
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(schema.contents.get(keyword), str):
                resolver.lookup(schema.contents[keyword])
    for part in schema.subresources():
        _look_up_references(part, resolver.in_subresource(part))


def _multiple_of(validator: Any, divisor: float, instance: Any, schema: Any) -> Iterator[Exception]:
    """``multipleOf`` on the numbers as they are written: 19.99 is a multiple of 0.01, though its float is none."""
    from jsonschema import ValidationError

    if not validator.is_type(instance, "number"):
        return
    if not math.isfinite(instance) or Fraction(repr(instance)) % Fraction(repr(divisor)):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor!r}")
