"""The ``options`` of a retrieval method, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import ValidationError

from evalkit.errors import InputError, did_you_mean
from evalkit.suite.models import Strict

T = TypeVar("T", bound=Strict)


def checked_options(
    kind: type[T], options: Mapping[str, object] | None, method: str, holds: Callable[[T], bool], rule: str
) -> T:
    """The options of a method as its own class.

    Args:
        kind: Names them, with their types and defaults.
        options: As the suite gives them.
        method: For messages.
        holds: Whether their values go together.
        rule: What ``holds`` asks for, in words.

    Raises:
        InputError: An option is unknown, of the wrong type, or out of range.
    """
    given = dict(options or {})
    if unknown := [name for name in given if name not in kind.model_fields]:
        raise InputError(
            f"{method} has no option {unknown[0]!r}. {did_you_mean(unknown[0], kind.model_fields)}"
        )
    try:
        checked = kind.model_validate(given)
    except ValidationError as error:
        finding = error.errors()[0]
        where = f"'s option {finding['loc'][0]!r}" if finding["loc"] else ""
        raise InputError(f"{method}{where}: {finding['msg'].lower()}") from None
    if not holds(checked):
        raise InputError(f"{method} needs {rule}")
    return checked
