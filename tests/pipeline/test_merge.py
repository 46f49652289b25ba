"""Shards of a hosted, a recorded and a tuned arm, merged: what one run of the same suite gives, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from msgspec import structs

import evalkit
from evalkit import api
from evalkit.errors import CostLimitError, IncompleteRunError, IncompleteRunWarning, InputError, RunError
from evalkit.pipeline import spine
from evalkit.pipeline.gate_inputs import find_finished
from evalkit.pipeline.merge_runs import joined_index, joined_observations, timed_rows
from evalkit.pipeline.shard_checks import batch_note, read_shards
from evalkit.records.record import from_json, to_json
from evalkit.records.retrieval import IndexFacts
from evalkit.records.run_observations import AnnouncedDay, EventLoopLag, RunObservations
from evalkit.records.sample import Sample, Status, Timing
from evalkit.records.shard import Shard
from evalkit.records.tuning import TuningReport, TuningRun
from evalkit.runner.shard import holds_case
from evalkit.store.jsonl import rewrite
from evalkit.store.run_folder import RunFolder
from evalkit.store.seal import resealed
from tests.benchmarks.kill_anywhere import whole_lines, without_measures
from tests.builders.chat_server import ChatServer, Reply, completion

PRICE = {"input": 1.0, "output": 4.0, "as_of": "2026-11-01", "source": "made up for a test"}
N, SHARDS = 20, 8


def write_suite(folder: Path, url: str) -> Path:
    """Chinese ids, clusters of two, two repeats, a second task set; graded scores, so that sums have last bits."""
    folder.mkdir(parents=True)
    data = {
        "name": "分片",
        "use_case": {"improve": "right places", "primary_metric": "token_f1"},
        "cases": {"path": "cases.jsonl", "fields": {"tags": ["area"], "cluster": "fact"}},
        "extra_cases": {"general": {"path": "general.jsonl", "kind": "forgetting"}},
        "models": {
            "base": {"type": "openai", "model": "base", "base_url": url, "max_tokens": 9, "price": "flat"},
            "taught": {
                **{"type": "openai", "model": "taught", "base_url": url, "max_tokens": 9, "price": "flat"},
                **{"tuned_from": "base", "training": {"cost": 40}},
            },
            "shown": {"type": "recorded", "path": "shown.jsonl", "kind": "rag", "price": "flat"},
        },
        "arms": {"plain": {"model": "base"}, "taught": {"model": "taught"}, "looked_up": {"model": "shown"}},
        "metrics": ["token_f1", "exact_match"],
        "run": {"seed": 3, "repeats": 2, "latency": {"isolated": 5}},
        "economics": {"requests_per_month": 1000, "value_per_correct": 0.05},
        "prices": {"flat": PRICE},
        "decision": {"reference_arm": "plain", "draws": 500},
    }
    (folder / "suite.yaml").write_text(
        yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    cases = [
        {
            "id": f"案件-{i}",
            "input": f"land {i}?",
            "reference": f"city of {i}",
            "area": "北",
            "fact": str(i // 2),
        }
        for i in range(N)
    ]
    files = {
        "cases": cases,
        "general": [{"id": f"案件-{i}", "input": f"sky {i}?", "reference": "blue"} for i in range(9)],
        "shown": [
            {"case_id": case["id"], "repeat": repeat, "output": case["reference"] if i % 3 else "city"}
            | {"usage": {"input": 9, "output": 3}}
            for i, case in enumerate(cases)
            for repeat in range(2)
        ],
    }
    for name, rows in files.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def answer(request: dict) -> Reply:
    """Follows from the question: the base names the kind of place, the tune most places too."""
    subject, number = request["messages"][-1]["content"].rstrip("?").split()
    if subject == "sky":
        return completion("blue" if int(number) % 2 else "grey")
    taught = request["model"] == "taught" and int(number) % 5
    return completion(f"city of {number}" if taught else "the city", prompt=20 + int(number))


class Home:
    """A suite, its server, one run of it and the shards of another; a test that changes any of them takes copies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ChatServer()
        self.server.answer = answer
        self.suite = write_suite(folder / "suite", self.server.url)
        self.one = self.run()
        self.asked_by_one = len(self.server.requests)
        self.shards = [self.run(shard=f"{index}/{SHARDS}").path for index in range(1, SHARDS + 1)]
        self.asked_by_shards = len(self.server.requests) - self.asked_by_one

    def run(self, **options):
        return evalkit.run(self.suite, output=self.folder / "reports", use_cache=False, **options)

    def merge(self, shards=None, **options):
        return evalkit.merge(shards or self.shards, output=self.folder / "reports", **options)

    def copies(self, folder: Path) -> list[Path]:
        return [Path(shutil.copytree(shard, folder / shard.name)) for shard in self.shards]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("shards")
        patch.setenv("EVALKIT_CACHE_DIR", str(folder / "cache"))
        patch.setenv("OPENAI_API_KEY", "of-this-test")
        made = Home(folder)
        yield made
        made.server.close()


@pytest.fixture(scope="module")
def merged(home):
    asked = len(home.server.requests)
    run = home.merge(list(reversed(home.shards)))
    assert len(home.server.requests) == asked
    return run


def json_of(run: Path, name: str):
    return json.loads((run / name).read_bytes())


def test_merged_shards_are_what_one_run_is(home, merged):
    """Scores byte for byte; profile, comparison and decision but for what a clock said; each question asked once."""
    assert home.asked_by_shards == home.asked_by_one
    for name in ("scores.jsonl", "extra/general/scores.jsonl"):
        kept = whole_lines(merged.path / name)
        assert sorted(kept) == sorted(whole_lines(home.one.path / name))
        assert len(set(kept)) == len(kept) > 0
    for name in ("profile.json", "negative_control.json"):
        assert (merged.path / name).read_bytes() == (home.one.path / name).read_bytes()
    for name in ("comparison.json", "decision.json"):
        assert without_measures(json_of(merged.path, name)) == without_measures(json_of(home.one.path, name))
    timed = [[(row.arm, row.case_id) for row in run.folder.latency()] for run in (merged, home.one)]
    assert timed[0] == timed[1] and len(timed[0]) == 10
    samples = [
        {row.key: (row.output, row.usage, row.cost, row.request_digest) for row in run.folder.samples()}
        for run in (merged, home.one)
    ]
    assert samples[0] == samples[1]
    manifest = merged.manifest
    assert (manifest.shard, list(manifest.merged_from)) == (None, [shard.name for shard in home.shards])
    assert merged.complete
    assert evalkit.load_run(merged.path).notice is None
    held = [api.Run(RunFolder(shard)).shard_answers.answered for shard in home.shards]
    assert sum(held) == N * 3 * 2
    assert held[4] == 0, "an empty shard is one too"


def test_a_shard_has_no_figures_of_its_own(home):
    with pytest.raises(RunError, match=rf"is shard 1/{SHARDS} of a run .* `evalkit merge SHARD_RUN"):
        evalkit.load_run(home.shards[0])
    with pytest.raises(RunError, match=rf"is shard 1/{SHARDS} of a run"):
        find_finished(home.shards[0], home.folder)  # by which the gate takes a run
    assert not (home.shards[0] / "scores.jsonl").exists()


def test_a_shard_stays_what_it_is_when_it_is_resumed(home, tmp_path):
    shard = home.copies(tmp_path)[1]
    asked = len(home.server.requests)
    assert home.run(resume=shard).shard_answers.shard.index == 2
    assert home.run(resume=shard, shard=f"2/{SHARDS}").shard_answers.failed == 0
    assert len(home.server.requests) == asked
    with pytest.raises(RunError, match=rf"is shard 2/{SHARDS} and cannot go on as shard 1/{SHARDS}"):
        home.run(resume=shard, shard=f"1/{SHARDS}")
    with pytest.raises(RunError, match="is a whole run and cannot go on as shard"):
        home.run(resume=home.one.path, shard="1/2")


def test_what_is_not_all_shards_of_one_run_is_refused(home, tmp_path):
    """Each refusal names the run and what to do; nothing is written."""
    before = sorted((home.folder / "reports" / "分片").iterdir())
    (first, second, *others) = home.shards
    with pytest.raises(RunError, match=r"1 of 8 shards missing: 2/8.*\n  evalkit run \S+ --shard 2/8$"):
        home.merge([first, *others])
    with pytest.raises(RunError, match="is named twice"):
        home.merge([first, second, *others, first])
    twin = shutil.copytree(first, tmp_path / "twin")
    with pytest.raises(RunError, match=r"is shard 1/8, and so is .*; name one of them"):
        home.merge([first, second, *others, twin])
    with pytest.raises(RunError, match="is no shard of a run"):
        home.merge([first, home.one.path])
    with pytest.raises(InputError, match="no shard is named"):
        evalkit.merge([])
    other = write_suite(tmp_path / "other", home.server.url)
    settings = (other / "suite.yaml").read_text(encoding="utf-8")
    (other / "suite.yaml").write_text(settings.replace("seed: 3", "seed: 4"), encoding="utf-8")
    root = tmp_path / "reports"
    changed = evalkit.run(other, output=root, shard="2/8", limit=3).path
    with pytest.raises(RunError, match="its --limit is 3, there it is None"):
        home.merge([first, changed])
    changed = evalkit.run(other, output=root, shard="2/8").path
    with pytest.raises(RunError, match="the suite's models, prompts, arms or seed changed in between"):
        home.merge([first, changed, *others])
    with pytest.raises(RunError, match=r"changed since the shards were answered"):
        home.merge(suite=other)
    changed = evalkit.run(other, output=root, shard="1/2").path
    with pytest.raises(RunError, match="its number of shards is 2, there it is 8"):
        home.merge([first, changed])
    (other / "suite.yaml").write_text(settings.replace("name: 分片", "name: 他"), encoding="utf-8")
    changed = evalkit.run(other, output=root, shard="2/8").path
    with pytest.raises(RunError, match="its suite is 他, there it is 分片"):
        home.merge([first, changed, *others])
    assert sorted((home.folder / "reports" / "分片").iterdir()) == before


def test_a_damaged_shard_is_refused(home, tmp_path):
    shards = home.copies(tmp_path)
    file = shards[2] / "samples.jsonl"
    file.write_bytes(file.read_bytes().replace(b"city of", b"City of", 1))
    with pytest.raises(RunError, match=r"samples\.jsonl:\d+: was changed after the run had ended"):
        home.merge(shards)


def test_a_cell_that_is_in_two_shards_or_in_none_is_found(home, tmp_path):
    """As where versions that divide a run differently made the shards; no seal tells that."""
    shards = home.copies(tmp_path)
    donor, other = RunFolder(shards[0]), RunFolder(shards[1])
    row = next(iter(donor.samples()))
    with resealed(other), other.samples_file.open("ab") as file:
        file.write(to_json(row) + b"\n")
    with pytest.raises(
        RunError, match=f"case '{row.case_id}' by arm '{row.arm}' that another shard holds too"
    ):
        home.merge(shards)
    with resealed(donor):
        lines = donor.samples_file.read_bytes().splitlines(keepends=True)
        donor.samples_file.write_bytes(b"".join(lines[1:]))
    with pytest.raises(
        RunError, match=f"1 of 120 cells are in no shard, the first of them case '{row.case_id}'"
    ):
        home.merge([shards[0], *home.shards[1:]])


def test_shards_that_were_tuned_apart_are_refused(home, tmp_path):
    """Their answers are not of one model. Where only time and memory differ they are."""
    shards = home.copies(tmp_path)
    for at, (loss, seconds) in enumerate([(0.5, 1.0), (0.5, 2.0), (0.25, 1.0)]):
        run = RunFolder(shards[at])
        with resealed(run):
            run.write("tuning.json", TuningReport(runs=(training(loss, seconds),)))
    told = r"shards 1/8 and 3/8 answered with different trainings of 'tuned' \(last training loss 0\.5 and 0\.25\)"
    with pytest.raises(RunError, match=told):
        home.merge(shards)


def training(loss: float, seconds: float) -> TuningRun:
    return TuningRun(
        model="tuned",
        method="lora",
        fraction=1.0,
        seed=1,
        rows=8,
        validation_rows=0,
        steps=2,
        tokens=99,
        seconds=seconds,
        trainable_parameters=1,
        total_parameters=2,
        peak_memory_bytes=round(seconds),
        losses=(),
        final_train_loss=loss,
        final_validation_loss=None,
        adapter="digest",
        cached=seconds > 1,
    )


def test_the_isolated_pass_ends_at_its_limit_as_that_of_one_run(home, tmp_path):
    """Answers of 50 s each and a limit of 120 s: three of each arm, in the order of one run, whoever timed them."""
    shards = home.copies(tmp_path)
    for shard in map(RunFolder, shards):
        rows = [structs.replace(row, timing=Timing(service_s=50.0)) for row in shard.latency()]
        with resealed(shard):
            rewrite(shard.latency_file, rows)
    parts = read_shards([RunFolder(shard) for shard in shards])
    made = [
        (row.arm, row.case_id) for row in timed_rows(parts, spine.prepare(evalkit.load_suite(home.suite)))
    ]
    whole = [(row.arm, row.case_id) for row in home.one.folder.latency()]
    assert made == [*whole[:3], *whole[5:8]]


def test_an_index_is_told_as_it_was_built_with_the_recall_over_all_questions():
    reused = {
        "method": "qdrant",
        "embedder": "e",
        "corpus": "c",
        "documents": 3,
        "chunks": 9,
        "dimensions": 2,
    }
    facts = [
        IndexFacts(digest="d", seconds=0.1, reused=True, recall=1.0, compared=30, **reused),
        IndexFacts(digest="d", seconds=9.0, tokens=70, recall=0.8, compared=10, **reused),
        IndexFacts(digest="d", seconds=0.2, reused=True, recall=None, compared=0, **reused),
    ]
    joined = joined_index(facts)
    assert (joined.seconds, joined.tokens, joined.reused, joined.compared) == (9.0, 70, False, 40)
    assert joined.recall == pytest.approx((30 + 8) / 40)
    assert joined_index(facts[2:]) == facts[2]


def test_observations_of_all_clients_are_added_and_days_are_those_read_last():
    def day(model: str, when: str) -> AnnouncedDay:
        return AnnouncedDay(model=model, id=model, day=when, what="shuts", source="s", read_on="2026-11-01")

    joined = joined_observations(
        [
            RunObservations(client={"a": EventLoopLag(beats=4, late=1)}, announced=(day("m", "2027-01-01"),)),
            RunObservations(client={"a": EventLoopLag(beats=6)}, unread={"m": "down", "n": "down"}),
            RunObservations(announced=(day("m", "2028-01-01"), day("m", "2029-01-01"))),
        ]
    )
    assert joined.client == {"a": EventLoopLag(beats=10, late=1)}
    assert [each.day for each in joined.announced] == ["2028-01-01", "2029-01-01"]
    assert joined.unread == {"n": "down"}


def test_arms_that_were_batched_by_shard_are_named(home, tmp_path):
    """Those of a local model behind a search by vectors; here there is none."""
    assert batch_note(spine.prepare(evalkit.load_suite(home.suite))) is None
    folder = write_suite(tmp_path / "suite", home.server.url)
    data = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    data["embedders"] = {"words": {"type": "hashed"}}
    data["models"]["here"] = {"type": "embedded"}
    found = {"corpus": "corpus.jsonl", "method": "dense"}
    data["arms"]["dense_here"] = {"model": "here", "retrieval": found}
    data["arms"]["dense_there"] = {"model": "base", "retrieval": found}
    (folder / "corpus.jsonl").write_text('{"id": "p", "text": "land"}\n', encoding="utf-8")
    (folder / "suite.yaml").write_text(
        yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    note = batch_note(spine.prepare(evalkit.load_suite(folder)))
    assert note is not None and "(dense_here)" in note


def fails_at_7(request: dict) -> Reply:
    """Refuses one question of one model; answers the others slowly, so that a kill falls among them."""
    if request["messages"][-1]["content"] == "land 7?" and request["model"] == "taught":
        error = {"message": "no", "type": "invalid_request_error", "code": None}
        return Reply({"error": error}, status=400)
    return replace(answer(request), delay_s=0.02)


def kill_in_the_middle(home: Home, root: Path) -> Path:
    """A shard whose process was killed after some answers."""
    command = [
        sys.executable,
        "-m",
        "evalkit",
        "run",
        home.suite,
        "--shard",
        "4/8",
        "-o",
        root,
        "--no-cache",
        "-j",
        "2",
    ]
    asked = len(home.server.requests)
    process = subprocess.Popen(map(str, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(home.server.requests) < asked + 5 and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    (killed,) = (root / "分片").iterdir()
    return killed


def test_shards_that_were_killed_cut_or_failed_in_a_cell_end_as_one_run_does(home, tmp_path):
    """One is killed with SIGKILL, one cut by its share of the suite's cost limit, one cell of a third is refused."""
    suite = Path(shutil.copytree(home.suite, tmp_path / "suite"))
    settings = (suite / "suite.yaml").read_text(encoding="utf-8")
    limited = settings.replace("repeats: 2", "repeats: 2\n  cost_limit: 0.0024")
    (suite / "suite.yaml").write_text(limited, encoding="utf-8")
    root, shards = tmp_path / "reports", list(home.shards)
    assert holds_case(Shard(index=7, count=8), "案件-7"), "which is none of those that are killed and cut"
    home.server.answer = fails_at_7
    try:
        shards[3] = kill_in_the_middle(home, tmp_path / "killed")
        with pytest.raises(CostLimitError, match=r"--cost-limit 0\.0006"):
            evalkit.run(suite, output=root, shard="6/8", use_cache=False)
        (shards[5],) = (root / "分片").iterdir()
        with pytest.warns(IncompleteRunWarning, match="A merged run counts them as missing"):
            shards[6] = evalkit.run(home.suite, output=root, shard="7/8", use_cache=False).path
        kept = [whole_lines(shard / "samples.jsonl") for shard in (shards[3], shards[5])]
        assert all(kept)
        told = r"Not ended: 4/8, 6/8\. Nothing was merged.*\n  evalkit run .*--resume .*\n  evalkit run .*--resume"
        with pytest.raises(IncompleteRunError, match=told):
            evalkit.merge(shards, output=root)
        for shard, lines in zip((shards[3], shards[5]), kept, strict=True):
            evalkit.run(home.suite, output=root, resume=shard, use_cache=False)
            now = whole_lines(shard / "samples.jsonl")
            assert now[: len(lines)] == lines
            assert len(now) == len({from_json(line, Sample).key for line in now})
        with pytest.warns(
            IncompleteRunWarning, match="The report counts them as missing.*\n.*--retry-errors"
        ):
            run = evalkit.merge(shards, output=root)
    finally:
        home.server.answer = answer
    assert not run.complete
    failed = {row.key for row in run.folder.samples() if row.status is Status.ERROR}
    assert failed == {("案件-7", "taught", 0), ("案件-7", "taught", 1)}
    asked = len(home.server.requests)
    assert evalkit.run(home.suite, output=root, resume=run.path, retry_errors=True, use_cache=False).complete
    assert len(home.server.requests) == asked + 2
    assert sorted(whole_lines(run.path / "scores.jsonl")) == sorted(
        whole_lines(home.one.path / "scores.jsonl")
    )
