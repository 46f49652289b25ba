"""Templates: text with ``{{fields}}``.

Fields are replaced by one pass of a regular expression, and nothing else in the text means anything. Jinja
would bring loops, filters and attribute access: a second language to learn, and one that a suite or a
case from somebody else could run code with. A prompt that needs logic is two prompts, hence two arms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from evalkit.errors import InputError, did_you_mean

_FIELD = re.compile(
    r"\{\{([^{}]*)\}\}"
)  # spaces inside are stripped afterwards: matched here, they cost n cubed


class Template:
    """A text with fields; immutable.

    Args:
        text: ``{{name}}`` stands for a field. Spaces inside the braces are ignored.

    Example:
        >>> Template("Question: {{input}}").render({"input": "What is {{x}}?"})
        'Question: What is {{x}}?'
    """

    __slots__ = ("fields", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.fields: tuple[str, ...] = tuple(dict.fromkeys(map(str.strip, _FIELD.findall(text))))

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def unknown(self, valid: Collection[str]) -> list[str]:
        """The fields that are not in ``valid``."""
        return [name for name in self.fields if name not in valid]

    def render(self, values: Mapping[str, object]) -> str:
        """The text with its fields replaced.

        Values are inserted literally: a value that itself holds ``{{x}}`` is not expanded again. Strings
        stand as they are, None is empty, everything else is written as JSON.

        Raises:
            InputError: ``values`` lacks a field.
        """

        def value(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name not in values:
                raise InputError(unknown_field(name, values))
            return _as_text(values[name])

        return _FIELD.sub(value, self.text)


def unknown_field(name: str, valid: Collection[str]) -> str:
    """The message about a field that nothing fills: the valid names, and the nearest one."""
    return f"no field is called {{{{{name}}}}}. {did_you_mean(name, valid)}"


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str)
