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


def test_the_nearest_flip_is_the_one_with_the_smallest_ratio(support_desk):
    """0.694 to 0.891 is nearer than 100,000 to 30,600."""
    told = words.what_would_change(support_desk.decision)
    assert told == "Quality of rag above 89.1% (now 69.4%): use retrieval (rag)."


def test_a_flip_held_against_another_verdict_names_it(support_desk):
    """With the range of the input taken away the verdict may already differ."""
    decision = msgspec.structs.replace(support_desk.decision, verdict=Verdict.NOT_DECIDABLE)
    told = words.what_would_change(decision)
    assert told == "Quality of rag, if certain to be 69.4%: fine-tune; above 89.1%: use retrieval (rag)."


def test_no_flip_is_an_answer_and_no_search_is_said(support_desk, sparse):
    """ "Nothing changes it" and "nobody looked" are two things."""
    changes = tuple(
        msgspec.structs.replace(change, flips_at=None) for change in support_desk.decision.would_change
    )
    fixed = msgspec.structs.replace(support_desk.decision, would_change=changes)
    assert words.what_would_change(fixed).startswith("No single input changes the answer")
    assert words.what_would_change(sparse.decision) == "Not computed in this run."


def test_codes_of_the_ladder_become_sentences(support_desk):
    """A reader never meets depends_on_requests_per_month."""
    for code in ("superior", "indifferent", "depends_on_requests_per_month", "some_new_code"):
        told = words.reason(msgspec.structs.replace(support_desk.decision, reason=code))
        assert "_" not in told
        assert told.endswith(".")


def test_confidence_is_held_against_what_was_asked_for(support_desk):
    """Just below the threshold is below, whatever rounding says."""
    below = msgspec.structs.replace(support_desk.decision, confidence=0.8999)
    assert words.confidence(support_desk.decision, 0.9) == "96.8%, at or above the 90% asked for"
    assert words.confidence(below, 0.9) == "90.0%, below the 90% asked for"
