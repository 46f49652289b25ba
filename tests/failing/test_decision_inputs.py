"""Small inputs that were once decided wrongly, each with what is right; the folders are in tests/fixtures/failing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from evalkit import decide
from evalkit.records.decision import Decision, Verdict
from tests.builders import recordings
from tests.builders.failing_inputs import Inputs
from tests.builders.recorded_runs import FIXTURES

INPUT = FIXTURES / "failing"

MARGIN_WORTH = 0.03 * 0.02 * 100_000 * 12
"""What three points are worth over the horizon in most of the folders: 720 USD."""


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Inputs(scratch)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Decision]:
    """The decision on an imported folder as it stands; made once."""
    scratch = tmp_path_factory.mktemp("decided")

    @cache
    def decide(name: str) -> Decision:
        return Inputs(scratch).imported(name).decision

    return decide


def changes(decision: Decision, name: str):
    """The rows of what would change the verdict for one input."""
    return [row for row in decision.would_change if row.input == name]


# -- "either is fine" -------------------------------------------------------------------------------------------------


def test_an_arm_that_loses_more_than_the_margin_is_worth_is_not_said_to_be_fine(decided):
    """fine_tuned beats few_shot in every draw; few_shot loses 21,310 USD against it, where the margin is worth 720."""
    decision = decided("declined-answers")
    assert decision.reason != "indifferent"
    assert decision.pairwise_share["fine_tuned"]["few_shot"] > 0.99
    assert decision.expected_regret["few_shot"] > 20_000
    assert decision.recommended_arm != "few_shot"
    assert decision.arms["few_shot"].net_benefit.mode == pytest.approx(-23_520)
    assert decision.arms["fine_tuned"].net_benefit.mode == pytest.approx(-2_210)


def test_of_arms_that_all_lose_money_none_is_recommended(decided):
    decision = decided("declined-answers")
    assert decision.recommended_arm is None
    assert decision.side == "none"


def test_hours_of_work_decide_where_their_range_holds_the_flip(decided):
    """12 x 1,000,000 x .02 x .1 = 24,000 USD pay for 400 hours at 60; 0 to 600 are possible, 200 to be expected."""
    decision = decided("hours-decide")
    assert decision.reason == "depends_on_labour_hours"
    (hours,) = changes(decision, "labour_hours")
    assert hours.inside
    assert (hours.low, hours.high) == (0, 600)
    assert decision.expected_regret["few_shot"] > 7_200
    assert decision.recommended_arm == "fine_tuned"


def test_eleven_cases_more_are_not_indifferent(decided):
    """22 against 11 cases at no cost: few_shot loses 880 USD at the means, the margin is worth 720."""
    decision = decided("equal-cost")
    assert decision.reason != "indifferent"
    assert decision.expected_regret["few_shot"] > MARGIN_WORTH
    assert decision.recommended_arm == "fine_tuned"


WIKISQL = """\
name: answers-worse-saves-more
use_case: {improve: answers, primary_metric: exact_match, target: 0.9}
economics:
  requests_per_month: 100000
  training: {labour_hours: 24, labour_rate: 60}
  value_per_correct: 0.02
decision: {margin: 0.03, reference_arm: few_shot}
models:
  fine_tuned: {training: {cost: 50}}
"""


def test_an_arm_that_answers_worse_and_saves_more_than_that_costs_is_not_either_is_fine(inputs, tmp_path):
    """24 points fewer lose 5,760 USD, requests at .0004 in place of .012 save 13,920, tuning takes 1,490."""
    rows = ["case_id,arm,arm_kind,exact_match,cost"]
    for case in range(200):
        rows += [f"c{case},few_shot,few_shot,{int(case < 174)},0.012"]
        rows += [f"c{case},fine_tuned,fine_tuned,{int(case < 126)},0.0004"]
    table, suite = tmp_path / "scores.csv", tmp_path / "suite.yaml"
    table.write_text("\n".join(rows) + "\n")
    suite.write_text(WIKISQL)
    decision = inputs.table(table, suite).decision
    assert decision.verdict is Verdict.FINE_TUNE
    (quality,) = [d for d in decision.differences if d.treatment == "fine_tuned" and d.family == "tuned"]
    assert quality.estimate == pytest.approx(-0.24)
    claim = next(
        c for c in decision.net_benefit_claims if (c.treatment, c.control) == ("fine_tuned", "few_shot")
    )
    assert claim.estimate == pytest.approx(13_920 - 5_760 - 1_490)


# -- whose share a confidence is --------------------------------------------------------------------------------------


def without_tuned(inputs) -> Decision:
    folder = inputs.scratch / "untuned"
    folder.mkdir()
    lines = (INPUT / "useless-tune" / "scores.csv").read_text().splitlines()
    (folder / "scores.csv").write_text("\n".join(line for line in lines if ",fine_tuned," not in line))
    suite = (INPUT / "useless-tune" / "suite.yaml").read_text().partition("models:")[0]
    (folder / "suite.yaml").write_text(suite)
    return inputs.table(folder / "scores.csv", folder / "suite.yaml").decision


def test_the_share_of_the_named_arm_counts_and_not_that_of_its_side(inputs, decided):
    """rag beats few_shot in 70% of the draws, with or without a tuned arm that gets nothing right."""
    with_tuned = decided("useless-tune")
    alone = without_tuned(inputs)
    for decision in (with_tuned, alone):
        assert decision.verdict not in (Verdict.USE_RAG, Verdict.STAY_FEW_SHOT)
        assert decision.pairwise_share["rag"]["few_shot"] == pytest.approx(0.70, abs=0.03)
        assert decision.recommended_arm == "rag"
    assert with_tuned.verdict is Verdict.DO_NOT_TUNE
    assert with_tuned.confidence > 0.99
    assert with_tuned.pairwise_share["rag"]["fine_tuned"] > 0.99
    assert "70" in with_tuned.explanation or "30" in with_tuned.explanation


def test_two_arms_with_the_same_answers_are_not_told_apart(decided):
    decision = decided("identical-arms")
    assert decision.verdict not in (Verdict.USE_RAG, Verdict.STAY_FEW_SHOT, Verdict.FINE_TUNE)
    assert 0.3 < decision.pairwise_share["rag"]["few_shot"] < 0.7


def test_four_close_arms_are_not_decided(decided):
    """.600, .681, .622 and .674 on 135 cases."""
    decision = decided("rag-and-two-tunes")
    assert decision.verdict in (Verdict.NOT_DECIDABLE, Verdict.DO_NOT_TUNE)
    assert decision.recommended_arm == "rag"


# -- the prompt cache -------------------------------------------------------------------------------------------------


def test_the_assumed_hit_rate_prices_the_shared_prefix_of_imported_arms(inputs):
    """900 of 1,100 tokens at .075 and 200 at .15 a million, 100 out at .60: .0001575 < .00018 of the tuned arm."""
    run = inputs.imported("prompt-cache")
    cached = decide(
        run,
        {
            "economics.prompt_cache_hit": "1.0",
            "decision.seed_sd": "0",
            "arms.few_shot.prefix_tokens": "900",
            "arms.fine_tuned.prefix_tokens": "0",
        },
    )
    assert float(cached.arms["few_shot"].cost_per_request) == pytest.approx(0.0001575)
    assert float(cached.arms["fine_tuned"].cost_per_request) == pytest.approx(0.00018)
    assert cached.verdict is Verdict.STAY_FEW_SHOT


def test_an_unknown_prefix_is_unknown_and_not_priced_cold(inputs):
    run = inputs.imported("prompt-cache")
    decision = decide(run, {"economics.prompt_cache_hit": "1.0"})
    assert decision.ledger["few_shot"].scenarios.get("assumed") is None
    assert decision.ledger["few_shot"].scenarios["cold"] is not None


# -- which cases count ------------------------------------------------------------------------------------------------


def test_forty_questions_asked_ten_times_are_forty_cases(inputs, tmp_path):
    decision = inputs.ran(recordings.repeated_questions(tmp_path / "dup")).decision
    assert decision.cases.clusters == 40
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert decision.reason == "too_few_cases"


def test_one_question_about_three_hundred_documents_is_three_hundred_cases(inputs, tmp_path):
    folder = recordings.questions_about_documents(
        tmp_path / "documents", ["What is the sum?"] * 300, [f"Invoice {number}" for number in range(300)]
    )
    decision = inputs.ran(folder).decision
    assert (decision.cases.clusters, decision.cases.merged_questions) == (300, 0)
    assert decision.verdict is Verdict.FINE_TUNE


def test_a_question_in_other_letters_is_the_same_question(inputs, tmp_path):
    asked = [f"What is number {at // 2}?" if at % 2 else f"what is  NUMBER {at // 2}?" for at in range(120)]
    folder = recordings.questions_about_documents(tmp_path / "letters", asked, [""] * 120)
    decision = inputs.ran(folder).decision
    assert decision.cases.clusters == 60


@pytest.mark.parametrize("volume", ["100000", "1000000", "10000000"])
def test_an_arm_that_fails_on_the_hard_cases_is_not_better(inputs, volume):
    """+7.0 points on the 400 cases that it answered, +1.6 (-1.8 to 5.0) with its hundred failures as wrong."""
    decision = decide(inputs.imported("hard-cases-missing"), {"economics.requests_per_month": volume})
    assert decision.verdict is not Verdict.FINE_TUNE
    assert decision.missing_check is not None
    assert decision.missing_check.share_missing["fine_tuned"] == pytest.approx(0.2)


def test_figures_of_two_sets_of_cases_are_not_mixed(inputs):
    """Not 40,000 requests a month, from 67.0% of 400 cases against 52.0% of 500.

    On 400 shared cases tuning pays from 1440 / (12 x .02 x .07) = 85,714; on all 500, with what the arm failed to
    answer as wrong, from 1440 / (12 x .02 x .016) = 375,000.
    """
    decision = inputs.imported("hard-cases-missing").decision
    claim = next(
        c for c in decision.net_benefit_claims if (c.treatment, c.control) == ("fine_tuned", "few_shot")
    )
    gain = {400: 0.07, 500: 0.016}[decision.cases.shared]
    assert claim.pays_from == pytest.approx(1_440 / (12 * 0.02 * gain), rel=1e-6)


def twin_of_tuned(text: str) -> str:
    copies = [
        line.replace(",fine_tuned,fine_tuned,", ",fine_tuned_b,fine_tuned,")
        for line in text.splitlines()
        if ",fine_tuned," in line
    ]
    return "\n".join([*text.splitlines(), *copies]) + "\n"


def test_a_copy_of_the_tuned_arm_changes_nothing(inputs, decided):
    alone = decided("twin")
    folder = inputs.scratch / "twins"
    folder.mkdir()
    (folder / "suite.yaml").write_text(
        (INPUT / "twin" / "suite.yaml").read_text().rstrip() + "\n  fine_tuned_b:\n    training: {cost: 0}\n"
    )
    (folder / "scores.csv").write_text(twin_of_tuned((INPUT / "twin" / "scores.csv").read_text()))
    both = inputs.table(folder / "scores.csv", folder / "suite.yaml").decision
    assert (both.verdict, both.reason, both.confidence) == (alone.verdict, alone.reason, alone.confidence)
    assert both.evpi == alone.evpi
    assert {name: both.expected_regret[name] for name in alone.expected_regret} == alone.expected_regret
    assert both.expected_regret["fine_tuned_b"] == alone.expected_regret["fine_tuned"]


# -- spread -----------------------------------------------------------------------------------------------------------


def test_graded_scores_are_not_swamped_by_the_prior(inputs):
    """d = .02, SD .03, n = 80, level at .01: about .999. One training assumed to spread by .03 is another matter."""
    run = inputs.imported("graded-scores")
    known = decide(run, {"decision.seed_sd": "0"})
    assert known.verdict is Verdict.FINE_TUNE
    assert known.confidence == pytest.approx(0.9986, abs=0.002)
    assert run.decision.verdict is Verdict.NOT_DECIDABLE


def test_costs_of_single_requests_have_an_error(inputs):
    """A cost difference of z = -0.02 is about even; a value of 0, nothing lost by a wrong answer, is none declared."""
    decision = inputs.imported("stated-costs").decision
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert 0.35 < decision.pairwise_share["fine_tuned"]["few_shot"] < 0.65


def test_two_trainings_that_differ_are_both_counted(inputs, tmp_path):
    """88.4% and 94.9% against 91.7% of retrieval: SS .00187577, nu 5, E tau^2 .00115859."""
    first, second = (
        (INPUT / "two-trainings" / name).read_text().splitlines() for name in ("scores.csv", "scores-2.csv")
    )
    rows = [f"{first[0]},seed"]
    rows += [f"{line},{'1' if ',fine_tuned,' in line else ''}" for line in first[1:]]
    rows += [f"{line},2" for line in second[1:] if ",fine_tuned," in line]
    table = tmp_path / "scores.csv"
    table.write_text("\n".join(rows) + "\n")
    decision = inputs.table(table, INPUT / "two-trainings" / "suite.yaml").decision
    spread = decision.training_spread["fine_tuned"]
    assert spread.seeds == 2
    assert spread.mean_tau2 == pytest.approx(0.00115859, rel=0.02)
    assert decision.arms["fine_tuned"].seed_means == pytest.approx({"1": 0.884259, "2": 0.949074}, abs=1e-5)
    assert decision.verdict in (Verdict.NOT_DECIDABLE, Verdict.DO_NOT_TUNE)
    assert decision.recommended_arm == "rag"


@pytest.mark.parametrize("table", ["scores.csv", "scores-2.csv"])
def test_either_training_alone_is_not_enough_for_confidence_in_tuning(inputs, table):
    decision = inputs.imported("two-trainings", table=table).decision
    assert decision.verdict is not Verdict.FINE_TUNE
    assert decision.training_spread["fine_tuned"].assumed


# -- money ------------------------------------------------------------------------------------------------------------


def test_without_a_value_a_dearer_better_arm_is_undecidable(decided):
    """24,960 USD for 120,000 further right answers: .2080 each; the draws, drawn to the middle, say .2102."""
    decision = decided("no-value")
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert decision.decided_under == "cost"
    assert decision.acceptability.cost_per_extra_right[0].estimate == pytest.approx(0.2080, abs=0.004)
    assert decision.evpi is None
    assert "worth more than it costs" not in decision.explanation


def test_where_every_arm_loses_money_none_is_worth_running(decided):
    """The best arm loses 681,600 USD over the year."""
    decision = decided("every-arm-loses")
    assert decision.verdict is Verdict.NONE_WORTH_RUNNING
    assert decision.recommended_arm is None
    assert decision.arms["fine_tuned"].net_benefit.mode == pytest.approx(-681_600)


def test_an_untuned_arm_is_worth_nothing_after_its_model_shuts(decided):
    """gpt-4o-mini shuts on 14 January 2027, a month and a half into the year."""
    decision = decided("untuned-model-shuts")
    assert 1 <= decision.arms["few_shot"].life_months < 2
    assert decision.arms["fine_tuned"].life_months == 12
    assert decision.verdict is Verdict.FINE_TUNE


def test_equal_costs_are_not_called_less(decided):
    decision = decided("equal-cost")
    cost = next(finding for finding in decision.checklist if finding.number == 9)
    assert "less" not in cost.answer
    assert "at once" not in cost.answer
    assert "the same" in cost.answer


def test_the_value_of_an_answer_may_be_a_range(decided):
    decision = decided("value-range")
    assert "value_per_correct" in decision.evppi
    assert any(bar.input == "value_per_correct" for bar in decision.tornado)


def test_a_break_even_with_an_unknown_cost_is_unknown(inputs):
    decision = inputs.imported("training-cost-unknown", suite="econ.yaml").decision
    rows = [row for row in decision.break_even if "fine_tuned" in (row.treatment, row.control)]
    assert rows
    assert all(row.requests_per_month is None and row.never is None for row in rows)
    assert all("unknown" in row.reason or "not known" in row.reason for row in rows)
    for name in ("few_shot", "rag"):
        assert decision.arms[name].net_benefit is not None


# -- what the report says ---------------------------------------------------------------------------------------------


def test_a_perfect_classifier_of_a_rare_class_passes_the_negative_control(inputs, tmp_path):
    decision = inputs.ran(recordings.rare_class(tmp_path / "imbal")).decision
    assert decision.counts.flags_invalid == 0
    assert decision.verdict is Verdict.FINE_TUNE


def test_a_weak_retriever_is_fixed_before_tuning_is_advised(inputs, tmp_path):
    """Recall 50%, right in 96% where found: half the misses answered so would be 72%, the tuned arm has 70%."""
    decision = inputs.ran(recordings.weak_retriever(tmp_path / "recall")).decision
    assert decision.verdict is Verdict.ALTERNATIVES_FIRST
    assert decision.recommended_arm == "fine_tuned"
    assert decision.checklist[2].status == "not_met"
    assert "retriever" in decision.checklist[2].answer


def test_shots_that_still_raise_the_score_are_said_to(decided):
    decision = decided("shots-still-rising")
    assert decision.verdict is not Verdict.FINE_TUNE
    assert decision.checklist[1].status == "not_met"
    assert "still" in decision.checklist[1].answer.lower()


def test_kinds_of_arms_do_without_models_in_an_import(decided):
    decision = decided("arms-without-models")
    assert decision.verdict is Verdict.USE_RAG
    assert decision.recommended_arm == "rag"


def test_a_limit_is_among_what_would_change_the_answer(inputs):
    """The tuned arm keeps to the form in 90%: at least .95 is asked, and .8 would let it in."""
    run = inputs.ran(INPUT / "limit-decides")
    known = {"decision.seed_sd": "0"}
    decision = decide(run, known)
    assert decision.verdict is not Verdict.FINE_TUNE
    (row,) = changes(decision, "limits.format.min")
    assert row.flips_at == pytest.approx(0.9)
    assert decide(run, known | {"decision.limits.format.min": "0.8"}).verdict is Verdict.FINE_TUNE


def test_one_arm_alone_gives_no_confidence_about_tuning(inputs):
    decision = inputs.ran(INPUT / "one-arm-alone").decision
    assert decision.confidence is None
    assert decision.recommended_arm == "few_shot"
    assert "tuning was not measured" in decision.explanation.lower()
    assert "fine-tune" not in decision.explanation.lower().replace("do not know", "")


def test_without_a_value_no_gain_is_said_to_be_worth_its_cost(inputs):
    decision = inputs.ran(INPUT / "no-value-better-tune").decision
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert "worth more than it costs" not in decision.explanation
    assert "value of a correct answer" in decision.explanation
