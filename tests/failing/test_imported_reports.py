"""Imports whose reports once misled: no tuned arm, five cases, a choice that loses more, nothing right."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from evalkit.pipeline.loaded_run import Run
from evalkit.records.decision import Verdict
from evalkit.reporting.first_screen import first_screen
from tests.builders.failing_inputs import Inputs


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    inputs = Inputs(tmp_path_factory.mktemp("imported"))
    return cache(lambda name: inputs.imported("report-imports", table=f"{name}.csv", suite=f"{name}.yaml"))


def test_without_a_tuned_arm_nothing_is_said_against_tuning(imported):
    """Once: "Do not fine-tune", 95.6%. 95.6 is how often retrieval beats the prompt; tuning was not measured."""
    decision = imported("pilot").decision
    assert (decision.verdict, decision.recommended_arm) == (Verdict.USE_RAG, "looked_up")
    assert (decision.counts.for_tuning, decision.counts.against) == (0, 0)
    screen = first_screen(decision)
    assert screen.headline == "Use retrieval. Tuning was not measured."
    assert screen.lead[0].startswith(
        "looked_up beats prompted and doing nothing in 95.6 of 100 simulated futures"
    )
    assert "Tuning was not measured. It would pay from 79.8% accuracy." in screen.points


def test_without_a_tuned_arm_the_other_choice_is_the_second_best_arm(imported):
    decision = imported("pilot").decision
    assert decision.runner_up == "prompted"
    assert decision.other_choice_loses == pytest.approx(decision.expected_regret["prompted"])


def test_a_share_that_more_draws_settled_moves_with_its_inputs_from_there(imported):
    """On the first 4,000 draws it is 94.8 of the 95 required: the quality as it is seemed to be undecided."""
    decision = imported("pilot").decision
    quality = next(each for each in decision.would_change if each.input == "quality:looked_up")
    assert decision.threshold == pytest.approx(0.95)
    assert quality.verdict_now == decision.verdict
    assert quality.flips_below is not None and quality.flips_below < quality.current


def test_five_cases_have_a_break_even_with_what_bounds_it(imported):
    """Once: 23,600 without a band. In more than 5% of futures no volume pays, so that only the lower end is known."""
    decision = imported("n5").decision
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "too_few_cases")
    level = next(fact for fact in first_screen(decision).facts if fact.label == "Break-even")
    assert level.value == "23,600 requests a month"
    assert "and beyond; chance it never pays" in level.note
    assert "+20.0 points on 5 cases, too few to claim" in decision.explanation


def test_the_choice_named_is_the_one_of_lowest_expected_loss(imported):
    """Once "either is fine", and the arm recommended was the one that loses more."""
    decision = imported("ft").decision
    assert (decision.verdict, decision.reason) == (Verdict.NOT_DECIDABLE, "depends_on_requests_per_month")
    assert decision.recommended_arm == min(decision.expected_regret, key=decision.expected_regret.__getitem__)
    assert decision.recommended_arm == "tuned"


def test_where_nothing_is_right_none_of_them_is_run(imported):
    """Once "stay with the prompt", at a net benefit of -61,842."""
    decision = imported("zero").decision
    assert (decision.verdict, decision.recommended_arm) == (Verdict.NONE_WORTH_RUNNING, None)
    assert first_screen(decision).headline == "Run none of them."
    assert all(arm.net_benefit.high < 0 for arm in decision.arms.values())


def test_an_imported_arm_without_a_model_names_none(imported):
    """Its model bears the arm's name for want of another."""
    markdown = (imported("pilot").path / "report.md").read_text()
    assert "- Models: **not stated** (run of 2026-11-28)" in markdown


def test_an_arm_that_is_not_shown_to_be_best_is_not_called_recommended(imported):
    markdown = (imported("ft").path / "report.md").read_text()
    assert "**tuned** (if you must choose)" in markdown
    assert "recommended)" not in markdown.partition("## How to read this")[0]
    assert "**looked_up** (recommended)" in (imported("pilot").path / "report.md").read_text()
