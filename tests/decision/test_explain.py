"""What a decision says: one paragraph for each verdict, from the record alone, with the subject of every share."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from msgspec.structs import replace

from evalkit.decision.verdict.certainty import how_sure
from evalkit.decision.verdict.conditions import failed_condition, what_would_change
from evalkit.decision.verdict.evidence_sentences import cases, counts, limits, quality, target, trainings
from evalkit.decision.verdict.explain import explain, recommendation_label
from evalkit.decision.verdict.money_sentences import (
    against_nothing,
    break_even,
    costs,
    extra_right_answers,
    level_volume,
    other_choice,
    worth,
)
from evalkit.records.decision import (
    Acceptability,
    Condition,
    CostPerExtraRight,
    Finding,
    Interval3,
    MissingCheck,
    PilotFigures,
    RedFlag,
    SampleValue,
    TargetCheck,
    TrainingSpread,
    ValueFlip,
    Verdict,
)
from tests.builders.decision_records import arm, decision, difference

RAG = {
    "recommended_arm": "rag",
    "side": "untuned",
    "confidence": 0.981,
    "side_share": {"tuned": 0.016, "untuned": 0.975, "none": 0.009},
    "runner_up": "few_shot",
    "other_choice_loses": 1_905.0,
    "expected_regret": {"rag": 12.0, "few_shot": 1_905.0, "fine_tuned": 9_120.0, "none": 12_410.0},
    "differences": (difference("fine_tuned", "rag", -0.01, "no_claim"),),
}


def undecided(code: str, **condition):
    """A record that cannot decide, with the condition that failed."""
    return decision(
        Verdict.NOT_DECIDABLE,
        reason=code,
        shown=False,
        confidence=0.72,
        condition=Condition(code=code, **condition),
    )


@pytest.mark.parametrize("module", ["decision.wording", "text.number_format"])
def test_the_examples_in_the_docstrings_hold(module):
    """Doctests of the wording modules."""
    outcome = doctest.testmod(importlib.import_module(f"evalkit.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_fine_tune_names_the_share_that_was_tested_and_what_was_required():
    """The share of the named arm, then those of the sides; nobody can run a side."""
    text = explain(decision())
    assert text.startswith(
        "Fine-tune: run fine_tuned. fine_tuned beats every untuned arm and doing nothing in 97.2 of 100"
    )
    assert "simulated futures; you required 90." in text
    assert (
        "Best of all is a tuned arm in 97.2 of 100, an untuned arm in 2.1 of 100, doing nothing in 0.7 of 100."
        in text
    )


def test_a_threshold_shared_among_arms_is_said_with_what_was_asked():
    """Three tuned arms to choose from: 1 - (1 - 0.9) / 3."""
    assert "you required 90, which is 96.7 for one arm chosen from several." in how_sure(
        decision(threshold=1 - 0.1 / 3)
    )


def test_not_tuning_and_the_choice_among_the_untuned_are_two_shares():
    """Not tuning wins in 97.5, and rag only in 69 of 100 beats the prompt."""
    text = explain(decision(Verdict.USE_RAG, **RAG))
    assert text.startswith(
        "Do not fine-tune. Use retrieval: run rag. rag beats fine_tuned and doing nothing in 98.1 of 100"
    )
    assert "an untuned arm in 97.5 of 100" in text
    assert "Between rag and few_shot: rag in 69 of 100." in text


def test_without_a_tuned_arm_nothing_is_claimed_about_tuning():
    """Neither "do not fine-tune" nor a share against tuned arms."""
    whole = decision(Verdict.USE_RAG, **RAG)
    untuned = replace(
        whole, arms={name: one for name, one in whole.arms.items() if name != "fine_tuned"}, would_change=()
    )
    text = explain(untuned)
    assert text.startswith("Use retrieval: run rag. rag beats few_shot and doing nothing")
    assert "fine-tune" not in text.replace("Use retrieval", "")
    assert "Tuning was not measured: nothing is claimed about it." in text
    assert "It would pay from 78.0% accuracy." in explain(replace(untuned, q_star=0.78))
    assert "Tuning would not pay even if every answer were right" in explain(replace(untuned, q_star=1.2))


def test_do_not_tune_leaves_open_which_untuned_arm_is_best():
    made = decision(Verdict.DO_NOT_TUNE, **RAG, shown=False)
    assert explain(made).startswith(
        "Do not fine-tune. Which untuned arm is best is open; rag has the lowest expected loss."
    )
    assert recommendation_label(made) == "Untuned arm of lowest expected loss"


def test_none_worth_running_says_what_the_best_arm_loses():
    """Never "the gain is worth more than it costs" where every arm loses."""
    losing = {
        name: arm(name, net_benefit=Interval3(low=-9e5, mode=-7e5, high=-5e5, mean=-681_600.0))
        for name in ("rag",)
    }
    made = decision(
        Verdict.NONE_WORTH_RUNNING,
        recommended_arm=None,
        side="none",
        confidence=0.999,
        arms=losing,
        expected_regret={"none": 0.0, "rag": 681_600.0},
        runner_up="rag",
        other_choice_loses=681_600.0,
    )
    text = explain(made)
    assert "Run none of the arms: doing nothing is worth more than any of them." in text
    assert "Doing nothing beats every arm in 99.9 of 100" in text
    assert (
        against_nothing(made)
        == "Even the best arm, rag, has a net benefit of −$681,600; doing nothing has none."
    )
    assert other_choice(made).endswith("rag $681,600, doing nothing $0.")


def test_alternatives_first_names_the_unfinished_alternative():
    finding = Finding(
        number=3,
        group="alternatives",
        question="Was retrieval tried?",
        status="not_met",
        speaks_for="against",
        answer="Of rag, 108 wrong answers lacked the passage, 4 had it and misread it: fix the retriever first.",
    )
    condition = Condition(code="retriever_unfinished", subject="rag", figure=0.61, needed=0.5)
    made = decision(Verdict.ALTERNATIVES_FIRST, shown=False, condition=condition, checklist=(finding,))
    assert explain(made).startswith(
        f"{finding.answer} Finished, rag beats the tuned arm in 61 of 100 simulated futures. Meanwhile run fine_tuned."
    )
    assert recommendation_label(made) == "Run meanwhile"


def test_a_pilot_says_what_it_has_to_reach_may_gain_and_costs():
    figures = PilotFigures(q_star=0.78, expected_gain=3_210.0, cost=800.0, declared=True, low=0.7, high=0.9)
    text = explain(decision(Verdict.PILOT_FIRST, **RAG, shown=False, q_star=0.78, pilot=figures))
    assert "Tuning pays from a quality of 78.0%." in text
    assert (
        "A pilot costs $800.00; what tuning would gain over the declared range of quality: $3,210 over 12 months."
        in text
    )
    assert "If you must choose now: rag. It has the lowest expected loss and is not shown to be best." in text


@pytest.mark.parametrize(
    ("bought", "words"),
    [
        (
            SampleValue(n_cases=0, value=420.0, cost=120.0, kind="seeds", n=2, arm="fine_tuned"),
            "Train fine_tuned 2 more times",
        ),
        (SampleValue(n_cases=40, value=420.0, cost=120.0, kind="cases", n=40), "Answer 40 more cases"),
    ],
)
def test_more_data_says_which_evidence_its_worth_and_its_price(bought, words):
    text = explain(decision(Verdict.COLLECT_MORE_DATA, shown=False, purchase=bought))
    assert text.startswith(f"{words} first: worth $420.00, cost $120.00. If you must choose now: fine_tuned.")


def test_blocked_says_how_often_tuning_is_ahead_and_what_blocks_it():
    finding = Finding(
        number=4,
        group="cost",
        question="Is there a way to tune, through the whole horizon?",
        status="blocked",
        speaks_for="against",
        answer="Inside the horizon, on 2027-01-14: the base shuts.",
    )
    made = decision(Verdict.BLOCKED, recommended_arm="rag", shown=False, checklist=(finding,))
    assert explain(made).startswith(
        "Tuned arms come out ahead in 97.2 of 100 simulated futures, but tuning is blocked. Inside the horizon, on "
        "2027-01-14: the base shuts. Run rag."
    )


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            undecided("too_few_cases", figure=40, needed=50, unit="cases"),
            "The verdict rests on 40 cases; a confident verdict needs 50.",
        ),
        (
            undecided("missing_input", messages=("economics.requests_per_month is not declared",)),
            "Missing: economics.requests_per_month is not declared.",
        ),
        (
            undecided("indifferent", figure=310.0, needed=720.0),
            "the expected loss of each of the two best choices is at most $310.00, less than the $720.00 that the "
            "margin is worth.",
        ),
        (
            undecided("not_sure_enough", figure=0.72, needed=0.9),
            "The best choice is not ahead in enough simulated futures: 72 of 100, where 90 are needed.",
        ),
        (
            undecided(
                "depends_on_requests_per_month",
                subject="requests_per_month",
            ),
            "It depends on requests per month. Requests per month (most likely 40,000): below 2,990 no longer clear "
            "(if you must choose: rag); above 2,990 fine-tune.",
        ),
        (
            undecided("invalid_evidence", messages=("the model that answers changed",)),
            "The evidence cannot carry a verdict: the model that answers changed.",
        ),
    ],
)
def test_what_cannot_be_decided_says_the_one_condition_that_failed(made, words):
    """With its figure, both sides of a flip, and the choice of lowest expected loss."""
    assert words in failed_condition(made)
    text = explain(made)
    assert text.startswith("This run cannot decide. ")
    assert (
        "If you must choose now: fine_tuned. It has the lowest expected loss and is not shown to be best."
        in text
    )


def test_missing_answers_are_said_with_the_verdict_they_would_give():
    check = MissingCheck(
        share_missing={"fine_tuned": 0.2, "rag": 0.0},
        verdict_all_wrong="use_rag",
        arm_all_wrong="rag",
        confidence_all_wrong=0.93,
        verdict_recommended_wrong="not_decidable",
        arm_recommended_wrong="rag",
        confidence_recommended_wrong=0.55,
        changes=True,
    )
    words = failed_condition(replace(undecided("depends_on_missing"), missing_check=check))
    assert words == (
        "It depends on the missing answers (fine_tuned 20.0%). Counted as wrong for every arm: use retrieval (rag), in "
        "93 of 100 simulated futures; for the recommended arm alone: no longer clear (if you must choose: rag), in 55 "
        "of 100 simulated futures."
    )


def test_an_arm_outside_a_limit_is_named_by_the_limit_and_never_called_worth_less():
    broken = arm(
        "fine_tuned", within_limits=False, broken_limits=("p95_latency_s is 3.2, must be at most 2",)
    )
    made = decision(
        Verdict.STAY_FEW_SHOT,
        **RAG,
        arms={"few_shot": arm("few_shot"), "rag": arm("rag"), "fine_tuned": broken},
    )
    assert limits(made) == (
        "fine_tuned is set aside by a limit: p95_latency_s is 3.2, must be at most 2. Its net benefit would be $33,810."
    )
    assert "worth less" not in explain(made)


def test_no_arm_within_the_limits_lists_what_each_breaks():
    broken = {"rag": arm("rag", within_limits=False, broken_limits=("format is 0.7, must be at least 0.8",))}
    words = failed_condition(replace(undecided("no_arm_within_limits"), arms=broken))
    assert words == "No arm keeps to the declared limits. rag: format is 0.7, must be at least 0.8."


def test_without_a_value_nothing_is_worth_more_than_it_costs():
    """What one more right answer costs, and the value at which the answer flips, take the place of net benefit."""
    curve = Acceptability(
        points=(),
        flips_at=(ValueFlip(value=0.0, arm="few_shot"), ValueFlip(value=0.2080, arm="fine_tuned")),
        cost_per_extra_right=(
            CostPerExtraRight(
                treatment="fine_tuned", control="few_shot", estimate=0.208, low=0.15, high=0.31
            ),
        ),
    )
    made = decision(Verdict.NOT_DECIDABLE, decided_under="cost", acceptability=curve, evpi=None, shown=False)
    assert extra_right_answers(made) == (
        "No value of a right answer is declared, so quality is not weighed against money. One more right answer with "
        "fine_tuned instead of few_shot costs $0.208 (90% of futures: $0.15 to $0.31). Below a value of $0.208 "
        "per right answer few_shot is worth most. From a value of $0.208 per right answer on, fine_tuned is worth most."
    )
    assert "worth more than it costs" not in explain(made)
    assert "Net benefit" not in explain(made)


def test_money_is_said_of_both_arms_with_the_horizon():
    made = decision()
    assert costs(made) == "Over 12 months fine_tuned costs $1,990 in all and rag $420.00."
    assert worth(made).startswith(
        "Net benefit over 12 months: fine_tuned $33,810 (90% of futures: $29,810 to $38,810); rag $12,400 "
        "(90% of futures: $8,400 to $17,400)."
    )
    assert other_choice(made) == (
        "Expected loss if it is the wrong choice, over 12 months: rag $21,430, fine_tuned $24.00."
    )


def test_the_break_even_is_of_the_pair_that_the_text_names_with_its_band_and_its_chance_of_never():
    """1,170 belongs to another pair."""
    assert break_even(decision()) == (
        "Break-even, fine_tuned compared with rag: 2,730 requests a month (90% of futures: 1,890 to 4,510). Chance "
        "that it never pays: 1.2 of 100."
    )
    assert "1,170" not in explain(decision())


@pytest.mark.parametrize(
    ("mode", "never", "basis", "words"),
    [
        (0.0, 0.0, "net", "ahead at any volume"),
        (None, 0.9, "net", "at no volume"),
        (566_145_709.0, 0.0, "cost", "saving alone never pays at your volume"),
        (1_645_497.0, 0.0, "net", "1,650,000 requests a month"),
    ],
)
def test_a_break_even_volume_is_a_number_only_where_it_helps(mode, never, basis, words):
    item = decision().break_even[0]
    volume = None if mode is None else Interval3(low=None, mode=mode, high=None)
    assert level_volume(replace(item, requests_per_month=volume, never=never, basis=basis), 50_000.0) == words


def test_quality_on_few_cases_is_called_too_few_to_claim():
    few = difference("fine_tuned", "rag", 0.8, "non_inferior", n=5)
    assert quality(decision(differences=(few,))) == (
        "On accuracy fine_tuned compared with rag: +80.0 points on 5 cases, too few to claim."
    )


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (
            TargetCheck(
                metric="accuracy",
                target=0.9,
                best_arm="fine_tuned",
                best_mean=0.86,
                low=0.81,
                high=0.9,
                met=False,
                missed_by=0.04,
            ),
            "The target of 90.0% accuracy is missed by 4.0 points: the best arm, fine_tuned reaches 86.0% (81.0% to "
            "90.0%).",
        ),
        (
            TargetCheck(metric="accuracy", target=0.9, best_arm=None, best_mean=None),
            "The target of 90.0% accuracy: not known whether it is met.",
        ),
    ],
)
def test_the_target_is_met_missed_or_not_known(check, words):
    assert target(decision(target=check)) == words


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        (
            TrainingSpread(seeds=1, prior_sd=0.03, sd=0.03, mean_tau2=0.0018, assumed=True),
            "fine_tuned was trained once: the verdict rests on an assumed spread of 3.0 points between trainings.",
        ),
        (
            TrainingSpread(
                seeds=1, seeds_known=False, prior_sd=0.03, sd=0.03, mean_tau2=0.0018, assumed=True
            ),
            "How many trainings the scores of fine_tuned come from is not known: the verdict rests on an assumed "
            "spread of 3.0 points between trainings.",
        ),
        (
            TrainingSpread(seeds=3, prior_sd=0.02, sd=0.021, mean_tau2=0.0006),
            "fine_tuned was trained 3 times; the standard deviation between trainings is taken to be 2.1 points.",
        ),
    ],
)
def test_trainings_are_counted_assumed_or_not_known(spread, words):
    assert trainings(decision(training_spread={"fine_tuned": spread})) == words


def test_the_cases_that_were_set_aside_are_counted():
    assert cases(decision()) == (
        "The verdict rests on 216 of 240 cases. 24 cases stand in the training rows and were set aside with their "
        "groups."
    )


def test_answers_and_flags_are_counted():
    assert (
        counts(decision())
        == "Checklist: 4 for tuning, 2 against, 1 neither, 3 unknown. Red flags: 0 invalid, 3 warnings."
    )


def test_a_flip_inside_its_own_range_comes_first_with_its_chance():
    (volume,) = decision().would_change
    inside = replace(
        volume,
        input="labour_hours",
        unit="hours",
        current=200.0,
        flips_at=400.0,
        low=0.0,
        high=600.0,
        inside=True,
        probability=0.11,
        flips_below=None,
        flips_above=400.0,
        verdict_above="use_rag",
        arm_above="rag",
    )
    assert what_would_change(decision(would_change=(volume, inside))) == (
        "Hours of work (most likely 200 hours): below 400 fine-tune (fine_tuned); above 400 use retrieval (rag). "
        "Chance of a change inside its range: 11.0%."
    )
    assert what_would_change(decision()).startswith(
        "No input changes the answer within its own range. Nearest outside: Requests per month (most likely "
        "40,000): below"
    )


def test_an_input_that_flips_on_both_sides_says_both():
    """What stands now lies between them."""
    (volume,) = decision().would_change
    both = replace(volume, flips_above=912_345.0, verdict_above="use_rag", arm_above="rag")
    assert what_would_change(decision(would_change=(both,))).endswith(
        "Requests per month (most likely 40,000): below 2,990 no longer clear (if you must choose: rag); in between "
        "fine-tune (fine_tuned); above 912,000 use retrieval (rag)."
    )


def test_what_is_not_clear_now_is_not_said_to_be_so_no_longer():
    (volume,) = decision().would_change
    open_now = replace(volume, verdict_now="not_decidable", verdict_below="fine_tune", arm_below="fine_tuned")
    said = what_would_change(decision(verdict=Verdict.NOT_DECIDABLE, shown=False, would_change=(open_now,)))
    assert said.endswith("below 2,990 fine-tune (fine_tuned); above 2,990 still not clear.")


def test_a_limit_is_among_what_would_change_the_answer():
    (volume,) = decision().would_change
    limit = replace(
        volume,
        input="limits.format.min",
        unit="of the score",
        current=0.9,
        flips_at=0.8,
        inside=True,
        probability=None,
        flips_below=0.8,
        verdict_below="fine_tune",
        arm_below="fine_tuned",
    )
    assert what_would_change(decision(would_change=(limit,))).startswith(
        "Limit on format, at least (now 90.0%): below 80.0%"
    )


def test_one_threshold_is_one_number_wherever_it_stands():
    """In the sentence, the table and the explanation."""
    numbers = set(re.findall(r"2,9\d\d|2,987", explain(decision()) + what_would_change(decision())))
    assert numbers == {"2,990"}


def test_a_red_flag_that_makes_the_evidence_invalid_is_said_where_the_condition_has_no_message():
    flag = RedFlag(code="x", severity="invalid", message="the scorer does not look at the reference")
    made = replace(undecided("invalid_evidence"), red_flags=(flag,))
    assert (
        failed_condition(made)
        == "The evidence cannot carry a verdict: the scorer does not look at the reference."
    )
