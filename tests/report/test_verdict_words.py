"""Verdicts in plain words: headings, and how records of format 1 keep theirs."""

from __future__ import annotations

import doctest
import importlib

import msgspec
import pytest

from evalkit.decision.verdict.conditions import what_would_change
from evalkit.records.decision import SampleValue, Verdict
from evalkit.records.manifest import ModelOrigin
from evalkit.reporting import format_1_words, verdict_words
from evalkit.reporting.first_screen import first_screen


@pytest.mark.parametrize("module", ["plain", "reporting.markdown_text", "decision.wording"])
def test_the_examples_in_the_docstrings_hold(module):
    """Doctests of the wording modules."""
    found = doctest.testmod(importlib.import_module(f"evalkit.{module}"))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_words(verdict, made_decision):
    """None is left to its code; without a tuned arm no headline says what to do about tuning, but for a pilot."""
    made = made_decision(verdict)
    assert verdict_words.headline(made).endswith(".")
    assert "_" not in verdict_words.headline(made)
    arms = {name: arm for name, arm in made.arms.items() if name != "fine_tuned"}
    untuned = verdict_words.headline(msgspec.structs.replace(made, arms=arms))
    assert "Do not fine-tune" not in untuned
    assert first_screen(made).headline == verdict_words.headline(made)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_what_is_shown_is_recommended(verdict, made_decision):
    """Otherwise it is the choice of lowest expected loss, if one must choose now."""
    shown, open_ = (
        first_screen(made_decision(verdict, shown=shown)).facts[0].label for shown in (True, False)
    )
    final = {Verdict.FINE_TUNE, Verdict.USE_RAG, Verdict.STAY_FEW_SHOT, Verdict.NONE_WORTH_RUNNING}
    assert (shown == "Recommended arm") == (verdict in final)
    assert open_ != "Recommended arm"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("cases", "Not yet. Answer more cases first."), ("seeds", "Not yet. Train more often first.")],
)
def test_more_data_is_headed_by_its_kind(kind, words, made_decision):
    """More cases, or more trainings of the same recipe."""
    bought = SampleValue(n_cases=0, value=420.0, cost=120.0, kind=kind, n=2)
    assert verdict_words.headline(made_decision(Verdict.COLLECT_MORE_DATA, purchase=bought)) == words


def test_a_record_of_format_1_has_its_own_reason_and_share(ticket_routing):
    """Codes of the earlier ladder are spelled out; its share is that of the leading group of arms."""
    for code in ("superior", "indifferent", "depends_on_requests_per_month", "some_new_code"):
        reason = format_1_words.reason(msgspec.structs.replace(ticket_routing.decision, reason=code))
        assert "_" not in reason
        assert reason.endswith(".")
    waiting = msgspec.structs.replace(ticket_routing.decision, verdict=Verdict.NOT_DECIDABLE)
    assert format_1_words.confidence_label(waiting) == "Draws won by the leader, the tuned arms"
    assert format_1_words.confidence_label(ticket_routing.decision) == "Confidence"


def test_the_nearest_flip_is_the_one_with_the_smallest_ratio(ticket_routing):
    """0.859 to 0.770 is nearer than 40,000 to 7,965; both sides are said."""
    assert what_would_change(ticket_routing.decision) == (
        "Quality of fine_tuned (now 85.9%): below 77.0% no longer clear (if you must choose: few_shot_nearest); above "
        "77.0% fine-tune (fine_tuned)."
    )


def test_a_flip_compared_with_another_verdict_names_it(ticket_routing):
    """With the range of the input taken away the verdict may already differ."""
    decision = msgspec.structs.replace(ticket_routing.decision, verdict=Verdict.NOT_DECIDABLE)
    assert what_would_change(decision).endswith("above 77.0% fine-tune.")


def test_no_flip_is_an_answer_and_no_search_is_said(ticket_routing, sparse):
    """ "Nothing changes it" and "nobody looked" are two things."""
    changes = tuple(
        msgspec.structs.replace(change, flips_at=None) for change in ticket_routing.decision.would_change
    )
    fixed = msgspec.structs.replace(ticket_routing.decision, would_change=changes)
    assert what_would_change(fixed).startswith("No single input changes the answer")
    assert what_would_change(sparse.decision) == "Not computed for this run."


def test_the_first_screen_says_which_model_ran_here(ticket_routing):
    """Beside the suite's own name of it, which says nothing to who did not write the suite."""
    manifest = ticket_routing.manifest
    arms = tuple(msgspec.structs.replace(arm, model="base") for arm in manifest.arms)
    decided = {
        name: msgspec.structs.replace(arm, answering_models=())
        for name, arm in ticket_routing.decision.arms.items()
    }
    decision = msgspec.structs.replace(ticket_routing.decision, arms=decided)

    def shown(models):
        known = msgspec.structs.replace(manifest, arms=arms, models=models)
        records = msgspec.structs.replace(ticket_routing, manifest=known, decision=decision)
        return next(fact.value for fact in first_screen(decision, records).facts if fact.label == "Models")

    assert shown({"base": ModelOrigin(name="SmolLM2.gguf")}) == "base (SmolLM2.gguf)"
    assert shown({}) == "base"
