"""An event loop that cannot keep up is measured while an arm is asked, and kept for the report."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from evalkit.clock import Clock
from evalkit.pipeline.observations import ObservationLog, answering_of
from evalkit.runner.session import AnswerCounts
from evalkit.store.run_folder import RunFolder

CLOCK = Clock(now=lambda: datetime(2026, 11, 20, tzinfo=UTC))


def hold_up() -> None:
    """Keep the loop for twice as long as a beat, again and again, as a slow metric or too much parsing would."""
    time.sleep(0.1)
    asyncio.get_running_loop().call_later(0.002, hold_up)


def test_a_lagging_loop_is_told_from_a_slow_server(arm_run, replies):
    """The same server, once with a free loop and once with a held-up one; service times stay the server's."""
    arm_run.server.answer = lambda request: replies.reply(replies.completion("yes").body, delay_s=0.05)
    free = arm_run.session(concurrency=2)
    assert free.loop.beats >= 15
    arm_run.run.samples_file.unlink()
    held_up = arm_run.session(concurrency=2, cached=False, meanwhile=hold_up)
    assert held_up.ok == free.ok == 40
    assert held_up.loop.late_share > 0.5
    assert held_up.loop.late_share > 2 * free.loop.late_share
    middle = sorted(row.timing.service_s for row in arm_run.rows())[20]
    assert middle < 0.05 + 0.04


def test_sessions_of_one_run_add_up(tmp_path, arm_run, replies):
    """What a resumed run saw before is not forgotten; an arm that answered in batches has no beats."""
    run = RunFolder(tmp_path)
    arm_run.server.answer = lambda request: replies.reply(replies.completion("yes").body, delay_s=0.05)
    seen = arm_run.session(concurrency=2).loop
    assert seen.beats
    for _ in range(2):
        ObservationLog(run, CLOCK).write({"a": AnswerCounts(loop=seen), "local": AnswerCounts()})
    assert answering_of(run).client == {"a": seen + seen}


def test_a_run_that_saw_nothing_leaves_no_file(tmp_path):
    run = RunFolder(tmp_path)
    ObservationLog(run, CLOCK).write({"local": AnswerCounts()})
    assert answering_of(run) is None
