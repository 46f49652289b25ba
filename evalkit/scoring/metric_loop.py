"""Scores in the order of their samples: plain metrics at once, those that ask a model several at a time.

Asynchronous metrics of a scoring stage share one event loop, which runs in a thread of its own: a notebook may have a
loop in the calling thread already, and requests go on while the caller writes rows.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

from evalkit.errors import AccessError, CallError, InputError
from evalkit.metrics.protocol import AnyMetric, AsyncMetric, Metric, is_async
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score

T = TypeVar("T")

CALL_FAILED = "call_failed"
"""Reason of a score that is missing because the model that a metric asks gave no answer."""

CONCURRENCY = 8
"""Scores of asynchronous metrics that are computed at a time, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """One sample and the metric that is to score it.

    Attributes:
        name: Of the metric, in the suite.
        case: None where the sample cannot be scored; ``reason`` says why.
    """

    name: str
    metric: AnyMetric
    sample: Sample
    case: Case | None
    reason: str = ""


class MetricLoop:
    """Where asynchronous metrics run. The thread starts with the first of them and ends with the block.

    A metric that has a coroutine method ``close()`` is closed there, so that it may keep one connection pool.

    Args:
        concurrency: Scores that are computed at a time.
    """

    def __init__(self, concurrency: int = CONCURRENCY) -> None:
        self.concurrency = concurrency
        self._permits = asyncio.Semaphore(concurrency)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started: dict[int, AsyncMetric] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is None or self._thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def scores(self, tasks: Iterable[ScoreTask]) -> Iterator[tuple[ScoreTask, Score]]:
        """The score of each task, in their order, whatever order they are ready in.

        Tasks are read no further ahead than it takes to keep ``concurrency`` asynchronous scores under way.

        Raises:
            InputError: A metric gave a value outside [0, 1].
            AccessError: The model that a metric asks will answer nobody.
        """
        waiting: deque[tuple[ScoreTask, Score | Future[Score]]] = deque()
        for task in tasks:
            waiting.append((task, self._start(task)))
            while waiting and (_is_ready(waiting[0][1]) or len(waiting) > 2 * self.concurrency):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())

    def score(self, task: ScoreTask) -> Score:
        """One score, waited for; see :meth:`scores`."""
        return _result((task, self._start(task)))[1]

    def _start(self, task: ScoreTask) -> Score | Future[Score]:
        if task.case is None:
            return Score.missing(task.reason)
        if not is_async(task.metric):
            return _score_now(task, cast(Metric, task.metric), task.case)
        self._started[id(task.metric)] = task.metric
        return self._submit(self._score(task, task.metric, task.case))

    async def _score(self, task: ScoreTask, metric: AsyncMetric, case: Case) -> Score:
        async with self._permits:
            try:
                with _noting_where(task, case):
                    score = await metric.score_async(case, task.sample)
            except AccessError:
                raise
            except CallError as error:
                return Score(value=None, reason=CALL_FAILED, explanation=str(error))
        return _in_range(task, case, score)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _end(self) -> None:
        """Cancel what nobody waits for any more, then close the metrics that can be closed."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for metric in self._started.values():
            close: Callable[[], Coroutine[Any, Any, None]] | None = getattr(metric, "close", None)
            if close is not None:
                await close()


def _is_ready(score: Score | Future[Score]) -> bool:
    return not isinstance(score, Future) or score.done()


def _result(pair: tuple[ScoreTask, Score | Future[Score]]) -> tuple[ScoreTask, Score]:
    task, score = pair
    return task, score.result() if isinstance(score, Future) else score


def _score_now(task: ScoreTask, metric: Metric, case: Case) -> Score:
    with _noting_where(task, case):
        score = metric.score(case, task.sample)
    return _in_range(task, case, score)


@contextmanager
def _noting_where(task: ScoreTask, case: Case) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a third party's metric raises; raised again with the place
        error.add_note(f"raised by metric {task.name!r} on case {case.id!r}, arm {task.sample.arm!r}")
        raise


def _in_range(task: ScoreTask, case: Case, score: Score) -> Score:
    """The score, refused where it is not one: a metric may be a third party's."""
    if score.value is not None and not 0 <= score.value <= 1:
        raise InputError(
            f"metric {task.name!r} gave {score.value} for case {case.id!r}; a value must be between 0 and 1"
        )
    return score
