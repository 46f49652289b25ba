"""The negative control on disk: measured while scoring, read while comparing."""

import json

import pytest

import evalkit
from evalkit.pipeline import spine
from evalkit.pipeline.execute_run import reload_prepared

SUITE = """
name: labels
cases: cases.jsonl
models:
  one: {type: recorded, path: one.jsonl, kind: zero_shot}
  two: {type: recorded, path: two.jsonl, kind: few_shot}
arms: {one: {model: one}, two: {model: two}}
metrics: [token_f1, exact_match]
run: {latency: {isolated: 0}, seed: 3}
decision: {reference_arm: one}
"""


@pytest.fixture
def run(tmp_path):
    """Answers that share a word with half of the references, so that chance is neither 0 nor 1."""
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE)

    def write(name, rows):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    names = ("red apple", "green apple", "blue pear")
    write("cases.jsonl", [{"id": f"c{n}", "input": "?", "reference": names[n % 3]} for n in range(30)])
    for arm, shift in (("one", 1), ("two", 0)):
        rows = [{"case_id": f"c{n}", "output": names[(n + shift * (n % 2)) % 3]} for n in range(30)]
        write(f"{arm}.jsonl", rows)
    return evalkit.run(folder, output=tmp_path / "reports")


def test_a_run_scored_before_there_was_a_file_compares_to_the_same_bytes(run):
    """Its samples are there and the metric asks no model."""
    file = run.path / "negative_control.json"
    kept = json.loads(file.read_text())
    assert kept["metric"] == "token_f1" and kept["seed"] == 3
    assert all(0 < mean < 1 for mean in kept["arms"].values())
    comparison, decision = ((run.path / f"{name}.json").read_bytes() for name in ("comparison", "decision"))
    file.unlink()
    spine.compare_arms(reload_prepared(run.folder), run.folder)
    spine.write_decision(run.folder, run.suite())
    assert (run.path / "comparison.json").read_bytes() == comparison
    assert (run.path / "decision.json").read_bytes() == decision


def test_a_comparison_takes_what_scoring_measured(run):
    """Also where it is another figure than the samples of now would give; not where shuffle or metric is another."""
    file = run.path / "negative_control.json"
    measured = {arm.name: arm.scorer_chance for arm in run.comparison.arms}
    kept = json.loads(file.read_text())
    prepared = reload_prepared(run.folder)
    file.write_text(json.dumps(kept | {"arms": {"one": 0.125, "two": None}}))
    compared = spine.compare_arms(prepared, run.folder)
    assert {arm.name: arm.scorer_chance for arm in compared.arms} == {"one": 0.125, "two": None}
    for other in ({"seed": 4}, {"metric": "exact_match"}):
        file.write_text(json.dumps(kept | other | {"arms": {"one": 0.125, "two": None}}))
        compared = spine.compare_arms(prepared, run.folder)
        assert {arm.name: arm.scorer_chance for arm in compared.arms} == measured


def test_scoring_again_measures_again(run):
    file = run.path / "negative_control.json"
    kept = file.read_bytes()
    file.write_text("{}")
    evalkit.score(run)
    assert file.read_bytes() == kept


def test_a_scoring_that_is_broken_off_leaves_no_measurement_of_older_scores(run, monkeypatch):
    """New scores are there and the control was not measured for them yet."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("evalkit.pipeline.score._measured", killed)
    with pytest.raises(KeyboardInterrupt):
        evalkit.score(run)
    assert not (run.path / "negative_control.json").exists()
    assert not (run.path / "decision.json").exists()
