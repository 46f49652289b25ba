"""A Qdrant server by URL. What it is asked is read by the vendor's own request models and answered by the vendor's own
in-memory implementation, behind HTTP on loopback; searches can be made to miss, fail or refuse."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evalkit.errors import AccessError, InputError, RetryableError
from evalkit.retrieval.dense import DenseRetriever
from evalkit.retrieval.qdrant import QdrantRetriever

qdrant_client = pytest.importorskip("qdrant_client")
models = qdrant_client.models


class Server:
    """Attributes: misses: the graph leaves the best point out; faults: statuses to answer with first."""

    def __init__(self) -> None:
        self.store = qdrant_client.QdrantClient(":memory:", force_disable_check_same_thread=True)
        self.aliases: dict[str, str] = {}
        self.metadata: dict[str, object] = {}
        self.misses = False
        self.faults: list[int] = []
        self.keys: list[str | None] = []
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                owner.keys.append(self.headers.get("api-key"))
                with owner.lock:
                    if owner.faults:
                        status, answer = owner.faults.pop(0), {"status": {"error": "told to"}}
                    else:
                        result = owner.answer(self.command, self.path, json.loads(body) if body else {})
                        status, answer = 200, {"result": result, "status": "ok", "time": 0.0}
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def collections(self) -> list[str]:
        return [each.name for each in self.store.get_collections().collections]

    def answer(self, method: str, target: str, body: dict) -> object:
        path = target.partition("?")[0]
        if path == "/aliases":
            known = [{"alias_name": a, "collection_name": c} for a, c in self.aliases.items()]
            return {"aliases": known}
        if path == "/collections/aliases":
            for action in models.ChangeAliasesOperation(**body).actions:
                if isinstance(action, models.DeleteAliasOperation):
                    del self.aliases[action.delete_alias.alias_name]
                else:
                    self.aliases[action.create_alias.alias_name] = action.create_alias.collection_name
            return True
        name, _, rest = re.fullmatch(r"/collections/([^/]+)(/(.*))?", path).groups()
        rest = rest or ""
        collection = self.aliases.get(name, name)
        if (method, rest) == ("PUT", ""):
            asked = models.CreateCollection(**body)
            self.metadata[collection] = asked.metadata
            return self.store.create_collection(
                collection, vectors_config=asked.vectors, metadata=asked.metadata
            )
        if (method, rest) == ("GET", ""):
            return json.loads(self.store.get_collection(collection).model_dump_json())
        if (method, rest) == ("DELETE", ""):
            return self.store.delete_collection(collection)
        if (method, rest) == ("PUT", "points"):
            batch = models.PointsBatch(**body).batch
            self.store.upsert(collection, points=batch)
            return {"operation_id": 1, "status": "completed"}
        if rest == "points/count":
            return {"count": self.store.count(collection).count}
        if rest == "points/query":
            asked = models.QueryRequest(**body)
            exact = bool(asked.params and asked.params.exact)
            lose = 1 if self.misses and not exact else 0
            points = self.store.query_points(collection, query=asked.query, limit=asked.limit + lose).points[
                lose:
            ]
            return {"points": [{"id": p.id, "version": 0, "score": p.score} for p in points]}
        raise AssertionError(f"nobody answers {method} {target}")

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    found = Server()
    yield found
    found.close()


async def asked(retriever, questions, k=5):
    try:
        await retriever.prepare(lambda steps: None)
        return [await retriever.find(question, k) for question in questions]
    finally:
        retriever.close()


def run(bench, server, passages=None, **settings):
    retriever = QdrantRetriever(bench.vectors(passages, **settings), options={"url": server.url})
    return asyncio.run(asked(retriever, bench.questions)), retriever.facts


def test_an_index_is_built_under_an_alias_and_reused_by_another_machine(bench, server, tmp_path):
    found, first = run(bench, server)
    bench.folder = tmp_path / "elsewhere"
    again, second = run(bench, server)
    assert (first.reused, second.reused, bench.embedder.passages) == (False, True, 0)
    assert second.tokens == first.tokens > 0
    assert list(server.aliases) == [f"evalkit-{first.digest}"]
    assert [each.passages for each in found] == [each.passages for each in again]


def test_results_equal_exact_search_and_the_stated_recall_says_so(bench, server):
    found, facts = run(bench, server)
    exact = asyncio.run(asked(DenseRetriever(bench.vectors()), bench.questions))
    for index, dense in zip(found, exact, strict=True):
        scores = [passage.score for passage in dense.passages]
        assert [passage.score for passage in index.passages] == pytest.approx(scores, abs=1e-5)
    assert (facts.recall, facts.compared) == (1.0, 10)


def test_what_the_graph_misses_is_stated(bench, server):
    """Each search leaves the best of five out and brings the sixth: recall is 4 of 5."""
    server.misses = True
    _, facts = run(bench, server)
    assert (facts.recall, facts.compared) == (pytest.approx(0.8), 10)


def test_a_changed_corpus_and_a_changed_embedder_make_new_collections(bench, server):
    digests = [run(bench, server)[1].digest]
    digests.append(run(bench, server, bench.corpus[1:])[1].digest)
    digests.append(run(bench, server, dimensions=128)[1].digest)
    assert len(set(digests)) == 3
    assert sorted(server.aliases) == sorted(f"evalkit-{digest}" for digest in digests)


def test_a_build_that_died_is_not_reused_and_no_alias_names_it(bench, server):
    server.faults = []
    whole = server.answer

    def dying(method: str, target: str, body: dict) -> object:
        if target.endswith("points/count"):
            server.faults = [500] * 20
        return whole(method, target, body)

    server.answer = dying
    retriever = QdrantRetriever(bench.vectors(), options={"url": server.url})
    from evalkit.retrieval import qdrant

    patient, qdrant._ATTEMPTS = qdrant._ATTEMPTS, type(qdrant._ATTEMPTS)(attempts=1)
    try:
        with pytest.raises(RetryableError, match="Qdrant answered 500"):
            asyncio.run(asked(retriever, []))
    finally:
        qdrant._ATTEMPTS = patient
    assert (len(server.collections()), server.aliases) == (1, {})
    server.answer, server.faults = whole, []
    _, facts = run(bench, server)
    assert not facts.reused
    assert server.aliases[f"evalkit-{facts.digest}"] in server.collections()


def test_a_busy_server_is_asked_again_and_a_wrong_key_is_not(bench, server, monkeypatch):
    server.faults = [503, 500]
    assert len(run(bench, server)[0]) == 10
    server.faults = [401] * 3
    with pytest.raises(AccessError, match="Is its key right"):
        run(bench, server, bench.corpus[1:])
    assert len(server.faults) == 2


def test_an_address_that_is_none_is_an_input_error(bench):
    retriever = QdrantRetriever(bench.vectors(), options={"url": "localhost 6333"})
    with pytest.raises(InputError, match="no address of a server"):
        asyncio.run(asked(retriever, []))
