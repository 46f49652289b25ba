"""Which model answered, and what a prompt was optimised on: what takes the evidence its force."""

from dataclasses import replace

import msgspec
import pytest


def flags(synthetic, **arms):
    run = synthetic.make_run(
        {name: synthetic.Arm(synthetic.scores(50, 100), **arm) for name, arm in arms.items()}
    )
    return {flag.code: flag for flag in synthetic.decision(run).red_flags}


def test_an_arm_of_two_models_is_invalid_and_names_both(synthetic):
    flag = flags(synthetic, few_shot={"models": ("m-2026-05-13", "m-2026-08-06")})["answering_model_changed"]
    assert flag.severity == "invalid"
    assert "inside few_shot: m-2026-05-13 (50 answers) and m-2026-08-06 (50 answers)" in flag.message


@pytest.mark.parametrize("models", [(), (None,), ("m-2026-08-06",), (None, "m-2026-08-06")])
def test_one_model_is_no_change_and_an_unnamed_one_is_unknown(synthetic, models):
    """Samples of earlier runs, and those of servers that say nothing, name no model."""
    made = flags(synthetic, few_shot={"models": models})
    assert not made.keys() & {"answering_model_changed", "answering_models_differ"}


def test_arms_on_one_model_that_two_answered_are_warned_of(synthetic):
    made = flags(synthetic, few_shot={"models": ("m-1",)}, rag={"kind": "rag", "models": ("m-2",)})
    flag = made["answering_models_differ"]
    assert flag.severity == "warn"
    assert "few_shot by m-1, rag by m-2" in flag.message


def test_a_tune_answers_under_another_name_than_its_base(synthetic):
    made = flags(
        synthetic, few_shot={"models": ("m-1",)}, tuned={"kind": "fine_tuned", "models": ("ft:m-1",)}
    )
    assert "answering_models_differ" not in made


@pytest.mark.parametrize(
    ("source", "on", "code", "severity"),
    [
        ("dspy", "cases", "prompt_optimised_on_cases", "invalid"),
        ("file", None, "prompt_optimised_undeclared", "warn"),
        ("dspy", "train", None, None),
        (None, None, None, None),
    ],
)
def test_a_prompt_optimised_on_the_cases_carries_no_verdict(synthetic, source, on, code, severity):
    made = flags(synthetic, few_shot={"prompt_source": source, "optimised_on": on})
    of_prompts = {name: flag.severity for name, flag in made.items() if name.startswith("prompt_optimised")}
    assert of_prompts == ({} if code is None else {code: severity})


def test_an_adapter_that_was_made_for_other_weights_is_warned_of(synthetic):
    """The sentence that was told when the run began stands with the decision."""
    run = synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(50, 100))})
    doubt = "models.m: the adapter a was made for b, and the weights of c are others"
    run = replace(run, manifest=msgspec.structs.replace(run.manifest, adapter_doubts=(doubt,)))
    (flag,) = [flag for flag in synthetic.decision(run).red_flags if flag.code == "adapter_made_for_others"]
    assert (flag.severity, flag.message) == ("warn", doubt)


def test_counts_of_models_are_kept_with_the_arm(synthetic):
    run = synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(50, 99), models=("a", "b", None))})
    (summary,) = run.comparison.arms
    assert summary.answering_models == {"a": 33, "b": 33}
