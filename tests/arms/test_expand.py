"""From the suite's arms to candidates and the points of their curves."""

from pathlib import Path

import pytest

from evalkit.arms.expand import expand_arms, suite_arm
from evalkit.errors import SuiteError
from evalkit.records.arm import ArmKind
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

HEAD = """
name: s
cases: cases.jsonl
prompts: {house: {user: "Q: {{input}}", shots: 5, examples: {path: train.jsonl}}}
models:
  base: {type: embedded, temperature: 0.0, max_tokens: 32}
  tuned: {type: tuned, base: base, train: train.jsonl, fractions: [1.0, 0.5, 0.125], seeds: 2}
  theirs: {type: openai, model: "ft:x", tuned_from: hosted, base_url: "http://localhost:1", extra_body: {k: 1}}
  hosted: {type: openai, model: x}
  table: {type: recorded, path: answers.jsonl, kind: rag}
metrics: [exact_match]
arms:
"""


def suite_of(text: str):
    return build_suite(parse_yaml(text, file="suite.yaml", folder=Path()))


def expand(arms: str):
    return expand_arms(suite_of(HEAD + arms))


def names(arms: str) -> list[str]:
    return [facts.name for facts in expand(arms)]


def test_a_shot_curve_gives_a_curve_arm_for_each_point_but_the_arm_s_own():
    candidate, *points = expand("  a: {model: base, prompt: house, shot_curve: [0, 5, 8]}")
    assert (candidate.name, candidate.role, candidate.parent, candidate.shots) == ("a", "candidate", None, 5)
    assert [(f.name, f.role, f.parent, f.shots) for f in points] == [
        ("a@0", "curve", "a", 0),
        ("a@8", "curve", "a", 8),
    ]
    assert [f.kind for f in points] == [ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT]


def test_a_tuned_model_without_retrieval_gives_the_learning_curve_and_its_seeds():
    arms = expand("  t: {model: tuned, prompt: {base: house, shots: 0}}")
    assert [(f.name, f.fraction, f.seed) for f in arms] == [
        ("t", 1.0, 1),
        ("t@0.125", 0.125, 1),
        ("t@0.125/seed2", 0.125, 2),
        ("t@0.5", 0.5, 1),
        ("t@0.5/seed2", 0.5, 2),
        ("t@1.0/seed2", 1.0, 2),
    ]
    assert [f.role for f in arms] == ["candidate"] + ["curve"] * 5
    assert {f.parent for f in arms[1:]} == {"t"}
    assert all(suite_arm(f) == "t" and f.tuned and f.base_model == "base" for f in arms)


def test_with_retrieval_a_tuned_model_is_asked_once():
    (facts,) = expand("  t: {model: tuned, prompt: {base: house, shots: 0}, retrieval: {corpus: c}}")
    assert (facts.kind, facts.fraction, facts.seed) == (ArmKind.FINE_TUNED_RAG, 1.0, 1)
    assert (facts.retrieval, facts.top_k) == ("bm25", 3)


@pytest.mark.parametrize(
    ("arm", "kind"),
    [
        ("{model: base, prompt: {base: house, shots: 0}}", ArmKind.ZERO_SHOT),
        ("{model: base, prompt: house}", ArmKind.FEW_SHOT),
        ("{model: base, prompt: house, retrieval: {corpus: c}}", ArmKind.RAG),
        ("{model: theirs, prompt: house}", ArmKind.FINE_TUNED),
        ("{model: table, prompt: house}", ArmKind.RAG),
        ("{model: table, prompt: house, kind: fine_tuned}", ArmKind.FINE_TUNED),
    ],
)
def test_the_kind_follows_from_the_parts_unless_it_is_declared(arm, kind):
    assert expand(f"  a: {arm}")[0].kind == kind


def test_a_model_tuned_elsewhere_has_a_base_and_no_curve():
    (facts,) = expand("  a: {model: theirs, prompt: house}")
    assert (facts.base_model, facts.fraction, facts.seed) == ("hosted", None, None)


def test_an_arm_with_the_role_of_a_curve_stands_alone():
    (facts,) = expand("  o: {model: tuned, prompt: {base: house, shots: 0}, role: curve}")
    assert (facts.role, facts.parent) == ("curve", None)


def test_the_settings_say_what_the_answering_model_was_told_and_hold_no_address():
    tuned, hosted = expand(
        "  t: {model: tuned, prompt: house, retrieval: {corpus: c}}\n  a: {model: theirs, prompt: house}"
    )
    assert tuned.settings == {"temperature": "0.0", "max_tokens": "32", "stop": '["\\n"]'}
    assert (tuned.model, tuned.model_type) == ("tuned", "embedded")
    assert hosted.settings == {
        "temperature": "0.0",
        "max_tokens": "256",
        "seed": "true",
        "extra_body": '{"k": 1}',
    }


def test_a_shot_curve_is_one_prompt_tried_and_another_text_is_another():
    arms = expand(
        "  a: {model: base, prompt: house, shot_curve: [0, 2]}\n"
        '  b: {model: base, prompt: {base: house, system: "Be brief."}}'
    )
    assert len({f.prompt_digest for f in arms if suite_arm(f) == "a"}) == 1
    assert arms[0].prompt_digest != arms[-1].prompt_digest
    assert {f.prompt for f in arms} == {"house"}


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        (
            "{model: base, prompt: house, shot_curve: [2, 2]}",
            r"suite.yaml:13: arms.a.shot_curve: two arms would be called 'a@2'",
        ),
        ("{model: base, prompt: house, shot_curve: [2], role: curve}", "belongs to a candidate"),
        ("{model: tuned, prompt: house, kind: few_shot}", "is a tuned model"),
        ("{model: base, prompt: house, kind: fine_tuned}", "tuned_from"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(arm, said):
    with pytest.raises(SuiteError, match=said):
        expand(f"  a: {arm}")
