"""The baseline on disk: small, stable, reviewable, and never read where it was torn, edited or is of another format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from evalkit.errors import RunError
from evalkit.pipeline.gate_inputs import kept_suite, measure
from evalkit.pipeline.gate_run import update_baseline
from evalkit.records.baseline import Baseline, BaselineAnswer, BaselineArm, BaselineCase, BaselineMetric
from evalkit.store.baseline_file import read_baseline, write_baseline
from tests.builders import gates
from tests.builders.gate_runs import GateRun, right, write_run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_baseline(tmp_path / "baseline.json", gates.BASELINE)
    return tmp_path / "baseline.json"


def refused(file: Path) -> str:
    with pytest.raises(RunError) as error:
        read_baseline(file)
    assert error.value.exit_code == 2
    return str(error.value)


def test_it_comes_back_as_it_was_written(file):
    read = read_baseline(file)
    bare = replace(read, digest="", cases=tuple(replace(case, check="") for case in read.cases))
    assert bare == gates.BASELINE
    assert len(read.digest) == 32


def test_every_case_is_a_line_and_a_changed_answer_is_one_changed_line(file, tmp_path):
    before = file.read_text("utf-8").splitlines()
    assert [json.loads(line.rstrip(","))["id"] for line in before if '"id":' in line] == [
        "case-17",
        "工单-九",
    ]
    cases = (
        gates.BASELINE.cases[0],
        replace(gates.BASELINE.cases[1], arms=(BaselineAnswer("ffffffff", (1.0, (1.0, 1.0)), 0.00042),)),
    )
    write_baseline(tmp_path / "other.json", replace(gates.BASELINE, cases=cases))
    after = (tmp_path / "other.json").read_text("utf-8").splitlines()
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert len(changed) == 2  # the case and the digest over the whole
    assert "工单-九" in changed[0][0] and "digest" in changed[1][0]


def test_a_formatter_may_lay_it_out_otherwise(file):
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")), indent=4, ensure_ascii=True), "utf-8")
    assert len(read_baseline(file).cases) == 2


@pytest.mark.parametrize(
    ("damage", "place", "words"),
    [
        (lambda text: text.replace('[["9f3c2a1b",[1.0', '[["9f3c2a1b",[0.0'), ":24: ", "'case-17' was changed by hand"),
        (lambda text: text.replace('"seed": 0', '"seed": 1'), ": ", "no case, but other lines"),
        (lambda text: text[: len(text) // 2], ":", "damaged"),
        (lambda text: text[:-3], ":27: ", "damaged"),
        (lambda text: "", ": ", "is empty"),
        (lambda text: "   \n", ": ", "is empty"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 2'), ": ", "newer evalkit (format 2"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 0'), ": ", "has format 0"),
        (lambda text: "[" * 100_000, ": ", "damaged"),
        (lambda text: '{"format_version": 1, "x": ' + "[" * 100_000 + "}", ": ", "nested too deeply"),
        (lambda text: "<<<<<<< HEAD\n" + text, ":1: ", "holds a merge conflict"),
        (lambda text: text.replace("  ],\n  \"digest", "<<<<<<< ours\n  ],\n  \"digest"), ":26: ", "merge conflict"),
        (lambda text: "null", ": ", "damaged"),
        (lambda text: "not json", ":1: ", "damaged"),
        (lambda text: text.replace('"seed": 0', '"seed": 1e400'), "", ""),
        (lambda text: text.replace("1.0,[2.0", "7.5,[2.0"), ":24: ", "damaged"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused_with_its_place(file, damage, place, words):
    text = file.read_text("utf-8")
    damaged = damage(text)
    assert damaged != text
    file.write_text(damaged, "utf-8")
    told = refused(file)
    assert words in told
    assert f"{file}{place}" in told


def test_a_removed_case_is_found(file):
    lines = file.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "case-17" not in line]
    file.write_text("".join(kept), "utf-8")
    assert "cases were added or removed" in refused(file)


def test_no_file_a_folder_and_a_huge_file_are_told_apart(tmp_path):
    assert "no such baseline" in refused(tmp_path / "none.json")
    assert "Is a directory" in refused(tmp_path)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as stream:
        stream.truncate(300_000_000)  # sparse: nothing is written
    assert "larger than 256,000,000 bytes" in refused(huge)


def test_a_folder_that_is_not_there_is_no_place_for_it(tmp_path):
    with pytest.raises(RunError, match="no such folder"):
        write_baseline(tmp_path / "gone" / "baseline.json", gates.BASELINE)


def test_a_thousand_cases_of_four_arms_take_less_than_300_kb(tmp_path):
    names = ("zero_shot", "few_shot", "rag", "fine_tuned_rag")
    answer = BaselineAnswer("9f3c2a1b", (1.0, 0.857143, 1.0), 0.000412345)
    big = Baseline(
        suite="support-desk",
        run_id="r",
        created="2026-11-01",
        evalkit_version="0.1.0",
        primary_metric="exact_match",
        metrics=tuple(
            BaselineMetric(name=name, type=name, definition="a" * 32) for name in ("exact_match", "token_f1", "form")
        ),
        arms=tuple(
            BaselineArm(name=name, identity="b" * 32, parts={"model": "c" * 12, "prompt": "d" * 12}) for name in names
        ),
        cases=tuple(
            BaselineCase(id=f"support-case-{place:04}", content="1a2b3c4d5e6f", arms=(answer,) * 4)
            for place in range(1000)
        ),
    )  # fmt: skip
    write_baseline(tmp_path / "big.json", big)
    assert (tmp_path / "big.json").stat().st_size < 300_000


def test_the_same_run_makes_the_same_file(tmp_path):
    run = write_run(GateRun(answers={"rag": right(3, 5), "few_shot": right(2, 5)}), tmp_path / "run")
    update_baseline(run, tmp_path / "one.json")
    update_baseline(run, tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert "right" not in (tmp_path / "one.json").read_text()


def test_outputs_are_kept_only_where_they_are_asked_for(tmp_path):
    run = write_run(GateRun(answers={"rag": ["right", "一号答案"]}), tmp_path / "run")
    update_baseline(run, tmp_path / "one.json", outputs=True)
    assert [case.outputs for case in read_baseline(tmp_path / "one.json").cases] == [
        ("right",),
        ("一号答案",),
    ]


def test_costs_of_tokens_are_kept_by_case_and_those_of_a_device_as_a_summary(tmp_path):
    run = write_run(
        GateRun(answers={"rag": right(2, 3)}, cost={"rag": [0.001, 0.002, 0.003]}), tmp_path / "run"
    )
    made = update_baseline(run, tmp_path / "one.json")
    assert [case.arms[0].cost for case in made.cases] == [0.001, 0.002, 0.003]
    assert made.arms[0].mean_cost == 0.002
    assert measure(run, kept_suite(run)).contents.keys() == {"c000", "c001", "c002"}
