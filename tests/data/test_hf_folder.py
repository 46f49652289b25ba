"""Saved Hugging Face datasets, written here as `save_to_disk` writes them: Arrow streams and a state.json."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from evalkit.data.cases import read_cases
from evalkit.data.readers import read_rows
from evalkit.errors import DataError
from evalkit.suite.load import load_suite

SUITE = "name: t\ncases: {path: saved}\nmodels: {m: {type: embedded}}\narms: {a: {model: m}}\nmetrics: [exact_match]\n"


def save(folder: Path, *shards: list[dict]) -> Path:
    folder.mkdir(parents=True)
    names = []
    for number, rows in enumerate(shards):
        names.append(f"data-{number:05d}-of-{len(shards):05d}.arrow")
        table = pa.Table.from_pylist(rows)
        with (
            pa.OSFile(str(folder / names[-1]), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_rows_of_all_shards_are_read_in_order(tmp_path):
    folder = save(
        tmp_path / "saved",
        [{"question": "一？", "answer": ["1", "one"]}],
        [{"question": "b", "answer": ["2"]}],
    )
    rows = list(read_rows(folder, shown_as="saved"))
    assert [(row.line, row.values["question"]) for row in rows] == [(1, "一？"), (2, "b")]
    (tmp_path / "suite.yaml").write_text(SUITE)
    cases = list(read_cases(load_suite(tmp_path)))
    assert [(case.input, case.reference) for case in cases] == [("一？", ("1", "one")), ("b", ("2",))]


def test_several_splits_are_named(tmp_path):
    save(tmp_path / "saved" / "train", [{"question": "a"}])
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DataError, match="splits train, test; name one of them: saved/train"):
        list(read_rows(tmp_path / "saved", shown_as="saved"))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ('{"_data_files": [{"filename": "../secret.arrow"}]}', "outside itself"),
        ('{"_data_files": [{"filename": "none.arrow"}]}', "none.arrow cannot be read"),
        ("{", "state.json cannot be read"),
    ],
)
def test_a_broken_folder_is_told(tmp_path, state, words):
    folder = save(tmp_path / "saved", [{"question": "a"}])
    (folder / "state.json").write_text(state)
    with pytest.raises(DataError, match=words):
        list(read_rows(folder, shown_as="saved"))


def test_a_plain_folder_is_no_dataset(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        list(read_rows(tmp_path, shown_as="x"))
