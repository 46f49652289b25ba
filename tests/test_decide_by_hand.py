"""The short script that decides from a table of scores says the same as the method, step by step."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("decide_by_hand.py")
TUNED = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1]
UNTUNED = [1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1]


@pytest.fixture
def decide(tmp_path):
    """Write arms as (name, kind, seed, cost, scores) and run the script on them."""

    def run(arms, options, order=1):
        rows = [
            f"case{case:04},{name},{kind},{seed},{cost},{score}"
            for name, kind, seed, cost, scores in arms
            for case, score in enumerate(scores)
        ]
        table = tmp_path / "scores.csv"
        table.write_text("\n".join(["case_id,arm,arm_kind,seed,cost,exact_match", *rows[::order]]) + "\n")
        found = subprocess.run(
            [sys.executable, SCRIPT, table, *options.split()], capture_output=True, text=True, check=True
        )
        return found.stdout

    return run


def scores(share, n=400, seed=1):
    return (np.random.default_rng(seed).random(n) < share).astype(int)


def test_the_worked_example_is_too_few_cases_with_the_method_s_figures(decide):
    """240,000 requests x .013 - 1,440; level at 9,230.8 a month."""
    said = decide(
        [
            ("tuned", "fine_tuned", "", 0.0003, TUNED),
            ("few_shot", "few_shot", "", 0.0008, UNTUNED),
        ],
        "--volume 20000 --value 0.05 --fixed tuned=1440",
    )
    assert "less few_shot: 1,680.00" in said
    assert "pays from 9,230.8 requests a month" in said
    assert said.strip().endswith("not_decidable: too_few_cases")


WORLD = [
    ("tuned", "fine_tuned", 1, 0.001, scores(0.85)),
    ("few_shot", "few_shot", "", 0.002, scores(0.55)),
    ("rag", "rag", "", 0.003, scores(0.60, seed=2)),
]


def test_a_large_gain_is_worth_training(decide):
    said = decide(WORLD, "--volume 100000 --value 0.02 --fixed tuned=500")
    assert said.strip().endswith("fine_tune: tuned")
    assert "needed 0.9: reached" in said


def test_a_copy_and_the_order_of_rows_change_nothing(decide):
    options = "--volume 100000 --value 0.02 --fixed tuned=500 --fixed copy=500"
    alone = decide(WORLD, options)
    assert decide(WORLD, options, order=-1) == alone
    copied = decide([*WORLD, ("copy", *WORLD[0][1:])], options)
    # of two equal arms the first by name is named
    assert copied.splitlines()[-1] == "fine_tune: copy"
    assert [line for line in alone.splitlines() if "tuned" not in line] == [
        line for line in copied.splitlines() if "tuned" not in line and "copy" not in line
    ]


def test_three_trainings_that_differ_are_less_sure_than_three_that_agree(decide):
    options = "--volume 100000 --value 0.02 --fixed tuned=2000"
    alike = [("tuned", "fine_tuned", seed, 0.001, scores(0.70)) for seed in (1, 2, 3)]
    apart = [
        ("tuned", "fine_tuned", seed, 0.001, scores(share))
        for seed, share in enumerate((0.58, 0.70, 0.82), 1)
    ]
    said = [decide([*arms, WORLD[1]], options) for arms in (alike, apart)]
    assert said[0].strip().endswith("fine_tune: tuned")
    assert said[1].strip().endswith("not_decidable: not_sure_enough")


def test_arms_that_cost_more_than_they_bring_are_not_worth_running(decide):
    assert decide(WORLD, "--volume 100000 --value 0.0005").strip().endswith("none_worth_running")


def test_an_untuned_arm_is_named_only_when_it_beats_the_other_kinds_too(decide):
    options = "--volume 100000 --value 0.02 --fixed tuned=30000"
    assert "do_not_tune: run" in decide(WORLD, options)
    better = [*WORLD[:2], ("rag", "rag", "", 0.003, scores(0.9, seed=2))]
    assert decide(better, options).strip().endswith("use_rag: rag")


def test_the_script_stays_short():
    assert len(SCRIPT.read_text().splitlines()) < 150
