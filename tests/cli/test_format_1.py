"""A run, its caches and its suite from before the modules were named anew: commands read them, and nothing is asked.

``tests/builders/make_format_1.py`` made them by revision f223013, with a chat server on loopback. No server listens
there now: a question that the caches do not answer would fail, and its command with it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders.recorded_runs import FIXTURES

FOLDER = Path("tests/fixtures/format-1")
SUITE = FOLDER / "suite"
CASES, ARMS = 16, ("few_shot", "few_shot@0", "rag", "fine_tuned")


@pytest.fixture
def earlier(evalkit, tmp_path, monkeypatch) -> Path:
    """A copy of the run where its manifest looks for the suite, with its caches in use."""
    shutil.copytree(FIXTURES / "format-1", tmp_path / FOLDER)
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / FOLDER / "cache"))
    return tmp_path / FOLDER / "run"


def rows(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def cached(run: Path) -> tuple[set[str], set[str]]:
    """The keys of both caches."""
    keys = []
    for name, table in (("responses", "completions"), ("vectors", "vectors")):
        with closing(sqlite3.connect(run.parent / "cache" / f"{name}.sqlite")) as database:
            keys.append({key for (key,) in database.execute(f"SELECT key FROM {table}")})
    return keys[0], keys[1]


def scores(run: Path) -> dict[tuple[str, str, str], float]:
    return {(row["arm"], row["case_id"], row["metric"]): row["value"] for row in rows(run / "scores.jsonl")}


def measured(decision: dict) -> dict[tuple[str, ...], float]:
    """What the scores alone say: each arm's quality, and the differences that both methods compare."""
    numbers = {
        (arm, metric, end): estimate[end]
        for arm, figures in decision["arms"].items()
        for metric, estimate in figures["quality"].items()
        for end in ("mean", "low", "high")
    }
    for item in decision["differences"]:
        if item["family"] == "reference":
            pair = item["treatment"], item["control"], item["metric"]
            numbers |= {(*pair, end): item[end] for end in ("estimate", "low", "high", "p_value")}
    return {place: value for place, value in numbers.items() if value is not None}


def test_report_shows_the_run(evalkit, earlier):
    """The three forms are written, with the verdict, the figures and the excerpts."""
    done = evalkit("report", earlier)
    assert done.code == 0, done.err
    written = json.loads((earlier / "report.json").read_text(encoding="utf-8"))
    assert written["decision"]["verdict"] == "not_decidable"
    assert len(written["excerpts"]) == 7  # the seven codes that an arm confuses, E10 is always right
    report = (earlier / "report.md").read_text(encoding="utf-8")
    assert report.startswith("# Should we fine-tune? format-1")
    assert "This decision was made by an earlier method and is shown under its own meaning" in report
    assert "| few_shot (reference) | few-shot | 16 | 100% | 12.5%" in report


def test_decide_says_that_the_method_changed_and_measures_what_was_measured(evalkit, earlier):
    """Quality and differences are what they were; the verdict is method 2's. The run itself is left as it was."""
    kept = (earlier / "decision.json").read_bytes()
    before = json.loads(kept)
    done = evalkit("decide", earlier, "--json")
    assert done.code == 0, done.err
    assert (done.json["format_version"], before["format_version"]) == (2, 1)
    numbers, numbers_kept = (measured(decision) for decision in (done.json, before))
    assert len(numbers_kept) == 32
    assert {place: numbers[place] for place in numbers_kept} == pytest.approx(numbers_kept, rel=1e-8)
    said = "The method has changed since this run was decided: evalkit 0.1.0 decided by method 1 (not_decidable, rag)"
    assert said in done.err
    assert said in done.json["notes"][0]
    dearer = evalkit("decide", earlier, "--set", "economics.training.labour_hours=80", "--json")
    assert dearer.code == 0, dearer.err
    labour = {line["name"]: line["amount"] for line in dearer.json["ledger"]["fine_tuned"]["one_off"]}
    assert float(labour["engineering"]) == 80 * 60
    assert (earlier / "decision.json").read_bytes() == kept


def test_compare_gives_the_differences_of_the_run_and_none_from_itself(evalkit, earlier):
    kept = json.loads((earlier / "comparison.json").read_text(encoding="utf-8"))
    done = evalkit("compare", earlier, "--json")
    assert done.code == 0, done.err
    was = {(item["treatment"], item["control"], item["metric"]): item for item in kept["differences"]}
    for item in done.json["differences"]:
        before = was[item["treatment"], item["control"], item["metric"]]
        assert item["estimate"] == pytest.approx(before["estimate"], rel=1e-9)
        assert item["low"] == pytest.approx(before["low"], rel=1e-9)
    itself = evalkit("compare", earlier, earlier, "--json")
    assert itself.code == 0, itself.err
    assert {item["estimate"] for item in itself.json["differences"]} == {0.0}


def test_a_new_run_of_the_suite_is_answered_from_its_caches(evalkit, earlier, tmp_path):
    """Every key hits: all answers are replayed, no vector is made, and the scores are the same."""
    before = cached(earlier)
    assert tuple(map(len, before)) == (CASES * len(ARMS) + 9, CASES + 8)  # 9 asked alone; 8 passages
    done = evalkit("run", SUITE)
    assert done.code == 0, done.err
    assert cached(earlier) == before
    (run,) = (tmp_path / "reports" / "format-1").iterdir()
    samples = rows(run / "samples.jsonl")
    assert len(samples) == CASES * len(ARMS)
    assert [sample for sample in samples if sample["replayed"] is None] == []
    asked = {(row["arm"], row["case_id"]): row["request_digest"] for row in rows(earlier / "samples.jsonl")}
    assert {(row["arm"], row["case_id"]): row["request_digest"] for row in samples} == asked
    assert scores(run) == scores(earlier)
    digests = [json.loads((folder / "manifest.json").read_text())["digests"] for folder in (run, earlier)]
    files = digests[0].pop("files")  # a later evalkit knows them one by one
    assert set(files) == {"passages.jsonl", "train.jsonl"}
    assert digests[0] == digests[1]


def test_a_run_that_was_stopped_is_resumed(evalkit, earlier):
    """Killed in the middle of a line of its journal; the answers that are owed come from the cache."""
    before, whole = cached(earlier), scores(earlier)
    journal = (earlier / "samples.jsonl").read_bytes()
    kept = journal[: len(journal) * 2 // 3]
    (earlier / "samples.jsonl").write_bytes(kept)
    for name in ("scores.jsonl", "comparison.json", "decision.json"):
        (earlier / name).unlink()
    done = evalkit("run", SUITE, "--resume", earlier)
    assert done.code == 0, done.err
    assert cached(earlier) == before
    assert (earlier / "samples.jsonl").read_bytes().startswith(kept[: kept.rindex(b"\n") + 1])
    assert len(rows(earlier / "samples.jsonl")) == CASES * len(ARMS)
    assert scores(earlier) == whole
    assert json.loads((earlier / "decision.json").read_text())["recommended_arm"] == "rag"


def test_a_tune_of_several_seeds_is_decided_on_as_the_mean_of_its_trainings(evalkit, earlier):
    """In a record of format 1 the candidate is its first seed; the file itself stays as it was."""
    import_seeds(earlier)
    kept = (earlier / "comparison.json").read_bytes()
    done = evalkit("decide", earlier, "--json")
    assert done.code == 0, done.err
    first = json.loads(kept)["arms"][ARMS.index("fine_tuned")]["quality"]["exact_match"]["mean"]
    assert done.json["arms"]["fine_tuned"]["quality"]["exact_match"]["mean"] == pytest.approx((first + 1) / 2)
    assert (earlier / "comparison.json").read_bytes() == kept


def import_seeds(run: Path) -> None:
    """Give the run a second training, right on every case, as its own files would have it."""
    manifest = json.loads((run / "manifest.json").read_text())
    (tuned,) = [arm for arm in manifest["arms"] if arm["name"] == "fine_tuned"]
    tuned |= {"fraction": 1.0, "seed": 1}
    second = {"name": "fine_tuned@1.0/seed2", "role": "curve", "parent": "fine_tuned", "seed": 2}
    manifest["arms"].append(tuned | second)
    (run / "manifest.json").write_text(json.dumps(manifest))
    for name in ("samples.jsonl", "scores.jsonl"):
        more = [row | {"arm": second["name"]} for row in rows(run / name) if row["arm"] == "fine_tuned"]
        if name == "scores.jsonl":
            more = [row | {"value": 1.0} for row in more]
        with (run / name).open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in more)
    comparison = json.loads((run / "comparison.json").read_text())
    (summary,) = [arm for arm in comparison["arms"] if arm["name"] == "fine_tuned"]
    comparison["arms"].append(summary | second | {"quality": {}})
    (run / "comparison.json").write_text(json.dumps(comparison))
