"""``evalkit compare``: one run's pairs, and two runs on the cases both have."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture
def again(tiny, tmp_path):
    """A copy of the suite whose answers and cases can be changed."""

    def copy(name: str = "again"):
        folder = tmp_path / name
        shutil.copytree(tiny, folder)
        text = (folder / "suite.yaml").read_text()
        (folder / "suite.yaml").write_text(text.replace("name: tiny", f"name: {name}"))
        return folder

    return copy


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_run_shows_its_holm_family_and_other_metrics(evalkit, tiny):
    decision = evalkit("run", tiny, "--json").json
    done = evalkit("compare", "latest", "--metric", "token_f1", "--json")
    assert done.code == 0, done.err
    found = done.json["differences"]
    family = [item for item in found if item["metric"] == "exact_match" and item["family"] == "reference"]
    assert {item["treatment"] for item in family} == {"rag", "fine_tuned"}
    known = [item for item in decision["differences"] if item["metric"] == "exact_match"]
    assert all(item in known for item in family)
    assert any(item["metric"] == "token_f1" for item in found)
    text = evalkit("compare", "latest").out
    assert "rag vs few_shot" in text
    assert "p (adjusted" in text
    assert "token F1" not in text


def test_a_pair_is_the_second_minus_the_first(evalkit, tiny):
    evalkit("run", tiny)
    (one,) = evalkit("compare", "latest", "--arms", "rag,fine_tuned", "--json").json["differences"][:1]
    assert (one["treatment"], one["control"]) == ("fine_tuned", "rag")
    assert one["estimate"] == pytest.approx(110 / 120 - 80 / 120)
    other = evalkit("compare", "latest", "--arms", "fine_tuned,rag", "--json").json
    assert other["differences"][0]["estimate"] == pytest.approx(-one["estimate"])
    assert other["differences"][0]["p_adjusted"] is None
    assert "not adjusted" in other["notes"][0]


def test_a_run_does_not_differ_from_itself(evalkit, tiny, tmp_path):
    evalkit("run", tiny)
    (folder,) = (tmp_path / "reports" / "tiny").iterdir()
    found = evalkit("compare", folder, folder, "--json").json
    assert {item["treatment"] for item in found["differences"]} == {"few_shot", "rag", "fine_tuned"}
    assert all(item["estimate"] == 0 and item["p_value"] == 1 for item in found["differences"])
    assert found["n_cases"] == 120
    assert found["notes"] == []


def test_two_runs_are_paired_by_case_id(evalkit, tiny, again, tmp_path, rows):
    """The second run's arm loses 24 answers that it had right; its cases are in another order."""
    other = again()
    answers = lines(other / "taught.jsonl")
    for answer in [answer for answer in answers if answer["output"] != "No idea"][:24]:
        answer["output"] = "No idea"
    rows(other / "taught.jsonl", answers)
    for suite in (tiny, other):
        evalkit("run", suite)
    runs = [next((tmp_path / "reports" / name).iterdir()) for name in ("tiny", "again")]
    found = {item["treatment"]: item for item in evalkit("compare", *runs, "--json").json["differences"]}
    tuned = found["fine_tuned"]
    assert tuned["estimate"] == pytest.approx(-24 / 120)
    assert tuned["high"] < 0
    assert tuned["claim"] == "worse"
    assert tuned["p_adjusted"] == pytest.approx(min(1, 3 * tuned["p_value"]))
    assert found["rag"]["estimate"] == 0
    across = evalkit("compare", *runs, "--arms", "few_shot,rag", "--json").json["differences"]
    assert [(item["control"], item["treatment"]) for item in across] == [("few_shot", "rag")]
    assert "minus run" in " ".join(evalkit("compare", *runs).out.split())


def test_other_cases_are_compared_on_the_ids_in_common_or_refused(evalkit, tiny, again, tmp_path, rows):
    smaller, strange = again("smaller"), again("strange")
    rows(smaller / "cases.jsonl", lines(smaller / "cases.jsonl")[:40])
    for file in ("cases", "shown", "looked_up", "taught"):
        key = "id" if file == "cases" else "case_id"
        renamed = [{**row, key: f"other {row[key]}"} for row in lines(strange / f"{file}.jsonl")]
        rows(strange / f"{file}.jsonl", renamed)
    runs = []
    for suite in (tiny, smaller, strange):
        assert evalkit("run", suite).code == 0
        runs.append(next((tmp_path / "reports" / suite.name).iterdir()))
    done = evalkit("compare", runs[0], runs[1], "--json")
    assert done.code == 0, done.err
    assert done.json["n_cases"] == 40
    assert "40 ids are in both, of 120 in the first and 40 in the second" in done.json["notes"][0]
    refused = evalkit("compare", runs[0], runs[2])
    assert refused.code == 2
    assert "no case in common" in refused.err


def test_a_metric_defined_in_another_way_is_refused(evalkit, tiny, again, tmp_path):
    other = again()
    text = (other / "suite.yaml").read_text()
    (other / "suite.yaml").write_text(text.replace("[exact_match,", "[{exact_match: {extract: '^(.*)$'}},"))
    for suite in (tiny, other):
        assert evalkit("run", suite).code == 0
    runs = [next((tmp_path / "reports" / name).iterdir()) for name in ("tiny", "again")]
    refused = evalkit("compare", *runs)
    assert refused.code == 2
    assert "'exact_match' is defined in another way" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "token_f2"], "Did you mean 'token_f1'?"),
        (["--arms", "rag,fine_tuend"], "Did you mean 'fine_tuned'?"),
        (["--arms", "rag"], "write two names"),
        (["--arms", "rag,rag"], "cannot be compared with itself"),
    ],
)
def test_a_wrong_name_is_told(evalkit, tiny, arguments, words):
    evalkit("run", tiny)
    done = evalkit("compare", "latest", *arguments)
    assert done.code == 2
    assert words in done.err
