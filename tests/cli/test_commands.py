"""The commands, end to end on recorded answers: what they print, write and return."""

from __future__ import annotations

import json
import random
import shutil

import pytest

REPORTS = ("report.html", "report.md", "report.json")


def test_validate_says_what_a_run_would_do(evalkit, tiny):
    done = evalkit("validate", tiny)
    assert done.code == 0
    assert "120 cases, 3 arms (candidates: few_shot, rag, fine_tuned)" in done.out
    assert evalkit("validate", tiny, "--json").json["cells"] == 360
    assert evalkit("validate", tiny / "suite.yaml").code == 0


def test_a_run_ends_with_a_verdict_and_its_files(evalkit, tiny, tmp_path):
    done = evalkit("run", tiny)
    assert done.code == 0, done.err
    assert "fine_tuned" in done.out
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    files = {path.name for path in folder.iterdir()}
    assert {
        "manifest.json",
        "suite.yaml",
        "cases.jsonl",
        "prompts.jsonl",
        "samples.jsonl",
        "scores.jsonl",
        "profile.json",
        "comparison.json",
        "decision.json",
        *REPORTS,
    } <= files
    decision = json.loads((folder / "decision.json").read_text())
    assert decision["verdict"] == "fine_tune"
    assert decision["arms"]["rag"]["quality"]["exact_match"]["mean"] == pytest.approx(2 / 3)
    assert len(decision["checklist"]) == 10


def test_json_is_the_only_thing_on_standard_output(evalkit, tiny):
    done = evalkit("run", tiny, "--json")
    assert done.json["verdict"] == "fine_tune"
    assert "Answering" in done.err
    assert evalkit("decide", "latest", "--json").json == done.json


def test_deciding_again_gives_the_same_bytes(evalkit, tiny, tmp_path):
    """No clock and no unseeded chance goes into a decision."""
    evalkit("run", tiny)
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    kept = (folder / "decision.json").read_text()
    assert evalkit("decide", folder, "--json").out == kept
    evalkit("score", folder)
    assert (folder / "decision.json").read_text() == kept


def test_another_volume_gives_another_verdict_where_the_report_says(evalkit, tiny):
    """The flip in `would_change` is where the verdict really flips."""
    decision = evalkit("run", tiny, "--json").json
    flip = next(entry for entry in decision["would_change"] if entry["input"] == "requests_per_month")
    assert flip["flips_at"] is not None
    near = flip["flips_at"]
    here, there = sorted((near * 0.9, near * 1.1), key=lambda volume: abs(volume - flip["current"]))
    again = evalkit("decide", "latest", "--json", "--set", f"economics.requests_per_month={here:.0f}").json
    changed = evalkit("decide", "latest", "--json", "--set", f"economics.requests_per_month={there:.0f}").json
    assert again["verdict"] == decision["verdict"]
    assert changed["verdict"] == flip["verdict_then"] != decision["verdict"]


def test_a_metric_can_change_without_asking_again(evalkit, tiny, tmp_path):
    evalkit("run", tiny)
    text = (
        (tiny / "suite.yaml")
        .read_text()
        .replace("[exact_match, token_f1]", "[exact_match, {contains: {value: City}}]")
    )
    (tiny / "suite.yaml").write_text(text)
    assert evalkit("score", "latest").code == 0
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    metrics = {json.loads(line)["metric"] for line in (folder / "scores.jsonl").read_text().splitlines()}
    assert metrics == {"exact_match", "contains"}


def test_scoring_refuses_other_cases_than_those_answered(evalkit, tiny):
    evalkit("run", tiny)
    lines = (tiny / "cases.jsonl").read_text().splitlines()
    (tiny / "cases.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    done = evalkit("score", "latest")
    assert done.code == 2
    assert "changed since" in done.err


def test_reports_are_written_again_elsewhere(evalkit, tiny, tmp_path):
    evalkit("run", tiny)
    done = evalkit("report", "latest", "--to", tmp_path / "elsewhere")
    assert done.code == 0
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == sorted(REPORTS)


def test_a_missing_answer_is_owed_not_wrong(evalkit, tiny, rows):
    """Exit 104, the case is missing beside the mean, and the resume command works once the answer is there."""
    answers = [json.loads(line) for line in (tiny / "taught.jsonl").read_text().splitlines()]
    rows(tiny / "taught.jsonl", answers[1:])
    done = evalkit("run", tiny, "--json")
    assert done.code == 104
    assert "1 cells have no answer" in done.err
    assert done.json["arms"]["fine_tuned"]["coverage"] == pytest.approx(119 / 120)
    assert done.json["arms"]["fine_tuned"]["quality"]["exact_match"]["mean"] == pytest.approx(110 / 119)
    rows(tiny / "taught.jsonl", answers)
    resume = done.err.strip().splitlines()[-1].split()
    assert resume[:2] == ["evalkit", "run"]
    assert "--retry-errors" in resume
    again = evalkit(*resume[1:])
    assert again.code == 2  # the answers file is an input: it changed, so this is another experiment
    assert "answer file changed after it began" in again.err


def test_limit_takes_a_number_or_a_share(evalkit, tiny):
    assert evalkit("run", tiny, "--limit", "24", "--json").json["arms"]["rag"]["n"] == 24
    assert evalkit("run", tiny, "--limit", "0.5", "--json").json["arms"]["rag"]["n"] == 60
    assert evalkit("run", tiny, "--limit", "many").code == 2
    assert evalkit("run", tiny, "--limit", "0").code == 2


def test_resuming_a_finished_run_asks_nothing(evalkit, tiny, tmp_path):
    first = evalkit("run", tiny, "--json").json
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    journal = (folder / "samples.jsonl").read_bytes()
    assert evalkit("run", tiny, "--resume", "latest", "--json").json == first
    assert (folder / "samples.jsonl").read_bytes() == journal


def test_order_of_cases_and_answers_decides_nothing(evalkit, tiny, tmp_path):
    """Pairing goes by id: shuffled files give the same means, differences and verdict."""
    shuffled = tmp_path / "shuffled"
    shutil.copytree(tiny, shuffled)
    for name in ("cases", "shown", "looked_up", "taught"):
        file = shuffled / f"{name}.jsonl"
        lines = file.read_text().splitlines()
        random.Random(name).shuffle(lines)
        file.write_text("\n".join(lines) + "\n")
    before, after = (evalkit("run", folder, "--json").json for folder in (tiny, shuffled))
    assert before["verdict"] == after["verdict"]
    assert [one["estimate"] for one in before["differences"]] == pytest.approx(
        [one["estimate"] for one in after["differences"]]
    )
    assert [one["low"] for one in before["differences"]] == pytest.approx(
        [one["low"] for one in after["differences"]]
    )


def test_init_writes_a_suite_that_validates(evalkit, tmp_path):
    assert evalkit("init", "mine").code == 0
    assert evalkit("validate", "mine").code == 0
    again = evalkit("init", "mine")
    assert again.code == 2
    assert "not empty" in again.err
    unknown = evalkit("init", "other", "--from", "suport-desk")
    assert unknown.code == 2
    assert "Did you mean 'support-desk'?" in unknown.err
    assert not (tmp_path / "other").exists()


def test_schema_and_doctor(evalkit, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert json.loads(evalkit("schema").out)["title"] == "Suite"
    assert evalkit("schema", "-o", tmp_path / "schema.json").code == 0
    doctor = evalkit("doctor")
    assert doctor.code == 0
    assert "OPENAI_API_KEY" in doctor.out
    assert "sk-very-secret" not in doctor.out
    assert evalkit("doctor", "--json").json["extras"]["local"]


def test_prices_and_power(evalkit):
    assert evalkit("prices", "gpt-4o-mini", "--json").json["input"] == "0.15 USD per million tokens"
    unknown = evalkit("prices", "gpt-4o-minni")
    assert unknown.code == 2
    assert "'gpt-4o-mini'" in unknown.err
    assert (
        evalkit("power", "--difference", "0.03", "--discordant", "0.2", "--json").json["cases_needed"] == 1800
    )
    assert (
        evalkit("power", "--difference", "0.03", "--variance", str(1 / 9), "--json").json["cases_needed"]
        == 969
    )
    assert evalkit("power", "--difference", "0.03").code == 2
    assert evalkit("power", "--difference", "0.3", "--discordant", "0.1").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "Missing argument"),
        (["run", "nowhere"], "no such file"),
        (["decide", "latest"], "holds no run yet"),
        (["report", "20990101"], "no run '20990101'"),
        (["run", "--colour"], "No such option"),
    ],
)
def test_a_wrong_command_ends_with_2_and_the_remedy(evalkit, arguments, words):
    done = evalkit(*arguments)
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize("setting", ["economics.requests_per_mont=5", "economics", "decision.margin=2", "=3"])
def test_a_wrong_assumption_is_told(evalkit, tiny, setting):
    evalkit("run", tiny)
    done = evalkit("decide", "latest", "--set", setting)
    assert done.code == 2
    assert "--set" in done.err or "suite.yaml" in done.err
