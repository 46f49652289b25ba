"""kill -9 in every stage of a run, and the same run as eight shards; `kill_anywhere.py` kills 100 times."""

from __future__ import annotations

import random

import pytest

import evalkit
from evalkit.errors import InputError
from tests.benchmarks import kill_anywhere
from tests.builders.warm_runs import WarmRuns

KILLS = 10


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """Ten kills, each in a new run, and the run that was not disturbed."""
    seed = random.SystemRandom().randrange(10**6)
    with WarmRuns() as warm:
        trials = kill_anywhere.Trials(tmp_path_factory.mktemp("kills"), random.Random(seed), warm)
        kill_anywhere.kill_and_resume(KILLS, trials)
    print(f"seed {seed}\n{trials.table()}")
    return trials


@pytest.mark.slow
def test_a_run_killed_in_any_stage_resumes_to_the_same_scores_losses_and_reports(trials):
    """Each of the whole process group, or of the parent only, which leaves no orphan."""
    assert not trials.faults
    assert sum(counts["equal"] for counts in trials.counts.values()) == KILLS


@pytest.mark.slow
def test_eight_shards_of_a_hosted_a_recorded_and_a_tuned_local_model_are_what_one_run_is(
    trials, tmp_path, monkeypatch
):
    """The models are tuned in the cache that the undisturbed run left, and nowhere else; a shard trains nothing."""
    monkeypatch.setenv("OPENAI_API_KEY", "none-is-asked-for")
    shared = {"limit": kill_anywhere.LIMIT, "output": tmp_path, "use_cache": False}
    with pytest.raises(InputError, match=r"shard 1/8 needs 'tuned', tuned, .*\n  evalkit tune \S+desk\n"):
        evalkit.run(trials.suite, shard="1/8", **shared)
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(trials.reference / "cache"))
    asked = len(trials.server.requests)
    shards = [evalkit.run(trials.suite, shard=f"{index}/8", **shared).path for index in range(1, 9)]
    merged = evalkit.merge(shards[1:] + shards[:1], output=tmp_path)
    assert len(trials.server.requests) - asked == trials.asked_when_whole
    assert kill_anywhere.result_of(merged.path).differs(trials.expected) == []
