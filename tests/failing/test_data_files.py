"""Small wrong cases about data files: guessed columns, settings without effect, ids, units, each with what is right.

The inputs stand in ``tests/fixtures/failing``, with a README each; the provider is a real server on loopback.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from evalkit.cli import main as door
from evalkit.data.cases import read_cases
from evalkit.data.examples import read_examples
from evalkit.data.recorded import read_recorded
from evalkit.errors import DataError
from evalkit.prompts.composer import Composer
from evalkit.prompts.examples import ExampleChooser
from evalkit.suite.load import load_suite
from tests.builders.chat_server import completion

INPUTS = Path(__file__).parents[1] / "fixtures" / "failing"


@pytest.fixture
def evalkit(capsys, tmp_path, monkeypatch):
    """Runs a command in a folder of its own; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "of-this-test")

    def call(*arguments):
        capsys.readouterr()
        code = door.run([str(argument) for argument in arguments])
        return SimpleNamespace(code=code, **dict(zip(("out", "err"), capsys.readouterr(), strict=True)))

    return call


@pytest.fixture
def place(tmp_path, chat_server):
    """Copies a folder of inputs; its hosted models are the server of the test."""

    def copy(name, **files):
        folder = tmp_path / name
        shutil.copytree(INPUTS / name, folder, dirs_exist_ok=True)
        suite = folder / "suite.yaml"
        for file, rows in files.items():
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / f"{file}.jsonl").write_text(text, encoding="utf-8")
        for port in ("9750", "9"):
            suite.write_text(suite.read_text().replace(f"http://127.0.0.1:{port}/v1", chat_server.url))
        return folder

    return copy


def scores(folder):
    (file,) = folder.glob("*/*/scores.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return {f"{row['case_id']}|{row['arm']}|{row['metric']}": row["value"] for row in rows}


def taught(folder):
    """The training messages of every row, as (role, text)."""
    suite = load_suite(folder)
    rows = read_examples(suite.path("train.jsonl"), suite)
    composer = Composer(suite.prompts["p"], ExampleChooser(rows))
    return [[(one.role, one.content) for one in composer.training_messages(row)] for row in rows]


# One mapping of columns for a file.


def test_a_row_without_a_reference_is_not_scored_by_another_column(evalkit, place, chat_server, tmp_path):
    folder = place("public-alias-fallback")
    chat_server.answer = lambda request: completion("model said wrong")
    assert "not read: answer" in evalkit("validate", folder).out
    assert evalkit("run", folder, "-o", tmp_path / "runs").code == 0
    assert scores(tmp_path / "runs") == {"c0|a|exact_match": 0.0, "c1|a|exact_match": None}


def test_alpaca_rows_ask_their_instruction(evalkit, place):
    folder = place("public-alpaca-instruction")
    assert taught(folder) == [
        [("user", "Translate to German.\n\ncat"), ("assistant", "Katze")],
        [("user", "Translate to French.\n\ncat"), ("assistant", "chat")],
    ]
    said = evalkit("validate", folder).out
    assert "train.jsonl: Alpaca rows: input = instruction + input, reference = output" in said


def test_alpaca_and_dolly_rows_as_cases_give_their_answers_as_references(
    evalkit, place, chat_server, tmp_path
):
    alpaca = {"id": "c1", "instruction": "Translate.", "input": "", "output": "Katze"}
    folder = place("public-alpaca-instruction", cases=[alpaca])
    chat_server.answer = lambda request: completion("Katze")
    assert evalkit("run", folder, "-o", tmp_path / "a", "--no-cache").code == 0
    assert scores(tmp_path / "a") == {"c1|a|exact_match": 1.0}
    assert chat_server.requests[-1]["messages"][-1]["content"] == "Translate."
    dolly = {"id": "c1", "instruction": "Who?", "context": "Ann came.", "response": "Katze", "category": "qa"}
    folder = place("public-alpaca-instruction", cases=[dolly])
    assert "Dolly rows: id, input = instruction + context, reference = response; not read: category" in (
        evalkit("validate", folder).out
    )
    assert evalkit("run", folder, "-o", tmp_path / "d", "--no-cache").code == 0
    assert scores(tmp_path / "d") == {"c1|a|exact_match": 1.0}
    assert chat_server.requests[-1]["messages"][-1]["content"] == "Who?\n\nAnn came."


def test_an_instruction_beside_a_question_has_to_be_declared(evalkit, place):
    """Either could be the question."""
    folder = place(
        "public-alpaca-instruction", cases=[{"instruction": "Be brief.", "question": "q", "answer": "a"}]
    )
    done = evalkit("validate", folder)
    assert done.code == 2
    assert "cases.jsonl: has the columns 'instruction' and 'question'" in done.err
    suite = folder / "suite.yaml"
    suite.write_text(
        suite.read_text().replace("path: cases.jsonl", "path: cases.jsonl, fields: {input: question}")
    )
    assert evalkit("validate", folder).code == 0


def test_the_answers_of_triviaqa_and_squad_are_accepted_answers(evalkit, place, chat_server, tmp_path):
    folder = place("public-answer-struct")
    chat_server.answer = lambda request: completion("Paris")
    assert evalkit("run", folder, "-o", tmp_path / "runs").code == 0
    assert scores(tmp_path / "runs") == {"c0|a|exact_match": 1.0, "c1|a|exact_match": 1.0}


def test_squad_answers_may_be_declared_and_lie_in_a_table(evalkit, place, chat_server, tmp_path):
    folder = place("public-answer-struct")
    cells = '"{""text"": [""Lyon"", ""Paris""], ""answer_start"": [3, 9]}"'
    (folder / "cases.csv").write_text(f"question,answers\nCapital?,{cells}\n")
    suite = folder / "suite.yaml"
    suite.write_text(
        suite.read_text().replace("path: cases.jsonl", "path: cases.csv, fields: {reference: answers}")
    )
    chat_server.answer = lambda request: completion("Paris")
    assert evalkit("run", folder, "-o", tmp_path / "runs").code == 0
    assert list(scores(tmp_path / "runs").values()) == [1.0]


def test_conversational_completions_teach_their_text(place):
    folder = place("public-trl-conversational")
    assert taught(folder) == [[("user", "Q"), ("assistant", "A")]]


def test_sharegpt_rows_are_conversations(place):
    talk = [
        *({"from": "system", "value": "s"}, {"from": "human", "value": "Q"}),
        {"from": "gpt", "value": "A"},
    ]
    folder = place("public-trl-conversational", train=[{"conversations": talk}])
    assert taught(folder) == [[("system", "s"), ("user", "Q"), ("assistant", "A")]]
    folder = place(
        "public-trl-conversational", train=[{"conversations": [{"from": "tool", "value": "x"}, *talk]}]
    )
    with pytest.raises(Exception, match=r"train.jsonl:1: message 1 has from 'tool'"):
        taught(folder)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "holds preference rows"),
        ({"prompt": "q", "completion": "a", "label": False}, "holds rows with a label of good or bad"),
        ({"text": "a whole document"}, "has no input"),
    ],
)
def test_rows_that_are_no_questions_and_answers_are_refused(evalkit, place, row, said):
    done = evalkit("validate", place("public-trl-conversational", train=[row]))
    assert done.code == 2
    assert "train.jsonl" in done.err
    assert said in done.err


def test_chosen_answers_are_taken_where_they_are_declared(place):
    """Also where each holds the whole conversation."""
    whole = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    rows = [
        {"question": "Q", "chosen": whole, "rejected": "b"},
        {"question": "Q", "chosen": "A", "rejected": "b"},
    ]
    folder = place("public-trl-conversational", train=rows)
    suite = folder / "suite.yaml"
    fields = "{reference: chosen, input: question}"
    suite.write_text(suite.read_text().replace("path: cases.jsonl", f"path: cases.jsonl, fields: {fields}"))
    assert taught(folder) == [[("user", "Q"), ("assistant", "A")]] * 2


def test_messages_of_weight_0_are_neither_trained_on_nor_shown(evalkit, place):
    folder = place("public-weight-zero")
    assert taught(folder) == [[("user", "Q2"), ("assistant", "good")]]
    assert "rows of weight 0 are neither trained on nor shown: 1" in evalkit("validate", folder).out


def test_a_conversation_ends_at_its_last_message_that_is_trained_on(place):
    talk = [
        *({"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "weight": 1}),
        *({"role": "user", "content": "Q2"}, {"role": "assistant", "content": "BAD", "weight": 0}),
    ]
    assert taught(place("public-weight-zero", train=[{"messages": talk}])) == [
        [("user", "Q"), ("assistant", "A")]
    ]


@pytest.mark.parametrize("mask", [{"train": False}, {"loss": 0}, {"weight": 0.0}])
def test_other_names_of_a_loss_mask_count_too(place, mask):
    bad = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "BAD", **mask}]
    good = {"question": "Q2", "answer": "good"}
    assert taught(place("public-weight-zero", train=[{"messages": bad}, good])) == [
        [("user", "Q2"), ("assistant", "good")]
    ]


def test_a_weight_that_is_neither_0_nor_1_is_refused_by_its_line(evalkit, place):
    talk = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "weight": 3}]
    done = evalkit("validate", place("public-weight-zero", train=[{"messages": talk}]))
    assert (done.code, "train.jsonl:1: message 2 has weight 3" in done.err) == (2, True)


def test_rows_of_weight_0_are_left_out(evalkit, place):
    rows = [
        {"question": "Q", "answer": "BAD", "weight": 0},
        {"question": "Q2", "answer": "good", "weight": 1},
    ]
    folder = place("public-weight-zero", train=rows)
    assert taught(folder) == [[("user", "Q2"), ("assistant", "good")]]
    done = evalkit("validate", place("public-weight-zero", train=rows[:1]))
    assert (done.code, "all 1 rows have weight 0" in done.err) == (2, True)


# Ids that were made floats.


def quality(folder):
    return json.loads((folder / "decision.json").read_text())["arms"]


def test_ids_that_were_made_floats_are_the_same_cases(evalkit, tmp_path):
    table = INPUTS / "public-float-ids" / "t.jsonl"
    assert evalkit("import", "table", table, "-o", tmp_path / "run").code == 0
    arms = quality(tmp_path / "run")
    assert {name: (arm["n"], arm["coverage"]) for name, arm in arms.items()} == {"a": (2, 1.0), "b": (2, 1.0)}
    assert len(json.loads((tmp_path / "run" / "decision.json").read_text())["differences"]) == 1


def test_recorded_answers_find_their_cases_by_float_ids(evalkit, place, tmp_path):
    name = "newcomer-recorded-columns-not-read-without-a-word"
    folder = place(name, cases=[{"id": number, "question": f"q{number}", "answer": "a"} for number in (1, 2)])
    (folder / "out.csv").write_text("id,response\n1.0,a\n2.0,a\n")
    assert evalkit("run", folder, "-o", tmp_path / "runs").code == 0
    assert scores(tmp_path / "runs") == {"1|a|exact_match": 1.0, "2|a|exact_match": 1.0}


def test_ids_that_are_versions_stay_as_they_are(evalkit, place, tmp_path):
    """1.0 beside 1.1 is no float of 1."""
    name = "newcomer-recorded-columns-not-read-without-a-word"
    cases = [{"id": version, "question": version, "answer": "a"} for version in ("1.0", "1.1", "1")]
    folder = place(name, cases=cases)
    (folder / "out.csv").write_text("case_id,output\n1.0,a\n1.1,a\n1,b\n")
    assert evalkit("run", folder, "-o", tmp_path / "runs").code == 0
    assert scores(tmp_path / "runs") == {
        "1.0|a|exact_match": 1.0,
        "1.1|a|exact_match": 1.0,
        "1|a|exact_match": 0.0,
    }


def test_a_reference_that_was_made_a_float_accepts_the_whole_number(evalkit, place, chat_server, tmp_path):
    folder = place("public-alias-fallback", cases=[{"id": "c", "question": "2 + 3?", "answer": 5.0}])
    chat_server.answer = lambda request: completion("5")
    assert evalkit("run", folder, "-o", tmp_path / "runs").code == 0
    assert scores(tmp_path / "runs") == {"c|a|exact_match": 1.0}


# Money, seconds and tokens.


def test_money_is_never_a_score(evalkit, tmp_path):
    table = INPUTS / "newcomer-import-cost-usd-becomes-a-metric" / "scores.csv"
    done = evalkit("import", "table", table, "-o", tmp_path / "run")
    assert done.code == 0
    assert "column cost_usd is read as cost" in done.err
    assert set(quality(tmp_path / "run")["rag"]["quality"]) == {"correct"}
    first = json.loads((tmp_path / "run" / "samples.jsonl").read_text().splitlines()[0])
    assert first["cost"]["model"] == "0.0011"


def test_what_looks_like_a_measure_is_left_out_with_a_word(evalkit, tmp_path):
    (tmp_path / "t.csv").write_text(
        "id,arm,em,latency_ms,totalTokens,repeat,error_rate,time_taken,tokens_per_second\n"
        + "".join(f"{case},{arm},1,700,0.9,0,0.1,0.5,0.5\n" for case in range(9) for arm in "ab")
    )
    done = evalkit("import", "table", tmp_path / "t.csv", "-o", tmp_path / "run")
    assert done.code == 0, done.err
    assert "not read: 'totalTokens', 'repeat', 'error_rate', 'time_taken', 'tokens_per_second'" in done.err
    assert "column latency_ms is read as latency_s" in done.err
    assert "column id is read as case_id" in done.err
    arms = quality(tmp_path / "run")
    assert set(arms["a"]["quality"]) == {"em"}
    assert arms["a"]["latency"]["p50"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("latency_s", "700", "the median of latency_s is read as 700 s"),
        ("latency_ms", "0.7", "the median of latency_ms is read as 0.0007 s"),
        ("cost", "110", "the median of cost is 110 for one answer"),
        ("input_tokens,output_tokens,cost", "90,8,1.1", "cost comes to 11,224 for a million tokens"),
    ],
)
def test_a_unit_that_cannot_be_is_doubted(evalkit, place, tmp_path, header, cells, said):
    """In recorded answers and in imported tables alike."""
    table = f"case_id,arm,em,{header}\n" + "".join(
        f"c{case},a,1,{cells}\nc{case},b,1,{cells}\n" for case in range(3)
    )
    (tmp_path / "t.csv").write_text(table)
    assert said in evalkit("import", "table", tmp_path / "t.csv", "-o", tmp_path / "run").err
    folder = place("newcomer-recorded-columns-not-read-without-a-word")
    (folder / "out.csv").write_text(
        f"case_id,output,{header}\n" + "".join(f"c{case},a,{cells}\n" for case in range(3))
    )
    assert said in evalkit("validate", folder).out


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("input_tokens,output_tokens", "0.9,8", "input_tokens is 0.9; give a whole number of tokens"),
        ("input_tokens", "9", "has one of input_tokens and output_tokens"),
        ("cost", "$0.01", "cost is '$0.01'; give an amount of money"),
        ("latency_ms", "fast", "latency_ms is 'fast', which is no number"),
        ("latency_s", "-1", "-1"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_by_its_line(evalkit, place, header, cells, said):
    folder = place("newcomer-recorded-columns-not-read-without-a-word")
    (folder / "out.csv").write_text(f"case_id,output,{header}\nc0,a,{cells}\n")
    done = evalkit("validate", folder)
    assert done.code == 2
    assert "out.csv:2: " in done.err
    assert said in done.err


def test_dollars_are_not_taken_for_another_currency(evalkit, place, tmp_path):
    folder = place("newcomer-recorded-columns-not-read-without-a-word")
    suite = folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("economics: {", "economics: {currency: EUR, "))
    (folder / "out.csv").write_text("case_id,output,cost_usd\nc0,a,0.01\n")
    done = evalkit("validate", folder)
    assert (done.code, "cost_usd is in USD and the suite counts in EUR" in done.err) == (2, True)
    part = tmp_path / "part.yaml"
    part.write_text("economics: {currency: EUR, requests_per_month: 9}\n")
    table = INPUTS / "newcomer-import-cost-usd-becomes-a-metric" / "scores.csv"
    done = evalkit("import", "table", table, "--suite", part, "-o", tmp_path / "run")
    assert (done.code, "cost_usd is in USD and the suite counts in EUR" in done.err) == (2, True)


# Settings and columns without effect.


def test_recorded_columns_are_read_and_unknown_ids_are_named(evalkit, place, tmp_path):
    folder = place("newcomer-recorded-columns-not-read-without-a-word")
    done = evalkit("validate", folder)
    assert done.code == 0
    assert "out.csv: case_id, output, input_tokens, output_tokens, cost, service_s = latency_ms" in done.out
    assert "rows whose id is no case's are not used, 1 in all: 'c99'" in done.out
    done = evalkit("run", folder, "-o", tmp_path / "runs")
    assert done.code == 0
    assert "'c99'" in done.err
    (file,) = (tmp_path / "runs").glob("*/*/samples.jsonl")
    first = json.loads(file.read_text().splitlines()[0])
    assert (first["usage"]["input"], first["usage"]["output"]) == (900, 8)
    assert first["cost"]["model"] == "0.0011"
    assert first["timing"]["service_s"] == pytest.approx(0.7)


def test_a_prompt_without_a_field_is_refused(evalkit, place, chat_server):
    folder = place("public-prompt-without-field")
    for command in ("validate", "run"):
        done = evalkit(command, folder)
        assert done.code == 2
        assert "suite.yaml:3: prompts.p.user: holds no field" in done.err
    assert chat_server.requests == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"Q: {input}"', '"{{input"', "prompts.p.user: holds no field"),
        (
            '{user: "Q: {input}"}',
            '{user: "{{input}}", passages: "Context:"}',
            "prompts.p.passages: holds no field",
        ),
        ('{user: "Q: {input}"}', '{user: "{{input}}", answer: "A:"}', "prompts.p.answer: holds no field"),
    ],
)
def test_so_is_every_other_template_that_shows_the_same_text_to_all(evalkit, place, before, after, said):
    folder = place("public-prompt-without-field")
    suite = folder / "suite.yaml"
    suite.write_text(suite.read_text().replace(before, after))
    done = evalkit("validate", folder)
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_search_without_a_field_is_refused(evalkit, place):
    """It would find the same passages for every case."""
    folder = place("public-prompt-without-field")
    (folder / "corpus.jsonl").write_text('{"id": "p", "text": "Paris"}\n')
    suite = folder / "suite.yaml"
    text = suite.read_text().replace("Q: {input}", "{{input}}")
    suite.write_text(
        text.replace("prompt: p}", "prompt: p, retrieval: {corpus: corpus.jsonl, query: '{input}'}}")
    )
    done = evalkit("validate", folder)
    assert (done.code, "arms.a.retrieval.query: holds no field" in done.err) == (2, True)


def test_references_that_no_case_has_are_missed_before_a_call(evalkit, place, chat_server):
    folder = place("public-no-reference-run")
    for command in ("validate", "run"):
        done = evalkit(command, folder)
        assert done.code == 2
        assert "cases.jsonl: exact_match: compares with a reference, and no case has one" in done.err
        assert "'answers'" in done.err
    assert chat_server.requests == []


def test_a_metric_that_needs_no_reference_runs_without_one(evalkit, place):
    folder = place("public-no-reference-run")
    suite = folder / "suite.yaml"
    metrics = "metrics: [{regex: {pattern: Paris}}, {contains: {value: Paris}}]"
    suite.write_text(suite.read_text().replace("metrics: [exact_match]", metrics))
    assert evalkit("validate", folder).code == 0


def save(folder, config, *files):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    for file in files:
        (folder / file).write_bytes(b"{}")


@pytest.mark.parametrize(
    ("config", "files", "said"),
    [
        ({}, ("tokenizer.json",), "has no *.safetensors weights"),
        ({}, ("pytorch_model.bin", "tokenizer.json"), "pickled weights are not read"),
        ({}, ("model.safetensors",), "has no tokenizer"),
        (
            {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
            ("model.safetensors", "tokenizer.json"),
            "holds T5ForConditionalGeneration, an encoder with a decoder",
        ),
        (
            {"architectures": ["BertForMaskedLM"]},
            ("model.safetensors", "tokenizer.json"),
            "holds BertForMaskedLM, which writes no text",
        ),
    ],
)
def test_model_folders_are_looked_at_by_validate(evalkit, place, tmp_path, config, files, said):
    folder = place("newcomer-validate-passes-missing-model-folder")
    done = evalkit("validate", folder)
    assert done.code == 2
    assert "suite.yaml:5: models.own.model: " in done.err
    assert "no such model folder" in done.err
    save(tmp_path / "no-such-folder", config, *files)
    done = evalkit("validate", folder)
    assert done.code == 2
    assert "suite.yaml:5: models.own.model: " in done.err
    assert said in done.err


def test_a_missing_adapter_is_found_by_validate(evalkit, place):
    folder = place("newcomer-validate-passes-missing-model-folder")
    suite = folder / "suite.yaml"
    text = suite.read_text().replace(
        "{type: transformers, model: ../no-such-folder}", "{type: embedded, adapter: none-here}"
    )
    suite.write_text(text)
    done = evalkit("validate", folder)
    assert (done.code, "models.own.adapter: " in done.err, "no such adapter folder" in done.err) == (
        2,
        True,
        True,
    )


def test_a_hub_id_is_told_and_not_fetched(evalkit, place):
    folder = place("newcomer-validate-passes-missing-model-folder")
    suite = folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("../no-such-folder", "owner/name"))
    done = evalkit("validate", folder)
    assert done.code == 0
    assert "models.own: 'owner/name' is no folder here, so it is taken as a hub id" in done.out
    assert "All files are fine" not in done.out


# Places and long inputs.


def test_init_says_which_folder_cannot_be_written(evalkit, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("/proc/x/y", tmp_path / "file" / "below", tmp_path / ("a" * 300)):
        done = evalkit("init", folder)
        assert done.code == 2
        assert "cannot be written" in done.err


def test_a_training_row_over_the_context_is_found_with_its_line(evalkit, place, tmp_path):
    folder = place("public-long-training-row")
    for command in ("validate", "tune", "run"):
        done = evalkit(command, folder)
        assert done.code == 2
        assert "train.jsonl:7: has 708 tokens in the prompt of 'tuned', and 'base' takes 512" in done.err


def test_counts_of_a_thousand_million_cases_are_answered_at_once(evalkit):
    began = time.monotonic()
    done = evalkit("decide", "--counts", "base=500000000/1000000000,rag=500100000/1000000000", "--json")
    assert time.monotonic() - began < 10
    (pair,) = json.loads(done.out)["pairs"]
    assert (pair["fewest_discordant"], pair["most_discordant"]) == (100_000, 999_900_000)
    # The largest p is the normal one: b - c of 100,000 over the root of 999,900,000 is 3.162 standard errors.
    assert pair["highest_p"] == pytest.approx(0.00157, abs=1e-5)


@pytest.mark.parametrize("cases", ["10000000000", "9" * 5000])
def test_counts_that_nobody_has_are_refused(evalkit, cases):
    done = evalkit("decide", "--counts", f"base=1/{cases},rag=2/{cases}")
    assert done.code == 2
    assert len(done.err) < 300


# Siblings of the published forms: read whole, or refused with what to do.

USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
PREFERRED = "evalkit would train on the bad ones too"
TURN = {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{"instruction": "i", "output": "a", "system": "In German."}],
            "a column 'system', a part of the prompt",
        ),
        (
            [{"instruction": "i", "output": "a", "history": [["q", "a"]]}],
            "put all turns of a row into a column",
        ),
        (
            [{"conversations": [USER, ANSWER], "system": "In German."}],
            "holds ShareGPT rows with a column 'system'",
        ),
        ([{"prompt": "p", "completion": "a", "label": "false"}], PREFERRED),
        (
            [{"prompt": "p", "completion": "a", "label": 1}, {"prompt": "p", "completion": "b", "label": 0}],
            PREFERRED,
        ),
        ([{"messages": [USER, ANSWER], "kto_tag": True}], PREFERRED),
        ([{"prompt": [USER], "completion": [ANSWER, USER, TURN]}], "a list of several turns"),
        ([{"prompt": [USER, ANSWER], "completion": [TURN]}], "there is another one beside them"),
        ([{"messages": [{"role": "user", "content": " "}, ANSWER]}], "its last user message is empty"),
        ([{"messages": [USER, ANSWER], "loss_mask": [0, 1]}], "its weight is a list"),
        ([{"messages": [USER, {**ANSWER, "mask": 0}]}], "'mask', which tools read in opposite ways"),
    ],
)
def test_rows_of_a_known_form_that_cannot_be_read_whole_are_refused(place, rows, said):
    """No part of a row, no judgement and no mask is passed over."""
    folder = place("public-trl-conversational", train=rows)
    with pytest.raises(DataError, match=re.escape(said)):
        read_examples(folder / "train.jsonl", load_suite(folder))


def test_weights_are_heeded_whatever_they_are_called(place):
    """False as a text, several columns, torchtune's ``masked`` and the older ``training``."""
    rows = [
        {"input": "1", "output": "a", "weight": "False"},
        {"input": "2", "output": "a", "weight": 1, "loss_mask": 0},
        {"input": "3", "output": "a", "weight": "true"},
        {"messages": [USER, {**ANSWER, "masked": True}]},
        {"messages": [USER, {**ANSWER, "training": False}]},
        {"messages": [USER, {**ANSWER, "masked": False}]},
    ]
    folder = place("public-trl-conversational", train=rows)
    examples = read_examples(folder / "train.jsonl", load_suite(folder))
    assert [example.input for example in examples] == ["3", "q"]


def test_one_message_may_stand_for_a_list_of_one(place):
    """It is not an answer in JSON."""
    folder = place("public-trl-conversational", train=[{"prompt": [USER], "completion": ANSWER}])
    assert [example.output for example in read_examples(folder / "train.jsonl", load_suite(folder))] == ["a"]


def test_a_reference_is_what_stands_behind_its_think_block(place):
    """And an empty answer at the end of messages is none."""
    thought = {"role": "assistant", "content": "<think>2 + 2</think>\n\n4"}
    folder = place(
        "public-trl-conversational",
        cases=[{"input": "q", "reference": thought["content"]}, {"messages": [USER, thought]}],
    )
    assert [case.reference for case in read_cases(load_suite(folder))] == [("4",), ("4",)]
    place("public-trl-conversational", cases=[{"messages": [USER, {"role": "assistant", "content": ""}]}])
    with pytest.raises(DataError, match="end with an empty answer"):
        read_cases(load_suite(folder))


def test_the_command_that_goes_on_names_the_file_of_the_key_again(
    evalkit, place, chat_server, replies, monkeypatch
):
    """As it was typed; followed, it ends the run."""
    folder = place("public-trl-conversational")
    monkeypatch.delenv("OPENAI_API_KEY")
    Path("my keys.env").write_text("OPENAI_API_KEY=k\n")
    chat_server.answer = lambda request: replies.reply('{"error": {"message": "no such key"}}', status=401)
    done = evalkit("run", folder, "--env-file", "my keys.env")
    assert done.code != 0
    (command,) = [line.strip() for line in done.err.splitlines() if "--resume" in line]
    assert "--env-file 'my keys.env'" in command
    monkeypatch.delenv("OPENAI_API_KEY")
    chat_server.answer = lambda request: completion("a")
    assert evalkit(*shlex.split(command)[1:]).code == 0


@pytest.mark.parametrize("output", ["{}.0", '[{{"role": "assistant", "content": "{}"}}]', '"{}"'])
def test_a_recorded_answer_is_its_text_however_a_tool_wrote_it(tmp_path, output):
    """A whole column of numbers that became floats, messages, ids with a space."""
    rows = [f'{{"case_id": " {case}", "output": {output.format(case)}}}\n' for case in (1, 2)]
    (tmp_path / "a.jsonl").write_text("".join(rows))
    answers = read_recorded(tmp_path / "a.jsonl")
    assert [(key, answers[key].output) for key in answers] == [(("1", 0), "1"), (("2", 0), "2")]
    answers.close()
