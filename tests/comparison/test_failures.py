"""Why wrong answers are wrong."""

import pytest

from evalkit.comparison.build_table import build_table, is_abstention
from evalkit.comparison.failures import contains_reference, read_answers, share_of
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case, Passage
from evalkit.records.sample import Sample, Status
from evalkit.records.score import ScoreRow
from tests.builders.records import manifest


def facts_of(
    *,
    output: str,
    form: float | None,
    finish: str = "stop",
    passages=(),
    gold=(),
    retrieval=None,
    reference="yes",
):
    """Failures and retrieval of one wrong answer."""
    return facts_of_answers(
        [output],
        form=form,
        finish=finish,
        passages=passages,
        gold=gold,
        retrieval=retrieval,
        reference=reference,
    )


def facts_of_answers(
    outputs,
    *,
    form=None,
    finish="stop",
    passages=(),
    gold=(),
    retrieval=None,
    reference="yes",
    values=None,
    status=Status.OK,
):
    """Failures and retrieval of an arm's answers, one a case; wrong ones where no values are given."""
    arm = ArmFacts(
        name="a",
        kind=ArmKind.RAG,
        role="candidate",
        model="m",
        model_type="t",
        prompt="p",
        retrieval=retrieval,
        top_k=3,
    )
    run_manifest = manifest(arm, n_cases=len(outputs))
    cases, samples, scores = [], [], []
    for number, output in enumerate(outputs):
        cases.append(
            Case(
                id=f"c{number}",
                input="q",
                reference=(reference,) if reference is not None else (),
                cluster=f"c{number}",
                gold_passages=tuple(gold),
            )
        )
        samples.append(
            Sample(
                case_id=f"c{number}",
                arm="a",
                status=status,
                prompt_digest="",
                request_digest="",
                output=output,
                finish_reason=finish,
                passages=tuple(Passage(id=name) for name in passages),
            )
        )
        value = 0.0 if values is None else values[number]
        if value is not None:
            scores.append(ScoreRow(case_id=f"c{number}", arm="a", metric="right", value=value))
        if form is not None:
            scores.append(ScoreRow(case_id=f"c{number}", arm="a", metric="form", value=form))
    table = build_table(run_manifest, cases, samples, scores, "right")
    return read_answers(table, cases, samples, ["form"])["a"]


KINDS = [
    ("truncation", {"output": "ye", "form": 0.0, "finish": "length"}),
    ("truncation", {"output": "", "form": 0.0, "finish": "context_limit"}),
    ("refusal_or_empty", {"output": " ", "form": 0.0}),
    ("refusal_or_empty", {"output": "I'm sorry, but I cannot help with that.", "form": 0.0}),
    ("format", {"output": "Well, yes indeed", "form": 0.0}),
    ("format", {"output": "The answer is yes.", "form": None}),
    ("format", {"output": "{broken", "form": 0.0, "reference": None}),
    ("other", {"output": "who knows", "form": 0.0}),
    ("missing_knowledge", {"output": "no", "form": 1.0}),
    ("missing_knowledge", {"output": "no", "form": None}),
    (
        "retrieval_miss",
        {"output": "no", "form": 1.0, "retrieval": "bm25", "passages": ["p1"], "gold": ["p2"]},
    ),
    (
        "reading_miss",
        {"output": "no", "form": 1.0, "retrieval": "bm25", "passages": ["p1", "p2"], "gold": ["p2"]},
    ),
    ("other", {"output": "no", "form": 1.0, "retrieval": "bm25", "passages": ["p1"]}),
]


@pytest.mark.parametrize(("kind", "answer"), KINDS)
def test_a_wrong_answer_gets_the_first_kind_that_holds(kind, answer):
    failures = facts_of(**answer).failures
    assert failures.n_wrong == 1
    assert getattr(failures, kind) == 1


def test_recall_and_rank_of_the_passages_that_answer():
    found = facts_of(
        output="no", form=1.0, retrieval="bm25", passages=["p1", "p2"], gold=["p2", "p9"]
    ).retrieval
    assert (found.recall_at_k, found.mrr, found.n) == (0.5, 0.5, 1)


def test_the_reference_is_looked_for_as_words_in_english_and_chinese():
    assert contains_reference("So: the Ｎｏｒｔｈ gate!", ["north gate"])
    assert not contains_reference("northern gates", ["north gate"])
    assert contains_reference("答案是北门。", ["北门"])
    assert not contains_reference("南门", ["北门"])


@pytest.mark.parametrize(
    "text", ["", "  \n", "I don't know.", "Sorry, I can’t help with that", "抱歉,我无法回答", "N/A"]
)
def test_no_answer_is_an_abstention(text):
    assert is_abstention(text)


@pytest.mark.parametrize(
    "text", ["42", "{broken json", "Sorryville is the capital", "The unknown soldier", "not a number"]
)
def test_an_answer_however_wrong_is_not(text):
    assert not is_abstention(text)


def test_right_answers_are_no_failures_and_a_graded_one_is_right_from_a_half():
    found = facts_of_answers(["yes", "part", "no"], values=[1.0, 0.5, 0.4]).failures
    assert (found.n_wrong, found.missing_knowledge) == (1, 1)
    assert share_of(found, "missing_knowledge", "format") == 1.0


def test_where_nothing_is_wrong_no_kind_has_a_share():
    assert share_of(facts_of_answers(["yes"], values=[1.0]).failures, "format") is None


def test_an_answer_that_never_came_is_no_failure_of_the_arm():
    """Errors are ours: nothing is sorted, and there is nothing to sort without a primary score."""
    assert facts_of_answers(["no"], status=Status.ERROR).failures is None
    assert facts_of_answers(["no"], values=[None]).failures is None


def test_recall_is_read_even_where_no_answer_has_a_score():
    found = facts_of_answers(
        ["no"], values=[None], retrieval="bm25", passages=["p1", "p2"], gold=["p2", "p3"]
    )
    assert (found.retrieval.recall_at_k, found.retrieval.mrr, found.retrieval.n) == (0.5, 0.5, 1)


def test_without_gold_passages_recall_is_unknown_and_not_0():
    found = facts_of_answers(["no"], retrieval="bm25", passages=["p1"])
    assert (found.retrieval.recall_at_k, found.retrieval.mrr, found.retrieval.n) == (None, None, 0)


def test_a_reference_of_no_words_is_in_no_answer():
    """An empty run of words would be in every answer."""
    assert not contains_reference("yes, indeed", [" "])
