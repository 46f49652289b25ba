"""No argument leads to an unforeseen error: what cannot be used ends with exit 2 and words that name it."""

from __future__ import annotations

import shlex

import pytest

UNUSABLE = [
    # (command, a word of the message); FILE is a file, EMPTY an empty folder, SUITE a suite, TABLE a table of scores
    ("init FILE", "is a file"),
    ("init FILE/new", "FILE/new"),
    ("init /proc/new/suite", "cannot be written"),
    ("init ''", "is empty"),
    ("validate ''", "is empty"),
    ("validate '  '", "is empty"),
    ("validate FILE/suite", "no such file"),
    ("validate EMPTY", "no such file"),
    ("validate FILE", "must be a mapping"),
    ("validate SUITE/cases.jsonl", "not valid YAML"),
    ("validate " + "x" * 300, "longer than"),
    ("validate SUITE --env-file missing", "cannot be read"),
    ("validate SUITE --env-file EMPTY", "is a directory"),
    ("estimate SUITE --limit -1", "--limit"),
    ("estimate SUITE --limit nan", "--limit"),
    ("run ''", "is empty"),
    ("run SUITE -o FILE", "is a file"),
    ("run SUITE -o FILE/runs", "cannot be written"),
    ("run SUITE -o /proc/runs", "cannot be written"),
    ("run SUITE -o ''", "is empty"),
    ("run SUITE --output=", "has no value"),
    ("run SUITE --limit inf", "--limit"),
    ("run SUITE --limit 1e400", "--limit"),
    ("run SUITE --cost-limit nan", "not an amount"),
    ("run SUITE --resume latest", "no run"),
    ("run SUITE --resume ''", "is empty"),
    ("run SUITE --resume SUITE", "no run"),
    ("run SUITE --resume ../../x", "no run"),
    ("run SUITE --resume FILE", "no run"),
    ("run SUITE --retry-errors", "--resume"),
    ("score latest", "no run"),
    ("score SUITE", "no run"),
    ("compare latest latest latest", "one run or two"),
    ("decide ''", "is empty"),
    ("decide /", "no run"),
    ("decide " + "x" * 300, "longer than"),
    ("run SUITE -o " + "x" * 300, "File name too long"),
    ("decide FILE", "no run"),
    ("decide '**'", "no run"),
    ("decide latest", "no run"),
    ("decide latest -o FILE/x", "no run"),
    ("decide --counts base=1/0,other=1/0", "case"),
    ("report latest", "no run"),
    ("reprice latest --prices missing", "no run"),
    ("import table ''", "is empty"),
    ("import table EMPTY", "is a folder"),
    ("import table FILE", "known format"),
    ("import table TABLE -o FILE/x", "cannot be made"),
    ("import table TABLE -o /proc/x", "cannot be made"),
    ("import table TABLE --suite FILE/x", "cannot be read"),
    ("import table TABLE --suite EMPTY", "no such file"),
    ("prices ''", "is empty"),
    ("power --difference inf --variance 1", "finite"),
    ("power --difference 0.1 --variance nan", "finite"),
    ("power --difference 0.1 --discordant 0.2 --cluster-size inf", "finite"),
    ("schema -o FILE/x", "cannot be written"),
    ("schema -o /proc/x", "cannot be written"),
    ("schema -o ''", "is empty"),
    ("tune SUITE --model x", "tuned"),
    ("tune SUITE --export FILE", "is a file"),
]
WITH_A_RUN = [
    ("report latest --to FILE/x", "cannot be written"),
    ("report latest --to /proc/x", "cannot be written"),
    ("reprice latest --prices missing", "no such file"),
    ("reprice latest --prices FILE/x", "cannot be read"),
    ("compare latest --metric ''", "is empty"),
    ("compare latest --arms few_shot", "two names"),
    ("compare latest --arms ,", "arm"),
    ("compare latest FILE", "no run"),
    ("decide latest --set ''", "is empty"),
    ("decide latest --set economics.requests_per_month=", "economics.requests_per_month"),
    ("run SUITE --resume latest/..", "no run"),
]


@pytest.fixture
def places(tiny, tmp_path):
    """What the words of ``UNUSABLE`` stand for."""
    (tmp_path / "FILE").write_text("a line\n")
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "TABLE.csv").write_text("case_id,arm,accuracy\na,x,1\na,y,0\nb,x,1\nb,y,0\n")
    return {"SUITE": str(tiny), "TABLE": str(tmp_path / "TABLE.csv")}


def typed(command: str, places: dict[str, str]) -> list[str]:
    for word, path in places.items():
        command = command.replace(word, path)
    return shlex.split(command)


@pytest.mark.parametrize(("command", "words"), UNUSABLE, ids=[command[:60] for command, _ in UNUSABLE])
def test_an_argument_that_cannot_be_used_is_told(evalkit, places, tmp_path, command, words):
    """Nothing is made by the way either."""
    done = evalkit(*typed(command, places))
    assert done.code == 2, done.err
    assert words in done.err
    assert "did not foresee" not in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "FILE", "EMPTY", "TABLE.csv"}


def test_with_a_run_there_are_more_of_them(evalkit, places):
    assert evalkit("run", places["SUITE"]).code == 0
    for command, words in WITH_A_RUN:
        done = evalkit(*typed(command, places))
        assert done.code == 2, (command, done.err)
        assert words in done.err, (command, done.err)
