"""A YAML file read with the line of every key, duplicate keys refused and tags never executed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from evalkit.errors import Problem, SuiteError

Location = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STANDARD_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed YAML file.

    Attributes:
        file: As the user named it, for messages.
        folder: Paths inside the file are relative to it.
        text: The file as written; ``${NAME}`` is not replaced in it, so it holds no secret.
        data: The parsed value with ``${NAME}`` replaced.
        lines: Location of every key and item to its 1-based line.
    """

    file: str
    folder: Path
    text: str
    data: dict[str, Any]
    lines: dict[Location, int] = field(repr=False)

    def line(self, location: Location) -> int | None:
        """The line of ``location``, or of its nearest enclosing key."""
        for end in range(len(location), 0, -1):
            if (line := self.lines.get(location[:end])) is not None:
                return line
        return None

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at ``location``, with file and line."""
        return Problem(self.file, self.line(location), ".".join(map(str, location)), message)


def read_yaml(path: Path, *, shown_as: str | None = None, need_variables: bool = True) -> Source:
    """Read a YAML mapping from a file.

    Args:
        path: The file.
        shown_as: What messages call it; default: its path.
        need_variables: Refuse an undefined ``${NAME}``; else it stays as it is written.

    Raises:
        SuiteError: The file is missing, is not UTF-8, is not YAML, repeats a key, carries a tag that is
            not plain data, names an undefined environment variable, or is not a mapping.
    """
    file = shown_as or str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SuiteError(Problem(file, None, "", "no such file")) from None
    except IsADirectoryError:
        raise SuiteError(Problem(file, None, "", "is a folder, not a YAML file")) from None
    except OSError as error:  # a file where a folder should be, no permission, a name that is too long
        raise SuiteError(Problem(file, None, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise SuiteError(
            Problem(file, None, "", f"is not UTF-8 (byte {error.start}); save it as UTF-8")
        ) from None
    return parse_yaml(text, file=file, folder=path.parent, need_variables=need_variables)


def parse_yaml(
    text: str, *, file: str, folder: Path, need_variables: bool = True, substitute: bool = True
) -> Source:
    """Parse a YAML mapping from text.

    Args:
        text: The YAML document.
        file: What messages call it.
        folder: To which paths inside it are relative.
        need_variables: Refuse an undefined ``${NAME}``; else it stays as it is written, for reading a finished run.
        substitute: Replace ``${NAME}`` at all: not in files from elsewhere, which could ask for a secret.

    Raises:
        SuiteError: It is not YAML, repeats a key, carries a tag that is not plain data, names an undefined
            environment variable, or is not a mapping.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise SuiteError(Problem(file, line, "", f"is not valid YAML: {error.problem}")) from None
    except yaml.reader.ReaderError as error:
        raise SuiteError(Problem(file, None, "", f"is not valid YAML: {error.reason}")) from None
    if root is None:
        raise SuiteError(Problem(file, None, "", "is empty"))
    lines: dict[Location, int] = {}
    builder = _Builder(file, lines, loader, need_variables=need_variables, substitute=substitute)
    try:
        data = builder.build(root, ())
    except RecursionError:
        raise SuiteError(Problem(file, None, "", "is nested too deeply")) from None
    if not isinstance(data, dict):
        raise SuiteError(Problem(file, 1, "", "must be a mapping of keys, such as `name: my-suite`"))
    return Source(file=file, folder=folder, text=text, data=data, lines=lines)


def yaml_value(text: str, *, named: str) -> Any:
    """One YAML value from the command line: a number, a word, or ``{low: 1, mode: 2, high: 3}``."""
    return parse_yaml(f"value: {text}", file=named, folder=Path()).data["value"]


class _Builder:
    """Turns YAML nodes into plain data; alias expansion is bounded so that a small file stays small."""

    _most_nodes = 200_000

    def __init__(
        self,
        file: str,
        lines: dict[Location, int],
        loader: yaml.SafeLoader,
        *,
        need_variables: bool,
        substitute: bool,
    ) -> None:
        self._substitutes = substitute
        self._need_variables = need_variables
        self._file = file
        self._lines = lines
        self._loader = loader
        self._nodes = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(location, line)
        self._nodes += 1
        if self._nodes > self._most_nodes:
            raise SuiteError(Problem(self._file, line, "", "has too many nodes (are aliases nested?)"))
        if not node.tag.startswith(_STANDARD_TAG) or node.tag.startswith(_STANDARD_TAG + "python/"):
            raise SuiteError(
                Problem(
                    self._file,
                    line,
                    _dotted(location),
                    f"YAML tag {node.tag!r} is not allowed; write plain values",
                )
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _STANDARD_TAG + "merge":
                value = self.build(value_node, location)
                for part in value if isinstance(value, list) else [value]:
                    if not isinstance(part, dict):
                        raise SuiteError(Problem(self._file, line, _dotted(location), "`<<` needs a mapping"))
                    merged = {**part, **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise SuiteError(Problem(self._file, line, _dotted(location), "a key must be a plain word"))
            key = str(key_node.value)
            self._refuse_surrogates(key, key_node, location)
            if key in own:
                first = self._lines[(*location, key)]
                raise SuiteError(
                    Problem(
                        self._file,
                        line,
                        _dotted((*location, key)),
                        f"key is given twice (first on line {first}); keep one of them",
                    )
                )
            self._lines[(*location, key)] = line
            own[key] = self.build(value_node, (*location, key))
        return {**merged, **own}

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (yaml.MarkedYAMLError, ValueError) as error:
            raise SuiteError(
                Problem(
                    self._file, node.start_mark.line + 1, _dotted(location), f"is not a plain value: {error}"
                )
            ) from None
        if not isinstance(value, str):
            return value
        self._refuse_surrogates(value, node, location)
        return self._substitute(value, location) if self._substitutes else value

    def _refuse_surrogates(self, text: str, node: yaml.Node, location: Location) -> None:
        if _SURROGATE.search(text):
            message = "holds half of a surrogate pair, which is no character; write the character itself"
            raise SuiteError(Problem(self._file, node.start_mark.line + 1, _dotted(location), message))

    def _substitute(self, text: str, location: Location) -> str:
        return _VARIABLE.sub(self._variable(location), text)

    def _variable(self, location: Location) -> Callable[[re.Match[str]], str]:
        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if (variable := os.environ.get(name)) is None and not self._need_variables:
                return match.group(0)
            if variable is None:
                line = self._lines.get(location)
                raise SuiteError(
                    Problem(
                        self._file,
                        line,
                        _dotted(location),
                        f"environment variable {name} is not set; set it, or name a file with --env-file",
                    )
                )
            return variable

        return value


def _dotted(location: Location) -> str:
    return ".".join(map(str, location))
