"""Adapters by what made them."""

import pytest
from filelock import FileLock

from evalkit.errors import CacheWarning, TuningError
from evalkit.tuning.cache import AdapterCache, training_lock
from tests.builders.records import training

RUN = training(seconds=12.5, adapter="key")


@pytest.fixture
def cache(tmp_path):
    return AdapterCache(tmp_path / "adapters")


def keep(cache, content=b"weights"):
    with cache.workspace() as workspace:
        made = workspace / "key"
        made.mkdir()
        (made / "adapter_config.json").write_text("{}")
        (made / "adapter_model.safetensors").write_bytes(content)
        return cache.put("key", made, RUN)


def test_a_kept_adapter_is_found_with_the_seconds_of_its_training(cache):
    assert cache.get("key") is None
    folder = keep(cache)
    assert folder == cache.path("key")
    assert (folder / "adapter_model.safetensors").read_bytes() == b"weights"
    found = cache.get("key")
    assert found.cached and found.seconds == 12.5


def test_the_first_of_two_equal_adapters_stays(cache):
    """Another process was quicker; runs that use its folder must not see it change."""
    keep(cache, b"first")
    keep(cache, b"second")
    assert (cache.path("key") / "adapter_model.safetensors").read_bytes() == b"first"


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json", "tuning.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_adapter_is_unknown_and_made_again(cache, name, damage):
    file = keep(cache) / name
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-2])
    assert cache.get("key") is None
    with pytest.warns(CacheWarning, match="the adapter is damaged"):
        keep(cache, b"anew")
    assert cache.path("key.damaged-1").is_dir(), "what was damaged is kept"
    assert cache.get("key") is not None
    assert (cache.path("key") / "adapter_model.safetensors").read_bytes() == b"anew"


def test_a_training_that_ends_early_leaves_nothing(tmp_path, cache):
    with pytest.raises(KeyboardInterrupt), cache.workspace() as workspace:
        (workspace / "key").mkdir()
        raise KeyboardInterrupt
    assert list((tmp_path / "adapters").iterdir()) == []


def test_a_tuner_that_writes_no_adapter_is_an_error(cache):
    with cache.workspace() as workspace:
        (workspace / "key").mkdir()
        with pytest.raises(TuningError, match="left no whole adapter"):
            cache.put("key", workspace / "key", RUN)


def test_what_a_training_keeps_is_cleared_away_by_the_last_process_that_makes_it(cache):
    """The other one goes on in that folder; its lock lies beside it, where nobody removes it."""
    kept = cache.checkpoints("key")
    kept.mkdir(parents=True)
    with FileLock(training_lock(kept)):
        keep(cache)
        assert kept.is_dir()
    keep(cache)
    assert not kept.exists()


def test_a_tuning_job_that_cannot_be_read_is_set_aside_and_said(cache):
    jobs = cache.jobs
    with jobs.locked():
        assert jobs.read("key") is None
    (cache.path(".jobs") / "key.json").write_bytes(b'{"id": "\xff"')
    with pytest.warns(CacheWarning, match=r"key\.json: the file of a tuning job is damaged"):
        assert jobs.read("key") is None
    assert (cache.path(".jobs") / "key.json.damaged-1").read_bytes() == b'{"id": "\xff"'


def test_what_a_killed_process_was_making_is_cleared_away_by_the_next_and_nothing_else_is(cache):
    """Its lock is free; that of a process that is at it is not."""
    folder = cache.path("key").parent
    with cache.workspace() as under_way:
        killed, older = folder / ".making-killed", folder / ".making-older"
        for left in (killed, older):
            left.mkdir()
        (folder / ".making-killed.lock").touch()
        (folder / ".making-alone.lock").touch()
        for key in ("made", "owed"):
            cache.checkpoints(key).mkdir(parents=True)
        cache.path("made").mkdir()  # by another process
        with cache.workspace() as other:
            assert under_way.exists()
            assert other != under_way
            assert not killed.exists()
            assert older.exists()  # of an evalkit without such locks, which may be at it
    assert {path.name for path in folder.iterdir()} == {".making-older", ".checkpoints", "made"}
    assert [path.name for path in (folder / ".checkpoints").glob("*/")] == ["owed"]
