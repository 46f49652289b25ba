"""Wrong figures are refused with file, line and reason, before anything runs; failed arms are findings, not crashes."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("before", "after", "place", "words"),
    [
        (
            "plain: {input: 1.0, output: 4.0, as_of: 2026-11-01, source: made up for a test}",
            "plain: {input: 1.0, output: 4.0, source: made up for a test}",
            "prices.plain",
            "as_of",
        ),
        ("mode: 50_000, high", "mode: -50_000, high", "economics.requests_per_month", "in order"),
        (
            "{low: 20_000, mode: 50_000, high: 90_000}",
            "-50_000",
            "economics.requests_per_month",
            "must not be negative",
        ),
        (
            "{low: 20_000, mode: 50_000, high: 90_000}",
            "{low: 90_000, mode: 50_000, high: 20_000}",
            "economics.requests_per_month",
            "must be in order low <= mode <= high",
        ),
        (
            "decision: {reference_arm: few_shot}",
            "decision: {reference_arm: few_shot, margin: 2.0}",
            "decision.margin",
            "less than 1",
        ),
        ("value_per_correct: 0.01", "value_per_correct: -0.01", "economics.value_per_correct", "0"),
    ],
)
def test_a_wrong_figure_is_refused_with_its_place(evalkit, tiny, before, after, place, words):
    suite = tiny / "suite.yaml"
    text = suite.read_text()
    assert before in text
    changed = text.replace(before, after)
    line = next(number for number, row in enumerate(changed.splitlines(), 1) if after in row)
    suite.write_text(changed)
    done = evalkit("validate", tiny)
    assert done.code == 2
    assert f"suite.yaml:{line}: {place}" in done.err
    assert words in done.err


def test_an_arm_that_failed_on_every_case_is_a_stated_finding(evalkit, tiny, rows):
    """Its cells are owed (exit 104); the decision names it and claims nothing."""
    rows(tiny / "taught.jsonl", [{"case_id": "c0-0", "error": "down"}])
    done = evalkit("run", tiny)
    assert done.code == 104
    decision = json.loads(evalkit("decide", "latest", "--json").out)
    assert (decision["verdict"], decision["reason"]) == ("not_decidable", "missing_input")
    assert "fine_tuned has no score" in decision["explanation"]
    assert decision["arms"]["fine_tuned"]["coverage"] == 0.0


def test_a_metric_outside_its_range_is_refused(evalkit, tiny, tmp_path, monkeypatch):
    """A third party's metric that gives 2.0: the run stops and names the metric and the case."""
    (tmp_path / "loud_metric.py").write_text(
        "from evalkit.records.score import Score\n"
        "class Loud:\n"
        "    name = 'loud'\n"
        "    def score(self, case, sample):\n"
        "        return Score(value=2.0)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    text = (tiny / "suite.yaml").read_text()
    (tiny / "suite.yaml").write_text(
        text.replace(
            "metrics: [exact_match, token_f1]",
            "metrics: [exact_match, {type: 'loud_metric:Loud', name: loud}]",
        )
    )
    done = evalkit("run", tiny, "--allow-plugins")
    assert done.code == 2, done.err
    assert "'loud' gave 2.0 for case" in done.err
    assert "between 0 and 1" in done.err
