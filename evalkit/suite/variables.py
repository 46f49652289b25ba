"""``${NAME}`` in a suite: which values are secrets, and how they are written where others can read them.

A value that came through ``${NAME}`` is written as ``${NAME}``: in the suite that a run keeps, in its manifest and
reports, in prompts, answers and messages. Two kinds are not:

- Settings, which the run's later commands have to read: a number, a date, ``true`` or ``false``, and what stands under
  a key that names something (``model``, ``price``, ``path``, ``type``, ...). A run keeps their values in its suite.
  Never so where the variable is called like a secret, nor anywhere in ``extra_body``, ``options`` and ``metadata``.
- In texts that were not written in the suite, such as answers, values that a text may hold by chance: short ones (see
  ``evalkit.secrets.is_searched_for``), and plain words, unless they stand in a model's or an embedder's section.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evalkit.secrets import Secrets, is_plain_value, names_a_secret
from evalkit.suite.yaml_data import Location, Substituted

_OPEN = frozenset({"extra_body", "options", "metadata", "description", "improve", "headers"})
_NAMES = frozenset(
    {
        "api_version",
        "arm",
        "as_of",
        "base",
        "choose",
        "corpus",
        "currency",
        "deployment",
        "device",
        "dtype",
        "embedder",
        "format",
        "kind",
        "location",
        "method",
        "metric",
        "model",
        "name",
        "path",
        "price",
        "primary_metric",
        "project",
        "prompt",
        "reasoning_effort",
        "reference_arm",
        "role",
        "source",
        "train",
        "tuned_from",
        "type",
    }
)
_CREDENTIALS = ("models", "embedders", "arms")


@dataclass(frozen=True, slots=True)
class Variables:
    """The texts of a file in which a variable was replaced.

    Attributes:
        found: Each of them.
    """

    found: tuple[Substituted, ...] = ()

    @property
    def secrets(self) -> Secrets:
        """Those values that are hidden wherever they stand, each shown as ``${NAME}``."""
        secrets = Secrets()
        for each in self.found:
            if is_setting(each):
                continue
            for name, value in each.values:
                if each.location[0] in _CREDENTIALS or not value.replace(" ", "").isalpha():
                    secrets.add(value, f"${{{name}}}")
        return secrets

    def as_written(self, location: Location, value: Any) -> Any:
        """A value of the file with its variables as they are written there, but for settings.

        Args:
            location: Where the value stands.
            value: With the variables replaced.
        """
        if not self.found:
            return value
        written = {each.location: each.written for each in self.found if not is_setting(each)}
        return _as_written(location, value, written)

    def of_another_text(self) -> Variables:
        """The same for a text in which settings have their values already."""
        return Variables(tuple(replace(each, on_one_line=False) for each in self.found))

    def kept_text(self, text: str) -> str:
        """The file as a run keeps it: settings by their values, every other variable as it is written."""
        edits: dict[tuple[int, int], str] = {}
        left = {(each.start, each.end) for each in self.found if not is_setting(each)}
        for each in self.found:
            if (each.start, each.end) not in left and each.on_one_line:
                edits[each.start, each.end] = json.dumps(each.value, ensure_ascii=False)
        for (start, end), value in sorted(edits.items(), reverse=True):
            text = text[:start] + value + text[end:]
        return text


def is_setting(found: Substituted) -> bool:
    """Whether a text with variables is a setting that later commands read, and no secret."""
    keys = [each for each in found.location if isinstance(each, str)]
    if not keys or _OPEN.intersection(keys):
        return False
    if is_plain_value(found.value):
        return True
    return keys[-1] in _NAMES and not any(names_a_secret(name) for name, _ in found.values)


def _as_written(location: Location, value: Any, written: Mapping[Location, str]) -> Any:
    if isinstance(value, dict):
        return {key: _as_written((*location, key), each, written) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_written((*location, index), each, written) for index, each in enumerate(value)]
    return written.get(location, value)
