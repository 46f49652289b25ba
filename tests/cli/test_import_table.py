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
    # how far one training differs from the next is assumed, and decides here
    assert (done.json["verdict"], done.json["recommended_arm"]) == ("not_decidable", "tuned")
    known = evalkit("decide", tmp_path / "run", "--set", "decision.seed_sd=0", "--json").json
    assert known["verdict"] == "fine_tune"
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
        *("--set", "models.tuned.training={cost: 120}", "--set", "decision.seed_sd=0", "--json"),
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


def seeded(shares: dict[int, float], n: int = 100) -> list[str]:
    """A prompt and a tuned arm of several trainings: training by training the first cases are right."""
    header = "case_id,arm,arm_kind,seed,accuracy,cost"
    rows = [f"c{case},base,few_shot,,{int(case < 50)},0.002" for case in range(n)]
    rows += [
        f"c{case},tuned,fine_tuned,{seed},{int(case < share * n)},0.00{index + 1}"
        for index, (seed, share) in enumerate(shares.items())
        for case in range(n)
    ]
    return [header, *rows]


def test_rows_with_several_seeds_are_trainings_of_one_arm(evalkit, table, part, tmp_path):
    """The candidate is their mean, and each further one a curve arm, as where evalkit trained them."""
    text = seeded({7: 0.9, 42: 0.7, 3: 0.8})
    done = evalkit("import", "table", table(text), "--suite", part, "-o", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    arms = {
        arm["name"]: arm for arm in json.loads((tmp_path / "run" / "comparison.json").read_text())["arms"]
    }
    assert set(arms) == {"base", "tuned", "tuned@1.0/seed7", "tuned@1.0/seed42"}
    tuned = arms["tuned"]
    assert tuned["quality"]["accuracy"]["mean"] == pytest.approx(0.8)
    assert tuned["seed_means"] == pytest.approx({"3": 0.8, "7": 0.9, "42": 0.7})
    assert (tuned["seeds"], tuned["seeds_known"]) == (3, True)
    assert float(tuned["unit_cost"]) == pytest.approx(0.002)
    assert arms["tuned@1.0/seed42"]["role"] == "curve"
    assert {arm["role"] for arm in (arms["base"], tuned)} == {"candidate"}
    report = (tmp_path / "run" / "report.md").read_text()
    assert "tuned is the mean of 3 trainings: 80.0% (seed 3), 90.0% (seed 7), 70.0% (seed 42)" in report
    assert "one_training_seed" not in {flag["code"] for flag in done.json["red_flags"]}


def test_without_a_seed_the_number_of_trainings_is_not_known(evalkit, table, part, tmp_path):
    done = evalkit("import", "table", table(lines()), "--suite", part, "-o", tmp_path / "run")
    assert done.code == 0, done.err
    arms = {
        arm["name"]: arm for arm in json.loads((tmp_path / "run" / "comparison.json").read_text())["arms"]
    }
    assert [(arm["seeds"], arm["seeds_known"]) for arm in arms.values()] == [
        (None, True),
        (None, True),
        (1, False),
    ]
    assert (
        "How many trainings of tuned there were is not known." in (tmp_path / "run" / "report.md").read_text()
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "c1,base,few_shot,2,1,0.1",
            ":202: arm 'base' has a seed on line 202 and none on line 2; give all or none",
        ),
        ("c1,tuned,fine_tuned,,1,0.1", ":202: arm 'tuned' has a seed on line 102 and none on line 202"),
        (
            "c1,tuned,fine_tuned,1,1,0.1",
            ":202: case 'c1' and arm 'tuned' of seed 1 already stand on line 103",
        ),
        ("x,tuned,fine_tuned,1.5,1,0.1", ":202: seed is 1.5; give a whole number"),
        ("x,tuned,fine_tuned,-1,1,0.1", ":202: seed is -1; give a whole number"),
    ],
)
def test_a_bad_seed_is_told_with_its_line(evalkit, table, tmp_path, row, words):
    done = evalkit("import", "table", table([*seeded({1: 0.9}), row]), "-o", tmp_path / "run")
    assert done.code == 2
    assert words in done.err


def test_an_untuned_arm_has_no_trainings(evalkit, table, tmp_path):
    text = ["case_id,arm,arm_kind,seed,accuracy"]
    text += [f"c{case},base,few_shot,{seed},1" for seed in (1, 2) for case in range(9)]
    done = evalkit("import", "table", table(text), "-o", tmp_path / "run")
    assert done.code == 2
    assert (
        ":11: arm 'base' has 2 training seeds and is few_shot; only a tuned candidate has trainings"
        in done.err
    )


def test_shared_prompt_tokens_and_answering_models_of_a_table_are_kept(evalkit, table, tmp_path):
    text = ["case_id,arm,arm_kind,accuracy,input_tokens,output_tokens,prefix_tokens,answering_model"]
    text += [f"c{case},base,few_shot,1,1000,20,{800 + case % 2},m-{case // 50}" for case in range(100)]
    done = evalkit("import", "table", table(text), "-o", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    (arm,) = json.loads((tmp_path / "run" / "comparison.json").read_text())["arms"]
    assert arm["prefix_tokens"] == 800.5
    assert arm["answering_models"] == {"m-0": 50, "m-1": 50}
    assert "answering_model_changed" in {flag["code"] for flag in done.json["red_flags"]}
    text.append("x,base,few_shot,1,100,20,101,m-1")
    refused = evalkit("import", "table", table(text), "-o", tmp_path / "other")
    assert ":102: prefix_tokens is 101 and input_tokens 100: the prefix is a part of the input" in refused.err


def test_an_arm_needs_no_model_to_have_a_kind(evalkit, table, tmp_path):
    """The model is made after the arm; what the suite file says of a model of that name holds."""
    part = tmp_path / "part.yaml"
    part.write_text(
        "arms: {base: {kind: few_shot}, looked: {kind: rag}, tuned: {kind: fine_tuned}}\n"
        "models: {tuned: {training: {cost: 120}}}\n"
        "economics: {requests_per_month: 50000, value_per_correct: 0.01}\n"
    )
    bare = [line.replace(",few_shot,", ",,").replace(",rag,", ",,") for line in lines()]
    done = evalkit("import", "table", table(bare), "--suite", part, "-o", tmp_path / "run", "--json")
    assert done.code == 0, done.err
    assert {name: arm["kind"] for name, arm in done.json["arms"].items()} == KINDS
    (training,) = [line for line in done.json["ledger"]["tuned"]["one_off"] if line["name"] == "training"]
    assert float(training["amount"]) == 120
