"""Flips: deciding again on either side of one gives the two verdicts that it names."""

import itertools
import time

import numpy as np
import pytest

from evalkit.comparison.settings import ComparisonSettings
from evalkit.decision.claims import Claims
from evalkit.decision.payoffs.more_evidence import EvidencePrices, best_purchase, payoff_given_cases
from evalkit.decision.payoffs.payoff_model import WhatIf
from evalkit.decision.verdict.sensitivity import expected_lead
from evalkit.economics.ledger import VALUE, VOLUME
from evalkit.economics.net_benefit import DrawnArm
from evalkit.records.decision import Verdict
from tests.builders.payoffs import net_benefit_draws

NEAR = (-0.05, 0.05)
"""How far from a flip the verdict is decided again. A flip is found on the first draws, so it is known to within what
their chance moves a share by: 40,000 leave .0015, a fortieth of a volume where shares grow slowly."""


def run_with_a_flip(synthetic, **changes):
    """0.1 more quality is worth 0.001 a request; 600 USD to earn back."""
    few = synthetic.pattern((330, 1), (20, 1), (60, 0), (190, 0))
    tuned = synthetic.pattern((330, 1), (20, 0), (60, 1), (190, 0))
    arms = {
        "few_shot": synthetic.Arm(few),
        "tuned": synthetic.Arm(tuned, kind="fine_tuned", shots=0, input=900),
    }
    return synthetic.make_run(arms, **changes)


def flip(decision, name):
    return next(change for change in decision.would_change if change.input == name)


def verdict_at(synthetic, run, **changes):
    return synthetic.decision(synthetic.changed(run, **changes)).verdict.value


@pytest.mark.parametrize(
    "volume", [300_000, {"low": 20_000, "mode": 100_000, "high": 900_000}], ids=["point", "range"]
)
def test_the_flip_volume_parts_the_two_verdicts(synthetic, volume):
    """Whether the volume was declared as a point or as a range, and with other inputs drawn beside it."""
    run = run_with_a_flip(
        synthetic,
        economics={
            "requests_per_month": volume,
            "training": {
                "labour_hours": {"low": 5, "mode": 10, "high": 20},
                "retune_hours": {"low": 1, "mode": 2, "high": 9},
            },
            "retune_every_months": 6,
        },
        decision={"draws": 40_000},
    )
    found = flip(synthetic.decision(run), VOLUME)
    assert found.flips_at is not None
    sides = [
        verdict_at(synthetic, run, economics={"requests_per_month": found.flips_at * (1 + step)})
        for step in NEAR
    ]
    towards_more = found.flips_at > found.current
    assert sides == (
        [found.verdict_now, found.verdict_then] if towards_more else [found.verdict_then, found.verdict_now]
    )
    assert found.verdict_now != found.verdict_then


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (VALUE, lambda value: {"economics": {"value_per_correct": value}}),
        ("labour_hours", lambda hours: {"economics": {"training": {"labour_hours": hours}}}),
        ("ft:acme-base input", lambda price: {"prices": {"ft:acme-base": {"input": price}}}),
        ("margin", lambda margin: {"decision": {"margin": margin}}),
    ],
)
def test_so_do_the_flips_of_value_hours_prices_and_margin(synthetic, name, change):
    run = run_with_a_flip(synthetic, decision={"draws": 40_000})
    found = flip(synthetic.decision(run), name)
    assert verdict_at(synthetic, run, **change(found.current)) == found.verdict_now
    if found.flips_at is None:
        assert name == "margin"
        return
    far = (
        0.5 if "input" in name else 0.05
    )  # half of a price moves net benefit by no more than 5% of the value does
    sides = {verdict_at(synthetic, run, **change(found.flips_at * (1 + step))) for step in (-far, far)}
    assert sides == {found.verdict_now, found.verdict_then}


def test_the_closed_form_is_where_expected_net_benefits_cross(synthetic):
    """By hand: 600 USD / (12 months x (0.01 x 40/600 + 100 tokens at 1 per million))."""
    found = flip(synthetic.decision(run_with_a_flip(synthetic)), VOLUME)
    assert found.closed_form == pytest.approx(600 / (12 * (0.01 * 40 / 600 + 0.0001)), rel=1e-6)


def test_the_quality_flip_is_where_the_closed_form_says_when_nothing_else_is_in_doubt(synthetic):
    """The tuned quality at which both are worth the same, by hand."""
    found = flip(synthetic.decision(run_with_a_flip(synthetic)), "quality:tuned")
    few = 350 / 600
    by_hand = few + (600 - 12 * 100_000 * 0.0001) / (12 * 100_000 * 0.01)
    assert found.closed_form == pytest.approx(by_hand, rel=1e-6)


def test_none_within_a_hundred_times_is_an_answer(synthetic):
    """A tenth of a cent for an hour of work: no hours within reach change anything."""
    run = run_with_a_flip(synthetic, economics={"training": {"labour_hours": 1, "labour_rate": 0.001}})
    assert flip(synthetic.decision(run), "labour_hours").flips_at is None


def test_payoffs_are_the_net_benefit_of_the_economics_floor(synthetic):
    """The same arrays, with nothing changed and with volume, value and a price changed."""
    run = run_with_a_flip(
        synthetic, economics={"training": {"labour_hours": {"low": 5, "mode": 10, "high": 20}}}
    )
    payoff_model = synthetic.prepared(run).payoff_model
    draws = payoff_model.draws
    for inputs in ({}, {VOLUME: 5000.0, VALUE: 0.5}, {"labour_hours": 3.0}):
        what_if = WhatIf(inputs=inputs)
        payoffs = payoff_model.at(what_if)
        for column, name in enumerate(payoffs.arms):
            arm = payoff_model.arm(name)
            expected = net_benefit_draws(
                DrawnArm(arm.costs, arm.quality, arm.wrong, arm.unit_cost),
                payoff_model.terms,
                payoff_model.drawn_inputs(what_if),
            )
            np.testing.assert_allclose(payoffs.payoff[:, column], expected, rtol=1e-12, atol=1e-9)
    assert draws.n_cases == 600


def test_more_volume_never_costs_the_arm_that_gains_more_per_request_its_lead(synthetic):
    payoff_model = synthetic.prepared(run_with_a_flip(synthetic)).payoff_model
    leads = [
        expected_lead(payoff_model, "tuned", WhatIf(inputs={VOLUME: volume}))
        for volume in np.geomspace(1e3, 1e7, 20)
    ]
    assert all(later > earlier for earlier, later in itertools.pairwise(leads))


def test_an_input_that_becomes_certain_leaves_the_other_draws_alone(synthetic):
    """What a flip found on the draws must hold when the input is declared as a point."""
    ranges = {
        "requests_per_month": {"low": 1, "mode": 2, "high": 3},
        "training": {"labour_hours": {"low": 1, "mode": 2, "high": 4}},
    }
    wide = synthetic.prepared(run_with_a_flip(synthetic, economics=ranges)).payoff_model.draws
    narrow = synthetic.prepared(
        run_with_a_flip(synthetic, economics={**ranges, "requests_per_month": 2})
    ).payoff_model.draws
    assert set(narrow.inputs) == {"labour_hours"}
    np.testing.assert_array_equal(wide.inputs["labour_hours"], narrow.inputs["labour_hours"])


def test_cases_are_bought_up_to_the_best_difference_of_value_and_cost(synthetic):
    run = run_with_a_flip(synthetic, economics={"requests_per_month": 64_000})
    found = synthetic.prepared(run)
    payoff_model = found.payoff_model
    assert payoff_given_cases(payoff_model)[1].std() > 0
    cheap, dear = (best_purchase(payoff_model, EvidencePrices(price), None) for price in (0.001, 1e6))
    assert cheap is not None
    assert cheap.value > cheap.cost
    assert dear is None


def test_a_shifted_difference_keeps_its_width_and_a_wider_margin_claims_more(synthetic):
    run = run_with_a_flip(synthetic)
    claims = Claims(run.table, run.comparison, ComparisonSettings(alpha=0.05, margin=0.03, seed=7))
    assert claims.claim("tuned", "few_shot", shift=0.0, margin=None) == "superior"
    assert claims.claim("tuned", "few_shot", shift=-0.5, margin=None) == "worse"
    assert claims.claim("tuned", "few_shot", shift=-0.08, margin=0.03) == "no_claim"
    assert claims.claim("tuned", "few_shot", shift=-0.08, margin=0.2) == "equivalent"


@pytest.mark.slow
def test_a_thousand_cases_and_four_candidates_take_less_than_five_seconds(synthetic):
    """Measured 1.0 s of processor time; the bound leaves room for slower machines."""
    rng = np.random.default_rng(0)
    kinds = {"few_shot": "few_shot", "rag": "rag", "tuned": "fine_tuned", "tuned_rag": "fine_tuned_rag"}
    arms = {
        name: synthetic.Arm([float(right) for right in rng.random(1000) < 0.6 + 0.05 * index], kind=kind)
        for index, (name, kind) in enumerate(kinds.items())
    }
    run = synthetic.make_run(arms, economics={"cost_per_case": 0.1}, decision={"draws": 4000})
    started = time.process_time()
    decision = synthetic.decision(run)
    assert time.process_time() - started < 5.0
    assert decision.verdict in Verdict
