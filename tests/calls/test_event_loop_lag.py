"""Whether the client was the bottleneck."""

from __future__ import annotations

import asyncio
import time

from evalkit.calls.event_loop_lag import EventLoopMonitor


def measured(busy_s: float, told: list[int]) -> float:
    async def work():
        with EventLoopMonitor(lambda: told.append(1), beat_s=0.01) as lag:
            end = time.monotonic() + 1.6
            while time.monotonic() < end:
                time.sleep(busy_s)
                await asyncio.sleep(0 if busy_s else 0.01)
            return lag.counted.late_share

    return asyncio.run(work())


def test_a_busy_loop_is_seen_and_told():
    told: list[int] = []
    assert measured(0.06, told) > 0.5
    assert told


def test_an_idle_loop_is_not_told():
    told: list[int] = []
    assert measured(0.0, told) < 0.9
    assert not told
