"""kill -9 in every stage of a run; the benchmark `kill_anywhere.py` does it 100 times."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

KILLS = 10


@pytest.mark.slow
def test_a_run_killed_in_any_stage_resumes_to_the_same_scores_losses_and_reports(tmp_path, monkeypatch):
    """Ten kills, each in a new run: of the whole process group, or of the parent only, which leaves no orphan."""
    script = Path(__file__).parents[1] / "benchmarks" / "kill_anywhere.py"
    spec = importlib.util.spec_from_file_location("kill_anywhere", script)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where dataclasses look for their module
    spec.loader.exec_module(module)
    seed = random.SystemRandom().randrange(10**6)
    trials = module.Trials(tmp_path, random.Random(seed))
    module.kill_and_resume(KILLS, trials)
    print(f"seed {seed}\n{trials.table()}")
    assert not trials.faults
    assert sum(counts["equal"] for counts in trials.counts.values()) == KILLS
