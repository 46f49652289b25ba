"""Two runs on disk, the second held against the first on the cases that both have."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as struct_replace

import evalkit
from evalkit.comparison.comparison_request import ComparisonRequest
from evalkit.comparison.two_runs import RunInput, compare_runs
from evalkit.errors import InputError, RunError
from evalkit.records.manifest import Digests
from evalkit.stats.multiplicity import holm

OTHER_CASES = Digests(suite="s", cases="other", data="d", prices="p")


def held(synthetic, run, folder, **changes):
    kept = synthetic.saved(run, folder, **changes)
    return RunInput(kept, run.suite, kept.manifest())


def two_arms(synthetic, few, rag):
    return synthetic.make_run(
        {"few_shot": synthetic.Arm(list(few)), "rag": synthetic.Arm(list(rag), kind="rag")}
    )


@pytest.fixture
def before(synthetic, tmp_path):
    """Few-shot right on the first 60 of 100 cases, RAG on the first 70."""
    run = two_arms(synthetic, synthetic.scores(60, 100), synthetic.scores(70, 100))
    return held(synthetic, run, tmp_path / "before", run_id="before")


def compared(first, second, **what):
    return compare_runs(first, second, {}, ComparisonRequest(**what))


def test_each_arm_is_held_against_its_earlier_self_and_the_p_values_are_adjusted(synthetic, before, tmp_path):
    """Few-shot gained 20 cases and lost none; RAG lost 8 and gained none."""
    run = two_arms(synthetic, synthetic.scores(80, 100), synthetic.scores(62, 100))
    found = compared(before, held(synthetic, run, tmp_path / "after"))
    few, rag = found.differences
    assert (few.treatment, few.control, few.family) == ("few_shot", "few_shot", "runs")
    assert (few.estimate, few.discordant) == (pytest.approx(0.2), (20, 0))
    assert (rag.estimate, rag.discordant) == (pytest.approx(-0.08), (0, 8))
    assert [few.p_adjusted, rag.p_adjusted] == pytest.approx(holm([2 * 0.5**20, 2 * 0.5**8]).tolist())
    assert (found.run, found.control_run, found.n_cases, found.notes) == ("run-1", "before", 100, ())


def test_two_arms_with_the_same_scores_in_both_runs_make_one_test(synthetic, tmp_path):
    """The second arm repeats the first in both runs; the p-value is that of one exact McNemar test of 20 and 0."""
    same_before = two_arms(synthetic, synthetic.scores(60, 100), synthetic.scores(60, 100))
    same_after = two_arms(synthetic, synthetic.scores(80, 100), synthetic.scores(80, 100))
    first = held(synthetic, same_before, tmp_path / "first")
    few, rag = compared(first, held(synthetic, same_after, tmp_path / "second")).differences
    assert [few.p_adjusted, rag.p_adjusted] == pytest.approx([2 * 0.5**20] * 2)


def test_one_named_arm_of_each(synthetic, before, tmp_path):
    run = two_arms(synthetic, synthetic.scores(80, 100), synthetic.scores(70, 100))
    (one,) = compared(before, held(synthetic, run, tmp_path / "a"), arms=("rag", "few_shot")).differences
    assert (one.treatment, one.control) == ("few_shot", "rag")
    assert one.estimate == pytest.approx(0.10)


def test_another_metric_of_both_runs_is_shown_unadjusted(synthetic, tmp_path):
    metrics = ["exact_match", "token_f1"]
    arms = {"few_shot": synthetic.Arm(synthetic.scores(60, 100))}
    runs = [
        synthetic.make_run(arms, metrics=metrics, more_scores={"token_f1": {"few_shot": [value] * 100}})
        for value in (0.5, 0.75)
    ]
    first, second = (held(synthetic, run, tmp_path / str(number)) for number, run in enumerate(runs))
    exact, graded = compared(first, second, metrics=("token_f1",)).differences
    assert (exact.metric, exact.p_adjusted) == ("exact_match", 1.0)
    assert (graded.metric, graded.estimate, graded.p_adjusted) == ("token_f1", 0.25, None)


def test_a_pair_without_an_interval_takes_no_part_in_the_adjustment(synthetic, before, tmp_path):
    """RAG answered nothing the second time: its p-value is not known, and few-shot's is the only one there is."""
    run = two_arms(synthetic, synthetic.scores(80, 100), [None] * 100)
    found = compared(before, held(synthetic, run, tmp_path / "after"))
    few, rag = found.differences
    assert (rag.p_value, rag.p_adjusted, rag.claim) == (None, None, "no_claim")
    assert few.p_adjusted == few.p_value
    assert found.notes == ("rag and rag: 0 of 100 answered in both runs.",)


def test_other_cases_are_paired_on_the_ids_in_common_and_moved_clusters_are_told(synthetic, before, tmp_path):
    """The second run has 60 of the cases, three of them in other clusters: the first run's clusters are used."""
    run = two_arms(synthetic, synthetic.scores(60, 60), synthetic.scores(30, 60))
    moved = [
        replace_cluster(case, "elsewhere") if case.id in ("c1", "c2", "c3") else case for case in run.cases
    ]
    second = held(synthetic, replace(run, cases=moved), tmp_path / "after", digests=OTHER_CASES)
    found = compared(before, second)
    assert found.n_cases == 60
    assert found.differences[0].n_clusters == 60
    assert "60 ids are in both, of 100 in the first and 60 in the second" in found.notes[0]
    assert found.notes[1].startswith("3 of them are in another cluster")


def replace_cluster(case, cluster):
    return struct_replace(case, cluster=cluster)


def test_runs_without_a_case_in_common_are_refused(synthetic, before, tmp_path):
    run = two_arms(synthetic, [1.0] * 10, [1.0] * 10)
    named = replace(run, cases=[struct_replace(case, id=f"new-{case.id}") for case in run.cases])
    nothing = replace(named, samples=[], score_rows=[])
    with pytest.raises(InputError, match="have no case in common"):
        compared(before, held(synthetic, nothing, tmp_path / "after", digests=OTHER_CASES))


def test_other_cases_that_no_pair_answered_are_refused(synthetic, before, tmp_path):
    run = two_arms(synthetic, [None] * 60, [None] * 60)
    with pytest.raises(InputError, match="no case in common was answered by few_shot and few_shot"):
        compared(before, held(synthetic, run, tmp_path / "after", digests=OTHER_CASES))


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (("fewshot", "rag"), "the first run has no arm called 'fewshot'"),
        (("few_shot", "ragg"), "the second run has no arm called 'ragg'"),
    ],
)
def test_an_arm_that_a_run_does_not_have_is_named_with_the_run(synthetic, before, tmp_path, arms, words):
    run = two_arms(synthetic, synthetic.scores(60, 100), synthetic.scores(70, 100))
    with pytest.raises(InputError, match=words):
        compared(before, held(synthetic, run, tmp_path / "after"), arms=arms)


def test_runs_without_an_arm_of_the_same_name_ask_for_one_of_each(synthetic, before, tmp_path):
    run = synthetic.make_run({"zero": synthetic.Arm([1.0] * 100, shots=0)})
    with pytest.raises(InputError, match="no candidate of the same name"):
        compared(before, held(synthetic, run, tmp_path / "after"))


def test_a_metric_that_was_defined_in_another_way_is_refused(synthetic, before, tmp_path):
    changed = synthetic.make_run(
        {"few_shot": synthetic.Arm([1.0] * 100)}, metrics=[{"exact_match": {"extract": "^(.*)$"}}]
    )
    with pytest.raises(InputError, match="'exact_match' is defined in another way in the first run"):
        compared(before, held(synthetic, changed, tmp_path / "after"))


def test_runs_scored_under_different_text_rules_are_scored_again_or_refused(tmp_path, monkeypatch):
    """An answer of -5 for 5 was right under rule 1; scored again it is not; without cases nothing is compared."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "dash-minus"
    shutil.copytree(Path(__file__).parents[1] / "fixtures" / "failing" / "dash-minus", folder)
    first, second = (evalkit.run(folder, output=tmp_path / name) for name in ("first", "second"))
    rows = [
        {**json.loads(line), "value": 1.0}
        for line in first.folder.scores_file.read_text("utf-8").splitlines()
    ]
    for row in rows:
        del row["text_rule"]
    first.folder.scores_file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    again = evalkit.compare(first, second)
    assert [difference.estimate for difference in again.differences] == [0.0]
    assert {row.value for row in first.folder.scores()} == {1.0}, "nothing on disk changes"

    (folder / "cases.jsonl").unlink()
    with pytest.raises(RunError, match=r"text rule 1 .*score the run again: `evalkit score"):
        evalkit.compare(first, second)
