"""YAML as plain data, with the line of every key: within bounds, tags never executed, aliases counted as what they say.

A few hundred bytes of YAML can stand for gigabytes (aliases of aliases), and a few thousand can nest deeper than Python
calls. Both are refused while the text is read, before anything is built of them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from evalkit.errors import Problem, SuiteError

Location = tuple[str | int, ...]

MOST_NODES = 200_000
"""Keys, values and lists of a file, those that aliases stand for included."""
MOST_CHARACTERS = 8_000_000
"""Characters of all its texts, those that aliases stand for included."""
MOST_DEPTH = 100
"""Lists and mappings inside each other."""

_LONGEST_NUMBER = 400  # characters; numbers of base 60 take time in proportion to the square of their length
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STANDARD_TAG = "tag:yaml.org,2002:"
_TEXT_TAG = _STANDARD_TAG + "str"
# What the constructors of PyYAML raise for `2026-02-31`, `!!int ""`, `!!bool maybe`, `!!timestamp now`, `!!float 1e`.
_NO_VALUE = (yaml.MarkedYAMLError, ValueError, LookupError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True)
class YamlRules:
    """How a YAML text is read.

    Attributes:
        substitute: Replace ``${NAME}``; not in files from elsewhere, which could ask for a secret.
        unique_keys: Refuse a key that is given twice; else the last one counts.
    """

    substitute: bool = True
    unique_keys: bool = True


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text of a YAML file in which ``${NAME}`` was replaced.

    Attributes:
        location: Where it stands among the keys; of a text that an alias repeats, each place once.
        written: As it stands in the file.
        value: With the variables replaced.
        values: Name and value of each variable.
        start: Its first character in the file, quotes included; ``end`` is behind its last one.
        on_one_line: Whether it is no block of several lines.
    """

    location: Location
    written: str
    value: str
    values: tuple[tuple[str, str], ...]
    start: int
    end: int
    on_one_line: bool


def yaml_data(
    text: str,
    *,
    file: str,
    rules: YamlRules,
    first_line: int = 1,
    substituted: list[Substituted] | None = None,
) -> tuple[Any, dict[Location, int]]:
    """The value of a YAML document, and the line of every key and item; None for an empty document.

    Args:
        text: The YAML document.
        file: What messages call it.
        rules: How it is read.
        first_line: Of the document in the file.
        substituted: Is given the texts in which a variable was replaced.

    Raises:
        SuiteError: It is not YAML, is nested too deeply or stands for too much, carries a tag that is not plain data
            or a value that does not exist (31 February), or breaks a rule; gives the line.
    """
    try:
        loader = _BoundedLoader(text)
        root = loader.get_single_node()
    except _TooDeep as error:
        problem = Problem(file, first_line + error.line, "", f"is nested too deeply: {_DEPTH_WORDS}")
        raise SuiteError(problem) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + first_line if error.problem_mark else None
        raise SuiteError(Problem(file, line, "", f"is not valid YAML: {error.problem}")) from None
    except yaml.reader.ReaderError as error:
        raise SuiteError(Problem(file, None, "", f"is not valid YAML: {error.reason}")) from None
    if root is None:
        return None, {}
    builder = _Builder(file, loader, rules, first_line)
    try:
        data = builder.build(root, ())
    except RecursionError:  # an alias that stands for what it is in
        raise SuiteError(Problem(file, None, "", f"is nested too deeply: {_DEPTH_WORDS}")) from None
    if substituted is not None:
        substituted += builder.substituted
    return data, builder.lines


_DEPTH_WORDS = f"at most {MOST_DEPTH} lists and mappings may be inside each other"


class _TooDeep(Exception):  # noqa: N818 - no error that leaves this module
    """A node deeper than ``MOST_DEPTH``; ``line`` counts from 0."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__()


class _BoundedLoader(yaml.SafeLoader):
    """Composes nodes to a bounded depth."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node with those inside it; see ``yaml.composer.Composer``."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise _TooDeep(self.peek_event().start_mark.line)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Builder:
    """Turns YAML nodes into plain data; alias expansion is bounded so that a small file stays small."""

    def __init__(self, file: str, loader: yaml.SafeLoader, rules: YamlRules, first_line: int) -> None:
        self.lines: dict[Location, int] = {}
        self.substituted: list[Substituted] = []
        self._file = file
        self._loader = loader
        self._rules = rules
        self._first_line = first_line
        self._nodes = 0
        self._characters = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        """The value of a node and of all inside it."""
        self.lines.setdefault(location, self._line(node))
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._refuse(node, location, "has too many nodes (are aliases nested?)")
        if not node.tag.startswith(_STANDARD_TAG) or node.tag.startswith(_STANDARD_TAG + "python/"):
            self._refuse(node, location, f"YAML tag {node.tag!r} is not allowed; write plain values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _STANDARD_TAG + "merge":
                value = self.build(value_node, location)
                for part in value if isinstance(value, list) else [value]:
                    if not isinstance(part, dict):
                        self._refuse(key_node, location, "`<<` needs a mapping")
                    merged = {**part, **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, location, "a key must be a plain word")
            key = str(key_node.value)
            at = (*location, key)
            self._check_text(key, key_node, location)
            if key in own and self._rules.unique_keys:
                first = self.lines[at]
                self._refuse(key_node, at, f"key is given twice (first on line {first}); keep one of them")
            self.lines[at] = self._line(key_node)
            own[key] = self.build(value_node, at)
        return {**merged, **own}

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        self._check_text(node.value, node, location)
        if node.tag != _TEXT_TAG and len(node.value) > _LONGEST_NUMBER:
            self._refuse(
                node, location, f"is no value of {len(node.value):,} characters; a text stands in quotes"
            )
        try:
            value = self._loader.construct_object(node)
        except _NO_VALUE as error:
            self._refuse(node, location, f"{node.value!r} is not a plain value: {error}")
        return (
            self._substitute(value, node, location)
            if isinstance(value, str) and self._rules.substitute
            else value
        )

    def _check_text(self, text: str, node: yaml.Node, location: Location) -> None:
        """Count the characters of a key or value, and refuse what is none."""
        self._characters += len(text)
        if self._characters > MOST_CHARACTERS:
            self._refuse(
                node, location, f"its texts have over {MOST_CHARACTERS:,} characters, aliases written out"
            )
        if _SURROGATE.search(text):
            message = "holds half of a surrogate pair, which is no character; write the character itself"
            self._refuse(node, location, message)

    def _substitute(self, text: str, node: yaml.Node, location: Location) -> str:
        values: list[tuple[str, str]] = []

        def value_of(match: re.Match[str]) -> str:
            name = match.group(1)
            if (value := os.environ.get(name)) is None:
                message = f"environment variable {name} is not set; set it, or name a file with --env-file"
                raise SuiteError(Problem(self._file, self.lines.get(location), _dotted(location), message))
            values.append((name, value))
            return value

        replaced = _VARIABLE.sub(value_of, text)
        if values:
            start, end = node.start_mark, node.end_mark
            on_one_line = start.line == end.line and getattr(node, "style", None) not in ("|", ">")
            self.substituted.append(
                Substituted(location, text, replaced, tuple(values), start.index, end.index, on_one_line)
            )
        return replaced

    def _line(self, node: yaml.Node) -> int:
        return int(node.start_mark.line) + self._first_line

    def _refuse(self, node: yaml.Node, location: Location, message: str) -> NoReturn:
        raise SuiteError(Problem(self._file, self._line(node), _dotted(location), message))


def _dotted(location: Location) -> str:
    return ".".join(map(str, location))
