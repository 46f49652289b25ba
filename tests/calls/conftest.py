"""An arm over a real model, a real server, the cache and the journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evalkit.arms.arm import Arm
from evalkit.calls.caller import Caller
from evalkit.calls.expected_cost import ExpectedCost
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy
from evalkit.metrics.exact_match import ExactMatch
from evalkit.models.openai import OpenAIModel
from evalkit.models.protocol import Model
from evalkit.prompts.composer import Composer
from evalkit.prompts.template import Template
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case
from evalkit.records.record import to_json
from evalkit.records.sample import Cost, Sample, Status
from evalkit.runner.answer import answer_arm
from evalkit.runner.cells import ArmTask
from evalkit.runner.journal import Journal
from evalkit.runner.progress import Silent
from evalkit.runner.session import AnswerCounts, Session
from evalkit.runner.stop_signal import StopSignal
from evalkit.scoring.score import score_samples
from evalkit.store.cache import SqliteCache
from evalkit.store.jsonl import JsonLines
from evalkit.store.run_folder import RunFolder
from evalkit.store.write_behind import WriteBehind
from evalkit.suite.models import GeminiModelConfig, OpenAIModelConfig
from evalkit.suite.schema import PromptConfig

QUICK = RetryPolicy(attempts=5, first_wait_s=0.01, longest_wait_s=0.1, patience_s=5)


def numbered(count: int) -> list[Case]:
    """Cases c0, c1, ... that ask for question 0, 1, ..."""
    return [
        Case(id=f"c{number}", input=f"question {number}", cluster=f"c{number}") for number in range(count)
    ]


def case_of(request: dict[str, Any]) -> str:
    """The id of the case that a request asks for."""
    if "messages" in request:
        question = request["messages"][-1]["content"]
    else:
        question = request["contents"][-1]["parts"][0]["text"]
    return "c" + question.split()[-1]


class ArmRun:
    """Answers cases of one arm against one server; each session as a process of its own would.

    Args:
        provider: ``openai`` or ``gemini``: whom the server speaks like.
    """

    def __init__(self, server: Any, folder: Path, provider: str = "openai") -> None:
        folder.mkdir(exist_ok=True)
        self.server = server
        self.provider = provider
        self.run = RunFolder(folder)
        self.cases = numbered(40)
        self.stop = StopSignal()
        self.cost = Cost(model=None, currency="USD")

    def session(
        self,
        *,
        concurrency: int = 8,
        policy: RetryPolicy = QUICK,
        retry_errors: bool = False,
        cached: bool = True,
        limits: RateLimits | None = None,
        meanwhile: Callable[[], None] | None = None,
        **settings: Any,
    ) -> AnswerCounts:
        """Answer what is owed.

        Args:
            cached: Whether the response cache of earlier sessions is there.
            meanwhile: Called after 100 ms.
        """
        facts = ArmFacts(
            name="a", kind=ArmKind.ZERO_SHOT, role="candidate", model="m", model_type="openai", prompt="p"
        )
        arm = Arm(facts, Composer(PromptConfig()), None, Template("{{input}}"), 0)
        settings = {"timeout_s": 5.0, **settings}
        name = "cache.sqlite" if cached else f"cache{len(self.server.requests)}.sqlite"

        async def answer() -> AnswerCounts:
            model = self._model(settings)
            if meanwhile is not None:
                asyncio.get_running_loop().call_later(0.1, meanwhile)
            with (
                WriteBehind(SqliteCache(self.run.file(name))) as cache,
                Journal(self.run, retry_errors=retry_errors) as journal,
            ):
                caller = Caller(
                    model,
                    cache=cache,
                    spending=self.stop.spending,
                    expected_cost=ExpectedCost(lambda usage, timing: self.cost, 256),
                    policy=policy,
                    limits=limits,
                )
                session = Session(journal, Silent(), self.stop, 7, 1, concurrency)
                work = ArmTask(arm, caller)
                try:
                    return await answer_arm(work, self.cases, len(self.cases), session)
                finally:
                    await model.close()

        return asyncio.run(asyncio.wait_for(answer(), 60))

    def _model(self, settings: dict[str, Any]) -> Model:
        if self.provider == "openai":
            config = OpenAIModelConfig(type="openai", model="m", base_url=self.server.url, **settings)
            return OpenAIModel(config, folder=Path())
        from evalkit.models.gemini import GeminiModel

        asked = GeminiModelConfig(type="gemini", model="m", base_url=self.server.root, **settings)
        return GeminiModel(asked, folder=Path())

    def rows(self) -> list[Sample]:
        """The journal."""
        return list(JsonLines(self.run.samples_file, Sample))

    def ok(self) -> set[str]:
        """Ids of the cases that the journal has an answer for."""
        return {row.case_id for row in self.rows() if row.status is Status.OK}

    def asked(self) -> Counter[str]:
        """Requests that the server got, by case id."""
        return Counter(map(case_of, self.server.requests))

    def scores(self) -> list[bytes]:
        """The rows of ``scores.jsonl``, sorted; every case's right answer is yes."""
        cases = {case.id: structs.replace(case, reference=("yes",)) for case in self.cases}
        return sorted(
            to_json(row) for row in score_samples(self.rows(), cases, {"exact_match": ExactMatch()})
        )

    def check_whole(self) -> None:
        """Every case has one answer, and no case has two rows."""
        rows = self.rows()
        assert sorted(row.case_id for row in rows) == sorted(case.id for case in self.cases)
        assert all(row.status is Status.OK and row.output is not None for row in rows)


@pytest.fixture(name="numbered")
def _numbered() -> Callable[[int], list[Case]]:
    return numbered


@pytest.fixture
def arm_run(chat_server: Any, tmp_path: Path) -> ArmRun:
    return ArmRun(chat_server, tmp_path)
