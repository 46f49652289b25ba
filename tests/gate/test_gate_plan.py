"""The plan of a suite's gate: its cases, tags, clusters and arms, and noise measured by a baseline with repeats."""

import pytest
from msgspec.structs import replace

from evalkit.pipeline.gate_run import update_baseline
from evalkit.pipeline.plan_gate import plan_gate
from evalkit.store.baseline_file import read_baseline
from evalkit.suite.load import load_suite
from tests.builders.gate_runs import GateRun, right, write_run, write_suite

N = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_suite(
        GateRun(
            answers={"rag": right(120, N), "few_shot": right(110, N)},
            tags=[["billing"] if place < 40 else [] for place in range(N)],
            gate={
                "max_quality_drop": 0.03,
                "max_error_rate": 0.02,
                "rules": [{"tag": "billing", "max_drop": 0.1}, {"min": 0.8}],
                "quarantine": ["c149"],
            },
        ),
        tmp_path_factory.mktemp("plan"),
    )


def test_rules_on_quality_are_planned_on_their_cases(folder):
    plan = plan_gate(load_suite(folder))
    assert [(rule.tag, rule.n, rule.n_clusters) for rule in plan.rules] == [
        (None, 149, 149),
        ("billing", 40, 40),
    ]
    assert plan.n_tests == 4  # two rules for each of two arms; the quarantined case is out
    assert "183 requests of independent cases" in plan.words[-1]


def test_equal_questions_are_one_cluster(tmp_path):
    run = GateRun(
        answers={"rag": right(20, 30)}, questions=[f"Question {place // 2}?" for place in range(30)]
    )
    (rule,) = plan_gate(load_suite(write_suite(run, tmp_path))).rules
    assert (rule.n, rule.n_clusters) == (30, 15)


def test_a_suite_whose_cases_are_all_in_quarantine_is_planned_too(tmp_path):
    run = GateRun(answers={"rag": right(1, 2)}, gate={"quarantine": ["c000", "c001"]})
    assert plan_gate(load_suite(write_suite(run, tmp_path))).rules[0].rows == ()


def test_a_baseline_with_repeats_measures_the_noise(tmp_path):
    """Of 40 cases 8 are right in one answer of two: 2 x 8/40 x 1/4 / (2 - 1) = .1, for runs of two answers."""
    answers = [["right", "right"]] * 20 + [["right", "wrong"]] * 8 + [["wrong", "wrong"]] * 12
    run = write_run(GateRun(answers={"rag": answers}), tmp_path / "run")
    update_baseline(run, tmp_path / "baseline.json")
    baseline = read_baseline(tmp_path / "baseline.json")
    plan = plan_gate(load_suite(write_suite(GateRun(answers={"rag": answers}), tmp_path / "two")), baseline)
    (row,) = plan.rules[0].rows
    assert (row.discordance, row.assumed, plan.rules[0].binary) == (pytest.approx(0.1), False, False)
    once = GateRun(answers={"rag": right(20, 40)})
    (row,) = plan_gate(load_suite(write_suite(once, tmp_path / "one")), baseline).rules[0].rows
    assert row.discordance == pytest.approx(0.15)  # p(1 - p) x (1 + 1/2)


def test_a_baseline_that_cannot_tell_leaves_it_assumed(tmp_path):
    once = GateRun(answers={"rag": right(20, 40)})
    update_baseline(write_run(once, tmp_path / "run"), tmp_path / "baseline.json")
    baseline = read_baseline(tmp_path / "baseline.json")
    suite = load_suite(write_suite(once, tmp_path / "suite"))
    assert plan_gate(suite, baseline).rules[0].rows[0].assumed
    tuned = replace(baseline, repeats=2, arms=(replace(baseline.arms[0], trainings=3),))
    assert plan_gate(suite, tuned).rules[0].rows[0].assumed
    other = GateRun(answers={"other": right(20, 40)}, more={"metrics": ["contains"]})
    assert plan_gate(load_suite(write_suite(other, tmp_path / "other")), baseline).rules[0].rows[0].assumed
