"""Why wrong answers are wrong."""

import pytest

from evalkit.comparison.abstention import is_abstention
from evalkit.comparison.failures import contains_reference, read_answers
from evalkit.comparison.table import build_table
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case, Passage
from evalkit.records.manifest import Digests, Manifest
from evalkit.records.sample import Sample, Status
from evalkit.records.score import ScoreRow


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
    manifest = Manifest(
        suite="s",
        suite_path="s",
        run_id="r",
        evalkit_version="0",
        python_version="3",
        started_at="",
        seed=0,
        n_cases=1,
        digests=Digests(suite="", cases="", data="", prices=""),
        arms=(arm,),
    )
    case = Case(
        id="c", input="q", reference=(reference,) if reference else (), cluster="c", gold_passages=tuple(gold)
    )
    sample = Sample(
        case_id="c",
        arm="a",
        status=Status.OK,
        prompt_digest="",
        request_digest="",
        output=output,
        finish_reason=finish,
        passages=tuple(Passage(id=name) for name in passages),
    )
    scores = [ScoreRow(case_id="c", arm="a", metric="right", value=0.0)]
    if form is not None:
        scores.append(ScoreRow(case_id="c", arm="a", metric="form", value=form))
    table = build_table(manifest, [case], [sample], scores, "right")
    return read_answers(table, [case], [sample], ["form"])["a"]


KINDS = [
    ("truncation", {"output": "ye", "form": 0.0, "finish": "length"}),
    ("truncation", {"output": "", "form": 0.0, "finish": "context_limit"}),
    ("refusal_or_empty", {"output": " ", "form": 0.0}),
    ("refusal_or_empty", {"output": "I'm sorry, but I cannot help with that.", "form": 0.0}),
    ("format", {"output": "Well, yes indeed", "form": 0.0}),
    ("format", {"output": "The answer is yes.", "form": None}),
    ("format", {"output": "{broken", "form": 0.0, "reference": ""}),
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
