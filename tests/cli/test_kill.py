"""kill -9 in every stage of a run; the benchmark `kill_anywhere.py` does it 100 times."""

from __future__ import annotations

import random

import pytest

from tests.benchmarks import kill_anywhere

KILLS = 10


@pytest.mark.slow
def test_a_run_killed_in_any_stage_resumes_to_the_same_scores_losses_and_reports(tmp_path):
    """Ten kills, each in a new run: of the whole process group, or of the parent only, which leaves no orphan."""
    seed = random.SystemRandom().randrange(10**6)
    trials = kill_anywhere.Trials(tmp_path, random.Random(seed))
    kill_anywhere.kill_and_resume(KILLS, trials)
    print(f"seed {seed}\n{trials.table()}")
    assert not trials.faults
    assert sum(counts["equal"] for counts in trials.counts.values()) == KILLS
