"""The base of all records, and how they are written as JSON."""

from __future__ import annotations

from typing import TypeVar

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen, keyword-only, and a JSON object of its fields.

    Unknown fields are ignored when read, so that a newer file of the same format version still loads.
    """


R = TypeVar("R", bound=msgspec.Struct)

_encode = msgspec.json.Encoder(decimal_format="string").encode


def to_json(record: object) -> bytes:
    """One line of JSON, without the newline. Money (``Decimal``) is written as a string."""
    return _encode(record)


def to_pretty_json(record: object) -> bytes:
    """Indented JSON that ends with a newline, for files people open."""
    return msgspec.json.format(_encode(record), indent=2) + b"\n"


def from_json(content: bytes | str, kind: type[R]) -> R:
    """Read one record.

    Raises:
        msgspec.ValidationError: The JSON does not have the record's shape.
        msgspec.DecodeError: It is not JSON.
    """
    return msgspec.json.decode(content, type=kind)
