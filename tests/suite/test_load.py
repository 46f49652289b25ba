"""The suite schema: what is accepted, and what a person reads when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from evalkit.errors import SuiteError
from evalkit.suite.json_schema import suite_schema
from evalkit.suite.load import load_suite, suite_of_run
from evalkit.suite.starters import starters

GOOD = """\
name: demo
cases: {path: cases.jsonl, fields: {input: question, tags: [topic]}}
prompts:
  house: {system: Be brief., user: "Question: {{input}}", shots: 2, examples: {path: train.jsonl}}
  bare: {user: "{{input}}"}
models:
  base: {type: embedded, device_hour: 0.08}
  tuned: {type: tuned, base: base, train: train.jsonl, fractions: [0.5, 1.0]}
arms:
  few_shot: {model: base, prompt: house, shot_curve: [0, 1]}
  rag: {model: base, prompt: {base: house, shots: 1}, retrieval: {corpus: corpus.jsonl}}
  fine_tuned: {model: tuned, prompt: {base: house, shots: 0}}
metrics:
  - exact_match
  - regex: {name: form, pattern: "^x"}
economics: {requests_per_month: {low: 1_000, mode: 2_000, high: 9_000}, value_per_correct: 0.02}
decision: {limits: {form: {min: 0.9}, p95_latency_s: {max: 2}}}
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "suite.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(SuiteError) as caught:
        load_suite(write(tmp_path, text))
    return str(caught.value)


def test_a_good_suite_loads(tmp_path):
    suite = load_suite(write(tmp_path, GOOD))
    assert suite.primary_metric == "exact_match"
    assert suite.reference_arm == "few_shot"
    assert suite.economics.requests_per_month.mode == 2000
    assert suite.metrics[1].name == "form"
    assert suite.prompt_of("rag")[1].shots == 1
    assert suite.prompt_of("rag")[1].user == "Question: {{input}}"
    assert suite.is_tuned("tuned")
    assert not suite.is_tuned("base")


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        (
            "shots: 2",
            "shot: 2",
            4,
            "unknown key 'shot'. Defined: 'system', 'user', 'passages', 'answer', 'shots'",
        ),
        ("device_hour", "device_hours", 7, "Did you mean 'device_hour'?"),
        (
            "model: base, prompt: house, shot",
            "model: bsae, prompt: house, shot",
            10,
            "no model is called 'bsae'",
        ),
        ("prompt: house, shot_curve", "prompt: hause, shot_curve", 10, "Did you mean 'house'?"),
        ("- exact_match", "- exct_match", 14, "Did you mean 'exact_match'?"),
        ("low: 1_000", "low: 5_000", 16, "must be in order low <= mode <= high"),
        ("low: 1_000", "low: -1", 16, "must not be negative"),
        ("type: embedded", "type: embeded", 7, "Did you mean 'embedded'?"),
        ("fractions: [0.5, 1.0]", "fractions: [0.5]", 8, "must include 1.0"),
        ("base: base", "base: tuned", 8, "can be tuned here"),
        ("limits: {form:", "limits: {from:", 17, "no limit is called 'from'"),
        ("min: 0.9", "", 17, "give min, max or both"),
        ("min: 0.9", "min: .nan", 17, "finite"),
        ("mode: 2_000", "mode: .inf", 16, "finite"),
        ("name: demo", "name: ../demo", 1, "'../demo' is not a name"),
        ("  rag: {model", "  'rag@2': {model", 11, "arms.rag@2: 'rag@2' is not a name"),
        ("corpus: corpus.jsonl", "corpus: corpus.jsonl, method: bm52", 11, "Did you mean 'bm25'?"),
        (
            '{{input}}", shots: 2, examples: {path: train.jsonl}',
            '{{input}}", shots: 2',
            10,
            "no `examples` file",
        ),
        ("decision: {", "decision: {margin: 2.0, ", 17, "less than 1"),
        ("decision: {", "decision: {reference_arm: few, ", 17, "Did you mean 'few_shot'?"),
        ("value_per_correct: 0.02", "value_per_correct: -1", 16, "must not be negative"),
        (
            "value_per_correct: 0.02",
            "value_per_correct: 1.0e+308",
            16,
            "less than or equal to 1000000000000000",
        ),
        (
            "value_per_correct",
            "horizon_months: 100000000, value_per_correct",
            16,
            "less than or equal to 1200",
        ),
        ("decision: {", "run: {repeats: 1000000000}\ndecision: {", 17, "less than or equal to 1000"),
        ("- exact_match", "- exact_match: [x]", 14, "must be keys and values"),
    ],
)
def test_a_mistake_is_told_with_line_and_remedy(tmp_path, before, after, line, words):
    assert before in GOOD
    message = problem(tmp_path, GOOD.replace(before, after, 1))
    assert words in message
    assert f"suite.yaml:{line}:" in message


def test_all_mistakes_are_told_at_once(tmp_path):
    message = problem(tmp_path, GOOD.replace("shots: 2", "shot: 2").replace("device_hour", "device_houer"))
    assert len(message.splitlines()) == 2


def test_two_arms_of_one_name(tmp_path):
    text = GOOD.replace("  rag: {", "  few_shot: {model: base}\n  rag: {")
    assert "key is given twice (first on line 10)" in problem(tmp_path, text)


def test_two_metrics_of_one_name(tmp_path):
    text = GOOD.replace("  - exact_match\n", "  - exact_match\n  - exact_match: {normalise: false}\n")
    assert "two metrics are called 'exact_match'" in problem(tmp_path, text)


def test_a_price_needs_a_date_and_a_source(tmp_path):
    message = problem(tmp_path, GOOD + "prices: {m: {input: 1.0}}\n")
    assert "'as_of' is missing" in message
    assert "'source' is missing" in message


def test_a_run_keeps_its_suite_and_changes_values_by_key(tmp_path):
    folder = write(tmp_path, GOOD)
    suite = suite_of_run(folder, folder, {"economics.requests_per_month": "50000", "decision.margin": "0.1"})
    assert suite.economics.requests_per_month.high == 50000
    assert suite.decision.margin == 0.1


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("economics.request_per_month", "1", "Did you mean 'requests_per_month'?"),
        ("name.x", "1", "has no keys"),
        ("decision.margin", "lots", "decision.margin"),
        ("decision.margin", "[", "not valid YAML"),
    ],
)
def test_a_wrong_override_is_told(tmp_path, key, value, words):
    folder = write(tmp_path, GOOD)
    with pytest.raises(SuiteError) as caught:
        suite_of_run(folder, folder, {key: value})
    assert words in str(caught.value)


def test_the_published_schema_accepts_what_evalkit_accepts(tmp_path):
    """Editors and evalkit agree on a good suite and on every shipped one."""
    from jsonschema import Draft202012Validator

    schema = json.loads(suite_schema())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(yaml.safe_load(GOOD))
    for folder in starters().values():
        text = (folder / "suite.yaml").read_text(encoding="utf-8")
        # Editors read YAML 1.2, which has no dates; PyYAML reads 1.1.
        validator.validate(json.loads(json.dumps(yaml.safe_load(text), default=str)))
    wrong = yaml.safe_load(GOOD.replace("shots: 2", "shot: 2"))
    assert not validator.is_valid(wrong)


def test_the_schema_beside_the_suites_is_the_present_one():
    """`evalkit schema -o suites/schema.json` after each change of the schema."""
    assert (starters()["support-desk"].parent / "schema.json").read_text(encoding="utf-8") == suite_schema()
