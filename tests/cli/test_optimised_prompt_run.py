"""A compiled DSPy program from its file to its answers, and the model that gave them, on a server on loopback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

N = 60
ANSWERS = {"one": "1", "two": "2", "three": "3"}
PRICE = {"input": 0.15, "output": 0.60, "as_of": "2026-11-01", "source": "made up for a test"}
PROGRAM = {  # written by hand in the shape of DSPy 3's program.save; see tests/suite/test_optimised_prompt.py
    "predict": {
        "traces": [],
        "train": [],
        "demos": [
            {"augmented": True, "question": "four things", "reasoning": "I count four.", "answer": "4"},
            {"question": "five things", "answer": "5"},
        ],
        "signature": {
            "instructions": "Count. Write one digit.",
            "fields": [
                {"prefix": "Question:", "description": "${question}"},
                {"prefix": "Reasoning:", "description": "${reasoning}"},
                {"prefix": "Answer:", "description": "one digit"},
            ],
        },
        "lm": None,
    },
    "metadata": {"dependency_versions": {"python": "3.13", "dspy": "3.1.2", "cloudpickle": "3.1"}},
}


def write_suite(folder: Path, url: str, **prompt: Any) -> Path:
    folder.mkdir(exist_ok=True)
    words = list(ANSWERS)
    rows = [
        {"id": f"c{i}", "question": f"{words[i % 3]} number {i}", "answer": ANSWERS[words[i % 3]]}
        for i in range(N)
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "program.json").write_text(json.dumps(PROGRAM))
    data = {
        "name": "counting",
        "cases": {"path": "cases.jsonl", "fields": {"input": "question", "reference": "answer"}},
        "prompts": {
            "plain": {"system": "Count."},
            "tuned_prompt": {"from": "dspy", "path": "program.json", **prompt},
        },
        "models": {"base": {"type": "openai", "model": "m", "base_url": url}},
        "arms": {
            "plain": {"model": "base", "prompt": "plain"},
            "optimised": {"model": "base", "prompt": "tuned_prompt"},
        },
        "metrics": [{"exact_match": {"extract": r"(\d)$"}}],
        "run": {"latency": {"isolated": 0}},
        "economics": {"requests_per_month": 2_000, "value_per_correct": 0.05},
        "prices": {"m": PRICE},
        "decision": {"draws": 500},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder


def run_folder(tmp_path: Path) -> Path:
    return max((tmp_path / "reports" / "counting").iterdir())


def flags(folder: Path) -> dict[str, dict[str, str]]:
    return {flag["code"]: flag for flag in json.loads((folder / "decision.json").read_text())["red_flags"]}


@pytest.fixture
def counting(provider, replies):
    """A model that counts where it is told to think, and else says 1; it says which model it is."""
    server = provider("openai")
    server.name = lambda: "m-2026-08-06"

    def answer(request):
        if not request.get("messages"):
            return replies.reply({"object": "list", "data": []})
        question = request["messages"][-1]["content"].removeprefix("Question: ")
        thinks = len(request["messages"]) > 2
        text = f"Reasoning: I count.\nAnswer: {ANSWERS[question.split()[0]]}" if thinks else "1"
        made = replies.completion(text, prompt=40, output=5)
        made.body["model"] = server.name()
        return made

    server.answer = answer
    return server


def test_a_compiled_program_is_an_arm_from_its_file_to_its_answers(counting, evalkit, tmp_path):
    folder = write_suite(tmp_path / "suite", counting.url, optimised_on="train")
    done = evalkit("run", folder, "--json")
    assert done.code == 0, done.err
    asked = next(request["messages"] for request in counting.requests if len(request.get("messages", ())) > 2)
    assert [(turn["role"], turn["content"]) for turn in asked[:-1]] == [
        ("system", "Count. Write one digit.\n\nAnswer: one digit"),
        ("user", "Question: four things"),
        ("assistant", "Reasoning: I count four.\nAnswer: 4"),
        ("user", "Question: five things"),
        ("assistant", "Reasoning: Not supplied for this particular example.\nAnswer: 5"),
    ]
    arms = done.json["arms"]
    assert arms["optimised"]["quality"]["exact_match"]["mean"] == 1.0
    assert arms["plain"]["quality"]["exact_match"]["mean"] == pytest.approx(1 / 3)
    assert arms["optimised"]["kind"] == "few_shot"
    kept = json.loads((run_folder(tmp_path) / "manifest.json").read_text())["arms"]
    assert [(arm["prompt_source"], arm["optimised_on"]) for arm in kept] == [(None, None), ("dspy", "train")]
    assert not {code for code in flags(run_folder(tmp_path)) if code.startswith("prompt_optimised")}

    # The prompt is the run's: without its file, or with another one, the run is decided as it was.
    before = (run_folder(tmp_path) / "decision.json").read_bytes()
    (folder / "program.json").unlink()
    again = evalkit("decide", "latest")
    assert again.code == 0, again.err
    assert (run_folder(tmp_path) / "decision.json").read_bytes() == before


@pytest.mark.parametrize(
    ("declared", "code", "severity"),
    [
        ({}, "prompt_optimised_undeclared", "warn"),
        ({"optimised_on": "cases"}, "prompt_optimised_on_cases", "invalid"),
    ],
)
def test_what_a_prompt_was_optimised_on_is_flagged(counting, evalkit, tmp_path, declared, code, severity):
    folder = write_suite(tmp_path / "suite", counting.url, **declared)
    assert evalkit("run", folder).code == 0
    assert flags(run_folder(tmp_path))[code]["severity"] == severity


def test_a_demonstration_that_is_a_test_question_belies_what_was_declared(counting, evalkit, tmp_path):
    folder = write_suite(tmp_path / "suite", counting.url, optimised_on="train")
    state = json.loads(json.dumps(PROGRAM))
    state["predict"]["demos"][1] = {"question": "Two Number 1", "answer": "2"}
    (folder / "program.json").write_text(json.dumps(state))
    assert evalkit("run", folder).code == 0
    flag = flags(run_folder(tmp_path))["prompt_optimised_on_cases"]
    assert flag["severity"] == "invalid"
    assert "from 1 of the test questions (program.json)" in flag["message"]


def test_a_model_that_changes_within_a_run_is_invalid_and_named_in_the_report(counting, evalkit, tmp_path):
    """Providers answer an id with another model from one day to the next; replayed answers keep their first one's."""
    folder = write_suite(tmp_path / "suite", counting.url, optimised_on="train")
    answered = []

    def name():
        answered.append(1)
        return "m-2026-08-06" if len(answered) <= 90 else "m-2026-11-20"

    counting.name = name
    assert evalkit("run", folder).code == 0
    samples = [json.loads(line) for line in (run_folder(tmp_path) / "samples.jsonl").read_text().splitlines()]
    assert {sample["answering_model"] for sample in samples} == {"m-2026-08-06", "m-2026-11-20"}
    flag = flags(run_folder(tmp_path))["answering_model_changed"]
    assert flag["severity"] == "invalid"
    assert "m-2026-08-06" in flag["message"]
    assert "m-2026-11-20" in (run_folder(tmp_path) / "report.md").read_text()
    first = run_folder(tmp_path)
    assert evalkit("run", folder).code == 0
    assert run_folder(tmp_path) != first
    again = [json.loads(line) for line in (run_folder(tmp_path) / "samples.jsonl").read_text().splitlines()]
    assert all(sample["replayed"] for sample in again)
    key = ("arm", "case_id", "answering_model")
    assert sorted(tuple(row[name] for name in key) for row in again) == sorted(
        tuple(row[name] for name in key) for row in samples
    )


def test_a_program_of_several_predictors_is_refused_before_anything_is_asked(counting, evalkit, tmp_path):
    folder = write_suite(tmp_path / "suite", counting.url)
    (folder / "program.json").write_text(json.dumps({"a": PROGRAM["predict"], "b": PROGRAM["predict"]}))
    done = evalkit("validate", folder)
    assert done.code == 2
    assert "prompts.tuned_prompt.path: " in done.err
    assert "a program of 2 predictors (a, b)" in done.err
    assert counting.requests == []
