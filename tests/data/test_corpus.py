"""Passages from folders and from files."""

import json

import pytest

from evalkit.data.corpus import read_corpus
from evalkit.errors import DataError
from evalkit.records.case import Passage


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_a_folder_gives_one_passage_a_file_in_order_of_names(tmp_path):
    """Ids are paths without the ending, or what the front matter says; hidden and other files are left out."""
    write(
        tmp_path,
        {
            "b/網路.md": "\ufeff# VPN\r\n重新啟動\r\n",
            "a.txt": "plain\n",
            "c.MD": "---\nid: 7\ntitle: x\n---\nbody\n",
            "d.md": "---\nprose between rules\n---\nmore\n",
            ".hidden/x.md": "no",
            "e.json": "{}",
        },
    )
    assert read_corpus(tmp_path) == [
        Passage(id="a", text="plain"),
        Passage(id="b/網路", text="# VPN\n重新啟動"),
        Passage(id="7", text="body"),
        Passage(id="d", text="---\nprose between rules\n---\nmore"),
    ]


@pytest.mark.parametrize("names", [("id", "text"), ("passage_id", "content"), ("doc_id", "body")])
def test_a_file_gives_one_passage_a_row(tmp_path, names):
    """Under the usual names of columns."""
    rows = [{names[0]: 1, names[1]: "甲"}, {names[0]: "b", names[1]: "乙"}]
    write(tmp_path, {"corpus.jsonl": "\n".join(map(json.dumps, rows))})
    assert read_corpus(tmp_path / "corpus.jsonl") == [Passage(id="1", text="甲"), Passage(id="b", text="乙")]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.pdf": "x"}, "holds no .md, .txt, .jsonl or .parquet file"),
        ({"a.md": "x", "a.txt": "y"}, "a.txt: passage id 'a' is also the id of"),
        ({"a.md": " \n"}, "a.md: passage 'a' has no text"),
        ({"a.md": b"\xff"}, "a.md: is not UTF-8"),
        ({"a.md": "---\nid: [\n---\nx"}, "a.md:3: its front matter"),
        ({"a.md": "---\nid: !!python/name:os.system\n---\nx"}, "a.md:2: id: its front matter"),
    ],
)
def test_a_bad_folder_is_refused_by_file(tmp_path, files, said):
    """Nothing in a corpus is executed."""
    with pytest.raises(DataError) as caught:
        read_corpus(write(tmp_path, files))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no passage"),
        (
            [{"id": 1, "text": "a"}, {"id": "1", "text": "b"}],
            "c.jsonl:2: passage id '1' is also the id of line 1",
        ),
        ([{"id": 1, "text": "a"}, {"text": "b"}], "c.jsonl:2: the passage has no id"),
        ([{"id": 1, "text": ""}], "c.jsonl:1: the passage has no text"),
    ],
)
def test_a_bad_file_is_refused_by_line(tmp_path, rows, said):
    """Gold passages name ids, so ids must differ."""
    write(tmp_path, {"c.jsonl": "\n".join(map(json.dumps, rows))})
    with pytest.raises(DataError) as caught:
        read_corpus(tmp_path / "c.jsonl")
    assert said in str(caught.value)


def test_a_folder_may_hold_rows_beside_texts_in_english_and_chinese(tmp_path):
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "a.markdown").write_text("# Reset\nHold the button.", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"id": "zh", "text": "長按電源鍵。"}\n', encoding="utf-8")
    (tmp_path / "c").mkdir()
    pyarrow.parquet.write_table(
        pyarrow.table({"doc_id": ["p1", "p2"], "content": ["one", "二"]}), tmp_path / "c" / "rows.parquet"
    )
    assert [(passage.id, passage.text) for passage in read_corpus(tmp_path)] == [
        ("a", "# Reset\nHold the button."),
        ("zh", "長按電源鍵。"),
        ("p1", "one"),
        ("p2", "二"),
    ]


def test_one_text_file_is_a_corpus_of_one_document(tmp_path):
    file = tmp_path / "handbook.md"
    file.write_text("---\nid: handbook-3\n---\n# One\nText.", encoding="utf-8")
    (only,) = read_corpus(file)
    assert (only.id, only.text) == ("handbook-3", "# One\nText.")
