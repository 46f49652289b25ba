"""The isolated pass: how long one person waits when nothing else is running.

Batching and concurrency change what a clock shows, so each candidate answers a few cases again, one at a time.
The rows are cached and resumed like samples and never scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.calls.caller import HaltedError
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
    work: ArmTask, cases: Iterable[Case], run: RunFolder, *, seed: int, progress: Progress, stop: StopSignal
) -> None:
    """Answer these cases one at a time and journal the timings. A failed call leaves no row.

    Before a local model's first timed answer it answers twice untimed, as its first passes also set up memory.
    """
    task = f"{work.name} alone"
    timed = {(row.case_id, row.arm) for row in JsonLines(run.latency_file, LatencyRow)}
    wanted = list(cases)
    owed = [case for case in wanted if (case.id, work.name) not in timed]
    progress.start(task, len(wanted), len(wanted) - len(owed))
    warm = work.caller.batch_model is None
    with Appender(run.latency_file) as file:
        for case in owed:
            if stop.asked:
                break
            try:
                found = await work.arm.find(case)
                cell = compose_cell(work, case, 0, seed=seed, found=found)
                request = cell.request
                if not warm and not work.caller.has_isolated_timing(request):
                    for _ in range(_WARM_UP):
                        await work.caller.model.complete(request)
                    warm = True
                answered = await work.caller.call(request, isolated=True)
            except HaltedError:
                break
            except CallError:
                progress.advance(task, ok=0, errors=1)
                continue
            row = LatencyRow(
                case_id=case.id,
                arm=work.name,
                timing=answered.completion.timing,
                retrieval=cell.prompt.use,
            )
            file.append([row])
            progress.advance(task)
    progress.finish(task)
