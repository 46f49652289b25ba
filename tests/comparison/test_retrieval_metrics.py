"""What finding passages took and brought, arm by arm."""

from msgspec.structs import replace

from evalkit.comparison.build_table import build_table
from evalkit.comparison.retrieval_metrics import FoundPassages, uses_alone
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case
from evalkit.records.manifest import CaseFacts
from evalkit.records.sample import LatencyRow, Passage, RetrievalUse, Sample, Status, Timing
from tests.builders.records import manifest

CASE = Case(id="a", input="q", cluster="a", gold_passages=("p1", "p2"))


def searched(passages: tuple[str, ...], use: RetrievalUse | None) -> Sample:
    return Sample(
        case_id="a",
        arm="rag",
        status=Status.OK,
        prompt_digest="",
        request_digest="",
        output="x",
        finish_reason="stop",
        passages=tuple(Passage(id=name, text="") for name in passages),
        retrieval=use,
    )


def found():
    arms = (
        ArmFacts(
            name="rag",
            kind=ArmKind.RAG,
            role="candidate",
            model="m",
            model_type="t",
            prompt="p",
            retrieval="dense",
            top_k=2,
        ),
        ArmFacts(
            name="plain", kind=ArmKind.ZERO_SHOT, role="candidate", model="m", model_type="t", prompt="p"
        ),
    )
    return FoundPassages(build_table(manifest(*arms), [CaseFacts(id="a", cluster="a", tags=())], [], [], "m"))


def test_what_was_found_and_what_it_took():
    """One of two gold passages at the second place; 12 tokens, 0.2 s of embedding and 0.05 s of search."""
    passages = found()
    passages.add(0, (0, 0), CASE, searched(("p9", "p1"), RetrievalUse(tokens=12, embed_s=0.2, search_s=0.05)))
    summary = passages.summary(0, [], None)
    assert (summary.recall_at_k, summary.mrr, summary.n) == (0.5, 0.5, 1)
    assert summary.query_tokens == 12
    assert round(summary.embed_s, 6) == 0.2


def test_what_nothing_tells_stays_unknown():
    passages = found()
    passages.add(0, (0, 0), replace(CASE, gold_passages=()), searched(("p1",), RetrievalUse(search_s=0.05)))
    summary = passages.summary(0, [], None)
    assert (summary.recall_at_k, summary.query_tokens, summary.n) == (None, None, 0)


def test_an_arm_without_retrieval_has_no_such_figures():
    passages = found()
    passages.add(1, (0, 0), CASE, searched((), None))
    assert passages.summary(1, [], None) is None


def test_times_of_the_isolated_pass_win_over_the_runs_own():
    passages = found()
    passages.add(0, (0, 0), CASE, searched(("p1",), RetrievalUse(search_s=9.0)))
    timing = Timing(service_s=1.0, attempts=1)
    alone = uses_alone(
        [
            LatencyRow(case_id="a", arm="rag", timing=timing, retrieval=RetrievalUse(search_s=0.5)),
            LatencyRow(case_id="b", arm="rag", timing=timing, retrieval=RetrievalUse(search_s=0.5)),
            LatencyRow(case_id="a", arm="plain", timing=timing),
        ]
    )
    assert set(alone) == {"rag"}
    assert passages.summary(0, alone["rag"], None).p50_s == 0.5
