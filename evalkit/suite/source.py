"""A YAML file read with the line of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.bounded_file import SETTINGS_BYTES, read_bounded
from evalkit.errors import Problem, SuiteError
from evalkit.secrets import Secrets
from evalkit.suite.trust import NOTHING, Trust
from evalkit.suite.variables import Variables
from evalkit.suite.yaml_data import Location, Substituted, YamlRules, yaml_data


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed YAML file.

    Attributes:
        file: As the user named it, for messages.
        folder: Paths inside the file are relative to it.
        text: The file as written; ``${NAME}`` is not replaced in it, so it holds no secret.
        data: The parsed value with ``${NAME}`` replaced.
        lines: Location of every key and item to its 1-based line.
        trust: What the file may do beyond its folder.
        variables: The texts in which ``${NAME}`` was replaced.
        secrets: Values of variables that no message may hold.
        env_files: Files of environment variables that the command named, to be named again when a run goes on.
    """

    file: str
    folder: Path
    text: str
    data: dict[str, Any]
    lines: dict[Location, int] = field(repr=False)
    trust: Trust = NOTHING
    variables: Variables = field(default=Variables(), repr=False)
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    env_files: tuple[Path, ...] = ()

    @property
    def kept_text(self) -> str:
        """The file as a run keeps it; see ``evalkit.suite.variables``."""
        return self.variables.kept_text(self.text)

    def line(self, location: Location) -> int | None:
        """The line of ``location``, or of its nearest enclosing key."""
        for end in range(len(location), 0, -1):
            if (line := self.lines.get(location[:end])) is not None:
                return line
        return None

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at ``location``, with file and line; values of variables are named in it, not said."""
        shown = self.secrets.hide(message)
        return Problem(self.file, self.line(location), ".".join(map(str, location)), shown)


def read_yaml(path: Path, *, shown_as: str | None = None, substitute: bool = True) -> Source:
    """Read a YAML mapping from a file.

    Args:
        path: The file.
        shown_as: What messages call it; default: its path.
        substitute: Replace ``${NAME}``; not in files from elsewhere, which could ask for a secret.

    Raises:
        SuiteError: The file is missing, is not UTF-8, is not YAML, repeats a key, carries a tag that is
            not plain data, names an undefined environment variable, or is not a mapping.
    """
    file = shown_as or str(path)
    try:
        text = read_bounded(path, SETTINGS_BYTES).decode("utf-8-sig")
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
    return parse_yaml(text, file=file, folder=path.parent, substitute=substitute)


def parse_yaml(text: str, *, file: str, folder: Path, substitute: bool = True) -> Source:
    """Parse a YAML mapping from text.

    Args:
        text: The YAML document.
        file: What messages call it.
        folder: To which paths inside it are relative.
        substitute: Replace ``${NAME}``; not in files from elsewhere, which could ask for a secret.

    Raises:
        SuiteError: It is not YAML, repeats a key, carries a tag that is not plain data, names an undefined
            environment variable, or is not a mapping.
    """
    found: list[Substituted] = []
    data, lines = yaml_data(text, file=file, rules=YamlRules(substitute=substitute), substituted=found)
    if data is None and not lines:
        raise SuiteError(Problem(file, None, "", "is empty"))
    if not isinstance(data, dict):
        raise SuiteError(Problem(file, 1, "", "must be a mapping of keys, such as `name: my-suite`"))
    variables = Variables(tuple(found))
    return Source(
        file=file,
        folder=folder,
        text=text,
        data=data,
        lines=lines,
        variables=variables,
        secrets=variables.secrets,
    )


def yaml_value(text: str, *, named: str) -> Any:
    """One YAML value from the command line: a number, a word, or ``{low: 1, mode: 2, high: 3}``."""
    return parse_yaml(f"value: {text}", file=named, folder=Path()).data["value"]
