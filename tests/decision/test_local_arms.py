"""Arms that are paid by the hour, by what their answers state, or not known to cost anything in particular."""

from decimal import Decimal

import pytest

from evalkit.decision.payoffs.joint_draws import uncertain_inputs
from evalkit.decision.payoffs.payoff_model import WhatIf
from evalkit.decision.tuning_route import route_of
from evalkit.records.record import Money

EMBEDDED = {"type": "embedded", "device_hour": 0.36, "model": None, "base_url": None}


def local(synthetic, *, device_s=(2.0, 1.0), **changes):
    """Few-shot and RAG on one machine at 0.0001 USD a second."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(60, 100), device_s=device_s[0]),
        "rag": synthetic.Arm(synthetic.scores(60, 100), kind="rag", device_s=device_s[1]),
    }
    models = changes.pop("models", {"base": EMBEDDED})
    return synthetic.make_run(arms, models=models, **changes)


def test_a_local_request_costs_its_seconds_and_its_hour_can_be_varied(synthetic):
    """Two seconds at 0.36 USD an hour are 0.0002 USD; at ten times the price 0.002, in every draw."""
    run = local(synthetic)
    decision = synthetic.decision(run)
    assert decision.arms["few_shot"].cost_per_request == Decimal("0.0002")
    assert "base device_hour" in {change.input for change in decision.would_change}
    payoff_model = synthetic.prepared(run).payoff_model
    assert payoff_model.arm("few_shot").unit_cost == pytest.approx(0.0002)
    dearer = payoff_model.arm("few_shot", WhatIf(inputs={"base device_hour": 3.6}))
    assert dearer.unit_cost == pytest.approx(0.002)
    assert payoff_model.draws.cost_models["few_shot"].request_prices == {"base device_hour": Decimal("0.36")}


def test_answers_without_device_seconds_ask_for_a_run_without_the_cache(synthetic):
    decision = synthetic.decision(local(synthetic, device_s=(None, 1.0)))
    assert decision.reason == "missing_input"
    assert (
        "few_shot: no answer has device seconds; run it again without the answer cache"
        in decision.explanation
    )


def test_a_machine_without_an_hourly_price_is_asked_for_by_the_name_of_its_model(synthetic):
    decision = synthetic.decision(local(synthetic, models={"base": {**EMBEDDED, "device_hour": None}}))
    assert "give models.base.device_hour" in decision.explanation


RECORDED = {"type": "recorded", "path": "answers.jsonl", "model": None, "base_url": None}


def test_recorded_answers_that_nothing_prices_are_asked_what_they_are_priced_as(synthetic):
    decision = synthetic.decision(local(synthetic, device_s=(None, None), models={"base": RECORDED}))
    assert "nothing says what model 'base' is priced as; give models.base.price" in decision.explanation


def test_a_price_that_lacks_a_part_of_the_requests_is_asked_for(synthetic):
    """The row prices input alone; every request has output too."""
    run = synthetic.make_run(
        {"few_shot": synthetic.Arm(synthetic.scores(60, 100))}, prices={"acme-base": {"output": None}}
    )
    explained = synthetic.decision(run).explanation
    assert "few_shot: the price of 'acme-base' lacks a part that its requests use" in explained


def test_answers_that_state_their_own_cost_are_counted_at_that(synthetic):
    """0.003 USD a request, as an imported table says: 1.2 million requests a year are 3,600 USD."""
    run = local(synthetic, device_s=(None, None), models={"base": RECORDED})
    stated = tuple(
        synthetic.struct_replace(arm, unit_cost=Money("0.003"), currency="USD") for arm in run.comparison.arms
    )
    run = synthetic.with_comparison(run, arms=stated)
    decision = synthetic.decision(run)
    assert decision.arms["few_shot"].cost_per_request == Decimal("0.003")
    (line,) = decision.ledger["few_shot"].per_request
    assert (line.name, "as its answers state" in line.basis) == ("request", True)
    assert decision.ledger["few_shot"].total == Decimal(3600)
    assert synthetic.prepared(run).payoff_model.arm("rag").unit_cost.tolist() == [0.003] * 1000


def test_nothing_is_known_of_the_route_of_recorded_answers(synthetic):
    suite = synthetic.suite_of({"few_shot": synthetic.Arm([1.0])}, models={"base": RECORDED})
    assert (route_of(suite, "base").route, route_of(suite, "base").base_model) == (None, "base")
    own = synthetic.suite_of({"few_shot": synthetic.Arm([1.0])}, models={"base": EMBEDDED})
    assert (route_of(own, "base").route.name, route_of(own, "base").base_model) == ("local", "base")


def test_one_name_for_two_ranges_is_an_error_and_not_a_choice(synthetic):
    """Two arms whose ledger lines draw 'labour_hours' from different ranges cannot share one draw."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(60, 100)),
        "tuned": synthetic.Arm(synthetic.scores(60, 100), kind="fine_tuned", shots=0),
    }
    payoff_models = [
        synthetic.prepared(
            synthetic.make_run(
                arms, economics={"training": {"labour_hours": {"low": 1, "mode": 2, "high": high}}}
            )
        ).payoff_model
        for high in (5, 6)
    ]
    mixed = {
        str(number): payoff_model.draws.cost_models["tuned"]
        for number, payoff_model in enumerate(payoff_models)
    }
    with pytest.raises(ValueError, match="'labour_hours' stands for two different ranges"):
        uncertain_inputs(mixed, payoff_models[0].terms)


def test_without_economics_nothing_is_drawn(synthetic):
    run = synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(60, 100))}, economics=None)
    prepared = synthetic.prepared(run)
    assert prepared.payoff_model is None
    assert "requests_per_month" in " ".join(prepared.missing)


def inside(synthetic, limits, service_s=0.5, **changes):
    """Names of the arms within the limits, where no value per answer is declared."""
    few, rag = synthetic.scores(60, 100), synthetic.scores(60, 100)
    arms = {
        "few_shot": synthetic.Arm(few, service_s=service_s),
        "rag": synthetic.Arm(rag, kind="rag", input=500, service_s=service_s),
    }
    run = synthetic.make_run(
        arms, economics={"value_per_correct": None}, decision={"limits": limits}, **changes
    )
    return synthetic.prepared(run).payoff_model.at().names


def test_a_limit_on_cost_sets_aside_what_costs_more(synthetic):
    """1,000 and 20 tokens are 0.00104 USD; 500 and 20 are 0.00054."""
    assert inside(synthetic, {"cost_per_request": {"max": 0.0008}}) == ("rag",)


def test_a_limit_on_another_metric_goes_by_the_observed_figure(synthetic):
    """At 0.90 the observed 0.90 keeps to it, however uncertain it is; 0.50 does not."""
    scores = {"few_shot": synthetic.scores(90, 100), "rag": synthetic.scores(50, 100)}
    kept = inside(
        synthetic,
        {"token_f1": {"min": 0.9}},
        more_scores={"token_f1": scores},
        metrics=["exact_match", "token_f1"],
    )
    assert kept == ("few_shot",)


def test_a_limit_on_latency_is_held_by_the_observed_figure_and_an_unknown_one_breaks_none(synthetic):
    limits = {"p95_latency_s": {"max": 0.4}}
    assert inside(synthetic, limits) == ()
    assert inside(synthetic, {"p95_latency_s": {"max": 0.6}}) == ("few_shot", "rag")
    assert inside(synthetic, limits, service_s=None) == ("few_shot", "rag")
