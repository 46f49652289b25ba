"""`evalkit estimate` beside the run that it is about, with empty caches of their own.

    python tests/benchmarks/check_estimate.py [SUITE ...] [--limit 48] [--epochs 2]

Prints estimated and actual calls, tokens, money and seconds. Trainings are cut to ``--epochs`` of the whole rows with
one seed, so that the check takes minutes; 0 leaves the suite as it is. For recorded suites it prints what the rule of
thumb for hosted models would have said of the prompts beside the recorded usage.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

SUITES = Path(__file__).parents[2] / "suites"


def command(arguments: list[str], environment: dict[str, str]) -> tuple[dict, float]:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", *arguments, "--json"],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 104):
        sys.exit(done.stderr)
    return json.loads(done.stdout), time.monotonic() - start


def shortened(suite: Path, folder: Path, epochs: float) -> Path:
    """A copy of the suite with one short training for each tuned model."""
    copy = folder / suite.name
    shutil.copytree(suite, copy)
    data = yaml.safe_load((copy / "suite.yaml").read_text(encoding="utf-8"))
    for model in data["models"].values():
        if model.get("type") == "tuned" and epochs:
            model |= {"epochs": epochs, "fractions": [1.0], "seeds": 1, "min_steps": 20}
    (copy / "suite.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return copy


def lines(path: Path) -> list[dict]:
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def actual(run: Path, suite: Path) -> dict[str, float]:
    samples, alone = lines(run / "samples.jsonl"), lines(run / "latency.jsonl")
    used = [sample["usage"] for sample in samples if sample.get("usage")]
    models = yaml.safe_load((suite / "suite.yaml").read_text(encoding="utf-8"))["models"]
    hour = next((float(model["device_hour"]) for model in models.values() if "device_hour" in model), 0.0)
    money = sum(float(sample["cost"]["model"]) for sample in samples if sample.get("cost"))
    money += sum((row["timing"].get("device_s") or 0.0) * hour / 3600 for row in alone)
    # The isolated pass keeps no usage: its answers are counted as those of the same arm.
    found = {"calls": len(samples) + len(alone), "money": money, "prompt_tokens": 0.0, "output_tokens": 0.0}
    for arm in {sample["arm"] for sample in samples}:
        ours = [sample["usage"] for sample in samples if sample["arm"] == arm and sample.get("usage")]
        if not ours:
            continue
        calls = len(ours) + sum(row["arm"] == arm for row in alone)
        prompt = sum(one["input"] + one.get("cache_read", 0) + one.get("cache_write", 0) for one in ours)
        found["prompt_tokens"] += prompt / len(ours) * calls
        found["output_tokens"] += sum(one["output"] for one in ours) / len(ours) * calls
    assert used
    if (run / "tuning.json").exists():
        trained = json.loads((run / "tuning.json").read_text())["runs"]
        found["training_tokens"] = sum(one["tokens"] for one in trained)
        found["training_s"] = sum(one["seconds"] for one in trained)
    return found


def rule_of_thumb(suite: Path) -> None:
    from evalkit import load_suite
    from evalkit.models.prompt_tokens import TokenCounter
    from evalkit.pipeline import spine

    prepared = spine.prepare(load_suite(suite))
    for arm in prepared.arms:
        prompts = [arm.compose(case).messages for case in prepared.cases]
        print(
            f"  {arm.name:<20} rule of thumb {sum(TokenCounter(None).prompts(prompts)):>12,.0f} prompt tokens"
        )


def check(suite: Path, limit: int, epochs: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = shortened(suite, folder, epochs)
        environment = {**os.environ, "EVALKIT_CACHE_DIR": str(folder / "cache")}
        expected, took = command(["estimate", str(copy), "--limit", str(limit)], environment)
        root = folder / "reports"
        _, wall = command(["run", str(copy), "--limit", str(limit), "-o", str(root)], environment)
        (run,) = (root / expected["suite"]).iterdir()
        found = actual(run, copy)
        found["seconds"] = wall
        recorded = all(arm["prompt_basis"] == "recorded" for arm in expected["arms"])
        rows = {key: expected[key] for key in ("calls", "prompt_tokens", "output_tokens", "seconds")}
        rows["money"] = None if expected["money"] is None else float(expected["money"])
        if expected["tuning"]:
            rows["training_tokens"] = sum(one["tokens"] for one in expected["tuning"])
            rows["training_s"] = sum(one["seconds"] for one in expected["tuning"])
        print(f"{suite.name}, {limit} cases (the estimate took {took:.0f} s)")
        for key, value in rows.items():
            off = f"{value / found[key] - 1:+.1%}" if value is not None and found[key] else ""
            print(
                f"  {key:<16} estimate {value or 0:>14,.6g}   actual {found[key]:>14,.6g}   {off}", flush=True
            )
        if recorded:
            rule_of_thumb(copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", type=Path)
    parser.add_argument("--limit", type=int, default=48)
    parser.add_argument("--epochs", type=float, default=2.0)
    given = parser.parse_args()
    for suite in given.suites or [SUITES / name for name in ("zh-faq", "support-desk", "ticket-routing")]:
        check(suite, given.limit, given.epochs)


if __name__ == "__main__":
    main()
