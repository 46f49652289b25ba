"""Bad input ends with exit 2, a file and line and what to do, before anything is run or written."""

from __future__ import annotations

import json

import pytest

CASE = {"id": "a", "question": "q", "answer": "x", "area": "n", "fact": "f"}


def line(**changes) -> str:
    return json.dumps({**CASE, **changes}) + "\n"


@pytest.mark.parametrize(
    ("file", "content", "where", "words"),
    [
        ("cases.jsonl", "", "cases.jsonl", "no case"),
        ("cases.jsonl", line() + line(), "cases.jsonl:2", "'a'"),
        ("cases.jsonl", line() + '{"id": "b", "question": "q', "cases.jsonl:2", "JSON"),
        ("cases.jsonl", line() + "[1]\n", "cases.jsonl:2", "object"),
        ("cases.jsonl", line(id="b", question=None), "cases.jsonl:1", "question"),
        ("cases.jsonl", line().encode() + b'{"id": "b", "question": "\xff"}\n', "cases.jsonl:2", "UTF-8"),
        ("shown.jsonl", '{"case_id": "c0-0"}\n', "shown.jsonl:1", "output"),
        ("shown.jsonl", '{"case_id": "zzz", "output": "x"}\n', "suite.yaml:5", "id of a case"),
        ("suite.yaml", "name: tiny\n", "suite.yaml", "'cases' is missing"),
        ("suite.yaml", "a: !!python/object/apply:os.system ['touch hacked']\n", "suite.yaml:1", "tag"),
        ("suite.yaml", "name: x\nname: y\n", "suite.yaml:2", "given twice"),
    ],
)
def test_a_broken_file_is_told_with_its_line(evalkit, tiny, tmp_path, file, content, where, words):
    (tiny / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    for command in ("validate", "run"):
        done = evalkit(command, tiny)
        assert done.code == 2
        assert where in done.err
        assert words in done.err
    assert not (tmp_path / "reports").exists()
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("file", ["cases.jsonl", "shown.jsonl", "suite.yaml"])
def test_a_missing_file_is_named(evalkit, tiny, tmp_path, file):
    (tiny / file).unlink()
    done = evalkit("run", tiny)
    assert done.code == 2
    assert file in done.err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("metrics: [exact_match", "metrics: [exact_macth", "Did you mean 'exact_match'?"),
        ("few_shot: {model: shown}", "few_shot: {model: shwon}", "Did you mean 'shown'?"),
        ("reference_arm: few_shot", "reference_arm: fewshot", "Did you mean 'few_shot'?"),
        ("use_case:", "usecase:", "Did you mean 'use_case'?"),
        ("metrics: [exact_match", "metrics: [{regex: {pattern: '('}}, exact_match", "metrics"),
        ("metrics: [exact_match", "metrics: [{regex: {patern: 'x'}}, exact_match", "patern"),
        ("input: question", "input: frage", "'question'"),
        ("price: taught", "price: tauhgt", "'taught'"),
        ("metrics:", "prompts: {p: {user: '{{qestion}}'}}\nmetrics:", "qestion"),
    ],
)
def test_a_misspelling_names_the_nearest(evalkit, tiny, tmp_path, before, after, words):
    text = (tiny / "suite.yaml").read_text()
    assert before in text
    (tiny / "suite.yaml").write_text(text.replace(before, after, 1))
    done = evalkit("run", tiny)
    assert done.code == 2
    assert words in done.err
    assert "suite.yaml:" in done.err or "cases.jsonl" in done.err
    assert not (tmp_path / "reports").exists()


def test_an_empty_corpus_is_told(evalkit, tiny):
    (tiny / "corpus.jsonl").write_text("")
    text = (tiny / "suite.yaml").read_text()
    retrieval = "rag: {model: looked_up, retrieval: {corpus: corpus.jsonl}}"
    (tiny / "suite.yaml").write_text(text.replace("rag: {model: looked_up}", retrieval))
    done = evalkit("validate", tiny)
    assert done.code == 2
    assert "corpus.jsonl" in done.err


def test_a_csv_with_a_byte_order_mark_is_accepted(evalkit, tiny):
    rows = [json.loads(text) for text in (tiny / "cases.jsonl").read_text().splitlines()]
    text = "\ufeffid,question,answer,area,fact\r\n"
    text += "".join(
        f"{row['id']},{row['question']},{row['answer']},{row['area']},{row['fact']}\r\n" for row in rows
    )
    (tiny / "cases.csv").write_bytes(text.encode())
    suite = (tiny / "suite.yaml").read_text()
    (tiny / "suite.yaml").write_text(suite.replace("cases.jsonl", "cases.csv"))
    done = evalkit("validate", tiny)
    assert done.code == 0, done.err
    assert "120 cases" in done.out


def test_hostile_text_stays_text(evalkit, tiny, tmp_path, rows):
    """A script tag in a case and an answer is shown, never run; Chinese and a huge word survive."""
    cases = [json.loads(text) for text in (tiny / "cases.jsonl").read_text().splitlines()]
    answers = [json.loads(text) for text in (tiny / "taught.jsonl").read_text().splitlines()]
    cases[1]["question"] = "<script>alert(1)</script> 網路錯誤？"
    answers[1]["output"] = "<img src=x onerror=alert(2)>" + "x" * 100_000
    rows(tiny / "cases.jsonl", cases)
    rows(tiny / "taught.jsonl", answers)
    assert evalkit("run", tiny).code == 0
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    page = (folder / "report.html").read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_names_files_and_columns_may_be_chinese(evalkit, tiny, tmp_path):
    """Suite, models, arms, columns and files; the report shows them."""
    text = (tiny / "suite.yaml").read_text()
    for plain, chinese in (
        ("name: tiny", "name: 客服"),
        ("cases.jsonl", "題目.jsonl"),
        ("input: question", "input: 問題"),
        ("taught: {type", "教過的: {type"),
        ("fine_tuned: {model: taught}", "微調 A: {model: 教過的}"),
    ):
        assert plain in text
        text = text.replace(plain, chinese)
    (tiny / "suite.yaml").write_text(text, encoding="utf-8")
    cases = (tiny / "cases.jsonl").read_text().replace('"question"', '"問題"')
    (tiny / "題目.jsonl").write_text(cases, encoding="utf-8")
    done = evalkit("run", tiny)
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "reports" / "客服").iterdir()
    assert "微調 A" in (folder / "report.html").read_text(encoding="utf-8")
    assert "微調 A" in (folder / "report.md").read_text(encoding="utf-8")
