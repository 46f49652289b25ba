"""Whole runs with arms that search by vectors beside BM25: figures, money, resume, estimate, report."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import yaml

import evalkit
from evalkit.api import estimate
from evalkit.errors import AccessError, SuiteError
from evalkit.records.retrieval import RetrievalReport
from evalkit.records.sample import LatencyRow
from evalkit.retrieval.quality import ndcg_at_k, recall_at_k, reciprocal_rank
from evalkit.store.jsonl import JsonLines
from evalkit.suite.starters import starters
from tests.builders.hostile_parts import without_seal

pytest.importorskip("qdrant_client")

METHODS = ("bm25", "dense", "hybrid", "qdrant")
PRICES = {"emb": {"input": 2.0, "as_of": "2026-11-01", "source": "contract"},
          "chat": {"input": 1.0, "output": 1.0, "as_of": "2026-11-01", "source": "contract"}}  # fmt: skip


class Desk:
    """The support desk with a chat server on loopback, which also embeds, in place of its model."""

    def __init__(self, folder: Path, server, replies) -> None:
        self.folder, self.server, self.replies = folder, server, replies
        shutil.copytree(starters()["support-desk"], folder)
        self.data = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
        hosted = {"base_url": server.url, "max_attempts": 2, "timeout_s": 10}
        self.data["models"] = {"base": {"type": "openai", "model": "chat", **hosted}}
        self.data["embedders"] = {"offline": {"type": "hashed", "dimensions": 1024}}
        search = {"corpus": "corpus/passages.jsonl", "top_k": 3}
        self.data["arms"] = {
            name: {
                "model": "base",
                "prompt": {"base": "house", "shots": 0},
                "retrieval": {**search, "method": name},
            }
            for name in METHODS
        }
        self.data["run"] = {"seed": 7, "latency": {"isolated": 2}}
        self.data["decision"] = {"reference_arm": "bm25", "draws": 500}
        self.data["prices"] = PRICES
        self.refuse_embedding = False
        server.answer = self._answer

    def hosted_embedder(self, **changes) -> None:
        emb = {
            "type": "openai",
            "model": "emb",
            "base_url": self.server.url,
            "max_attempts": 2,
            "batch_size": 50,
        }
        self.data["embedders"] = {"hosted": {**emb, **changes}}

    def write(self) -> Path:
        (self.folder / "suite.yaml").write_text(yaml.safe_dump(self.data, sort_keys=False), encoding="utf-8")
        return self.folder

    def run(self, **settings):
        return evalkit.run(self.write(), output=self.folder.parent / "reports", **settings)

    @property
    def embedded(self) -> list[str]:
        return [text for request in self.server.requests for text in request.get("input", [])]

    def _answer(self, request):
        if "input" not in request:
            return self.replies.completion("Cause: worn seal. Fix: replace the seal.", prompt=100, output=10)
        if self.refuse_embedding:
            return self.replies.reply({"error": {"message": "wrong key"}}, status=401)
        rng = [np.random.default_rng(sum(map(ord, text))) for text in request["input"]]
        data = [{"index": at, "embedding": each.standard_normal(8).tolist()} for at, each in enumerate(rng)]
        return self.replies.reply({"data": data, "usage": {"prompt_tokens": 10 * len(data)}})


@pytest.fixture
def desk(tmp_path, chat_server, replies) -> Desk:
    return Desk(tmp_path / "support-desk", chat_server, replies)


def test_dense_hybrid_and_qdrant_stand_beside_bm25_in_one_report(desk):
    """The figures of each arm are those computed here from its journal; Qdrant's are dense search's."""
    desk.data["arms"]["cut"] = {
        "model": "base",
        "retrieval": {
            "corpus": "corpus/passages.jsonl", "method": "dense", "top_k": 3,
            "chunk": {"by": "sentences", "size": 12, "overlap": 0},
        },
    }  # fmt: skip
    run = desk.run(limit=40)
    arms = {arm.name: arm.retrieval for arm in run.comparison.arms}
    cases = [json.loads(line) for line in (desk.folder / "cases.jsonl").read_text().splitlines()]
    gold = {case["id"]: set(case["docs"]) for case in cases}
    given = {name: {} for name in arms}
    for sample in run.folder.samples():
        ranked = [passage.source for passage in sample.passages]
        given[sample.arm][sample.case_id] = ranked, gold[sample.case_id]
    for name, found in arms.items():
        ranked = given[name].values()
        assert found.n == len(ranked) == 40
        assert found.recall_at_k == pytest.approx(np.mean([recall_at_k(*each, 3) for each in ranked]))
        assert found.mrr == pytest.approx(np.mean([reciprocal_rank(*each) for each in ranked]))
        assert found.ndcg_at_k == pytest.approx(np.mean([ndcg_at_k(*each, 3) for each in ranked]))
        assert found.p50_s > 0
    assert given["qdrant"] == given["dense"]
    assert arms["dense"].recall_at_k > 0.3
    assert arms["qdrant"].index.recall == 1.0
    assert arms["cut"].index.chunks > arms["cut"].index.documents == 129
    assert arms["bm25"].index is None
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert all(f"| {name} " in report.split("Retrieval, over cases")[1] for name in METHODS)
    assert "sentences, up to 12 tokens" in report
    assert "A chunk counts for its document" in report
    assert "is exact" in report.split("What was searched by vectors")[1]


def test_embedding_is_paid_once_enters_the_ledger_and_resume_asks_for_no_vector_again(desk):
    """10 tokens a text at 2.00 per million: 129 passages cost 0.00258 once, a question 0.00002 each time."""
    desk.hosted_embedder()
    run = desk.run(limit=20)
    corpus = len((desk.folder / "corpus/passages.jsonl").read_text().splitlines())
    assert len(desk.embedded) == len(set(desk.embedded)) == corpus + 20
    samples = list(run.folder.samples())
    dense = [sample for sample in samples if sample.arm == "dense"]
    assert {sample.cost.retrieval for sample in dense} == {Decimal("0.00002")}
    assert {sample.retrieval.tokens for sample in dense} == {10}
    assert all(sample.cost.retrieval is None for sample in samples if sample.arm == "bm25")
    facts = run.folder.read("retrieval.json", RetrievalReport).indexes
    assert sorted(facts) == ["dense", "hybrid", "qdrant"]
    assert (facts["qdrant"].tokens, facts["qdrant"].cost) == (10 * corpus, Decimal("0.00002") * corpus)
    book = run.decision.ledger
    index = {line.name: line.amount for line in book["qdrant"].one_off}
    assert index["index embedding"] == Decimal("0.00002") * corpus
    assert not book["bm25"].one_off
    unit = run.decision.arms["dense"].cost_per_request
    assert float(unit - run.decision.arms["bm25"].cost_per_request) == pytest.approx(0.00002)
    timed = [row for row in JsonLines(run.folder.latency_file, LatencyRow) if row.arm == "dense"]
    assert len(timed) == 2
    assert all(row.retrieval.seconds > 0 for row in timed)

    asked = len(desk.embedded)
    without_seal(run.path)
    lines = run.folder.samples_file.read_bytes().splitlines(keepends=True)
    run.folder.samples_file.write_bytes(b"".join(lines[:-7]))  # the last cells of qdrant are owed again
    again = desk.run(resume=str(run.path))
    assert len(desk.embedded) == asked
    assert len(list(again.folder.samples())) == len(lines)
    kept = again.folder.read("retrieval.json", RetrievalReport).indexes["qdrant"]
    assert (kept.reused, kept.tokens) == (False, 10 * corpus)  # this run built it, in its first session


def test_an_embedder_that_refuses_leaves_its_arms_owed_and_a_resume_completes_them(desk):
    desk.hosted_embedder()
    desk.refuse_embedding = True
    with pytest.raises(AccessError, match=r"index of corpus/passages.jsonl was not built.*wrong key"):
        desk.run(limit=10)
    assert len(desk.embedded) == 50  # the first request alone found out
    folder = next((desk.folder.parent / "reports" / "support-desk").iterdir())
    assert {json.loads(line)["arm"] for line in (folder / "samples.jsonl").read_text().splitlines()} == {
        "bm25"
    }
    desk.refuse_embedding = False
    run = desk.run(resume=str(folder))
    counts = {arm.name: arm.ok for arm in run.comparison.arms}
    assert counts == dict.fromkeys(METHODS, 10)


def test_an_embedder_without_a_price_is_refused_where_money_is_counted(desk):
    desk.hosted_embedder(model="emb-2")
    with pytest.raises(SuiteError, match=r"suite.yaml:\d+: embedders.hosted.model: .*emb-2"):
        desk.run(limit=5)
    desk.data["economics"]["retrieval"] = {"embedding_per_request": 0.001}
    desk.data["economics"]["reindex_cost"] = 3
    run = desk.run(limit=5)
    lines = {line.name: line.amount for line in run.decision.ledger["dense"].one_off}
    assert lines == {"index building": Decimal(3)}


def test_tokens_that_the_endpoint_does_not_tell_make_the_cost_unknown_and_never_0(desk):
    desk.hosted_embedder()
    answer = desk._answer

    def silent(request):
        reply = answer(request)
        if "input" in request:
            reply.body.pop("usage")
        return reply

    desk.server.answer = silent
    run = desk.run(limit=5)
    arms = {arm.name: arm for arm in run.comparison.arms}
    assert arms["dense"].unit_cost is None
    assert arms["bm25"].unit_cost is not None
    assert arms["dense"].retrieval.index.cost is None
    assert run.decision.arms["dense"].cost_per_request is None


def test_estimate_counts_corpus_and_questions_once_and_asks_nothing(desk):
    desk.hosted_embedder()
    found = estimate(desk.write(), limit=20)
    (embedding,) = found.embedding
    assert (embedding.embedder, embedding.chunks, embedding.questions) == ("hosted", 129, 20)
    assert float(embedding.cost) == pytest.approx(embedding.tokens * 2 / 1_000_000, abs=1e-7)
    arms = sum(arm.cost for arm in found.arms)
    assert found.money == arms + embedding.cost
    assert desk.server.requests == []
