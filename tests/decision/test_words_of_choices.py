"""What is said of a choice: what it was held against, what speaks for it, and where two arms are level."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evalkit.decision.verdict.certainty import how_sure
from evalkit.decision.verdict.conditions import what_would_change
from evalkit.decision.verdict.evidence_sentences import cases, limits, mix
from evalkit.decision.verdict.explain import explain, recommendation_tag
from evalkit.decision.verdict.facts_of_decision import best_of
from evalkit.decision.verdict.money_sentences import (
    level_band,
    level_of_pair,
    level_sentence,
    level_volume,
    other_choice,
)
from evalkit.records.arm import ArmKind
from evalkit.records.decision import Acceptability, CaseBasis, Interval3, MixCheck, ValueFlip, Verdict
from evalkit.reporting.first_screen import first_screen
from tests.builders.decision_records import arm, decision

BEST = "lowest expected loss, not shown to be best"


def without_value(**changes):
    """rag is the cheapest arm as good as the best in most draws; few_shot hardly ever is, and so has no regret."""
    return decision(
        Verdict.NOT_DECIDABLE,
        **{
            "reason": "depends_on_value_per_correct",
            "decided_under": "cost",
            "shown": False,
            "recommended_arm": "fine_tuned",
            "confidence": 0.979,
            "side_share": {"tuned": 0.979, "untuned": 0.021},
            "p_best": {"fine_tuned": 0.979, "rag": 0.021, "few_shot": 0.0},
            "expected_regret": {"fine_tuned": 160.0, "rag": 107.95, "few_shot": 0.0},
            "acceptability": Acceptability(
                points=(),
                flips_at=(ValueFlip(value=0.0, arm="few_shot"), ValueFlip(value=0.0183, arm="fine_tuned")),
                cost_per_extra_right=(),
            ),
            **changes,
        },
    )


# -- without a value ---------------------------------------------------------------------------------------------------


def test_without_a_value_the_best_untuned_arm_is_the_cheapest_good_one_and_not_the_one_of_least_regret():
    assert best_of(without_value(), tuned=False) == "rag"


def test_without_a_value_nothing_beats_anything_and_no_loss_is_expected():
    made = without_value()
    assert how_sure(made).startswith(
        "Of fine_tuned and every untuned arm, fine_tuned is the cheapest that answers as well as the best in 97.9 of "
        "100 simulated futures; you required 90. The cheapest of these is a tuned arm in 97.9 of 100, an untuned arm "
        "in 2.1 of 100."
    )
    assert other_choice(made) == ""
    assert "loss" not in explain(made)
    screen = first_screen(made)
    assert "The other choice loses" not in [fact.label for fact in screen.facts]
    assert screen.facts[0].note.startswith("most often the cheapest arm that answers as well as the best")


def test_without_a_value_the_value_is_what_would_change_the_answer():
    """Once: "No input changes the answer within its own range", under a verdict that depends on the value."""
    assert what_would_change(without_value()) == (
        "The value of a correct answer, which is not declared. Below a value of $0.0183 per right answer few_shot is "
        "worth most. From a value of $0.0183 per right answer on, fine_tuned is worth most."
    )
    assert first_screen(without_value()).lead[0] == (
        "It depends on the value of a correct answer, which is not declared: give economics.value_per_correct."
    )


# -- what a choice was held against ------------------------------------------------------------------------------------

RAG = {"recommended_arm": "rag", "side": "untuned", "confidence": 0.996, "threshold": 0.95}


def test_with_every_tuned_arm_outside_the_limits_the_share_is_not_said_to_be_against_the_other_untuned_arms():
    """Once: "rag beats few_shot and doing nothing in over 99.9 of 100", where rag beats few_shot in 69."""
    outside = arm(
        "fine_tuned", within_limits=False, broken_limits=("p95 latency is 3.2 s, must be at most 2 s",)
    )
    made = decision(
        Verdict.DO_NOT_TUNE,
        **RAG,
        arms={"few_shot": arm("few_shot"), "rag": arm("rag"), "fine_tuned": outside},
        side_share={"untuned": 0.996, "none": 0.004},
    )
    assert how_sure(made) == (
        "rag beats doing nothing in 99.6 of 100 simulated futures; you required 90, which is 95 for one arm chosen "
        "from several. Best of all is an untuned arm in 99.6 of 100, doing nothing in 0.4 of 100. Between rag and "
        "few_shot: rag in 69 of 100."
    )


def test_an_arm_beside_the_chosen_one_on_its_side_is_told_of():
    """The share is held against the other sides; two tuned arms of about the same worth would go unseen."""
    made = decision()
    twin = replace(
        made,
        arms={**made.arms, "second": arm("fine_tuned")},
        expected_regret={**made.expected_regret, "second": 120.0},
        pairwise_share={
            **made.pairwise_share,
            "fine_tuned": {**made.pairwise_share["fine_tuned"], "second": 0.534},
        },
    )
    assert how_sure(twin).endswith("Between fine_tuned and second: fine_tuned in 53.4 of 100.")
    assert "Between" not in how_sure(made)


# -- what speaks for a choice where nothing is shown -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"reason": "not_sure_enough"}, BEST),
        (
            {"reason": "missing_input", "recommended_arm": "rag", "expected_regret": {}},
            "untuned arm that answers best; what it is worth is not known",
        ),
        (
            {"reason": "invalid_evidence", "recommended_arm": "rag"},
            "untuned arm of lowest expected loss; the evidence for tuning does not count",
        ),
    ],
)
def test_the_choice_to_make_all_the_same_is_not_always_the_one_of_lowest_loss(changes, note):
    made = decision(Verdict.NOT_DECIDABLE, shown=False, **changes)
    assert first_screen(made).facts[0].note == note
    assert ("lowest expected loss and is not shown" in explain(made)) is (note == BEST)


@pytest.mark.parametrize(
    ("verdict", "shown", "tag"),
    [
        (Verdict.FINE_TUNE, True, "recommended"),
        (Verdict.NOT_DECIDABLE, False, "if you must choose"),
        (Verdict.COLLECT_MORE_DATA, False, "if you must choose"),
        (Verdict.DO_NOT_TUNE, True, "untuned arm of lowest expected loss"),
        (Verdict.BLOCKED, False, "meanwhile"),
    ],
)
def test_only_an_arm_that_is_shown_to_be_best_is_called_recommended_in_a_table(verdict, shown, tag):
    assert recommendation_tag(decision(verdict, shown=shown)) == tag


def test_where_no_arm_keeps_to_the_limits_the_first_screen_says_so_once():
    broken = {
        name: arm(name, within_limits=False, broken_limits=("format is 70%, must be at least 80%",))
        for name in ("few_shot", "rag", "fine_tuned")
    }
    made = decision(
        Verdict.NOT_DECIDABLE,
        reason="no_arm_within_limits",
        recommended_arm=None,
        side=None,
        shown=False,
        confidence=None,
        arms=broken,
    )
    assert limits(made) == ""
    assert first_screen(made).facts[0].value == "no arm keeps to the limits"


# -- cases -------------------------------------------------------------------------------------------------------------


def test_what_is_missing_of_an_arm_counts_as_wrong_and_its_score_says_so():
    basis = CaseBasis(asked=300, shared=300, clusters=300, left_out_arms=("rag",), means={"rag": 0.807})
    assert cases(decision(cases=basis)) == (
        "rag answered under 90% of the cases: what is missing counts as wrong, which leaves rag 80.7%."
    )


def test_the_mix_of_cases_is_told():
    declared = MixCheck(tag="", value="", weight="declared", verdict="fine_tune", arm="fine_tuned")
    basis = CaseBasis(asked=216, shared=216, clusters=216, means={"fine_tuned": 0.939, "rag": 0.764})
    assert mix(decision(mix=(declared,), cases=basis)) == (
        "Cases are weighed as decision.mix says: the score is then fine_tuned 93.9% and rag 76.4%. Differences in "
        "points count every case alike."
    )
    stands = MixCheck(
        tag="north", value="", weight="half", share=0.333, verdict="fine_tune", arm="fine_tuned"
    )
    then = replace(stands, weight="double", share=0.667, verdict="use_rag", arm="rag", changes=True)
    assert mix(decision(mix=(stands, then))) == (
        "It depends on the mix of cases: with those tagged north at double their weight (66.7% of all requests): use "
        "retrieval (rag). Declare decision.mix."
    )
    assert mix(decision(mix=(stands,))) == ""


# -- where two arms are level ------------------------------------------------------------------------------------------


def level(**changes):
    return replace(decision().break_even[0], **changes)


def volumes(low, mode, high, mean):
    return Interval3(low=low, mode=mode, high=high, mean=mean)


def test_the_level_volume_is_of_the_means_as_its_band_is():
    """With 0 hours of work most likely and 400 possible the mode, 968, lies outside 90% of the futures."""
    item = level(requests_per_month=volumes(6_880.0, 968.0, 263_000.0, 87_000.0))
    assert level_volume(item) == "87,000 requests a month"
    assert level_sentence(item).startswith(
        "fine_tuned compared with rag: 87,000 requests a month (90% of futures: 6,880 to 263,000)."
    )


def test_an_arm_that_saves_ahead_and_loses_on_every_request_is_ahead_below_the_level():
    item = level(side="below", requests_per_month=volumes(10_000.0, 20_000.0, None, 20_000.0))
    assert level_volume(item) == "ahead below 20,000 requests a month"
    assert level_volume(item, 100.0) == "ahead at your volume"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (12_000.0, None, "12,000 and beyond"),
        (0.0, 90_000.0, "up to 90,000"),
        (12_000.0, 90_000.0, "12,000 to 90,000"),
        (0.0, None, ""),
        (None, None, ""),
    ],
)
def test_a_band_that_one_end_bounds_is_told(low, high, words):
    assert level_band(level(requests_per_month=volumes(low, 30_000.0, high, 30_000.0))) == words


def test_two_untuned_arms_of_which_one_is_always_ahead_have_no_break_even():
    """Once: "few_shot compared with rag: at no volume; chance it never pays 92.4 of 100"."""
    made = decision(**RAG, arms={name: arm(name) for name in ("few_shot", "rag")})
    pair = level(treatment="few_shot", control="rag")
    assert level_of_pair(replace(made, break_even=(replace(pair, requests_per_month=None),))) is None
    assert level_of_pair(replace(made, break_even=(pair,))) == pair
    assert made.arms["rag"].kind is ArmKind.RAG
