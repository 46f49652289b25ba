"""Scoring streams, keeps missing apart from wrong, and the negative control sees a metric that does not look."""

import json

import msgspec
import pytest

from evalkit.data.cases import read_cases
from evalkit.errors import InputError
from evalkit.metrics.contains import Contains
from evalkit.metrics.exact_match import ExactMatch
from evalkit.metrics.regex import Regex
from evalkit.records.sample import Sample, Status
from evalkit.records.score import Score
from evalkit.scoring.score import negative_control, score_samples
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

SUITE = """
name: small
cases: cases.jsonl
models: {base: {type: embedded}}
arms: {zero: {model: base}}
metrics: [exact_match]
"""


@pytest.fixture
def cases_of(tmp_path):
    opened = []

    def read(rows):
        (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
        opened.append(read_cases(build_suite(parse_yaml(SUITE, file="suite.yaml", folder=tmp_path))))
        return opened[-1]

    yield read
    for cases in opened:
        cases.close()


def sample(case_id, output="x", status=Status.OK, repeat=0):
    answered = output if status is Status.OK else None
    return Sample(
        case_id=case_id,
        arm="zero",
        repeat=repeat,
        status=status,
        prompt_digest="",
        request_digest="",
        output=answered,
    )


def test_only_ok_samples_are_scored_and_the_others_say_why_not(cases_of):
    """An empty answer is wrong; an error, a limit and a case without a reference are missing."""
    cases = cases_of([{"id": "a", "input": "?", "answer": "x"}, {"id": "b", "input": "?"}])
    samples = [
        *(sample("a"), sample("a", "", repeat=1), sample("a", status=Status.ERROR, repeat=2)),
        *(sample("a", status=Status.LIMIT, repeat=3), sample("b"), sample("gone")),
    ]
    rows = list(score_samples(samples, cases, {"exact": ExactMatch()}))
    assert [(row.case_id, row.repeat, row.value, row.reason) for row in rows] == [
        ("a", 0, 1.0, None),
        ("a", 1, 0.0, None),
        ("a", 2, None, "no_answer"),
        ("a", 3, None, "no_answer"),
        ("b", 0, None, "no_reference"),
        ("gone", 0, None, "no_case"),
    ]


def test_rows_come_as_the_samples_do_one_for_each_metric(cases_of):
    """Nothing is held back, so memory does not grow with the run."""
    cases = cases_of([{"id": "a", "input": "?", "answer": "x"}])

    def endless():
        while True:
            yield sample("a")

    rows = score_samples(endless(), cases, {"one": ExactMatch(), "two": Contains()})
    assert [next(rows).metric for _ in range(4)] == ["one", "two", "one", "two"]


def test_the_think_block_of_an_old_run_is_not_scored(cases_of):
    """Its samples were written before blocks were set aside; those of today say so, and stay as they are."""
    cases = cases_of([{"id": "a", "input": "?", "answer": "4"}, {"id": "b", "input": "?", "answer": "5"}])
    old = [sample("a", "<think>5?</think>\n4"), sample("b", "<think>4?</think>\n5")]
    assert [row.value for row in score_samples(old, cases, {"exact": ExactMatch()})] == [1.0, 1.0]
    assert negative_control(old, cases, Contains(), seed=1) == 0.0
    apart = msgspec.structs.replace(old[0], reasoning_text="<think></think>")
    assert [row.value for row in score_samples([apart], cases, {"exact": ExactMatch()})] == [0.0]


def test_a_value_outside_zero_to_one_is_refused(cases_of):
    """A plugin that gives 0 to 100 would otherwise pass as very good."""

    class Percent:
        binary = False

        def score(self, case, sample):
            return Score(value=73.0)

    cases = cases_of([{"id": "a", "input": "?"}])
    with pytest.raises(InputError, match=r"metric 'percent' gave 73\.0 for case 'a'"):
        list(score_samples([sample("a")], cases, {"percent": Percent()}))
    with pytest.raises(InputError, match="gave nan"):
        Percent.score = lambda self, case, sample: Score(value=float("nan"))
        list(score_samples([sample("a")], cases, {"percent": Percent()}))


def test_an_exception_of_a_metric_says_which_metric_and_case(cases_of):
    """The traceback of somebody else's code alone does not."""

    class Broken:
        binary = True

        def score(self, case, sample):
            raise KeyError("x")

    with pytest.raises(KeyError) as caught:
        list(score_samples([sample("a")], cases_of([{"id": "a", "input": "?"}]), {"mine": Broken()}))
    assert caught.value.__notes__ == ["raised by metric 'mine' on case 'a', arm 'zero'"]


def test_right_answers_score_zero_against_other_clusters_references(cases_of):
    """Every answer is right, and none is once references are shuffled."""
    cases = cases_of([{"id": str(n), "input": "?", "answer": f"a{n}", "cluster": n // 3} for n in range(30)])
    samples = [sample(str(n), f"a{n}") for n in range(30)]
    assert negative_control(samples, cases, ExactMatch(), seed=1) == 0


def test_with_two_answers_chance_is_their_share(cases_of):
    """An arm that is always right on balanced labels agrees with shuffled ones half the time."""
    rows = [{"id": str(n), "input": "?", "answer": "yes" if n % 2 else "no"} for n in range(400)]
    samples = [sample(str(n), "yes" if n % 2 else "no") for n in range(400)]
    chance = negative_control(samples, cases_of(rows), ExactMatch(), seed=1)
    assert 0.4 < chance < 0.6


def test_a_metric_that_says_yes_to_everything_stays_high(cases_of):
    """That is what the control is for."""

    class Yes:
        binary = True

        def score(self, case, sample):
            return Score(value=1.0) if case.reference else Score.missing("no_reference")

    cases = cases_of([{"id": str(n), "input": "?", "answer": str(n)} for n in range(10)])
    assert negative_control([sample(str(n)) for n in range(10)], cases, Yes(), seed=1) == 1


def test_there_is_no_control_without_references_or_with_one_cluster(cases_of):
    """A metric of form alone has nothing to shuffle either."""
    rows = [{"id": str(n), "input": "?", "answer": "x", "cluster": "one"} for n in range(4)]
    samples = [sample(str(n)) for n in range(4)]
    assert negative_control(samples, cases_of(rows), ExactMatch(), seed=1) is None
    apart = [{**row, "cluster": row["id"]} for row in rows]
    assert negative_control(samples, cases_of(apart), Regex(pattern="x"), seed=1) is None
    assert negative_control(samples, cases_of(apart), Contains(value="x"), seed=1) is None
    assert negative_control([], cases_of(apart), ExactMatch(), seed=1) is None


def test_the_control_depends_on_the_seed_and_not_on_the_order_of_samples(cases_of):
    """A run that was resumed wrote its samples in another order."""
    rows = [{"id": str(n), "input": "?", "answer": str(n % 3)} for n in range(60)]
    samples = [sample(str(n), str(n % 3)) for n in range(60)]
    cases = cases_of(rows)
    first = negative_control(samples, cases, ExactMatch(), seed=1)
    assert negative_control(reversed(samples), cases, ExactMatch(), seed=1) == first
    assert len({negative_control(samples, cases, ExactMatch(), seed=seed) for seed in range(8)}) > 1
