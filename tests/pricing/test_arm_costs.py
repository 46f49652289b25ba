"""What each arm costs, checked by hand."""

from decimal import Decimal

import pytest

from evalkit.errors import SuiteError
from evalkit.pricing.arm_costs import arm_cost_model, terms_of
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.fixed_costs import retune_every
from evalkit.pricing.prices_in_force import price_table
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.comparison import ArmSummary, TokenSummary
from evalkit.records.tuning import TuningReport
from tests.builders.records import training


def local_suite(synthetic, economics, **models):
    """The embedded model and a tune of it, priced by the hour."""
    arms = {
        "few_shot": synthetic.Arm([1.0, 0.0]),
        "tuned": synthetic.Arm([1.0, 0.0], kind="fine_tuned", shots=0),
    }
    return synthetic.suite_of(
        arms,
        models={
            "base": {"type": "embedded", "device_hour": 0.36, "model": None, "base_url": None},
            "tuned": {
                "type": "tuned",
                "base": "base",
                "train": "train.jsonl",
                **dict.fromkeys(("model", "base_url", "tuned_from", "training")),
                **models,
            },
        },
        economics=economics,
    )


def facts(name, kind, model, **more):
    return ArmFacts(
        name=name, kind=ArmKind(kind), role="candidate", model=model, model_type="t", prompt="house", **more
    )


def summary(name, kind, **more):
    given = {"n": 1, "ok": 1, "errors": 0, "limited": 0, "coverage": 1.0, "quality": {}, **more}
    return ArmSummary(name=name, kind=ArmKind(kind), role="candidate", model="m", **given)


def tuning(seconds=7200.0):
    return TuningReport(runs=(training(seconds=seconds),))


ECONOMICS = {
    "training": {
        "labour_hours": 10,
        "labour_rate": 60,
        "retune_hours": 4,
        "labelling_cost": 200,
        "failed_runs": 0.5,
    },
    "retune_every_months": 5,
    "hosting": {"tuned_per_hour": 0.5, "hours_per_month": 100},
}


def costs_of(suite, arm, given, report=None):
    return arm_cost_model(suite, suite.economics, arm, given, report, price_table(suite))


def test_a_local_tune_costs_device_time_work_hosting_and_renewals(synthetic):
    suite = local_suite(synthetic, ECONOMICS)
    found = costs_of(
        suite, facts("tuned", "fine_tuned", "tuned"), summary("tuned", "fine_tuned", device_s=0.1), tuning()
    )
    amounts = {item.name: item.amount for item in found.costs.one_off}
    assert amounts == {
        "training": Decimal("0.72"),  # 2 hours at 0.36
        "failed runs": Decimal("0.36"),
        "engineering": Decimal(600),
        "labelling": Decimal(200),
    }
    assert found.costs.unit_cost == Decimal("0.00001")  # 0.1 s at 0.36 an hour
    assert found.costs.standing[0].amount == 50
    (renewal,) = found.costs.renewals
    assert renewal.every_months == 5
    assert [item.amount for item in renewal.items] == [Decimal("0.72"), Decimal(240)]
    assert found.unknown == ()


def test_a_tune_answers_on_its_base_machine_and_trains_on_its_own(synthetic):
    """device_hour of a tuned model is that of the machine that trains."""
    suite = local_suite(synthetic, {}, device_hour=3.6)
    found = costs_of(
        suite, facts("tuned", "fine_tuned", "tuned"), summary("tuned", "fine_tuned", device_s=0.1), tuning()
    )
    assert found.costs.unit_cost == Decimal("0.00001")
    assert found.costs.one_off[0].amount == Decimal("7.2")
    assert found.costs.one_off[0].factors[1].source == "tuned device_hour"


def test_an_untuned_arm_pays_neither_training_nor_its_hosting(synthetic):
    suite = local_suite(synthetic, ECONOMICS)
    found = costs_of(
        suite, facts("few_shot", "few_shot", "base"), summary("few_shot", "few_shot", device_s=0.1)
    )
    assert (found.costs.one_off, found.costs.standing, found.costs.renewals) == ((), (), ())


def test_a_machine_without_a_price_is_unknown_and_named(synthetic):
    suite = local_suite(synthetic, {})
    unpriced = synthetic.suite_of(
        {"few_shot": synthetic.Arm([1.0])},
        models={"base": {"type": "embedded", "model": None, "base_url": None}},
    )
    found = costs_of(
        unpriced, facts("few_shot", "few_shot", "base"), summary("few_shot", "few_shot", device_s=0.1)
    )
    assert found.costs.unit_cost is None
    assert "models.base.device_hour" in found.unknown[0]
    no_report = costs_of(
        suite, facts("tuned", "fine_tuned", "tuned"), summary("tuned", "fine_tuned", device_s=0.1)
    )
    assert no_report.costs.one_off[0].amount is None
    assert no_report.unknown


def test_the_three_cache_scenarios_of_a_hosted_arm(synthetic):
    """1,000 prompt tokens, 800 of them shared: at a hit rate of one half, 400 are read at a tenth of the price."""
    suite = synthetic.suite_of(
        {"few_shot": synthetic.Arm([1.0])},
        economics={"prompt_cache_hit": 0.5},
        prices={"acme-base": {"input_cache_read": 0.1}},
    )
    tokens = TokenSummary(input=1000.0, cache_read=0.0, cache_write=0.0, output=0.0, reasoning=0.0)
    given = summary("few_shot", "few_shot", tokens=tokens, prefix_tokens=800.0)
    found = costs_of(suite, facts("few_shot", "few_shot", "base"), given)
    assert found.costs.unit_costs == {
        "cold": Decimal("0.001"),
        "observed": Decimal("0.001"),
        "assumed": Decimal("0.00064"),
    }
    assert found.costs.scenario == "assumed"


def test_a_cold_local_prefix_is_charged(synthetic):
    suite = local_suite(synthetic, {})
    given = summary("few_shot", "few_shot", device_s=0.1, prefill_s=0.9)
    found = costs_of(suite, facts("few_shot", "few_shot", "base"), given)
    assert found.costs.unit_costs["cold"] == Decimal("0.0001")
    assert found.costs.unit_costs["observed"] == Decimal("0.00001")


def test_a_tune_made_elsewhere_is_charged_as_its_bill_says(synthetic):
    """By tokens and epochs at the row's training price."""
    suite = synthetic.suite_of(
        {"tuned": synthetic.Arm([1.0], kind="fine_tuned", shots=0)},
        models={"tuned": {"training": {"cost": None, "tokens": 2_000_000, "epochs": 3}}},
        prices={"ft:acme-base": {"train": 4}},
    )
    tokens = TokenSummary(input=10.0, cache_read=0.0, cache_write=0.0, output=1.0, reasoning=0.0)
    found = costs_of(
        suite, facts("tuned", "fine_tuned", "tuned"), summary("tuned", "fine_tuned", tokens=tokens)
    )
    assert found.costs.one_off[0].amount == 24


def test_an_unknown_model_id_is_an_error_with_its_line_and_the_nearest_id(synthetic):
    suite = synthetic.suite_of({"few_shot": synthetic.Arm([1.0])}, models={"base": {"model": "acme-bas"}})
    with pytest.raises(SuiteError, match=r"suite.yaml:\d+: models.base.model: .*'acme-base'"):
        check_prices(suite)


def test_no_price_is_asked_for_where_nothing_is_counted_in_money(synthetic):
    check_prices(
        synthetic.suite_of(
            {"few_shot": synthetic.Arm([1.0])}, models={"base": {"model": "nobody"}}, economics=None
        )
    )


def test_the_cadence_is_the_shorter_of_the_declared_one_and_how_fast_knowledge_changes(synthetic):
    arms = {"few_shot": synthetic.Arm([1.0])}
    for declared, changes, expected in ((6, 4, 4), (6, None, 6), (None, 3, 3), (None, None, None)):
        economics = {"retune_every_months": declared, "knowledge_changes_every_months": changes}
        assert retune_every(synthetic.suite_of(arms, economics=economics).economics) == expected


def test_terms_are_taken_as_written(synthetic):
    terms = terms_of(synthetic.suite_of({"few_shot": synthetic.Arm([1.0])}).economics)
    assert terms.requests_per_month.mode == 100_000
    assert terms.value_per_correct.mode == Decimal("0.01")


def test_checking_a_tune_is_paid_at_each_tuning(synthetic):
    """100 USD of evaluation, at the start and at the retunes of months 5 and 10."""
    economics = {**ECONOMICS, "training": {**ECONOMICS["training"], "evaluation_cost": 100}}
    suite = local_suite(synthetic, economics)
    given = summary("tuned", "fine_tuned", device_s=0.1)
    found = costs_of(suite, facts("tuned", "fine_tuned", "tuned"), given, tuning())
    assert {item.name: item.amount for item in found.costs.one_off}["evaluation"] == 100
    (renewal,) = found.costs.renewals
    assert {item.name: item.amount for item in renewal.items}["evaluation"] == 100


PASSAGES = {"retrieval": {"embedding_per_request": 0.0001, "reranker_per_request": 0.002}}


def test_an_arm_that_retrieves_pays_for_its_passages(synthetic):
    """1,000 tokens in and 20 out are 0.00104 USD; embedding and ranking make it 0.00314."""
    scores = synthetic.scores(60, 100)
    arms = {"few_shot": synthetic.Arm(scores), "rag": synthetic.Arm(list(scores), kind="rag")}
    decision = synthetic.decision(synthetic.make_run(arms, economics=PASSAGES))
    assert decision.arms["few_shot"].cost_per_request == Decimal("0.00104")
    assert decision.arms["rag"].cost_per_request == Decimal("0.00314")
    lines = {line.name: line.amount for line in decision.ledger["rag"].per_request}
    assert (lines["embedding"], lines["reranker"]) == (Decimal("0.0001"), Decimal("0.002"))
    assert "search" not in lines, "what costs nothing is no line"


def test_the_price_of_passages_can_turn_the_verdict(synthetic):
    """RAG gains 0.1 x 0.01 a request and pays 0.002 for ranking: without that it would win for certain."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(600, 1000)),
        "rag": synthetic.Arm(synthetic.scores(700, 1000), kind="rag"),
    }
    run = synthetic.make_run(arms, economics=PASSAGES, use_case={"target": None})
    decision = synthetic.decision(run)
    assert decision.verdict == "stay_few_shot"
    (flip,) = [change for change in decision.would_change if change.input == "reranker_per_request"]
    assert flip.unit == "USD a request"
    # few-shot is sure of its lead until ranking costs little more than the 0.0009 it may: 0.001 less the embedding
    assert 0.0009 < flip.flips_at < 0.0015
    for price, verdict in ((0.0009, "not_decidable"), (0.0005, "use_rag"), (0.0, "use_rag")):
        changed = synthetic.changed(run, economics={"retrieval": {"reranker_per_request": price}})
        assert synthetic.decision(changed).verdict == verdict, price


@pytest.mark.parametrize(
    ("bill", "prices", "amount"),
    [
        ({"cost": 120}, {}, Decimal(120)),
        ({"tokens": 2_000_000, "epochs": 3}, {"train": 25}, Decimal(150)),
        ({"tokens": 2_000_000}, {"train": 25}, Decimal(50)),
        ({"tokens": 2_000_000}, {}, None),
        ({"device_hours": 1.5}, {"train_per_hour": 8}, Decimal(12)),
        ({"device_hours": 1.5}, {}, None),
        ({}, {}, None),
    ],
)
def test_a_tune_made_elsewhere_is_priced_by_tokens_hours_or_its_bill(synthetic, bill, prices, amount):
    """3 epochs of 2 million tokens at 25 USD a million; an hour and a half at 8 USD; unknown is never free."""
    arms = {
        "few_shot": synthetic.Arm(synthetic.scores(60, 100)),
        "tuned": synthetic.Arm(synthetic.scores(80, 100), kind="fine_tuned", shots=0),
    }
    run = synthetic.make_run(
        arms,
        models={"tuned": {"training": {"cost": None, **bill}}},
        prices={"ft:acme-base": prices},
        economics={"training": {"labour_hours": 0}},
    )
    decision = synthetic.decision(run)
    lines = {line.name: line.amount for line in decision.ledger["tuned"].one_off}
    assert lines["training"] == amount
    assert (decision.reason == "missing_input") == (amount is None)
    if amount is None:
        assert "training" in decision.explanation
