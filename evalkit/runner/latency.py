"""The isolated pass: how long one person waits when nothing else is running.

Batching and concurrency change what a clock shows, so each candidate answers a few cases again, one at a time.
The rows are cached and resumed like samples and never scored.
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


async def time_alone(
    task: ArmTask, cases: Iterable[Case], run: RunFolder, *, seed: int, progress: Progress, stop: StopSignal
) -> None:
    """Answer these cases one at a time and journal the timings. A failed call leaves no row.

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

    timed = {(row.case_id, row.arm) for row in JsonLines(run.latency_file, LatencyRow)}
    chosen = list(cases)
    owed = [case for case in chosen if (case.id, task.name) not in timed]
    progress.start(label, len(chosen), len(chosen) - len(owed))
    with Appender(run.latency_file) as file:
        for case in owed:
            if stop.requested:
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
            progress.advance(label)
    progress.finish(label)
