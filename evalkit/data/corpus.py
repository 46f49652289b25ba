"""The passages that a retriever searches: a folder of texts, or a file of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evalkit.bounded_file import DOCUMENT_BYTES, SETTINGS_BYTES, read_bounded
from evalkit.data.columns import ColumnFacts, alias_mapping
from evalkit.data.fields import as_text
from evalkit.data.hf_folder import is_hf_folder
from evalkit.data.readers import read_rows
from evalkit.errors import DataError, Problem, SuiteError
from evalkit.records.case import Passage
from evalkit.suite.schema import Suite
from evalkit.suite.trust import lies_inside, outside_words
from evalkit.suite.yaml_data import YamlRules, yaml_data

_ENDINGS = (".md", ".markdown", ".txt")
_ROW_ENDINGS = (".jsonl", ".ndjson", ".parquet")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_MATTER_RULES = YamlRules(substitute=False, unique_keys=False)
_ALIASES = {"id": ("id", "doc_id", "passage_id"), "text": ("text", "content", "passage", "body")}


class _PlacedPassage(NamedTuple):
    """A passage and where it stands."""

    passage: Passage
    file: str
    line: int | None


def read_suite_corpus(suite: Suite, path: str) -> list[Passage]:
    """As :func:`read_corpus`, for a path of the suite, with no link in it that leads out of the suite's folder.

    Raises:
        SuiteError: The path leads out of the suite's folder, and that was not allowed.
        DataError: See :func:`read_corpus`; a file in it may lead out of the suite's folder too.
    """
    return read_corpus(suite.path(path), within=None if suite.trust.outside else suite.folder)


def read_corpus(path: Path, *, within: Path | None = None) -> list[Passage]:
    """All passages, in file order; a folder's in the order of their names.

    A folder gives one passage for each ``.md``, ``.markdown`` or ``.txt`` file in it, at any depth; its id is the path
    inside the folder without the ending, or the ``id`` of its YAML front matter. It gives one for each row of a
    ``.jsonl``, ``.ndjson`` or ``.parquet`` file in it, with columns ``id`` (or ``doc_id``, ``passage_id``) and
    ``text`` (or ``content``, ``passage``, ``body``). The path may also be one file of any of these kinds, CSV or TSV.

    Args:
        path: The folder or file.
        within: No file may lead out of this folder; None for anywhere.

    Raises:
        DataError: There is no passage, one has no text or no id, or two have the same id. Up to 20 problems are
            listed, each with its file and line.
    """
    first_seen: dict[str, _PlacedPassage] = {}
    problems: list[Problem] = []
    for placed in (
        _in_folder(path, within) if path.is_dir() and not is_hf_folder(path) else _in_file(path, path.parent)
    ):
        passage = placed.passage
        if not (passage.text or "").strip():
            problems.append(Problem(placed.file, placed.line, "", f"passage {passage.id!r} has no text"))
        if earlier := first_seen.get(passage.id):
            place = earlier.file if earlier.line is None else f"line {earlier.line}"
            message = f"passage id {passage.id!r} is also the id of {place}; ids must differ"
            problems.append(Problem(placed.file, placed.line, "", message))
        first_seen.setdefault(passage.id, placed)
    if problems:
        raise DataError.first_of(problems)
    if not first_seen:
        what = "holds no .md, .txt, .jsonl or .parquet file" if path.is_dir() else "holds no passage"
        raise DataError(Problem(str(path), None, "", what))
    return [placed.passage for placed in first_seen.values()]


def _in_folder(folder: Path, within: Path | None) -> Iterator[_PlacedPassage]:
    readable = (*_ENDINGS, *_ROW_ENDINGS)
    files = [file for file in folder.rglob("*") if file.suffix.lower() in readable and file.is_file()]
    for file in sorted(files, key=lambda file: file.relative_to(folder).as_posix()):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        if within is not None and not lies_inside(file, within):
            raise DataError(Problem(str(file), None, "", outside_words("a link", within)))
        yield from _in_file(file, folder)


def _in_file(file: Path, folder: Path) -> Iterator[_PlacedPassage]:
    if file.suffix.lower() not in _ENDINGS or not file.is_file():
        yield from _in_rows(file)
        return
    try:
        text = read_bounded(file, DOCUMENT_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise DataError(Problem(str(file), None, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise DataError(Problem(str(file), None, "", "is not UTF-8; save the file as UTF-8")) from error
    declared, body = _front_matter(text, str(file))
    passage_id = declared or file.relative_to(folder).with_suffix("").as_posix()
    yield _PlacedPassage(Passage(id=passage_id, text=body.strip()), str(file), None)


def _front_matter(text: str, file: str) -> tuple[str | None, str]:
    """The ``id`` that the text declares, if any, and the text after its front matter."""
    block = _FRONT_MATTER.match(text)
    if block is None or len(block[1]) > SETTINGS_BYTES:
        return None, text
    try:
        head, _ = yaml_data(block[1], file=file, rules=_FRONT_MATTER_RULES, first_line=2)
    except SuiteError as error:
        raise DataError(*map(_in_front_matter, error.problems)) from None
    if not isinstance(head, dict):
        return None, text  # two horizontal rules around prose
    declared = head.get("id")
    return (None if declared is None else as_text(declared)), text[block.end() :]


def _in_front_matter(problem: Problem | str) -> Problem | str:
    if isinstance(problem, str):
        return problem
    return replace(problem, message=f"its front matter (between the --- lines): {problem.message}")


def _in_rows(path: Path) -> Iterator[_PlacedPassage]:
    mapping = alias_mapping(ColumnFacts.of_file(path), _ALIASES)
    for row in read_rows(path, shown_as=str(path)):
        rest = dict(row.values)
        passage_id, text = mapping.take(rest, "id"), mapping.take(rest, "text")
        if not passage_id or not text:
            missing = "id" if not passage_id else "text"
            columns = ", ".join(_ALIASES[missing])
            problem = f"the passage has no {missing}; its column may be called {columns}"
            raise DataError(Problem(str(path), row.line, "", problem))
        try:
            passage = Passage(id=as_text(passage_id[0]).strip(), text=as_text(text[0]))
        except ValueError as error:
            raise DataError(Problem(str(path), row.line, "", str(error))) from error
        yield _PlacedPassage(passage, str(path), row.line)
