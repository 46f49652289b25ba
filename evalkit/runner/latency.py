"""The isolated pass: how long one person waits when nothing else is running.

Batching and concurrency change what a clock shows, so each candidate answers a few cases again, one at a time.
The rows are cached and resumed like samples and never scored. What the answers themselves took is limited: a resumed
or replayed pass counts the seconds of its rows again and so ends where the first one did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.calls.caller import HaltedError
from evalkit.calls.one_request import ONE_REQUEST
from evalkit.errors import CallError
from evalkit.records.case import Case
from evalkit.records.sample import LatencyRow
from evalkit.runner.cells import ArmTask, compose_cell
from evalkit.runner.progress import Progress
from evalkit.runner.stop_signal import StopSignal
from evalkit.store.jsonl import Appender, JsonLines
from evalkit.store.run_folder import RunFolder

_WARM_UP = 2


def spread_evenly(ids: Sequence[str], count: int) -> list[str]:
    """At most ``count`` ids, evenly over the whole list.

    >>> spread_evenly(["a", "b", "c", "d", "e", "f"], 3)
    ['a', 'c', 'e']
    """
    if count >= len(ids):
        return list(ids)
    return [ids[index * len(ids) // count] for index in range(count)]


def spread_at_any_length(ids: Sequence[str]) -> list[str]:
    """The same ids in an order whose beginnings, however short, are spread over the list.

    >>> spread_at_any_length(["a", "b", "c", "d", "e", "f"])
    ['a', 'e', 'c', 'b', 'f', 'd']
    """
    bits = max(1, (len(ids) - 1).bit_length())
    places = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return [ids[place] for place in places if place < len(ids)]


def seconds_alone(rows: Iterable[LatencyRow]) -> float:
    """What these answers took together."""
    return sum(row.timing.service_s or 0.0 for row in rows)


async def time_alone(
    task: ArmTask,
    cases: Iterable[Case],
    run: RunFolder,
    *,
    seed: int,
    progress: Progress,
    stop: StopSignal,
    limit_s: float,
) -> None:
    """Answer these cases one at a time and journal the timings. A failed call leaves no row.

    None is asked after the arm's answers have taken ``limit_s`` together.

    Before a local model's first timed answer it answers twice untimed, as its first passes also set up memory.
    """
    label = f"{task.name} alone"
    warm = task.caller.batch_model is None

    async def answered(case: Case) -> LatencyRow:
        nonlocal warm
        passages = await task.arm.find(case)
        cell = compose_cell(task, case, 0, seed=seed, retrieved=passages)
        if not warm and not task.caller.has_isolated_timing(cell.request):
            for _ in range(_WARM_UP):
                await task.caller.model.complete(cell.request)
            warm = True
        timing = (await task.caller.call(cell.request, isolated=True)).completion.timing
        return LatencyRow(case_id=case.id, arm=task.name, timing=timing, retrieval=cell.prompt.use)

    kept = [row for row in JsonLines(run.latency_file, LatencyRow) if row.arm == task.name]
    timed, spent_s = {row.case_id for row in kept}, seconds_alone(kept)
    chosen = list(cases)
    owed = [case for case in chosen if case.id not in timed]
    progress.start(label, len(chosen), len(chosen) - len(owed))
    with Appender(run.latency_file) as file:
        for case in owed:
            if stop.requested or spent_s >= limit_s:
                break
            try:
                with ONE_REQUEST:
                    row = await answered(case)
            except HaltedError:
                break
            except CallError:
                progress.advance(label, ok=0, errors=1)
                continue
            file.append([row])
            spent_s += seconds_alone([row])
            progress.advance(label)
    progress.finish(label)
