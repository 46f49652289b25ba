"""Other task sets in a run: asked of the reference arm and the tuned ones, kept apart, resumed, refused when wrong."""

from __future__ import annotations

import json

import pytest

from evalkit import api
from evalkit.errors import DataError, SuiteError
from evalkit.suite.load import load_suite

SUITE = """\
name: beside
use_case: {{primary_metric: exact_match}}
cases: cases.jsonl
extra_cases:
  general: {{path: general.jsonl, fields: {{input: ask}}, margin: 0.05, kind: forgetting, metric: token_f1}}
models:
  base: {{type: openai, model: base, base_url: "{url}"}}
  tuned: {{type: openai, model: tuned, base_url: "{url}", tuned_from: base, training: {{cost: 1}}}}
arms:
  plain: {{model: base, prompt: house}}
  other: {{model: base, prompt: {{base: other}}}}
  taught: {{model: tuned, prompt: house}}
prompts: {{house: {{user: "{{{{input}}}}"}}, other: {{user: "Q: {{{{input}}}}"}}}}
metrics: [exact_match, token_f1]
run: {{latency: {{isolated: 0}}}}
decision: {{margin: 0.03, reference_arm: plain}}
"""


@pytest.fixture
def beside(tmp_path, chat_server, replies, rows):
    """Right on the task where tuned, right on the other set where not."""
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE.format(url=chat_server.url))
    rows(
        folder / "cases.jsonl",
        [{"id": f"c{i}", "input": f"task {i}", "reference": "yes"} for i in range(12)],
    )
    rows(
        folder / "general.jsonl",
        [{"id": f"c{i}", "ask": f"general {i}", "reference": "yes"} for i in range(30)],
    )

    def answer(request):
        about_task = "task" in request["messages"][-1]["content"]
        return replies.completion("yes" if about_task == (request["model"] == "tuned") else "no")

    chat_server.answer = answer
    return folder


def test_a_run_asks_them_of_two_arms_and_keeps_them_apart(beside, tmp_path, chat_server):
    """The ids are those of the main cases on purpose: nothing may be paired by accident."""
    run = api.run(beside, output=tmp_path / "reports", use_cache=False)
    assert len(chat_server.requests) == 3 * 12 + 2 * 30
    assert len(run.samples()) == 36
    kept = [json.loads(line) for line in (run.path / "extra/general/samples.jsonl").read_text().splitlines()]
    assert len(kept) == 60
    assert {row["arm"] for row in kept} == {"plain", "taught"}
    (found,) = run.comparison.extra
    assert found.metric == "token_f1"
    assert (found.quality["plain"].mean, found.quality["taught"].mean) == (1.0, 0.0)
    finding = run.decision.checklist[9]
    assert (finding.number, finding.status) == (10, "not_met")
    report = (run.path / "report.md").read_text()
    assert "Other task sets" in report
    assert "−100.0" in report
    assert "Other task sets" in (run.path / "report.html").read_text()


def test_resuming_asks_nothing_twice_and_scoring_again_keeps_the_bytes(beside, tmp_path, chat_server):
    run = api.run(beside, output=tmp_path / "reports", use_cache=False)
    asked, kept = len(chat_server.requests), (run.path / "decision.json").read_bytes()
    api.run(beside, output=tmp_path / "reports", use_cache=False, resume="latest")
    assert len(chat_server.requests) == asked
    api.score(run)
    assert (run.path / "decision.json").read_bytes() == kept


def test_faults_are_told_with_their_place(beside, tmp_path):
    """A metric that is not there, a file that is not there, a column that no row has."""
    text = (beside / "suite.yaml").read_text()
    (beside / "suite.yaml").write_text(text.replace("metric: token_f1", "metric: token_f2"))
    with pytest.raises(SuiteError, match=r"suite\.yaml:5: extra_cases\.general\.metric"):
        load_suite(beside)
    (beside / "suite.yaml").write_text(text.replace("general.jsonl", "nowhere.jsonl"))
    with pytest.raises(DataError, match=r"suite\.yaml:5: extra_cases\.general\.path: no such file"):
        api.run(beside, output=tmp_path / "reports")
    (beside / "suite.yaml").write_text(text.replace("input: ask", "input: asks"))
    with pytest.raises(DataError, match=r"extra_cases\.general\.fields\.input: no row of general\.jsonl"):
        api.run(beside, output=tmp_path / "reports")


def test_other_extra_cases_are_another_run(beside, tmp_path, rows):
    """Their file is part of what a run is made from."""
    from evalkit.errors import RunError

    api.run(beside, output=tmp_path / "reports", use_cache=False)
    rows(beside / "general.jsonl", [{"id": "c0", "ask": "general", "reference": "no"}])
    with pytest.raises(RunError, match="changed after it began"):
        api.run(beside, output=tmp_path / "reports", use_cache=False, resume="latest")
