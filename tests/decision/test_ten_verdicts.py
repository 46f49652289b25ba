"""Each of the ten verdicts is reached by importing a table of scores that a team might have."""

import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.records.decision import Verdict
from tests.builders.ten_verdicts import TABLES, VERDICTS, imported

HAND = Path(__file__).parents[1] / "decide_by_hand.py"
RECOMMENDED = {
    Verdict.FINE_TUNE: "fine_tuned",
    Verdict.USE_RAG: "rag",
    Verdict.STAY_FEW_SHOT: "few_shot",
    Verdict.DO_NOT_TUNE: "rag",
    Verdict.NONE_WORTH_RUNNING: None,
    Verdict.ALTERNATIVES_FIRST: "fine_tuned",
    Verdict.BLOCKED: "few_shot",
    Verdict.PILOT_FIRST: "few_shot",
    Verdict.COLLECT_MORE_DATA: "fine_tuned",
    Verdict.NOT_DECIDABLE: "fine_tuned",
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_is_reached_by_importing_a_table(verdict, tmp_path):
    decision = imported(verdict, tmp_path / "run").decision
    assert decision.verdict.value == verdict
    assert decision.recommended_arm == RECOMMENDED[decision.verdict]
    assert decision.format_version == 2


def test_where_tuning_is_blocked_the_confidence_is_that_of_the_tuned_arm(tmp_path):
    decision = imported("blocked", tmp_path / "run").decision
    assert decision.pairwise_share["fine_tuned"]["few_shot"] > 0.9
    assert "fine_tuned beats few_shot and doing nothing in over 99.9 of 100" in decision.explanation
    assert "few_shot beats" not in decision.explanation


def test_there_are_ten_and_each_has_its_table():
    assert len(VERDICTS) == 10
    assert {folder.name for folder in TABLES.iterdir() if folder.is_dir()} == set(VERDICTS)
    assert set(RECOMMENDED) == set(Verdict)


BY_HAND = {
    "fine_tune": "--volume 53333.3333 --value 0.05 --fixed fine_tuned=1530",
    "use_rag": "--volume 30000 --value 0.08 --fixed fine_tuned=1500",
    "stay_few_shot": "--volume 40000 --value 0.03 --fixed fine_tuned=4010 --retune-every 6",
    "do_not_tune": "--volume 40000 --value 0.04 --fixed fine_tuned=2460",
    "not_decidable": "--volume 36666.6667 --value 0.05 --fixed fine_tuned=1260",
    "none_worth_running": "--volume 5000 --value 0.10 --wrong 1.5 --fixed fine_tuned=2860 --margin 0.02",
}
"""Volume and fixed costs at their means: hours x rate and trainings. The others need what only `decide` has."""


@pytest.mark.parametrize("verdict", BY_HAND)
def test_the_short_script_says_the_same(verdict):
    table = TABLES / verdict / "scores.csv"
    said = subprocess.run(
        [sys.executable, HAND, table, *BY_HAND[verdict].split()], capture_output=True, text=True, check=True
    ).stdout
    assert said.splitlines()[-1].partition(":")[0] == verdict
    arm = RECOMMENDED[Verdict(verdict)]
    if verdict not in ("not_decidable", "none_worth_running"):
        assert arm is not None
        assert arm in said.splitlines()[-1]
    winner = next(line for line in said.splitlines() if line.startswith("winner: "))
    assert winner.startswith(f"winner: {arm or 'none'},")
