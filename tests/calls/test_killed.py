"""kill -9 at random moments: what was journaled is whole, and is never asked again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

N_CASES = 320
AT_ONCE = 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_run_loses_at_most_what_was_in_flight(arm_run, replies, numbered, tmp_path):
    """Three kills, then to the end, without a response cache that could hide a question asked twice."""

    def answer(request):
        odd = int(request["messages"][-1]["content"].split()[-1]) % 2
        return replies.reply(replies.completion("no" if odd else "yes").body, delay_s=0.01)

    arm_run.server.answer = answer
    arm_run.cases = numbered(N_CASES)
    script = Path(__file__).with_name("killed_run.py")
    command = [sys.executable, str(script), arm_run.server.url, str(arm_run.run.path), str(N_CASES)]
    chance = random.Random(7)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forks:
        for kill in (True, True, True, False):
            answered, before = arm_run.ok(), arm_run.asked()
            forks.stdin.write("\n")
            forks.stdin.flush()
            pid = int(forks.stdout.readline())
            if kill:
                wanted = sum(before.values()) + chance.randint(20, 100)
                while sum(arm_run.asked().values()) < wanted:
                    time.sleep(0.002)
                os.kill(pid, signal.SIGKILL)
            assert int(forks.stdout.readline()) == (signal.SIGKILL if kill else 0)
            after = arm_run.asked()
            assert all(after[case_id] == before[case_id] for case_id in answered)
            lost = (after - before).total() - len(arm_run.ok() - answered)
            assert 0 <= lost <= (AT_ONCE if kill else 0)
        forks.stdin.close()
    arm_run.check_whole()
    assert arm_run.scores() == undisturbed(arm_run, tmp_path / "undisturbed").scores()


def undisturbed(arm_run, folder):
    whole = type(arm_run)(arm_run.server, folder)
    whole.cases = arm_run.cases
    assert whole.session(concurrency=32).ok == N_CASES
    return whole
