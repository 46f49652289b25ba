"""Suites of public bug reports about numbers, signs and letters: run whole, each score is the one that is right."""

import json
import shutil
from pathlib import Path

import pytest

import evalkit
from evalkit.metrics.json_schema import JsonSchema
from evalkit.records.case import Case, Passage
from evalkit.records.sample import Sample, Status
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.text.normalise import normalise

FOLDER = Path(__file__).parents[1] / "fixtures" / "failing"
QUESTION = Case(id="1", input="q", cluster="1")


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    """Run a suite of the folder and give the run."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "cache"))

    def run(name):
        shutil.copytree(FOLDER / name, tmp_path / name)
        return evalkit.run(tmp_path / name, output=tmp_path / "runs")

    return run


@pytest.mark.parametrize(
    "name",
    [
        "dash-minus",
        "minus-beside-chinese",
        "exponent-sign",
        "thousands-in-lists",
        "contains-negative",
        "contains-symbols",
        "combining-marks",
        "curly-apostrophe",
        "jsonschema-multipleof",
        "alternation-groups",
        "first-line-extract",
    ],
)
def test_each_answer_has_the_score_that_a_person_would_give(name, run_of):
    """``expected.json`` says which, for every answer about which the report was."""
    scores = {(row.case_id, row.metric): row.value for row in run_of(name).folder.scores()}
    expected = json.loads((FOLDER / name / "expected.json").read_text("utf-8"))["scores"]
    assert expected
    assert {key: scores[tuple(key.split("|"))] for key in expected} == expected


def test_signs_that_carry_meaning_make_another_answer(run_of):
    """Currencies, comparisons, percent, C++ and C#, an amount in brackets and a slash tell answers apart."""
    scores = run_of("exact-match-symbols-that-carry-meaning").wide("exact_match")["a"]
    right = {"c4", "c5", "c14", "c15", "c19", "c21", "c22"}
    assert {case_id for case_id, value in scores.items() if value == 1.0} == right


def test_a_question_is_not_shown_with_its_answer_whatever_its_marks(run_of):
    """But for a question mark, its width or a curly apostrophe the examples ask what the cases ask."""
    folder = run_of("fewshot-leak").path
    prompts = [
        json.loads(line)["messages"] for line in (folder / "prompts.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(prompts) == 3
    for *shown, question in prompts:
        assert [message["role"] for message in shown] == ["user", "assistant"]
        assert normalise(shown[0]["content"]) != normalise(question["content"])


@pytest.mark.parametrize(
    ("passages", "query"),
    [
        (["दिन भर", "दान देना"], "दिन"),
        (["Alice’s key", "Bob key"], "Alice's"),
        (["the don’t-pass line", "the pass line"], "don't"),
        (["at -5 degrees", "at 5 degrees"], "−5"),
        (["it costs €50", "it costs $50"], "€ 50"),
        (["a limit of ١٢", "a limit of 21"], "12"),
    ],
)
def test_bm25_reads_as_the_metrics_do(passages, query):
    """Vowel signs, apostrophes, minus signs, currencies and digits of other scripts."""
    retriever = BM25Retriever([Passage(id=str(at), text=text) for at, text in enumerate(passages)])
    assert [passage.id for passage in retriever.search(query, 1, QUESTION)] == ["0"]


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": [{"$ref": "https://x/y"}]},
        {"const": {"$ref": "#/nope"}},
        {"type": "object", "default": {"$ref": "#/nope"}, "examples": [{"$ref": "#/nope"}]},
        {
            "$id": "https://e.com/r.json",
            "$defs": {
                "i": {
                    "$id": "i.json",
                    "$defs": {"z": {"type": "string"}},
                    "properties": {"a": {"$ref": "#/$defs/z"}},
                }
            },
            "properties": {"i": {"$ref": "i.json"}},
        },
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"x": {"$id": "#foo", "type": "string"}},
            "properties": {"a": {"$ref": "#foo"}},
        },
    ],
)
def test_a_valid_schema_is_accepted(schema):
    """A reference inside data is data, one under a nested ``$id`` is relative to it, and the drafts are known."""
    JsonSchema(schema=schema)


def test_references_of_an_accepted_schema_are_followed():
    """The nested schema's own definition decides."""
    metric = JsonSchema(
        schema={
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"x": {"$id": "#foo", "type": "string"}},
            "properties": {"a": {"$ref": "#foo"}},
        }
    )

    def value(output):
        sample = Sample(
            case_id="c", arm="a", status=Status.OK, prompt_digest="", request_digest="", output=output
        )
        return metric.score(QUESTION, sample).value

    assert (value('{"a": "x"}'), value('{"a": 1}')) == (1.0, 0.0)


@pytest.mark.parametrize(
    "schema", [{"$ref": "http://127.0.0.1:9/x.json"}, {"properties": {"a": {"$ref": "#/no"}}}]
)
def test_a_reference_that_leads_nowhere_is_refused(schema):
    """Nothing is fetched."""
    with pytest.raises(ValueError, match="fetches none"):
        JsonSchema(schema=schema)
