"""Quality, unit costs and targets of one decision are of the same cases, weighed alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.decision.limits import check_limits
from evalkit.records.decision import Decision, Verdict
from evalkit.suite.schema import Limit
from tests.builders.failing_inputs import Inputs

SUITE = """\
use_case: {{target: 0.9}}
economics:
  requests_per_month: 100000
  value_per_correct: 0.05
  training: {{labour_hours: {hours}, labour_rate: 80}}
models: {{tuned: {{training: {{cost: 120}}}}}}
decision: {{draws: 1000{more}}}
"""


@pytest.fixture
def decided(tmp_path: Path):
    (tmp_path / "runs").mkdir()

    def decide(rows: list[str], *, hours: str = "40", more: str = "") -> Decision:
        table, suite = tmp_path / "scores.csv", tmp_path / "suite.yaml"
        table.write_text("\n".join(["case_id,arm,arm_kind,exact_match,cost,tag", *rows]) + "\n")
        suite.write_text(SUITE.format(hours=hours, more=more))
        return Inputs(tmp_path / "runs").table(table, suite).decision

    return decide


def rows(n: int = 100, *, unanswered: int = 0) -> list[str]:
    """few_shot is right on 7 of 10, tuned on 19 of 20; the first requests are dear, and tuned misses some of them."""
    made = []
    for case in range(n):
        cost = 0.01 if case < 20 else 0.001
        tag = "a" if case % 4 else "b"
        made.append(f"c{case},few_shot,few_shot,{int(case % 10 < 7)},{cost},{tag}")
        right = "" if case < unanswered else int(case % 20 > 0)
        made.append(f"c{case},tuned,fine_tuned,{right},{cost / 2},{tag}")
    return made


def test_unit_costs_are_those_of_the_cases_that_quality_is_of(decided):
    """With ten of the dear requests set aside the mean is (10 x .01 + 80 x .001) / 90 = .002; of all it is .0028."""
    decision = decided(rows(unanswered=10))
    assert decision.cases.shared == 90
    assert float(decision.arms["few_shot"].cost_per_request) == pytest.approx(0.002)
    assert float(decision.ledger["tuned"].per_request_total) == pytest.approx(0.001)
    level = next(item for item in decision.break_even if item.basis == "net")
    better = decision.cases.means["tuned"] - decision.cases.means["few_shot"]
    assert level.requests_per_month.mean == pytest.approx(3320 / (12 * (0.05 * better + 0.001)))


def test_with_every_case_shared_unit_costs_are_of_all(decided):
    assert float(decided(rows()).arms["few_shot"].cost_per_request) == pytest.approx(0.0028)


def test_a_target_is_not_met_by_leaving_the_hard_cases_out(decided):
    """On the 80 of 100 cases that it answered tuned has 95%; with what is missing as wrong, 76%."""
    decision = decided(rows(unanswered=20))
    assert decision.cases.left_out_arms == ("tuned",)
    target = decision.target
    assert (target.best_arm, target.met) == ("tuned", False)
    assert target.best_mean == pytest.approx(0.76)
    assert (target.low, target.high) == (None, None)
    assert "what is missing counts as wrong, which leaves tuned 76.0%" in decision.explanation


def test_a_target_is_of_the_cases_as_production_weighs_them(decided):
    """tuned is wrong on every twentieth case, all of them tagged b: on a fifth of those, half of production."""
    decision = decided(rows(), more=", mix: {type: {a: 0.5, b: 0.5}}")
    assert decision.target.best_mean == pytest.approx(0.5 + 0.5 * 0.8)
    assert "Cases are weighed as decision.mix says: the score is then tuned 90.0%" in decision.explanation


def test_a_level_volume_lies_inside_its_band_where_the_likeliest_value_is_an_end_of_its_range(decided):
    decision = decided(rows(), hours="{low: 0, mode: 0, high: 400}")
    volume = next(item for item in decision.break_even if item.basis == "net").requests_per_month
    assert volume.mode < volume.low < volume.mean < volume.high
    by_hand = (400 / 3 * 80 + 120) / (12 * (0.05 * 0.25 + 0.0014))
    assert volume.mean == pytest.approx(by_hand)


def test_an_input_that_hardly_ever_flips_is_not_what_a_verdict_depends_on(decided):
    """Hours over which tuning stops paying are possible, in one of many thousand futures."""
    decision = decided(rows(60), hours="{low: 0, mode: 1, high: 1000}", more=", confidence: 0.99")
    hours = next(each for each in decision.would_change if each.input == "labour_hours")
    assert decision.verdict is Verdict.NOT_DECIDABLE
    assert (decision.reason == "depends_on_labour_hours") == (hours.inside and hours.probability >= 0.05)


@pytest.mark.parametrize(
    ("name", "limit", "words"),
    [
        ("cost_per_request", Limit(max=0.001), "cost per request is €0.00199, must be at most €0.001"),
        ("exact_match", Limit(min=0.8), "exact_match is 69.7%, must be at least 80%"),
        ("exact_match", Limit(min=0.69668), "exact_match is 69.6667%, must be at least 69.668%"),
    ],
)
def test_a_broken_limit_is_told_in_its_unit(decided, synthetic, name, limit, words):
    run = synthetic.make_run({"few_shot": synthetic.Arm(synthetic.scores(209, 300))})
    (summary,) = run.comparison.arms
    assert check_limits(summary, 0.00199, {name: limit}, currency="EUR").broken == (words,)
