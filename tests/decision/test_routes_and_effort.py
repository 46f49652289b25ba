"""Questions 4 to 6 where the money is not in doubt: whether tuning has a way, and what it took."""

import pytest

from evalkit.records.tuning import TuningReport
from tests.builders.records import training

LOCAL = {
    "base": {"type": "embedded", "device_hour": 0.36, "model": None, "base_url": None},
    "tuned": {
        "type": "tuned",
        "base": "base",
        "train": "train.jsonl",
        **dict.fromkeys(("model", "base_url", "tuned_from", "training")),
    },
}


def two(synthetic, few=240, tuned=340, **changes):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(few, 400), device_s=2.0),
        "tuned": synthetic.Arm(synthetic.scores(tuned, 400), kind="fine_tuned", shots=0, device_s=1.0),
    }
    return synthetic.make_run(arms, **changes)


def finding(synthetic, run, number):
    return synthetic.decision(run).checklist[number - 1]


def at(base_url):
    """Both models at one provider's address; None is OpenAI's own."""
    return {"base": {"base_url": base_url}, "tuned": {"base_url": base_url}}


def test_a_tune_made_here_needs_no_provider_and_can_be_taken_along(synthetic):
    run = two(synthetic, models=LOCAL)
    way = finding(synthetic, run, 4)
    assert (way.status, way.speaks_for) == ("met", "neither")
    assert "You can tune base on your own machines until" in way.answer
    assert {entry.label: entry.value for entry in way.evidence}["tuned"] == "lora"
    weights = finding(synthetic, run, 10).evidence[0]
    assert (weights.label, weights.value) == ("weights", "can be exported")


def test_weights_that_a_provider_keeps_are_told(synthetic):
    run = two(synthetic, models=at("https://europe-west4-aiplatform.googleapis.com/v1"))
    assert finding(synthetic, run, 10).evidence[0].value == "cannot be exported, only served"


@pytest.mark.parametrize(
    ("host", "words"),
    [("https://api.mistral.ai/v1", "deprecated"), ("https://api.cohere.com/v2", "deprecated")],
)
def test_a_provider_that_no_longer_tunes_blocks(synthetic, host, words):
    decision = synthetic.decision(two(synthetic, models=at(host)))
    assert decision.verdict == "blocked"
    assert decision.recommended_arm == "few_shot"
    assert f"is {words}" in decision.checklist[3].answer


def test_a_retune_after_the_last_day_for_tuning_jobs_blocks(synthetic):
    """OpenAI takes no tuning job from 2027-01-06; the run is of 2026-11-20 and retunes every two months."""
    once = finding(synthetic, two(synthetic, models=at(None)), 4)
    assert once.status == "met"
    again = finding(synthetic, two(synthetic, models=at(None), economics={"retune_every_months": 2}), 4)
    assert again.status == "blocked"
    assert "A tuning job is due on 2027-01-20" in again.answer
    assert "takes none from 2027-01-06" in again.answer


def test_without_a_measured_candidate_there_is_no_model_to_tune_and_no_route_to_warn_of(synthetic):
    arms = {"few_shot": synthetic.Arm([None] * 20)}
    decision = synthetic.decision(synthetic.make_run(arms))
    assert decision.checklist[3].status == "unknown"
    assert "no model to tune" in decision.checklist[3].answer
    assert "add one" in decision.checklist[0].answer


@pytest.mark.parametrize("tuned", [False, True])
def test_a_provider_that_nobody_knows_is_left_to_look_up(synthetic, tuned):
    """A measured tune shows that there was a way; for the next one its dates are not known."""
    run = two(synthetic) if tuned else synthetic.make_run({"few_shot": synthetic.Arm([1.0, 0.0] * 20)})
    found = finding(synthetic, run, 4)
    assert found.status == ("met" if tuned else "unknown")
    assert "look up its dates" in found.answer


def test_what_the_runs_own_training_took_stands_beside_its_price(synthetic):
    """Half an hour at 0.36 USD an hour."""
    run = training(tokens=123_456, seconds=1800.0, peak_memory_bytes=512 * 2**20)
    found = finding(synthetic, two(synthetic, models=LOCAL, tuning=TuningReport(runs=(run,))), 6)
    told = {entry.label: (entry.value, entry.declared) for entry in found.evidence}
    assert told["training tokens"] == ("123,456 tokens", False)
    assert told["training time"] == ("30.0 min", False)
    assert told["peak memory"] == ("537 MB", False)
    assert told["training"][0].startswith("$0.18 = ")
    assert not told["training"][1], "measured, not declared"
    assert told.keys() >= {"training"}


def test_where_the_other_arms_cost_is_unknown_payback_is_unknown_too(synthetic):
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(240, 400), usage=False),
        "tuned": synthetic.Arm(synthetic.scores(340, 400), kind="fine_tuned", shots=0),
    }
    run = synthetic.make_run(arms)
    work, unit = finding(synthetic, run, 5), finding(synthetic, run, 9)
    assert (work.status, unit.status) == ("unknown", "unknown")
    assert "whether it is paid back is" in work.answer
    assert unit.answer.startswith("Not known: ")


def test_a_tuned_arm_alone_has_nothing_to_pay_back_against(synthetic):
    arms = {"tuned": synthetic.Arm(synthetic.scores(240, 400), kind="fine_tuned", shots=0)}
    found = finding(synthetic, synthetic.make_run(arms), 5)
    assert (found.status, "No untuned candidate" in found.answer) == ("unknown", True)


def test_the_providers_own_thresholds_stand_beside_the_rows(synthetic):
    run = synthetic.make_run(
        {"few_shot": synthetic.Arm(synthetic.scores(240, 400))}, models={"base": {"base_url": None}}
    )
    told = {entry.label: entry.value for entry in finding(synthetic, run, 7).evidence}
    assert told["openai refuses below"] == "10 rows"
    assert told["openai says to start with"] == "50 rows"
