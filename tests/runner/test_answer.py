"""Answering: nothing lost, nothing asked twice, whatever goes wrong."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence

import pytest

from evalkit.arms.arm import Arm
from evalkit.calls.caller import Caller
from evalkit.calls.expected_cost import AnswerPrice, ExpectedCost
from evalkit.errors import AccessError, RequestError
from evalkit.prompts.composer import Composer
from evalkit.prompts.template import Template
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.case import Case
from evalkit.records.sample import Completion, Request, Sample, Status, Timing, Usage
from evalkit.runner.answer import answer_arm
from evalkit.runner.answer_in_batches import plan_batches
from evalkit.runner.cells import ArmTask, compose_cell
from evalkit.runner.journal import Journal
from evalkit.runner.latency import spread_at_any_length, spread_evenly, time_alone
from evalkit.runner.progress import Silent
from evalkit.runner.session import Session
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.cache import NoCache, SqliteCache
from evalkit.store.jsonl import JsonLines
from evalkit.store.run_folder import RunFolder
from evalkit.suite.schema import PromptConfig
from tests.builders.callers import unlimited_caller, unpriced


class Hosted:
    """Answers one by one; faults by case text."""

    answers_by_case = False
    service_s = 0.001

    def __init__(self, faults: Mapping[str, Exception] | None = None) -> None:
        self.faults = faults or {}
        self.asked: list[str] = []
        self.in_flight = self.most_in_flight = 0

    @property
    def identity(self) -> Mapping[str, object]:
        return {"name": "hosted"}

    async def complete(self, request: Request) -> Completion:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        text = request.messages[-1].content
        self.asked.append(text)
        if text in self.faults:
            raise self.faults[text]
        return Completion(
            output=f"to {text}", usage=Usage(input=3, output=2), timing=Timing(service_s=self.service_s)
        )

    async def close(self) -> None:
        return None


class Local(Hosted):
    """Answers in batches, and remembers them."""

    max_batch = 4
    context_limit = 100

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    def count_tokens(self, text: str) -> int:
        return len(text)

    def complete_batch(self, requests: Sequence[Request]) -> list[Completion]:
        texts = [request.messages[-1].content for request in requests]
        self.batches.append(texts)
        return [
            Completion(output=f"{text} among {len(texts)}", timing=Timing(device_s=0.1)) for text in texts
        ]


CASES = [
    Case(id=f"c{number}", input=f"question {'x' * (number % 7)}{number}", cluster=f"k{number}")
    for number in range(10)
]


def arm(name: str = "a") -> Arm:
    facts = ArmFacts(
        name=name, kind=ArmKind.ZERO_SHOT, role="candidate", model="m", model_type="t", prompt="p"
    )
    return Arm(facts, Composer(PromptConfig()), None, Template("{{input}}"), 0)


def caller(model, stop: StopSignal, price: AnswerPrice = unpriced) -> Caller:
    return Caller(model, cache=NoCache(), spending=stop.spending, expected_cost=ExpectedCost(price))


def answer(
    run: RunFolder, model, *, stop: StopSignal | None = None, retry_errors=False, concurrency=3, cases=CASES
):
    stop = stop or StopSignal()
    work = ArmTask(arm(), caller(model, stop))
    with Journal(run, retry_errors=retry_errors) as journal:
        session = Session(journal, Silent(), stop, 7, 1, concurrency)
        return asyncio.run(answer_arm(work, cases, len(cases), session))


def rows(run: RunFolder) -> list[Sample]:
    return list(JsonLines(run.samples_file, Sample))


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.mark.parametrize("kind", [Hosted, Local])
def test_every_cell_is_answered_once_and_again_never(run, kind):
    """A second session over a finished run asks nothing."""
    model = kind()
    assert answer(run, model).ok == len(CASES)
    assert sorted(row.case_id for row in rows(run)) == sorted(case.id for case in CASES)
    again = kind()
    assert answer(run, again).ok == 0
    assert again.asked == []
    assert getattr(again, "batches", []) == []


def test_concurrency_is_bounded_and_used(run):
    model = Hosted()
    answer(run, model, concurrency=4)
    assert model.most_in_flight == 4


def test_a_failed_call_is_journaled_and_owed_to_retry_errors(run):
    """A fault is an error row with its reason, never an answer; the other cells are not touched by it."""
    fault = {CASES[3].input: RequestError("refused")}
    tally = answer(run, Hosted(fault))
    assert (tally.ok, tally.errors, tally.reasons) == (9, 1, {"refused": 1})
    failed = next(row for row in rows(run) if row.status is Status.ERROR)
    assert (failed.case_id, failed.output, failed.error) == ("c3", None, "refused")
    assert answer(run, quiet := Hosted()).ok == 0
    assert quiet.asked == []
    assert answer(run, mended := Hosted(), retry_errors=True).ok == 1
    assert mended.asked == [CASES[3].input]
    assert [row.status for row in run.samples() if row.case_id == "c3"] == [Status.OK]


def test_a_wrong_key_stops_the_arm_and_journals_nothing_of_it(run):
    """At most the requests in flight are spent; a plain resume asks for everything that is owed."""
    model = Hosted({case.input: AccessError("wrong key") for case in CASES})
    tally = answer(run, model, concurrency=2)
    assert tally.refused is not None
    assert len(model.asked) <= 2
    assert rows(run) == []
    assert answer(run, Hosted()).ok == len(CASES)


def test_stopping_takes_no_new_cell(run):
    stop = StopSignal()
    stop.interrupt()
    model = Hosted()
    answer(run, model, stop=stop)
    assert model.asked == []


def test_a_resumed_batch_is_computed_whole_and_only_its_missing_rows_are_added(run):
    """A row's low bits may depend on its neighbours, so they must be the neighbours of an undisturbed run."""
    whole = Local()
    answer(run, whole)
    undisturbed = {row.case_id: row.output for row in rows(run)}
    lines = run.samples_file.read_bytes().splitlines(keepends=True)
    run.samples_file.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    resumed = Local()
    answer(run, resumed)
    assert {row.case_id: row.output for row in rows(run)} == undisturbed
    assert len(rows(run)) == len(CASES)
    assert all(batch in whole.batches for batch in resumed.batches)


def test_batches_are_of_one_length_and_keep_shared_prefixes_together():
    work = ArmTask(arm(), unlimited_caller(Local()))
    cells = [compose_cell(work, case, 0, seed=0) for case in CASES]
    planned = list(plan_batches(cells, 4))
    lengths = [len(cell.request.messages[-1].content) for batch in planned for cell in batch]
    assert lengths == sorted(lengths)
    assert [len(batch) for batch in planned] == [4, 4, 2]


def test_prompts_are_kept_once(run):
    answer(run, Hosted())
    first = run.prompts_file.read_bytes()
    assert first.count(b"\n") == len(CASES)
    answer(run, Hosted())
    assert run.prompts_file.read_bytes() == first


@pytest.mark.parametrize(("kind", "answered"), [(Hosted, 3), (Local, 4)])
def test_the_cost_limit_stops_the_run(tmp_path, kind, answered):
    """Spent money is counted per call made now; at the limit no new cell is taken, and no new batch (of 4)."""
    from decimal import Decimal

    from evalkit.records.sample import Cost

    run, stop = RunFolder(tmp_path), StopSignal(Decimal("0.03"))
    price = Cost(model=Decimal("0.01"), currency="USD")
    work = ArmTask(arm(), caller(kind(), stop, lambda usage, timing: price))
    with Journal(run) as journal:
        asyncio.run(answer_arm(work, CASES, len(CASES), Session(journal, Silent(), stop, 7, 1, 1)))
    assert stop.reason == "cost_limit"
    assert len(rows(run)) == answered


def test_the_isolated_pass_asks_one_at_a_time_and_resumes(run):
    model = Local()
    work = ArmTask(arm(), unlimited_caller(model))

    def alone(cases):
        asyncio.run(time_alone(work, cases, run, seed=7, progress=Silent(), stop=StopSignal(), limit_s=60.0))

    alone(CASES[:4])
    assert model.most_in_flight == 1
    assert [row.case_id for row in run.latency()] == ["c0", "c1", "c2", "c3"]
    asked = len(model.asked)
    alone(CASES[:4])
    assert len(model.asked) == asked


@pytest.mark.parametrize("kind", [Hosted, Local])
def test_the_isolated_pass_ends_at_its_time_limit_and_again_from_the_cache(tmp_path, kind):
    """Three answers of 0.4 s are over a limit of 1 s; a run that goes on, or finds them in the cache, times no more."""
    cache = SqliteCache(tmp_path / "cache.sqlite")
    model = kind()
    model.service_s = 0.4
    for name in ("first", "again"):
        run = RunFolder(tmp_path / name)
        (tmp_path / name).mkdir()
        for _ in range(2):
            asyncio.run(
                time_alone(
                    ArmTask(arm(), unlimited_caller(model, cache=cache)),
                    CASES,
                    run,
                    seed=7,
                    progress=Silent(),
                    stop=StopSignal(),
                    limit_s=1.0,
                )
            )
            assert [row.case_id for row in run.latency()] == ["c0", "c1", "c2"]
    assert len(model.asked) == 3 + (2 if kind is Local else 0)  # with the warm-up


def test_isolated_cases_are_spread_at_any_length():
    ids = [str(number) for number in range(30)]
    order = spread_at_any_length(ids)
    assert sorted(order) == sorted(ids)
    for length in range(4, 31):
        places = sorted(int(name) for name in order[:length])
        gaps = [later - earlier for earlier, later in itertools.pairwise([-1, *places, 30])]
        assert max(gaps) <= 4 * 30 / length


def test_isolated_cases_are_spread_over_the_file():
    assert spread_evenly([str(number) for number in range(100)], 4) == ["0", "25", "50", "75"]
    assert spread_evenly(["a"], 30) == ["a"]
    assert spread_evenly(["a", "b"], 0) == []
