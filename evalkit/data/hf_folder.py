"""A Hugging Face dataset on disk: the folder that ``Dataset.save_to_disk`` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec

from evalkit.bounded_file import SETTINGS_BYTES, open_regular, read_bounded
from evalkit.data.protocol import Row
from evalkit.errors import DataError, Problem
from evalkit.suite.trust import lies_inside

S = TypeVar("S", bound=msgspec.Struct)

STATE_FILE = "state.json"
_SPLITS_FILE = "dataset_dict.json"


class _DataFile(msgspec.Struct):
    filename: str


class _State(msgspec.Struct):
    data_files: list[_DataFile] = msgspec.field(name="_data_files")


class _Splits(msgspec.Struct):
    splits: list[str]


def is_hf_folder(path: Path) -> bool:
    """Whether a folder is a saved dataset, or several splits of one."""
    return (path / STATE_FILE).is_file() or (path / _SPLITS_FILE).is_file()


def read_hf_folder(path: Path, *, shown_as: str) -> Iterator[Row]:
    """Rows of the Arrow files that ``state.json`` names, a few at a time. Line is the row's number.

    Raises:
        DataError: The folder holds several splits (the message names them), lacks a file, or cannot be read.
    """
    import pyarrow

    if (path / _SPLITS_FILE).is_file():
        splits = _read(path / _SPLITS_FILE, _Splits, shown_as).splits
        _refuse(shown_as, f"holds the splits {', '.join(splits)}; name one of them: {shown_as}/{splits[0]}")
    number = 0
    for file in _read(path / STATE_FILE, _State, shown_as).data_files:
        inside = lies_inside(path / file.filename, path)
        if Path(file.filename).name != file.filename or not inside:  # untrusted: no way out of the folder
            _refuse(shown_as, f"names a data file outside itself: {file.filename!r}")
        try:
            open_regular(path / file.filename).close()  # mapping a pipe would wait for its writer
            with pyarrow.memory_map(str(path / file.filename)) as source:
                for batch in pyarrow.ipc.open_stream(source):
                    for start in range(0, batch.num_rows, 64):
                        for values in batch.slice(start, 64).to_pylist():
                            number += 1
                            yield Row(number, values)
        except (pyarrow.ArrowException, OSError) as error:
            _refuse(shown_as, f"{file.filename} cannot be read: {error}")


def _read(path: Path, kind: type[S], shown_as: str) -> S:
    try:
        return msgspec.json.decode(read_bounded(path, SETTINGS_BYTES), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        _refuse(shown_as, f"{path.name} cannot be read: {error}")


def _refuse(shown_as: str, message: str) -> NoReturn:
    raise DataError(Problem(shown_as, None, "", message))
