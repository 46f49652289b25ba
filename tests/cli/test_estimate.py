"""``evalkit estimate``: calls exactly, tokens and money nearly, before anything is spent."""

from __future__ import annotations

import json

import pytest

LOCAL = """\
name: local
cases: {path: cases.jsonl, fields: {input: question, reference: answer}}
prompts:
  plain: {system: "Answer in the house format.", user: "Question: {{input}}"}
models:
  base: {type: embedded, device_hour: 0.08, max_tokens: 12}
arms:
  zero_shot: {model: base, prompt: plain}
  beside: {model: base, prompt: plain, role: curve}
metrics: [exact_match]
run: {latency: {isolated: 4}}
"""
HOSTED = """\
name: hosted
cases: {path: cases.jsonl, fields: {input: question, reference: answer}}
models:
  small: {type: openai, model: gpt-4o-mini, base_url: "http://127.0.0.1:9/v1", max_tokens: 50, max_concurrency: 4}
  nameless: {type: openai, model: nobody-knows-it, base_url: "http://127.0.0.1:9/v1"}
arms:
  asked: {model: small}
metrics: [exact_match]
run: {repeats: 3, latency: {isolated: 5}}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def write(
        text: str,
        question: str = "What does E{} mean on the pump?",
        answer: str = "Cause: a valve. Fix: open it.",
    ):
        folder = tmp_path / "suite"
        folder.mkdir()
        (folder / "suite.yaml").write_text(text)
        rows = [{"id": f"c{i}", "question": question.format(i), "answer": answer} for i in range(20)]
        (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return write


def test_a_local_run_makes_the_calls_and_tokens_that_were_estimated(evalkit, suite, tmp_path):
    """20 cells for each arm and 4 answers alone for the candidate; afterwards the cache has them all."""
    folder = suite(LOCAL)
    done = evalkit("estimate", folder, "--json")
    assert done.code == 0, done.err
    found = done.json
    arms = {arm["arm"]: arm for arm in found["arms"]}
    assert (arms["zero_shot"]["calls"], arms["zero_shot"]["isolated"], arms["beside"]["calls"]) == (24, 4, 20)
    assert not (tmp_path / "reports").exists()
    assert evalkit("run", folder).code == 0
    (run,) = (tmp_path / "reports" / "local").iterdir()
    samples = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    alone = (run / "latency.jsonl").read_text().splitlines()
    assert len(samples) + len(alone) == found["calls"]
    for arm in ("zero_shot", "beside"):
        used = [sample["usage"] for sample in samples if sample["arm"] == arm]
        prompt = sum(one["input"] + one.get("cache_read", 0) for one in used) / 20
        output = sum(one["output"] for one in used) / 20
        assert arms[arm]["prompt_tokens"] / arms[arm]["calls"] == pytest.approx(prompt, rel=0.001)
        assert arms[arm]["output_tokens"] / arms[arm]["calls"] == pytest.approx(output, rel=0.1)
    again = evalkit("estimate", folder, "--cached", "--no-probe", "--json").json
    assert (again["calls"], again["cached"]) == (0, 44)


def test_the_time_limit_of_the_isolated_pass_is_estimated_kept_and_reported(evalkit, suite, tmp_path):
    """One answer is over a limit of a millisecond, so one of four is timed; from the cache none is timed again."""
    folder = suite(LOCAL.replace("{isolated: 4}", "{isolated: 4, max_s: 0.001}"))
    found = evalkit("estimate", folder, "--json").json
    assert (found["arms"][0]["isolated"], found["calls"]) == (1, 41)
    assert evalkit("run", folder).code == 0
    (run,) = (tmp_path / "reports" / "local").iterdir()
    assert len((run / "latency.jsonl").read_text().splitlines()) == 1
    said = (run / "report.md").read_text()
    assert "Cases timed alone: 1 of each arm. No more were timed once the answers had taken" in said
    again = evalkit("estimate", folder, "--cached", "--no-probe", "--json").json
    assert (again["calls"], again["cached"]) == (0, 41)


def test_without_a_probe_time_stays_open(evalkit, suite):
    found = evalkit("estimate", suite(LOCAL), "--limit", "10", "--no-probe", "--json").json
    assert found["cases"] == 10
    assert found["calls"] == 10 + 4 + 10
    assert found["seconds"] is None
    assert found["money"] is None
    assert {arm["output_basis"] for arm in found["arms"]} == {"references"}


def test_hosted_models_are_estimated_by_characters_and_not_asked(evalkit, suite):
    """20 cases x 3 repeats and 5 alone; the prompt is 33 or so characters: 8 tokens and 7 of the chat format."""
    done = evalkit("estimate", suite(HOSTED), "--json")
    assert done.code == 0, done.err
    (arm,) = done.json["arms"]
    assert arm["calls"] == 65
    assert arm["prompt_basis"] == "characters"
    assert arm["prompt_tokens"] / 65 == pytest.approx(7 + len("What does E10 mean on the pump?") / 4, abs=0.2)
    expected = (round(arm["prompt_tokens"] / 65) * 0.15 + round(arm["output_tokens"] / 65) * 0.60) / 1e6 * 65
    assert float(arm["cost"]) == pytest.approx(expected)
    assert any("rule of thumb" in note for note in done.json["notes"])
    assert any("stated rate" in note for note in done.json["notes"])


def test_chinese_counts_a_token_a_character(evalkit, suite):
    (arm,) = evalkit(
        "estimate", suite(HOSTED, question="第{}號代碼是什麼意思", answer="答：閥門"), "--json"
    ).json["arms"]
    assert arm["prompt_tokens"] / 65 == pytest.approx(7 + 9 + 0.4, abs=0.2)


def test_an_unknown_price_is_unknown_not_nothing(evalkit, suite):
    folder = suite(HOSTED.replace("{model: small}", "{model: nameless}"))
    found = evalkit("estimate", folder, "--json").json
    assert found["money"] is None
    text = evalkit("estimate", folder).out
    assert "unknown" in text


def test_recorded_answers_say_what_they_took(evalkit, tiny):
    found = evalkit("estimate", tiny, "--json").json
    assert found["calls"] == 360
    assert found["prompt_tokens"] == 360 * 200
    assert found["output_tokens"] == 360 * 5
    assert float(found["money"]) == pytest.approx(120 * (0.00022 + 0.00022 + 0.00044))
    assert evalkit("estimate", tiny, "--limit", "0.5", "--json").json["calls"] == 180


def test_a_wrong_suite_is_told_before_anything_is_asked(evalkit, tiny):
    (tiny / "cases.jsonl").unlink()
    done = evalkit("estimate", tiny)
    assert done.code == 2
    assert "cases.jsonl" in done.err
