"""What all tests share: a cache folder of their own, no keys, and a real chat server on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from hypothesis import settings

# Tests run in several processes, so each takes one thread; numpy and torch read this when they are first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.builders import runs
from tests.builders.chat_server import ChatServer, Reply, Shapes, completion, streamed
from tests.builders.gemini_words import GeminiWords

# How long one example takes says more about what else the machine does than about the code.
# A build says the same of the same code; HYPOTHESIS_PROFILE=explore looks for new examples.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """No test reads the user's cache or keys."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "evalkit-cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def provider() -> Iterator[Callable[[str], ChatServer]]:
    """A server whose every answer is of the shape that a provider publishes: ``openai``, ``azure``, ``gemini``."""
    servers: list[ChatServer] = []

    def start(name: str) -> ChatServer:
        servers.append(ChatServer(Shapes(name)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    assert [words for server in servers for words in server.misshapen] == []


@pytest.fixture
def replies():
    """How to word replies."""

    class Words:
        reply = staticmethod(Reply)
        completion = staticmethod(completion)
        streamed = staticmethod(streamed)

    return Words


@pytest.fixture
def gemini_words() -> GeminiWords:
    return GeminiWords()


@pytest.fixture
def gemini_server(gemini_words: GeminiWords, provider: Callable[[str], ChatServer]) -> ChatServer:
    """Gemini on loopback."""
    server = provider("gemini")
    server.answer = lambda request: gemini_words.answer("yes")
    return server


@pytest.fixture(scope="session")
def small_tokenizer():
    """The embedded model's tokenizer, trained on fewer windows."""
    tokenizer = pytest.importorskip("tests.embedded_model.tokenizer", reason="needs the extra 'local'")
    return tokenizer.train_tokenizer(1, windows=300)


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The builder of synthetic runs."""
    return runs
