"""The Chinese suite: its files, its recorded answers, and a whole run of it without torch."""

import json
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from evalkit.data.corpus import read_corpus
from evalkit.data.examples import read_examples
from evalkit.records.case import Case
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.quality import recall_at_k
from evalkit.text.chinese import cut_chinese
from evalkit.text.normalise import normalise
from evalkit.text.words import search_terms

FOLDER = Path(__file__).parents[2] / "suites" / "zh-faq"
FILES = (
    "cases.jsonl",
    "train.jsonl",
    "corpus/passages.jsonl",
    "retrieval/choosing.jsonl",
    "retrieval/held-out.jsonl",
    "answers/few_shot.jsonl",
    "answers/rag.jsonl",
    "answers/fine_tuned.jsonl",
)


def rows(name):
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def recall(retriever, name):
    asked = rows(name)
    found = [
        recall_at_k(
            [one.id for one in retriever.search(row["question"], 3, Case(id="", input="", cluster=""))],
            row["docs"],
            3,
        )
        for row in asked
    ]
    return sum(found) / len(found)


def test_the_script_writes_the_committed_files_byte_for_byte(tmp_path):
    subprocess.run([sys.executable, str(FOLDER / "make_suite.py"), str(tmp_path)], check=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_there_are_enough_cases_clusters_and_retrieval_questions(cases):
    assert len(cases) >= 90
    assert len({case.cluster for case in cases}) >= 45
    assert len(rows("retrieval/held-out.jsonl")) >= 50


def test_questions_for_choosing_ask_for_other_rules_than_the_held_out_ones_and_the_cases(cases):
    """What is chosen on the first is not flattered on the others."""
    choosing = {name for row in rows("retrieval/choosing.jsonl") for name in row["docs"]}
    held_out = {name for row in rows("retrieval/held-out.jsonl") for name in row["docs"]}
    assert not choosing & held_out
    assert held_out == {name for case in cases for name in case.gold_passages}


def test_no_question_is_asked_twice_anywhere(suite, cases):
    """Nor is a test question a training question in other signs."""
    asked = [case.input for case in cases]
    asked += [row["question"] for name in ("choosing", "held-out") for row in rows(f"retrieval/{name}.jsonl")]
    asked += [example.input for example in read_examples(FOLDER / "train.jsonl", suite)]
    repeated = [text for text, count in Counter(map(normalise, asked)).items() if count > 1]
    assert repeated == []


def test_every_gold_passage_holds_the_rule_its_answer_quotes(cases):
    texts = {passage.id: passage.text for passage in read_corpus(FOLDER / "corpus" / "passages.jsonl")}
    for case in cases:
        (gold,) = case.gold_passages
        source = case.reference[0].rpartition("依據：")[2].removesuffix("。")
        assert texts[gold].startswith(source)


def test_retrieval_is_hard_and_characters_find_more_than_words():
    """The default of BM25 for Chinese, on questions that were not used for choosing it."""
    passages = read_corpus(FOLDER / "corpus" / "passages.jsonl")
    characters = BM25Retriever(passages)
    words = BM25Retriever(passages, tokenize=partial(search_terms, cut_han=cut_chinese))
    for name in ("retrieval/choosing.jsonl", "retrieval/held-out.jsonl", "cases.jsonl"):
        assert recall(words, name) < recall(characters, name) < 1


def test_the_recorded_answers_lack_some_rows_and_one_is_an_error(cases):
    known = {case.id for case in cases}
    answered = {name: rows(f"answers/{name}.jsonl") for name in ("few_shot", "rag", "fine_tuned")}
    for found in answered.values():
        assert {row["case_id"] for row in found} <= known
        assert all({"output", "usage", "service_s"} <= row.keys() for row in found if "error" not in row)
    assert [len(found) for found in answered.values()] == [95, 94, 96]
    assert [sum("error" in row for row in found) for found in answered.values()] == [0, 0, 1]
    assert all(len(row["passages"]) == 3 for row in answered["rag"])


def test_the_recorded_passages_hold_the_rule_as_often_as_bm25_finds_it(cases):
    """So that the recall in the report is one that the named retriever has."""
    gold = {case.id: case.gold_passages for case in cases}
    found = [
        gold[row["case_id"]][0] in {one["id"] for one in row["passages"]} for row in rows("answers/rag.jsonl")
    ]
    real = recall(BM25Retriever(read_corpus(FOLDER / "corpus" / "passages.jsonl")), "cases.jsonl")
    assert sum(found) / len(found) == pytest.approx(real, abs=0.03)


def test_the_suite_goes_through_every_stage_without_torch(tmp_path):
    """From cases to report, in a process of its own; missing answers are counted and never scored."""
    program = f"""
import sys
from evalkit.cli.main import main
try:
    main(["run", {str(FOLDER)!r}, "-o", {str(tmp_path)!r}])
except SystemExit as end:
    code = end.code
assert not {{"torch", "transformers", "openai"}} & set(sys.modules), "a model library was loaded"
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 104, done.stderr
    (run,) = (tmp_path / "zh-faq").iterdir()
    comparison = json.loads((run / "comparison.json").read_text(encoding="utf-8"))
    arms = {arm["name"]: arm for arm in comparison["arms"]}
    assert {name: (arm["n"], arm["ok"]) for name, arm in arms.items()} == {
        "few_shot": (96, 95),
        "rag": (96, 94),
        "fine_tuned": (96, 95),
    }
    quality = {name: arm["quality"]["exact_match"]["mean"] for name, arm in arms.items()}
    assert quality["few_shot"] < quality["rag"] < quality["fine_tuned"]
    assert arms["rag"]["retrieval"]["n"] == 94
    assert all(arm["unit_cost"] for arm in arms.values())
    decision = json.loads((run / "decision.json").read_text(encoding="utf-8"))
    assert decision["verdict"] == "fine_tune"
    assert "雲杉市立圖書館" in (run / "manifest.json").read_text(encoding="utf-8") + (
        run / "suite.yaml"
    ).read_text(encoding="utf-8")
    assert "圖書館" in (run / "report.html").read_text(encoding="utf-8")
