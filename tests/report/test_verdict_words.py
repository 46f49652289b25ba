"""Verdicts in plain words."""

from __future__ import annotations

import doctest
import importlib

import msgspec
import pytest

from evalkit.records.decision import Verdict
from evalkit.reporting import verdict_words as words


@pytest.mark.parametrize(
    "module", ["reporting.words", "reporting.verdict_words", "reporting.markdown", "decision.wording"]
)
def test_the_examples_in_the_docstrings_hold(module):
    """Doctests of the wording modules."""
    found = doctest.testmod(importlib.import_module(f"evalkit.{module}"))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_words(verdict):
    """None is left to its code, and only a verdict that says what to do recommends an arm for good."""
    told = words.VERDICTS[verdict]
    assert told.headline.endswith(".")
    assert "_" not in told.headline + told.short + told.meaning
    final = verdict in (Verdict.FINE_TUNE, Verdict.USE_RAG, Verdict.STAY_FEW_SHOT)
    assert (told.recommendation == "Recommended arm") == final


def test_the_nearest_flip_is_the_one_with_the_smallest_ratio(ticket_routing):
    """0.859 to 0.770 is nearer than 40,000 to 7,965."""
    told = words.what_would_change(ticket_routing.decision)
    assert (
        told == "Quality of fine_tuned below 77.0% (now 85.9%): not decidable (meanwhile few_shot_nearest)."
    )


def test_a_flip_held_against_another_verdict_names_it(ticket_routing):
    """With the range of the input taken away the verdict may already differ."""
    decision = msgspec.structs.replace(ticket_routing.decision, verdict=Verdict.NOT_DECIDABLE)
    told = words.what_would_change(decision)
    assert told == (
        "Quality of fine_tuned, if certain to be 85.9%: fine-tune; below 77.0%: "
        "not decidable (meanwhile few_shot_nearest)."
    )


def test_no_flip_is_an_answer_and_no_search_is_said(ticket_routing, sparse):
    """ "Nothing changes it" and "nobody looked" are two things."""
    changes = tuple(
        msgspec.structs.replace(change, flips_at=None) for change in ticket_routing.decision.would_change
    )
    fixed = msgspec.structs.replace(ticket_routing.decision, would_change=changes)
    assert words.what_would_change(fixed).startswith("No single input changes the answer")
    assert words.what_would_change(sparse.decision) == "Not computed in this run."


def test_codes_of_the_ladder_become_sentences(ticket_routing):
    """A reader never meets depends_on_requests_per_month."""
    for code in ("superior", "indifferent", "depends_on_requests_per_month", "some_new_code"):
        told = words.reason(msgspec.structs.replace(ticket_routing.decision, reason=code))
        assert "_" not in told
        assert told.endswith(".")


def test_confidence_is_held_against_what_was_asked_for(ticket_routing):
    """Just below the threshold is below, whatever rounding says."""
    below = msgspec.structs.replace(ticket_routing.decision, confidence=0.8999)
    assert words.confidence(ticket_routing.decision, 0.9) == ">99.9%, at or above the 90% asked for"
    assert words.confidence(below, 0.9) == "90.0%, below the 90% asked for"
