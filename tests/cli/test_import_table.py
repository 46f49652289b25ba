"""``evalkit import table``: scores from elsewhere become a run that the other commands take."""

from __future__ import annotations

import json

import pytest

PART = """\
economics: {requests_per_month: 50000, value_per_correct: 0.01}
models: {tuned: {training: {cost: 120}}}
"""
SHARES = {"base": 0.5, "looked": 0.7, "tuned": 0.9}
KINDS = {"base": "few_shot", "looked": "rag", "tuned": "fine_tuned"}


def lines(n: int = 100) -> list[str]:
    """Arm by arm the first cases are right; two rows a cluster."""
    header = "case_id,arm,arm_kind,accuracy,f1,cost,latency_s,cluster,tag"
    rows = [
        f"c{case},{arm},{KINDS[arm]},{int((case * 7 + 3) % n < share * n)},0.5,"
        f"0.00{index + 1},0.{index + 2},k{case // 2},north"
        for index, (arm, share) in enumerate(SHARES.items())
        for case in range(n)
    ]
    return [header, *rows]


@pytest.fixture
def table(tmp_path):
    def write(text: list[str], name: str = "scores.csv"):
        file = tmp_path / name
        file.write_text("\n".join(text) + "\n")
        return file

    return write


@pytest.fixture
def part(tmp_path):
    file = tmp_path / "part.yaml"
    file.write_text(PART)
    return file


def test_a_table_becomes_a_run_that_decide_report_and_compare_take(evalkit, table, part, tmp_path):
    done = evalkit("import", "table", table(lines()), "--suite", part, "-o", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    arms = done.json["arms"]
    assert {name: arm["kind"] for name, arm in arms.items()} == KINDS
    assert {name: arm["quality"]["accuracy"]["mean"] for name, arm in arms.items()} == pytest.approx(SHARES)
    assert [float(arm["cost_per_request"]) for arm in arms.values()] == [0.001, 0.002, 0.003]
    assert arms["tuned"]["latency"]["p50"] == pytest.approx(0.4)
    assert done.json["verdict"] == "fine_tune"
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert {
        "manifest.json",
        "suite.yaml",
        "cases.jsonl",
        "samples.jsonl",
        "scores.jsonl",
        "profile.json",
    } <= files
    assert {"comparison.json", "decision.json", "report.html", "report.md", "report.json"} <= files
    assert evalkit("decide", tmp_path / "run", "--json").json == done.json
    assert evalkit("report", tmp_path / "run").code == 0
    compared = evalkit("compare", tmp_path / "run", "--arms", "looked,tuned", "--json").json
    assert compared["differences"][0]["estimate"] == pytest.approx(0.2)
    assert compared["differences"][0]["n_clusters"] == 50
    refused = evalkit("score", tmp_path / "run")
    assert refused.code == 2
    assert "import them again" in refused.err


def test_without_a_suite_the_questions_of_money_stay_open(evalkit, table, tmp_path):
    done = evalkit("import", "table", table(lines()), "-o", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    assert done.json["verdict"] == "not_decidable"
    unknown = [finding["number"] for finding in done.json["checklist"] if finding["status"] == "unknown"]
    assert {5, 6, 9} & set(unknown)
    later = evalkit(
        "decide",
        tmp_path / "run",
        *("--set", "economics.requests_per_month=50000", "--set", "economics.value_per_correct=0.01"),
        *("--set", "models.tuned.training={cost: 120}", "--json"),
    )
    assert later.json["verdict"] == "fine_tune"


def test_an_empty_cell_is_missing_not_zero(evalkit, table, part, tmp_path):
    text = lines()
    right = next(index for index, row in enumerate(text) if ",base,few_shot,1," in row)
    text[right] = text[right].replace(",base,few_shot,1,", ",base,few_shot,,")
    done = evalkit("import", "table", table(text), "--suite", part, "-o", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    base = done.json["arms"]["base"]["quality"]["accuracy"]
    assert (base["n"], base["mean"]) == (99, pytest.approx(49 / 99))
    comparison = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert comparison["missing_reasons"] == {"accuracy: the table's cell is empty": 1}


def test_parquet_gives_what_csv_gives(evalkit, table, part, tmp_path):
    import pandas as pd

    file = table(lines())
    pd.read_csv(file).to_parquet(tmp_path / "scores.parquet")
    runs = [
        evalkit("import", "table", name, "--suite", part, "-o", tmp_path / name.suffix[1:], "--json").json
        for name in (file, tmp_path / "scores.parquet")
    ]
    for run in runs:
        for key in ("run_id", "inputs"):
            del run[key]
    assert runs[0] == runs[1]


def test_the_table_of_a_real_run_gives_its_figures_again(evalkit, tiny, tmp_path):
    """Out of a run as a table and in again, with the run's own suite: the same means, differences and verdict."""
    from evalkit.api import load_run

    before = evalkit("run", tiny, "--json").json
    run = load_run("latest", output=tmp_path / "reports")
    frame = run.wide().reset_index().melt(id_vars="case_id", var_name="arm", value_name="exact_match")
    frame["cluster"] = frame["case_id"].map({case.id: case.cluster for case in run.folder.cases()})
    frame["input_tokens"], frame["output_tokens"] = 200, 5
    frame.to_csv(tmp_path / "out.csv", index=False)
    after = evalkit(
        "import", "table", tmp_path / "out.csv", "--suite", tiny, "-o", tmp_path / "again", "--json"
    )
    assert after.code == 0, after.err
    assert after.json["verdict"] == before["verdict"]
    same = ("treatment", "control", "estimate", "p_value", "p_adjusted", "claim")
    means = [
        [[item[key] for key in same] for item in found["differences"] if item["metric"] == "exact_match"]
        for found in (before, after.json)
    ]
    assert sorted(means[0]) == sorted(means[1])
    assert after.json["arms"]["rag"]["cost_per_request"] == before["arms"]["rag"]["cost_per_request"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "c2,base,few_shot,87,0.5,0.001,0.2,k0,north",
            "scores.csv:4: metric 'accuracy' is 87, outside [0, 1]",
        ),
        (
            "c0,base,few_shot,1,0.5,0.001,0.2,k0,north",
            "scores.csv:4: case 'c0' and arm 'base' already stand on line 2",
        ),
        ("c0,new,fewshot,1,0.5,0.001,0.2,k0,north", "Did you mean 'few_shot'?"),
        ("c2,base,rag,1,0.5,0.001,0.2,k0,north", "scores.csv:4: arm_kind of 'base' is 'rag' here"),
        (
            "c0,rag,rag,1,0.5,0.001,0.2,k9,north",
            "scores.csv:4: cluster of 'c0' is 'k9' here and 'k0' on line 2",
        ),
        ("c2,base,few_shot,yes,0.5,0.001,0.2,k0,north", "scores.csv:4: metric 'accuracy' is 'yes'"),
        ("c2,base,few_shot,1,0.5,-1,0.2,k0,north", "scores.csv:4: cost"),
        (",base,few_shot,1,0.5,0.001,0.2,k0,north", "scores.csv:4: has no case_id"),
        ("c1,base", "scores.csv:4: has 2 cells where the header has 9"),
    ],
)
def test_a_bad_row_is_told_with_its_line(evalkit, table, tmp_path, row, words):
    text = lines()
    done = evalkit("import", "table", table([*text[:3], row]), "-o", tmp_path / "run")
    assert done.code == 2
    assert words in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "case,arm,accuracy",
            "no column 'case_id'. Defined: 'case', 'arm', 'accuracy'. Did you mean 'case'?",
        ),
        ("case_id,accuracy", "no column 'arm'"),
        ("case_id,arm,cost", "there is no metric"),
    ],
)
def test_a_missing_column_is_named(evalkit, table, header, words):
    done = evalkit("import", "table", table([header, ",".join("x" for _ in header.split(","))]))
    assert done.code == 2
    assert words in done.err


def test_what_was_assumed_is_said_and_a_taken_folder_is_refused(evalkit, table, tmp_path):
    """An arm named like a kind is of that kind; of any other without arm_kind it is said what it was taken for."""
    text = [
        "case_id,arm,accuracy",
        *(f"c{case},{arm},{case % 2}" for case in range(60) for arm in ("rag", "mine")),
    ]
    done = evalkit("import", "table", table(text), "-o", tmp_path / "run")
    assert done.code == 0, done.err
    assert "without examples or retrieval: mine." in done.err
    kinds = {
        arm["name"]: arm["kind"]
        for arm in json.loads((tmp_path / "run" / "manifest.json").read_text())["arms"]
    }
    assert kinds == {"rag": "rag", "mine": "zero_shot"}
    again = evalkit("import", "table", table(text), "-o", tmp_path / "run")
    assert again.code == 2
    assert "not empty" in again.err
    assert evalkit("decide", "latest").code == 2  # it is not under ./reports
    assert evalkit("import", "table", table(text)).code == 0
    assert evalkit("decide", "latest").code == 0
