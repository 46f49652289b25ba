"""A finished run against a baseline: what is compared, what is refused, and what every verdict rests on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.errors import IncompleteRunError, NotComparableError, RunError, SuiteError
from evalkit.pipeline.gate_run import GateOptions, gate_run, update_baseline
from evalkit.records.gate import GateResult, RuleResult
from evalkit.reporting.gate.gate_words import changed_count, rule_sentence
from evalkit.reporting.gate.github import outputs
from evalkit.store.run_folder import RunFolder
from tests.builders.gate_runs import GateRun, right, write_run

N = 200


class Gates:
    """Writes runs and gates them, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "baseline.json"
        self._count = 0

    def run(self, **given) -> RunFolder:
        self._count += 1
        return write_run(GateRun(**given), self.folder / f"run-{self._count}")

    def baseline(self, **given) -> None:
        update_baseline(self.run(**given), self.file)

    def gate(self, **given) -> GateResult:
        return gate_run(self.run(**given), self.file, GateOptions())


@pytest.fixture
def gates(tmp_path) -> Gates:
    return Gates(tmp_path)


def rule(result: GateResult, name: str) -> RuleResult:
    return next(each for each in result.rules if each.name == name)


def test_the_same_answers_of_the_same_arm_are_unchanged_and_pass_without_a_test(gates):
    gates.baseline(answers={"rag": right(30, 40)})  # 40 cases could never show a margin of 5 points
    result = gates.gate(answers={"rag": right(30, 40)})
    assert (result.verdict, result.exit_code) == ("passed", 0)
    assert result.headline == "PASSED: nothing changed, on 40 common cases."
    quality = rule(result, "quality/rag/exact_match")
    assert (quality.verdict, quality.p_value, quality.baseline, quality.candidate) == (
        "unchanged",
        None,
        0.75,
        0.75,
    )
    assert result.arms[0].unchanged and result.arms[0].changed_answers == 0
    assert result.changed == ()


def test_the_same_answers_under_another_prompt_are_tested(gates):
    gates.baseline(answers={"rag": right(30, 40)})
    result = gates.gate(answers={"rag": right(30, 40)}, system="Answer, please.")
    assert rule(result, "quality/rag/exact_match").verdict == "inconclusive"
    assert not result.arms[0].unchanged
    assert result.arms[0].changed_parts == ("prompt",)


def test_a_true_drop_fails_and_names_the_cases(gates):
    gates.baseline(answers={"rag": right(160, N)})
    result = gates.gate(answers={"rag": right(120, N)}, system="Worse.")
    assert (result.verdict, result.exit_code) == ("failed", 100)
    failed = rule(result, "quality/rag/exact_match")
    assert (failed.baseline, failed.candidate, failed.better, failed.worse) == (0.8, 0.6, 0, 40)
    assert failed.estimate == pytest.approx(-0.2)
    assert failed.high < 0 < failed.p_adjusted < 0.05
    assert [case.case_id for case in result.changed] == [f"c{place:03}" for place in range(120, 160)]
    assert result.changed[0].input == "Question c120?"
    assert (result.changed[0].reference, result.changed[0].answer) == ("right", "wrong")
    written = json.loads((gates.folder / "run-2" / "gate.json").read_text())
    assert written["verdict"] == "failed"
    assert (gates.folder / "run-2" / "junit.xml").is_file() and (gates.folder / "run-2" / "gate.md").is_file()


def test_a_drop_too_small_to_be_seen_is_inconclusive_and_says_what_could_have_been(gates):
    gates.baseline(answers={"rag": right(160, N)})
    result = gates.gate(answers={"rag": right(155, N)}, system="A little worse.")
    open_rule = rule(result, "quality/rag/exact_match")
    assert (result.verdict, result.exit_code) == ("inconclusive", 0)
    assert open_rule.verdict == "inconclusive"
    assert open_rule.smallest_drop is not None and open_rule.cases_needed is not None
    assert result.headline == "INCONCLUSIVE: 1 of 1 rule cannot be decided on 200 common cases; none failed."


def test_inconclusive_fails_where_the_suite_says_so(gates):
    gates.baseline(answers={"rag": right(160, N)})
    result = gates.gate(
        answers={"rag": right(155, N)}, system="A little worse.", gate={"on_inconclusive": "fail"}
    )
    assert (result.verdict, result.exit_code) == ("inconclusive", 101)


def test_clusters_widen_the_interval(gates):
    clusters = [f"k{place // 10}" for place in range(N)]
    gates.baseline(answers={"rag": right(160, N)}, clusters=clusters)
    result = gates.gate(answers={"rag": right(140, N)}, clusters=clusters, system="Worse.")
    assert rule(result, "quality/rag/exact_match").n_clusters == 20
    assert result.verdict == "inconclusive"


def test_a_rule_on_a_tag_is_judged_on_its_cases_alone(gates):
    tags = [["billing"] if place < 60 else ["other"] for place in range(N)]
    before = ["right"] * N
    after = ["wrong"] * 30 + ["right"] * (N - 30)
    section = {"max_quality_drop": 0.25, "rules": [{"tag": "billing", "max_drop": 0.1}]}
    gates.baseline(answers={"rag": before}, tags=tags)
    result = gates.gate(answers={"rag": after}, tags=tags, system="Other.", gate=section)
    assert rule(result, "quality/rag/exact_match").verdict == "pass"
    billing = rule(result, "quality/rag/exact_match/billing")
    assert (billing.verdict, billing.n, billing.worse) == ("fail", 60, 30)


def test_cost_latency_and_errors_fail_only_where_it_is_certain(gates):
    section = {"max_cost_increase": 0.1, "max_p95_latency_s": 1.0, "max_error_rate": 0.02}
    common = {"answers": {"rag": right(160, N)}, "gate": section}
    gates.baseline(**common, cost={"rag": 0.001})
    dear = gates.gate(
        **common,
        system="Longer.",
        cost={"rag": 0.002},
        service_s={"rag": [3.0] * N},
        attempts={"rag": [2] * N},
    )
    for name in ("cost/rag", "latency/rag", "error_rate/rag"):
        assert rule(dear, name).verdict == "fail", name
    assert rule(dear, "cost/rag").estimate == pytest.approx(1.0)
    assert rule(dear, "error_rate/rag").n == 2 * N
    fine = gates.gate(**common, system="Shorter.", cost={"rag": 0.0009}, service_s={"rag": [0.5] * N})
    assert {rule(fine, name).verdict for name in ("cost/rag", "latency/rag", "error_rate/rag")} == {"pass"}


def test_what_is_not_known_is_not_judged_and_never_zero(gates):
    section = {"max_cost_increase": 0.1}
    gates.baseline(answers={"rag": right(160, N)})
    result = gates.gate(answers={"rag": right(160, N)}, gate=section, system="Other.")
    cost = rule(result, "cost/rag")
    assert (cost.verdict, cost.candidate, cost.estimate) == ("not_judged", None, None)
    assert cost.reason


def test_a_must_pass_case_fails_the_gate_by_itself(gates):
    gates.baseline(answers={"rag": right(160, N)})
    result = gates.gate(
        answers={"rag": ["wrong", *right(159, N)[:-1]]}, system="Other.", gate={"must_pass": ["c000", "c001"]}
    )
    assert (result.verdict, result.exit_code) == ("failed", 100)
    assert [(case.case_id, case.verdict) for case in result.must_pass] == [("c000", "fail"), ("c001", "pass")]
    assert "1 of 2 must-pass cases failed" in result.headline


def test_quarantine_tells_and_does_not_block(gates):
    quarantine = [f"c{place:03}" for place in range(120, 160)]
    gates.baseline(answers={"rag": right(160, N)})
    result = gates.gate(answers={"rag": right(120, N)}, system="Worse.", gate={"quarantine": quarantine})
    quality = rule(result, "quality/rag/exact_match")
    assert (quality.n, quality.worse, quality.verdict) == (160, 0, "pass")
    assert len(result.changed) == 40 and all(case.quarantined for case in result.changed)
    assert result.cases.quarantined == tuple(quarantine)
    assert "40 cases are in quarantine: told, and in no test." in result.notes


def test_repeats_that_differ_are_unstable_and_their_mean_counts(gates):
    gates.baseline(answers={"rag": [["right"] * 3] * 10})
    answers = [["right"] * 3] * 8 + [["wrong"] * 3, ["right", "wrong", "right"]]
    result = gates.gate(answers={"rag": answers}, system="Other.")
    assert [(case.case_id, case.status, case.asks) for case in result.changed] == [
        ("c008", "changed", (0.0, 0.0, 0.0)),
        ("c009", "unstable", (1.0, 0.0, 1.0)),
    ]
    assert result.changed[1].candidate == pytest.approx(2 / 3, abs=1e-6)


def test_cases_that_were_added_or_removed_leave_the_others_comparable(gates):
    gates.baseline(answers={"rag": right(30, 40)})
    ids = [f"c{place:03}" for place in range(2, 45)]
    result = gates.gate(answers={"rag": right(28, 43)}, ids=ids)
    assert (result.cases.common, result.cases.removed) == (38, ("c000", "c001"))
    assert result.cases.added == tuple(f"c{place:03}" for place in range(40, 45))
    assert result.verdict == "passed"


def test_under_nine_tenths_of_the_cases_nothing_is_judged(gates):
    gates.baseline(answers={"rag": right(30, 40)})
    with pytest.raises(NotComparableError, match="35 of the baseline's 40 cases are in the run") as error:
        gates.gate(answers={"rag": right(30, 35)})
    assert (error.value.exit_code, error.value.keys) == (102, ("cases",))
    assert not (gates.folder / "run-2" / "gate.json").exists()


def test_a_changed_case_metric_suite_or_arm_is_refused_by_name(gates):
    gates.baseline(answers={"rag": right(30, 40), "few_shot": right(20, 40)})
    both = {"rag": right(30, 40), "few_shot": right(20, 40)}
    with pytest.raises(
        NotComparableError, match=r"1 case has the same id and another question.*'c003'"
    ) as error:
        questions = [f"Question c{place:03}?" for place in range(40)]
        questions[3] = "What else?"
        gates.gate(answers=both, questions=questions)
    assert error.value.keys == ("cases",)
    with pytest.raises(NotComparableError) as error:
        gates.gate(answers=both, more={"metrics": [{"exact_match": {"extract": "^(.*)$"}}]})
    assert error.value.keys == ("metrics.exact_match",)
    with pytest.raises(NotComparableError) as error:
        gates.gate(answers=both, more={"name": "another-desk"})
    assert error.value.keys == ("suite",)
    with pytest.raises(NotComparableError) as error:
        gates.gate(answers={"rag": right(30, 40)})
    assert error.value.keys == ("arms.few_shot",)
    with pytest.raises(NotComparableError) as error:
        gates.gate(
            answers=both,
            more={
                "metrics": ["exact_match", "token_f1"],
                "gate": {"rules": [{"metric": "token_f1", "max_drop": 0.1}]},
            },
        )
    assert error.value.keys == ("metrics.token_f1",)


def test_an_arm_that_is_not_guarded_may_go(gates):
    gates.baseline(answers={"rag": right(30, 40), "few_shot": right(20, 40)})
    result = gates.gate(answers={"rag": right(30, 40)}, gate={"arms": ["rag"]})
    assert [arm.name for arm in result.arms] == ["rag"]
    assert result.verdict == "passed"


def test_an_arm_without_baseline_is_told_and_not_judged(gates):
    gates.baseline(answers={"rag": right(30, 40)})
    result = gates.gate(answers={"rag": right(30, 40), "new": right(1, 40)})
    assert [(arm.name, arm.in_baseline, arm.candidate) for arm in result.arms] == [
        ("rag", True, 0.75),
        ("new", False, 0.025),
    ]
    assert {each.arm for each in result.rules} == {"rag"}
    assert any("new is not in the baseline" in warning for warning in result.warnings)


def test_another_answering_model_than_the_configured_one_brings_is_told(gates):
    gates.baseline(answers={"rag": right(30, 40)}, answered_by={"rag": "acme-2026-05"})
    result = gates.gate(answers={"rag": right(30, 40)}, answered_by={"rag": "acme-2026-11"})
    assert result.arms[0].rerouted and not result.arms[0].unchanged
    assert "rag was answered by acme-2026-11 and in the baseline by acme-2026-05" in result.warnings[0]


def test_an_old_baseline_is_a_warning(gates):
    gates.baseline(answers={"rag": right(30, 40)}, ended="2026-08-01T12:00:00+00:00")
    result = gates.gate(answers={"rag": right(30, 40)})
    assert (result.baseline.age_days, result.baseline.too_old, result.exit_code) == (111, True, 0)
    assert "The baseline is 111 days old" in result.warnings[0]


def test_missing_answers_are_owed_and_nothing_is_judged_or_kept(gates):
    owed = {"answers": {"rag": right(30, 40)}, "errors": [("rag", "c007")]}
    gates.baseline(answers={"rag": right(30, 40)})
    with pytest.raises(IncompleteRunError, match=r"1 answer is missing.*503 server overloaded") as error:
        gates.gate(**owed)
    assert error.value.exit_code == 104
    assert "--retry-errors" in str(error.value)
    before = gates.file.read_bytes()
    with pytest.raises(IncompleteRunError):
        gates.baseline(**owed)
    assert gates.file.read_bytes() == before


def test_a_missing_score_is_no_drop(gates):
    gates.baseline(answers={"rag": right(150, N)})
    scores = [1.0] * 150 + [0.0] * 50
    result = gates.gate(
        answers={"rag": right(150, N)}, graded={"rag": [None] * 3 + scores[3:]}, system="Other."
    )
    assert rule(result, "quality/rag/exact_match").n == 197
    assert any("3 common cases have no exact_match score" in warning for warning in result.warnings)


def test_graded_scores_that_are_equal_are_equal_after_the_file(gates):
    graded = {"rag": [place / 7 % 1 for place in range(N)]}
    gates.baseline(answers={"rag": right(150, N)}, graded=graded)
    result = gates.gate(answers={"rag": right(150, N)}, graded=graded, system="Other.")
    assert result.changed == ()
    assert rule(result, "quality/rag/exact_match").estimate == 0


def test_chinese_ids_and_tags_are_names_like_all_others(gates):
    ids = [f"工单{place:03}" for place in range(N)]
    tags = [["退款"]] * N
    section = {"must_pass": ["工单000"], "rules": [{"tag": "退款", "max_drop": 0.05}]}
    gates.baseline(answers={"rag": right(160, N)}, ids=ids, tags=tags)
    result = gates.gate(
        answers={"rag": ["wrong", *right(119, N - 1)]}, ids=ids, tags=tags, gate=section, system="差"
    )
    assert result.must_pass[0].case_id == "工单000"
    assert rule(result, "quality/rag/exact_match/退款").verdict == "fail"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"must_pass": ["c0010"]}, "gate.must_pass.0: no case has the id 'c0010'. Did you mean 'c010'"),
        ({"quarantine": ["d001"]}, "gate.quarantine.0: no case has the id"),
        (
            {"rules": [{"tag": "biling", "max_drop": 0.1}]},
            "gate.rules.0.tag: no case has the tag 'biling'.*'billing'",
        ),
        ({"arms": ["rga"]}, "gate.arms.0: no arm is called 'rga'.*'rag'"),
        (
            {"rules": [{"metric": "exact_macht", "min": 0.1}]},
            "no metric is called 'exact_macht'.*'exact_match'",
        ),
        ({"max_qualty_drop": 0.1}, "unknown key 'max_qualty_drop'.*'max_quality_drop'"),
    ],
)
def test_a_misspelt_name_is_told_with_file_line_and_the_nearest_one(gates, section, words):
    common = {"answers": {"rag": right(30, 40)}, "tags": [["billing"]] * 40}
    gates.baseline(**common)
    with pytest.raises(SuiteError, match=words) as error:
        gates.gate(**common, gate=section)
    assert "suite.yaml:" in str(error.value)


def test_a_run_that_was_edited_is_refused_before_the_gate_looks(gates):
    from evalkit.pipeline.gate_inputs import find_finished

    run = gates.run(answers={"rag": right(30, 40)})
    scores = run.scores_file.read_text().replace('"value":0.0', '"value":1.0', 1)
    run.scores_file.write_text(scores)
    with pytest.raises(RunError, match="was changed after the run had ended"):
        find_finished(run.path, gates.folder)


def test_of_an_unchanged_arm_times_costs_and_failures_are_judged_as_they_came(gates):
    """Equal answers have equal scores; 40 answers bound no 95th percentile, and ten failures of 50 may be 2 %."""
    section = {"max_p95_latency_s": 1.0, "max_error_rate": 0.1, "rules": [{"min": 0.74}]}
    common = {"answers": {"rag": right(30, 40)}, "gate": section}
    gates.baseline(**common, service_s={"rag": [0.5] * 40})
    again = gates.gate(**common, service_s={"rag": [0.5] * 40})
    assert rule(again, "latency/rag").verdict == "unchanged", "the times are those of the baseline"
    assert rule(again, "floor/rag/exact_match").verdict == "unchanged"
    assert rule(again, "error_rate/rag").verdict == "pass"
    assert again.headline == "PASSED: 1 of 4 rules hold, 3 are unchanged, on 40 common cases."
    slow = gates.gate(**common, service_s={"rag": [0.9] * 40}, attempts={"rag": [2] * 4 + [1] * 36})
    assert slow.arms[0].unchanged
    assert rule(slow, "latency/rag").verdict == "inconclusive"
    assert rule(slow, "error_rate/rag").verdict == "inconclusive"
    assert rule_sentence(rule(slow, "floor/rag/exact_match"), slow).startswith(
        "rag, exact match, floor: unchanged. It is as in the baseline, and in itself inconclusive. 75.0% ("
    )


def test_cases_in_quarantine_are_in_no_count_of_an_arm(gates):
    everything = [f"c{place:03}" for place in range(40)]
    gates.baseline(answers={"rag": right(30, 40)})
    result = gates.gate(
        answers={"rag": right(10, 40)}, gate={"quarantine": everything, "max_cost_increase": 0.1}
    )
    assert (result.arms[0].n, result.arms[0].changed_answers) == (0, 0)
    assert {each.reason.partition(";")[0] for each in result.rules} == {
        "no common case is left that it could be judged on"
    }
    some = gates.gate(answers={"rag": right(10, 40)}, gate={"quarantine": everything[:30]})
    assert (some.arms[0].n, some.arms[0].changed_answers) == (10, 0)


def test_any_drop_is_allowed_where_the_suite_says_so(gates):
    gates.baseline(answers={"rag": right(40, 40)})
    assert gates.gate(answers={"rag": right(0, 40)}, gate={"max_quality_drop": 1}).verdict == "passed"


def test_a_must_pass_case_that_was_not_judged_stands_in_the_headline(gates):
    gates.baseline(answers={"rag": right(40, 40)}, graded={"rag": [None, *[1.0] * 39]})
    result = gates.gate(
        answers={"rag": right(40, 40)}, graded={"rag": [None, *[1.0] * 39]}, gate={"must_pass": ["c000"]}
    )
    assert result.headline == (
        "PASSED: nothing changed, on 40 common cases; 1 must-pass case was not judged."
    )


def test_a_case_that_changed_for_two_arms_is_one_case(gates):
    gates.baseline(answers={"few_shot": right(150, N), "rag": right(160, N)})
    result = gates.gate(
        answers={"few_shot": right(100, N), "rag": right(100, N)},
        gate={"must_pass": ["c120"]},
        system="Worse.",
    )
    assert changed_count(result) == "110 changed scores of 60 cases: 110 worse, 0 better"
    told = outputs(result)
    assert (told["changed_cases"], told["worse_cases"], told["failed_must_pass"]) == ("60", "60", "1")
    assert result.headline == ("FAILED: 2 of 2 rules and 1 of 1 must-pass case failed, on 200 common cases.")


def test_answers_from_a_file_are_no_requests(gates):
    recorded = {"models": {"base": {"type": "recorded", "path": "answers.jsonl"}}}
    section = {"max_error_rate": 0.02}
    gates.baseline(answers={"rag": right(30, 40)}, gate=section, more=recorded)
    result = gates.gate(answers={"rag": right(30, 40)}, gate=section, more=recorded)
    errors = rule(result, "error_rate/rag")
    assert (errors.verdict, errors.n) == ("not_judged", 0)
    assert "no request was made in this run" in errors.reason


def test_two_rules_on_the_same_cases_and_metric_are_refused(gates):
    """They would bear one name; of two limits the smaller drop or the higher floor says all."""
    same = [{"tag": "billing", "max_drop": 0.1}, {"min": 0.5}, {"tag": "billing", "max_drop": 0.2}]
    with pytest.raises(SuiteError, match=r"gate\.rules\.2: says again what gate\.rules\.0 says"):
        gates.run(answers={"rag": right(30, 40)}, gate={"rules": same})
    with pytest.raises(SuiteError, match=r"gate\.rules\.0: says again what gate\.max_quality_drop says"):
        gates.run(
            answers={"rag": right(30, 40)}, gate={"rules": [{"metric": "exact_match", "max_drop": 0.1}]}
        )


def test_equal_costs_have_no_spread_and_leave_no_last_bits_in_the_baseline(gates):
    gates.baseline(answers={"rag": right(30, 40)}, cost={"rag": 0.00012})
    assert '"cost_sd":0.0,' in gates.file.read_text()
