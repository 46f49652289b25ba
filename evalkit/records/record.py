"""The base of all records, money that is written without an exponent, and both as JSON."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A whole number from 0 that 64 bits hold; another one in a file is damage."""
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
"""A duration, at most 31 years; another one in a file is damage."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A number in [0, 1]; another one in a file is damage."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen, keyword-only, and a JSON object of its fields.

    Unknown fields are ignored when read, so that a newer file of the same format version still loads.
    """


R = TypeVar("R", bound=msgspec.Struct)


class Money(Decimal):
    """An amount that is written digit by digit: ``"0.000000153527"`` where a ``Decimal`` would be ``"1.53527E-7"``.

    For amounts that people and spreadsheets read out of a file. Arithmetic gives plain ``Decimal``.
    """

    def __str__(self) -> str:
        """Digits without an exponent; trailing zeros stay."""
        return format(self, "f")


def _plain(value: object) -> str:
    """Write what msgspec does not know: of all types in records that is ``Money``."""
    if isinstance(value, Money):
        return str(value)
    raise TypeError(f"a record cannot hold a {type(value).__name__}: {value!r}")


def _from_plain(kind: type, value: Any) -> object:
    """Read what msgspec does not know. A ``ValueError`` becomes a ``ValidationError`` with the place in the file."""
    if kind is not Money:
        raise NotImplementedError(f"a record cannot hold a {kind.__name__}")
    try:
        amount = Money(value) if isinstance(value, str) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise ValueError(f'expected an amount of money as a string such as "0.0012", got {value!r}')
    return amount


_encode = msgspec.json.Encoder(decimal_format="string", enc_hook=_plain).encode


def to_json(record: object) -> bytes:
    """One line of JSON, without the newline. Amounts (``Decimal`` and ``Money``) are written as strings."""
    return _encode(record)


def to_pretty_json(record: object) -> bytes:
    """Indented JSON that ends with a newline, for files people open."""
    return msgspec.json.format(_encode(record), indent=2) + b"\n"


def from_json(content: bytes | str, kind: type[R]) -> R:
    """Read one record.

    Raises:
        msgspec.ValidationError: The JSON does not have the record's shape.
        msgspec.DecodeError: It is not JSON, is not UTF-8, or is nested too deeply.
    """
    return decoder_of(kind)(content)


def decoder_of(kind: type[R]) -> Callable[[bytes | str], R]:
    """What reads many records of one kind; raises as ``from_json`` does."""
    decode = msgspec.json.Decoder(kind, dec_hook=_from_plain).decode

    def read(content: bytes | str) -> R:
        try:
            if isinstance(content, bytes) and not content.isascii():
                content.decode()  # keys that a record does not have are skipped unread
            return decode(content)
        except UnicodeError:  # what msgspec itself lets through
            raise msgspec.DecodeError("it holds bytes that are no UTF-8") from None
        except RecursionError:
            raise msgspec.DecodeError("it is nested too deeply") from None
        except TypeError as error:  # a value of a database that is no text
            raise msgspec.DecodeError(str(error)) from None

    return read
