"""Prompts that an optimiser wrote, read from the file it saved.

The DSPy files here are written by hand in the shape that DSPy's own code gives them (stanfordnlp/dspy, version 3:
``BaseModule.save``, ``Predict.dump_state``, ``Signature.dump_state``): one state for each predictor, with ``traces``,
``train``, ``demos``, ``signature`` (``instructions``, and ``fields`` of ``prefix`` and ``description`` without names)
and ``lm``, and beside them ``metadata.dependency_versions``.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from evalkit.arms.expand import expand_arms, prompt_digest
from evalkit.errors import RunError, SuiteError
from evalkit.records.arm import ArmKind
from evalkit.suite.load import build_suite, suite_of_run
from evalkit.suite.optimised_prompt import kept_prompts
from evalkit.suite.schema import PromptConfig
from evalkit.suite.source import parse_yaml

METADATA = {"dependency_versions": {"python": "3.13", "dspy": "3.1.2", "cloudpickle": "3.1"}}


def field(name: str, description: str | None = None) -> dict[str, str]:
    prefix = " ".join(word.capitalize() for word in name.split("_")) + ":"
    return {"prefix": prefix, "description": f"${{{name}}}" if description is None else description}


def predictor(
    *fields: dict[str, str], demos: list[dict] = (), instructions: str = "Name the capital."
) -> dict:
    signature = {"instructions": instructions, "fields": list(fields)}
    return {"traces": [], "train": [], "demos": list(demos), "signature": signature, "lm": None}


DEMOS = [
    {"augmented": True, "question": "France?", "reasoning": "It lies on the Seine.", "answer": "Paris"},
    {"question": "Italy?", "answer": "Rome"},
]
PLAIN = predictor(field("question"), field("answer"), demos=DEMOS)
THINKING = predictor(field("question"), field("reasoning"), field("answer"), demos=DEMOS)


@pytest.fixture
def suite(tmp_path):
    """A suite whose only prompt is read from a file with this content."""

    def make(content: object, *, name: str = "program.json", more: str = "", arm: str = "") -> object:
        data = (
            content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else None
        )
        (tmp_path / name).write_bytes(json.dumps(content).encode() if data is None else data)
        source = "file" if name.startswith("prompt") else "dspy"
        text = (
            f"name: capitals\ncases: cases.jsonl\nmetrics: [exact_match]\n"
            f"prompts:\n  tuned_prompt: {{from: {source}, path: {name}{more}}}\n"
            "models: {base: {type: openai, model: m, base_url: 'http://localhost:1'}}\n"
            f"arms: {{asked: {{model: base{arm}}}}}\n"
        )
        return build_suite(parse_yaml(text, file="suite.yaml", folder=tmp_path))

    return make


def test_instructions_and_demonstrations_of_a_saved_program(suite):
    made = suite({"predict": PLAIN, "metadata": METADATA}, more=", optimised_on: train")
    name, prompt = made.prompt_of("asked")
    assert (name, prompt.system, prompt.user, prompt.answer) == (
        "tuned_prompt",
        "Name the capital.",
        "Question: {{input}}",
        "{{output}}",
    )
    assert [(demo.input, demo.output) for demo in prompt.demonstrations] == [
        ("France?", "Paris"),
        ("Italy?", "Rome"),
    ]
    (arm,) = expand_arms(made)
    assert (arm.kind, arm.shots) == (ArmKind.FEW_SHOT, 2)
    assert (arm.prompt_source, arm.optimised_on) == ("dspy", "train")


def test_reasoning_stands_before_the_answer_and_is_said_to_lack_where_it_does(suite):
    """As DSPy's chat adapter shows an incomplete demonstration."""
    prompt = suite({"predict": THINKING, "metadata": METADATA}).prompt_of("asked")[1]
    assert prompt.answer == "Reasoning: {{reasoning}}\nAnswer: {{output}}"
    assert [demo.fields["reasoning"] for demo in prompt.demonstrations] == [
        "It lies on the Seine.",
        "Not supplied for this particular example.",
    ]


def test_descriptions_of_the_fields_are_part_of_the_instructions(suite):
    """Optimisers and users write them; a description that is only the field's name says nothing."""
    state = predictor(field("question"), field("capital_city", "one word, in English"))
    prompt = suite({"predict": state, "metadata": METADATA}).prompt_of("asked")[1]
    assert prompt.system == "Name the capital.\n\nCapital City: one word, in English"
    assert prompt.shots == 0


def test_a_predict_saved_alone_is_the_state_itself(suite):
    assert suite({**PLAIN, "metadata": METADATA}).prompt_of("asked")[1].system == "Name the capital."


def test_of_several_predictors_one_is_chosen_by_name(suite):
    state = {
        "search.predict": predictor(field("question"), field("query"), instructions="Search."),
        "answer.predict": PLAIN,
        "metadata": METADATA,
    }
    with pytest.raises(SuiteError, match=r"program of 2 predictors \(search.predict, answer.predict\)"):
        suite(state)
    chosen = suite(state, more=", predictor: answer.predict").prompt_of("asked")[1]
    assert chosen.system == "Name the capital."
    with pytest.raises(SuiteError, match=r"no predictor 'answer'.*Did you mean 'answer.predict'"):
        suite(state, more=", predictor: answer")


def test_inputs_that_the_state_does_not_tell_apart_are_declared(suite):
    state = predictor(field("country"), field("language"), field("capital"), field("river"))
    prompt = suite({"predict": state, "metadata": METADATA}, more=", inputs: [country, language]").prompt_of(
        "asked"
    )[1]
    assert prompt.user == "Country: {{country}}\nLanguage: {{language}}"
    assert prompt.answer == "Capital: {{capital}}\nRiver: {{output}}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps({"predict": PLAIN}), "a pickled one can run code"),
        ("{", "is not JSON"),
        ("[]", "holds a list, not an object"),
        ("[" * 100_000, "is not JSON"),
        ({"metadata": METADATA}, "holds no predictor"),
        ({"predict": {"demos": [], "signature_instructions": "x"}}, "saved before DSPy 2.5.3; save it again"),
        ({"predict": {**PLAIN, "demos": [3]}}, "are no list of objects"),
        ({"predict": {**PLAIN, "demos": [DEMOS[1]] * 201}}, "has 201 demos; up to 200 are read"),
        (
            {"predict": {**PLAIN, "demos": [{"question": "?"}]}},
            "demo 1 of 'predict' has no 'answer'; it has question",
        ),
        ({"predict": predictor(field("answer"))}, "has no input and output fields"),
    ],
)
def test_what_is_no_saved_program_is_refused_with_the_suites_line(suite, content, words):
    with pytest.raises(SuiteError) as error:
        suite(content)
    assert words in str(error.value)
    assert "suite.yaml:5: prompts.tuned_prompt.path" in str(error.value)


@pytest.mark.parametrize(("path", "words"), [("missing.json", "no such file"), (".", "is no file")])
def test_a_file_that_is_not_there_or_is_none_is_told(tmp_path, path, words):
    text = (
        f"name: x\ncases: c.jsonl\nmetrics: [exact_match]\nprompts: {{p: {{from: dspy, path: {path}}}}}\n"
        "models: {base: {type: openai, model: m, base_url: 'http://localhost:1'}}\narms: {a: {model: base}}\n"
    )
    with pytest.raises(SuiteError, match=words):
        build_suite(parse_yaml(text, file="suite.yaml", folder=tmp_path))


def test_a_plain_file_of_instructions_and_examples(suite, monkeypatch):
    """YAML or JSON; nothing in it is replaced, so that a file from elsewhere cannot ask for a secret."""
    monkeypatch.setenv("A_SECRET", "hush")
    text = (
        "instructions: 'Name it. ${A_SECRET}'\nexamples: [{input: 'France?', output: Paris, hint: Seine}]\n"
    )
    prompt = suite(text, name="prompt.yaml").prompt_of("asked")[1]
    assert prompt.system == "Name it. ${A_SECRET}"
    (demo,) = prompt.demonstrations
    assert (demo.input, demo.output, demo.fields["hint"]) == ("France?", "Paris", "Seine")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("instruction: x", "unknown key 'instruction'"),
        ("examples: []", "key 'instructions' is missing"),
        (
            "instructions: x\nexamples: [{input: a}]",
            "prompt.yaml:2: examples.0: has no answer: call it `output`",
        ),
        ("instructions: !!python/object/apply:os.system [ls]", "is not allowed"),
    ],
)
def test_a_plain_file_that_is_none_is_told_with_its_line(suite, text, words):
    with pytest.raises(SuiteError) as error:
        suite(text, name="prompt.yaml")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{from: dspy}", "`from` needs the `path` of the file"),
        ("{from: dspy, path: p.json, system: x}", "the file has the instructions"),
        ("{from: file, path: p.yaml, predictor: a}", "predictor and inputs belong to `from: dspy`"),
        ("{optimised_on: cases}", "optimised_on belongs to a prompt that is read"),
        ("{form: dspy}", "unknown key 'form'. Defined: "),
        ("{from: gepa, path: p}", "'gepa' is not one of the choices"),
    ],
)
def test_a_section_that_contradicts_itself_is_refused(tmp_path, section, words):
    text = (
        f"name: x\ncases: c.jsonl\nmetrics: [exact_match]\nprompts: {{p: {section}}}\n"
        "models: {base: {type: openai, model: m, base_url: 'http://localhost:1'}}\narms: {a: {model: base}}\n"
    )
    with pytest.raises(SuiteError) as error:
        build_suite(parse_yaml(text, file="suite.yaml", folder=tmp_path))
    assert words in str(error.value)


def test_an_arm_may_show_fewer_of_its_demonstrations(suite):
    made = suite({"predict": PLAIN}, arm=", prompt: {base: tuned_prompt, shots: 1}, shot_curve: [0, 2]")
    assert {arm.name: arm.shots for arm in expand_arms(made)} == {"asked": 1, "asked@0": 0, "asked@2": 2}


def test_prompts_of_the_suite_itself_have_the_digest_they_had():
    """Taken before there were optimised prompts: older runs are gone on with."""
    assert prompt_digest(PromptConfig(system="Answer.", shots=3)) == "7eaddf233dc80d366c10a121b59553b9"
    assert "source" not in PromptConfig().model_dump()


def test_what_was_optimised_on_decides_no_digest(suite):
    digests = {
        prompt_digest(suite({"predict": PLAIN}, more=more).prompt_of("asked")[1])
        for more in ("", ", optimised_on: train", ", optimised_on: cases")
    }
    assert len(digests) == 1


def test_a_run_keeps_the_prompt_and_is_read_without_its_file(suite, tmp_path):
    made = suite({"predict": PLAIN, "metadata": METADATA})
    run = tmp_path / "run"
    run.mkdir()
    (run / "suite.yaml").write_text(made.source.text)
    (run / "optimised_prompts.json").write_bytes(kept_prompts(made))
    Path(tmp_path / "program.json").unlink()
    again = suite_of_run(run, tmp_path)
    assert again.prompt_of("asked") == made.prompt_of("asked")
    (run / "optimised_prompts.json").write_text("{")
    with pytest.raises(RunError, match=r"optimised_prompts\.json"):
        suite_of_run(run, tmp_path)
