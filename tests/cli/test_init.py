"""Every starter can be copied, validates where it lands, and shows only options that exist."""

import re
from pathlib import Path

import pytest

from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml
from evalkit.suite.starters import starters

STARTERS = ("blank", "it-helpdesk", "support-desk", "ticket-routing", "zh-faq")
# A commented line that shows a setting: a key in lower case, or an item of a list, after the mark.
_SHOWN = re.compile(r"^(\s*)# ((?:- |  )?[a-z0-9_]+: ?.*)$")


# tests/suites/test_it_helpdesk.py validates the other: its model is in a package that need not be installed.
@pytest.mark.parametrize("name", [name for name in STARTERS if name != "it-helpdesk"])
def test_a_starter_validates_where_it_was_copied_to(evalkit, name):
    assert evalkit("init", "mine", "--from", name).code == 0
    done = evalkit("validate", "mine")
    assert (done.code, done.err) == (0, "")
    assert "All files are fine" in done.out


def test_the_starters_are_those_that_help_names(evalkit):
    assert sorted(starters()) == sorted(STARTERS)
    shown = " ".join(evalkit("init", "--help").out.split())
    assert all(name in shown for name in STARTERS)


def test_what_the_blank_suite_shows_in_comments_can_be_switched_on():
    """Every commented setting is one that evalkit takes."""
    folder = starters()["blank"]
    text = (folder / "suite.yaml").read_text(encoding="utf-8")
    switched = [match for line in text.splitlines() if (match := _SHOWN.match(line))]
    assert len(switched) >= 12
    opened = "\n".join(
        match[1] + match[2] if (match := _SHOWN.match(line)) else line for line in text.splitlines()
    )
    suite = build_suite(parse_yaml(opened, file="suite.yaml", folder=Path(folder)))
    assert set(suite.models) == {"base", "hosted", "local", "ours", "tuned"}
    assert set(suite.arms) == {"few_shot", "rag", "fine_tuned"}
    assert suite.economics is not None
    assert [metric.name for metric in suite.metrics][-3:] == ["accuracy", "macro_f1", "house_format"]


def test_the_blank_suite_has_six_cases_some_of_which_belong_together():
    rows = (starters()["blank"] / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 6
    assert sum('"fact": "days"' in row for row in rows) == 2
