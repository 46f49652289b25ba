"""The table of scores: pairing by id, holes where something is missing, the last row of a cell."""

import tracemalloc
from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from evalkit.comparison.build_table import build_table
from evalkit.comparison.table import OK, pairs
from evalkit.errors import RunError
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.manifest import CaseFacts, Manifest
from evalkit.records.sample import Cost, Sample, Status, Usage
from evalkit.records.score import ScoreRow
from tests.builders import records


def manifest(*arms: str, repeats: int = 1, n_cases: int = 3) -> Manifest:
    facts = [
        ArmFacts(name=name, kind=ArmKind.ZERO_SHOT, role="candidate", model="m", model_type="t", prompt="p")
        for name in arms
    ]
    return records.manifest(*facts, repeats=repeats, n_cases=n_cases)


def sample(case: str, arm: str, status: Status = Status.OK, repeat: int = 0, output: str = "x") -> Sample:
    return Sample(
        case_id=case,
        arm=arm,
        repeat=repeat,
        status=status,
        prompt_digest="",
        request_digest="",
        output=output,
        usage=Usage(input=10, output=2),
    )


def score(case: str, arm: str, value: float | None, repeat: int = 0, reason: str | None = None) -> ScoreRow:
    return ScoreRow(case_id=case, arm=arm, repeat=repeat, metric="m", value=value, reason=reason)


CASES = [CaseFacts(id="a", cluster="x"), CaseFacts(id="b", cluster="y"), CaseFacts(id="c", cluster="x")]


def test_cases_are_paired_by_id_whatever_the_order_of_rows():
    """Arms that answered in another order are compared case by case."""
    samples = [sample(case, arm) for arm, order in (("p", "abc"), ("q", "cab")) for case in order]
    scores = [score("a", "p", 1), score("b", "p", 0), score("c", "p", 1)]
    scores += [score("c", "q", 0), score("a", "q", 1), score("b", "q", 1)]
    both = pairs(build_table(manifest("p", "q"), CASES, samples, scores, "m"), "p", "q")
    assert both.treatment.tolist() == [1, 0, 1]
    assert both.control.tolist() == [1, 1, 0]
    assert both.clusters.tolist() == [0, 1, 0]


def test_a_case_missing_in_one_arm_is_left_out_of_the_pair_and_never_counts_zero():
    samples = [sample("a", "p"), sample("b", "p"), sample("a", "q"), sample("b", "q", Status.ERROR)]
    scores = [
        score("a", "p", 1),
        score("b", "p", 1),
        score("a", "q", 0),
        score("b", "q", None, reason="judge failed"),
    ]
    table = build_table(manifest("p", "q"), CASES, samples, scores, "m")
    assert pairs(table, "p", "q").treatment.size == 1
    assert np.isnan(table.scores("q")[1])
    assert np.isnan(table.scores("p")[2]), "a cell that was never answered has no score"


def test_a_score_of_a_sample_that_did_not_end_ok_is_not_used():
    """Marking may have run before the cell was retried and failed."""
    table = build_table(manifest("p"), CASES, [sample("a", "p", Status.LIMIT)], [score("a", "p", 1)], "m")
    assert np.isnan(table.scores("p")).all()


def test_the_last_row_of_a_cell_counts():
    rows = [sample("a", "p", Status.ERROR), sample("a", "p")]
    table = build_table(manifest("p"), CASES, rows, [score("a", "p", None), score("a", "p", 1)], "m")
    assert table.status[0, 0, 0] == OK
    assert table.scores("p")[0] == 1
    assert table.missing_reasons == {}


def test_repeats_are_averaged_per_case_over_those_that_have_a_value():
    samples = [sample("a", "p", repeat=repeat) for repeat in range(3)]
    scores = [score("a", "p", 1, 0), score("a", "p", 0, 1), score("a", "p", None, 2, "judge failed")]
    table = build_table(manifest("p", repeats=3), CASES, samples, scores, "m")
    assert table.scores("p")[0] == 0.5
    assert not table.is_binary(), "a mean of differing repeats is graded"
    assert table.missing_reasons == {"m: judge failed": 1}


def test_a_row_of_an_unknown_case_says_so():
    with pytest.raises(RunError, match=r"case 'zz'.*Run it again"):
        build_table(manifest("p"), CASES, [sample("zz", "p")], [], "m")


@pytest.mark.slow
def test_a_hundred_thousand_cases_and_fifteen_arms_fit_in_a_hundred_megabytes_plus_ids():
    """Measured on 3,000 cases: bytes per cell, not counting the case ids, stay below 70."""
    n, arms = 3000, [f"a{index}" for index in range(15)]
    cases = [CaseFacts(id=f"case-{index}", cluster=f"k{index}") for index in range(n)]
    facts = manifest(*arms, n_cases=n)
    samples = (sample(case.id, arm) for arm in arms for case in cases)
    scores = (score(case.id, arm, 1.0) for arm in arms for case in cases)
    tracemalloc.start()
    table = build_table(facts, cases, samples, scores, "m")
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert table.n_cases == n
    assert used / (n * len(arms)) < 70


def test_a_row_of_a_repeat_that_was_never_asked_says_so():
    with pytest.raises(RunError, match=r"holds repeat 1 of case 'a', but has 1 repeats"):
        build_table(manifest("p"), CASES, [sample("a", "p", repeat=1)], [], "m")


def test_an_arm_that_the_run_does_not_have_is_told_with_those_it_has():
    table = build_table(manifest("p", "q"), CASES, [], [], "m")
    with pytest.raises(RunError, match=r"no arm of this run is called 'x'; it has \['p', 'q'\]"):
        table.row("x")


def test_a_metric_without_a_score_is_unknown_everywhere_and_never_0_or_1():
    table = build_table(manifest("p"), CASES, [sample("a", "p")], [], "m")
    assert np.isnan(table.scores("p")).all()
    assert not table.is_binary()


def test_the_mean_of_repeats_that_differ_is_not_0_or_1():
    """Right once and wrong once is 0.5: McNemar's test does not apply."""
    samples = [sample("a", "p", repeat=repeat) for repeat in (0, 1)]
    same, other = (
        build_table(
            manifest("p", repeats=2), CASES, samples, [score("a", "p", 1, 0), score("a", "p", second, 1)], "m"
        )
        for second in (1, 0)
    )
    assert same.is_binary()
    assert not other.is_binary()


def test_the_first_two_hundred_tags_are_kept_on_every_case_that_has_them():
    """Cases are taken by id. The 201st tag is dropped; a tag known by then is still noted on later cases."""
    cases = [
        CaseFacts(id=f"c{number:03}", cluster=f"c{number}", tags=(f"t{number}", "t0"))
        for number in range(201)
    ]
    table = build_table(manifest("p"), reversed(cases), [], [], "m")
    assert list(table.tags) == [f"t{number}" for number in range(200)]
    assert table.tags["t0"].all()


def test_an_arms_cost_is_its_models_and_its_retrievers_and_never_the_judges():
    billed = replace(
        sample("a", "p"),
        cost=Cost(model=Decimal("0.002"), retrieval=Decimal("0.0005"), judge=Decimal("0.01"), currency="USD"),
    )
    table = build_table(manifest("p"), CASES, [billed, sample("b", "p")], [], "m")
    assert table.cost[0, :, 0] == pytest.approx([0.0025, np.nan, np.nan], nan_ok=True)
    assert table.currency == "USD"


def test_where_embedding_has_no_known_price_the_whole_cost_is_unknown_not_the_models_alone():
    searching = manifest("p")
    searching = replace(searching, arms=(replace(searching.arms[0], embedder="vectors"),))
    half = replace(sample("a", "p"), cost=Cost(model=Decimal("0.002"), currency="USD"))
    assert np.isnan(build_table(searching, CASES, [half], [], "m").cost).all()
    assert build_table(manifest("p"), CASES, [half], [], "m").cost[0, 0, 0] == pytest.approx(0.002)


def test_the_judge_behind_a_metric_is_kept():
    judged = replace(score("a", "p", 1.0), judge="acme-judge")
    assert build_table(manifest("p"), CASES, [sample("a", "p")], [judged], "m").judges == {"m": "acme-judge"}
