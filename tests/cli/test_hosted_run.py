"""Whole runs on hosted models that were tuned elsewhere: Azure and Gemini on loopback, from the suite to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

ANSWERS = {"one": "1", "two": "2", "three": "3"}
ENDPOINT = "projects/12/locations/europe-west4/endpoints/34"
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
PRICE = {"as_of": "2026-11-01", "source": "made up for a test"}
N = 24


def suite(folder: Path, models: dict, prices: dict) -> Path:
    """Counting words: the base answers everything with 1, the tune knows better."""
    folder.mkdir()
    words = list(ANSWERS)
    rows = [
        {"id": f"c{i}", "question": f"{words[i % 3]} number {i}", "answer": ANSWERS[words[i % 3]]}
        for i in range(N)
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {
        "name": "hosted",
        "cases": {"path": "cases.jsonl", "fields": {"input": "question", "reference": "answer"}},
        "models": models,
        "arms": {"zero_shot": {"model": "base"}, "fine_tuned": {"model": "tuned"}},
        "metrics": ["exact_match"],
        "run": {"latency": {"isolated": 2}},
        "economics": {
            "horizon_months": 12,
            "requests_per_month": {"low": 1_000, "mode": 2_000, "high": 3_000},
            "value_per_correct": 0.05,
        },
        "prices": prices,
        "decision": {"draws": 500},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder


def run_folder(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "reports" / "hosted").iterdir()
    return folder


def azure_answer(server, replies, request):
    if server.targets[-1].startswith("GET"):
        card = {
            "object": "model",
            "status": "succeeded",
            "capabilities": {"inference": True},
            "lifecycle_status": "generally-available",
        }
        soon, late = 1798761600, 1956528000  # 2027-01-01, 2032-01-01
        listed = [
            {**card, "id": "gpt-4o-mini", "deprecation": {"inference": soon}},
            {**card, "id": "my-tune", "deprecation": {"inference": late}},
        ]
        return replies.reply({"object": "list", "data": listed})
    question = request["messages"][-1]["content"]
    tuned = "/deployments/my-tune/" in server.targets[-1]
    body = replies.completion(ANSWERS[question.split()[0]] if tuned else "1", prompt=40, output=1).body
    body["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": SAFE}]
    return replies.reply(body)


@pytest.fixture
def azure(tmp_path, provider, replies, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key-of-this-test")
    server = provider("azure")
    server.answer = lambda request: azure_answer(server, replies, request)
    place = {"endpoint": server.root, "api_version": "2024-10-21"}
    models = {
        "base": {"type": "openai", "model": "gpt-4o-mini", "azure": place},
        "tuned": {
            "type": "openai",
            "model": "my-tune",
            "azure": place,
            "tuned_from": "base",
            "training": {"cost": 12.5},
        },
    }
    prices = {name: {"input": 0.15, "output": 0.60, **PRICE} for name in ("gpt-4o-mini", "my-tune")}
    return server, suite(tmp_path / "suite", models, prices)


def test_what_azure_announces_is_kept_and_decided_on_without_the_network(azure, evalkit, tmp_path):
    """The base shuts inside the horizon, the tune after it. Deciding again asks nobody."""
    server, folder = azure
    done = evalkit("run", folder)
    assert done.code == 0, done.err
    lists = [target for target in server.targets if target.startswith("GET")]
    assert len(lists) == 2  # one for each model, once it had answered
    kept = json.loads((run_folder(tmp_path) / "answering.json").read_text())
    assert [(day["model"], day["id"], day["day"]) for day in kept["announced"]] == [
        ("base", "gpt-4o-mini", "2027-01-01"),
        ("tuned", "my-tune", "2032-01-01"),
    ]
    assert set(kept["client"]) <= {"zero_shot", "fine_tuned"}  # a quick server is asked between two beats
    asked = len(server.targets)
    server.answer = None  # whoever asks now is dropped
    assert evalkit("decide", "latest").code == 0
    assert evalkit("report", "latest").code == 0
    assert len(server.targets) == asked
    decision = json.loads((run_folder(tmp_path) / "decision.json").read_text())
    (flag,) = [flag["message"] for flag in decision["red_flags"] if flag["code"] == "model_shuts"]
    assert flag.startswith("2027-01-01: gpt-4o-mini shuts, which answers for zero_shot (http://127.0.0.1")
    report = (run_folder(tmp_path) / "report.md").read_text()
    assert "2032-01-01: my-tune shuts" in report
    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"azure-key-of-this-test" not in everything


def test_a_replayed_run_asks_for_no_list(azure, evalkit):
    server, folder = azure
    assert evalkit("run", folder).code == 0
    before = len(server.targets)
    assert evalkit("run", folder).code == 0
    assert len(server.targets) == before


def test_a_tuned_gemini_endpoint_is_priced_by_its_own_row_only(
    gemini_server, gemini_words, evalkit, tmp_path, monkeypatch
):
    """Never by its base's: without a row the suite is refused before anything is asked."""
    pytest.importorskip("google.genai", reason="needs the extra 'gemini'")
    monkeypatch.setenv("VERTEX_KEY", "vertex-key-of-this-test")

    def answer(request):
        question = request["contents"][-1]["parts"][0]["text"]
        tuned = ENDPOINT in gemini_server.targets[-1]
        text = ANSWERS[question.split()[0]] if tuned else "1"
        return gemini_words.answer(text, prompt=100, cached=60, output=4, thoughts=6)

    gemini_server.answer = answer
    place = {"base_url": gemini_server.root, "api_key_env": "VERTEX_KEY", "seed": False}
    vertex = {"project": "12", "location": "europe-west4"}
    models = {
        "base": {"type": "gemini", "model": "gemini-2.0-flash", "vertex": vertex, **place},
        "tuned": {
            "type": "gemini",
            "model": ENDPOINT,
            "vertex": {},
            "tuned_from": "base",
            "training": {"tokens": 1_000_000, "epochs": 2},
            **place,
        },
    }
    base = {"input": 0.10, "output": 0.40, "input_cache_read": 0.025, **PRICE}
    folder = suite(tmp_path / "unpriced", models, {"gemini-2.0-flash": base})
    refused = evalkit("run", folder)
    assert refused.code == 2
    assert f"no price is known for '{ENDPOINT}'" in refused.err
    assert gemini_server.requests == []

    row = {"input": 0.20, "output": 0.80, "input_cache_read": 0.05, "train": 3.00, **PRICE}
    folder = suite(tmp_path / "priced", models, {"gemini-2.0-flash": base, ENDPOINT: row})
    done = evalkit("run", folder)
    assert done.code == 0, done.err
    samples = [json.loads(line) for line in (run_folder(tmp_path) / "samples.jsonl").read_text().splitlines()]
    costs = {sample["arm"]: sample["cost"]["model"] for sample in samples}
    # 40 uncached x 0.10 + 60 cached x 0.025 + 10 written x 0.40, per million; the tune at twice that
    assert costs == {"zero_shot": "0.0000095", "fine_tuned": "0.000019"}
    decision = json.loads((run_folder(tmp_path) / "decision.json").read_text())
    lines = decision["ledger"]["fine_tuned"]["one_off"]
    (training,) = [line for line in lines if line["name"] == "training"]
    assert float(training["amount"]) == 6.0  # 1 M tokens x 2 epochs x 3.00
    tunability = decision["checklist"][3]
    assert "vertex" in tunability["answer"]
    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"vertex-key-of-this-test" not in everything
