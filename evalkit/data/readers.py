"""Rows from JSONL, CSV, TSV and Parquet files, one at a time."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import msgspec

from evalkit.bounded_file import ROW_BYTES, open_regular
from evalkit.data.hf_folder import is_hf_folder, read_hf_folder
from evalkit.data.protocol import Reader, Row
from evalkit.errors import DataError, Problem, did_you_mean
from evalkit.registry import READERS

_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_NOT_A_NUMBER = re.compile(r"(?<![\w\"])-?(?:NaN|Infinity)(?![\w\"])")
_SURROGATE = re.compile("[\ud800-\udfff]")

_decode = msgspec.json.Decoder().decode


def read_rows(path: Path, *, shown_as: str, format: str | Reader | None = None) -> Iterator[Row]:
    """The rows of a data file.

    Args:
        path: The file.
        shown_as: How messages name it.
        format: A reader, or its name; None goes by the file's ending.

    Raises:
        DataError: There is no such file, its format is unknown, or a row cannot be read (with its line).
            Raised while iterating, too.
    """
    if path.is_dir() and is_hf_folder(path):
        return read_hf_folder(path, shown_as=shown_as)
    if path.is_dir():
        _refuse(shown_as, None, "is a folder; name a file, or a dataset that save_to_disk wrote")
    if not path.is_file():
        _refuse(shown_as, None, "is not a regular file" if path.exists() else "no such file")
    reader = (
        reader_for(path, shown_as=shown_as, format=format)
        if format is None or isinstance(format, str)
        else format
    )
    return reader(path, shown_as=shown_as)


def reader_for(path: Path, *, shown_as: str, format: str | None = None, plugins: bool = False) -> Reader:
    """The reader that ``format`` names, or the one for the file's ending.

    Args:
        path: The file; only its ending matters.
        shown_as: How messages name it.
        format: Name of a reader, or ``module:function``.
        plugins: Whether ``module:function`` is loaded.

    Raises:
        DataError: The ending is unknown.
        InputError: ``format`` is unknown, or may not be loaded.
    """
    name = format or _ENDINGS.get(path.suffix.lower()) or path.suffix.lower().removeprefix(".")
    if format is None and name not in READERS.names():  # an ending such as .os:system is no format either
        formats = did_you_mean(name, READERS.names())
        _refuse(shown_as, None, f"the ending {path.suffix!r} names no known format. {formats}")
    return cast(Reader, READERS.load(name, plugins=plugins))


def read_jsonl(path: Path, *, shown_as: str) -> Iterator[Row]:
    """One JSON object a line, UTF-8 with or without a byte-order mark; blank lines are skipped."""
    with open_regular(path) as stream:
        offset = 0
        for number, raw in enumerate(_lines(stream, shown_as), start=1):
            start, offset = offset, offset + len(raw)
            if number == 1:
                _refuse_utf16(raw, shown_as)
                if raw.startswith(_BOM):
                    start, raw = start + len(_BOM), raw[len(_BOM) :]
            if raw.strip():
                yield Row(number, json_object(raw, shown_as=shown_as, line=number), start)


def read_csv(path: Path, *, shown_as: str) -> Iterator[Row]:
    """Comma-separated values with a header line. An empty cell is None, every other one a string."""
    return _separated(path, shown_as, ",")


def read_tsv(path: Path, *, shown_as: str) -> Iterator[Row]:
    """As ``read_csv``, separated by tabs."""
    return _separated(path, shown_as, "\t")


def read_parquet(path: Path, *, shown_as: str) -> Iterator[Row]:
    """Parquet, in batches of a few rows, since one row may hold megabytes. Line is the row's number."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=64):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        OverflowError,
    ) as error:  # text need not be UTF-8, nor a date one
        _refuse(shown_as, None, f"cannot be read as Parquet: {error}", error)


def _lines(stream: IO[bytes], shown_as: str) -> Iterator[bytes]:
    """The lines of a file with their ends, none longer than a row may be."""
    number = 0
    while raw := stream.readline(ROW_BYTES + 1):
        number += 1
        if len(raw) > ROW_BYTES:
            _refuse(
                shown_as, number, f"the line is longer than {ROW_BYTES:,} bytes, the most that a row may have"
            )
        yield raw


def json_object(raw: bytes, *, shown_as: str, line: int) -> dict[str, Any]:
    """A JSON object from the bytes of one line.

    Raises:
        DataError: It is not UTF-8, not JSON (NaN is not), or not an object.
    """
    try:
        value = _decode(raw)
    except UnicodeDecodeError as error:
        _refuse(shown_as, line, _NOT_UTF8, error)
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse(shown_as, line, _fault_words(raw, error), error)
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a bare value"
        _refuse(shown_as, line, f'a row must be a JSON object such as {{"input": ...}}, not {kind}')
    return value


_NOT_UTF8 = "is not UTF-8; save the file as UTF-8"


def _fault_words(raw: bytes, error: Exception) -> str:
    """The fault of a line in words that say what to do."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _NOT_UTF8
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if constant := _NOT_A_NUMBER.search(text):
        return f"{constant[0]} is not JSON; write null where there is no number"
    if text.strip() in ("[", "{"):
        return "JSONL needs one whole JSON object on each line; this looks like a file that is one JSON value"
    if half := _half_of_a_pair(text):
        return f"holds {half}, half of a surrogate pair: a letter that was cut in two. Write it whole, or \\ufffd"
    if "truncated" in str(error):
        return "the line is cut off: its JSON object does not end. Write the row again, on one line"
    return f"is not valid JSON: {error}"


def _half_of_a_pair(text: str) -> str | None:
    r"""The escape of half a letter in JSON that is whole otherwise, such as ``\ud83d``; None where it has none."""
    try:
        half = _SURROGATE.search(json.dumps(json.loads(text), ensure_ascii=False))
    except (ValueError, RecursionError):
        return None
    return None if half is None else f"\\u{ord(half[0]):04x}"


def _separated(path: Path, shown_as: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(ROW_BYTES)  # the standard library's own limit is 131,072 characters
    with open_regular(path) as stream:
        table = csv.reader(_decoded(_lines(stream, shown_as), shown_as), delimiter=delimiter, strict=True)
        header: list[str] | None = None
        last = 0
        try:
            for cells in table:
                line, last = last + 1, table.line_num
                if not any(cells):
                    continue
                if header is None:
                    header = _checked_header(cells, shown_as, line, delimiter)
                elif len(cells) != len(header):
                    _refuse(
                        shown_as,
                        line,
                        f"has {len(cells)} cells where the header has {len(header)}; quote cells that hold "
                        f"{'a tab' if delimiter != ',' else 'a comma'}, a quote or a line break",
                    )
                else:
                    yield Row(line, {name: cell or None for name, cell in zip(header, cells, strict=True)})
        except csv.Error as error:
            message = "a quoted cell does not end" if "unexpected end" in str(error) else str(error)
            _refuse(shown_as, last + 1, f"cannot be read as a table: {message}", error)


def _decoded(stream: Iterable[bytes], shown_as: str) -> Iterator[str]:
    """Lines as text, ends kept: decoded one by one so that a bad byte has its own line."""
    lines = iter(stream)
    first = next(lines, b"")
    _refuse_utf16(first, shown_as)
    for number, raw in enumerate(chain([first.removeprefix(_BOM)], lines), start=1):
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            _refuse(shown_as, number, _NOT_UTF8, error)


def _checked_header(cells: list[str], shown_as: str, line: int, delimiter: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) == 1 and delimiter == "," and re.search(r"[;\t]", names[0]):
        other = "tabs: name the file .tsv" if "\t" in names[0] else "semicolons: save it with commas"
        _refuse(shown_as, line, f"its columns seem to be separated by {other}")
    if "" in names:
        _refuse(shown_as, line, f"column {names.index('') + 1} of the header has no name")
    if repeated := [name for name in names if names.count(name) > 1]:
        _refuse(shown_as, line, f"two columns are called {repeated[0]!r}")
    return names


def _refuse_utf16(first_line: bytes, shown_as: str) -> None:
    if first_line.startswith(_UTF16_BOMS):
        _refuse(shown_as, 1, "is UTF-16; save the file as UTF-8")


def _refuse(file: str, line: int | None, message: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(Problem(file, line, "", message)) from cause
