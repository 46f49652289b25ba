"""Nothing that users, their suites or their run folders rely on changes unnoticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.public_lists import public_lists

BEFORE = json.loads(Path(__file__).with_name("public_lists.json").read_text("utf-8"))
"""The lists of commit f223013; `tests/public_lists.py` says how they were made."""

METHOD_2 = json.loads(Path(__file__).with_name("method_2.json").read_text("utf-8"))
"""What the second method of deciding brought: keys of decision.json (which report.json and `reprice --json` hold),
ranges of value, loss and hourly rate, trainings, production mix, shared prefixes, successors of models."""

_DECISION = {f"decision.{key}" for key in METHOD_2["decision.json"]}

ADDED: dict[str, set[str]] = {
    "suite keys and choices": set(METHOD_2["suite keys and choices"]),
    "verdict reasons": set(METHOD_2["verdict reasons"]),
    "keys and choices of report.json": _DECISION
    | set(METHOD_2["report.json"])
    | {"text_rule", "imported"},  # imported scores bring no models
    "keys and choices of scores.jsonl": {"text_rule"},  # scores of different rules are not compared
    "keys and choices of reprice --json": _DECISION,
    "keys and choices of cases.jsonl": set(
        METHOD_2["cases.jsonl"]
    ),  # a digest of the input, for equal questions
    "file names": {"negative_control.json"},  # what the negative control of the metrics gave
}
"""What has come since, by list. An item stands here with the reason why it is public."""

EVIDENCE = json.loads(Path(__file__).with_name("evidence.json").read_text("utf-8"))
"""What is recorded besides the method: the model that answered, trainings of an arm, prompts that were optimised."""

for _name, _items in EVIDENCE.items():
    ADDED[_name] = ADDED.get(_name, set()) | set(_items)

ENDS: dict[str, set[str]] = {
    "keys and choices of samples.jsonl": {"reasoning_text"},  # think blocks, set aside from what is scored
    "file names": {"chat_template.json", "tokenizer_config.json"},  # of model folders: read, not written
}
"""What is recorded of where an answer begins and ends."""

for _name, _items in ENDS.items():
    ADDED[_name] = ADDED.get(_name, set()) | _items

OWN_MODELS: dict[str, set[str]] = {
    "keys and choices of report.json": {
        "manifest.models",
        "manifest.models.*.name",
        "manifest.models.*.origin",
        "manifest.adapter_doubts",
    },
    "red flags": {"adapter_made_for_others"},
    "suite keys and choices": {"models.*.memory_gb"},
    "keys and choices of estimate --json": {
        "tuning[].threads",
        "tuning[].peak_memory_bytes",
        "embedding[].seconds",
        "tuning_memory_bytes",
    },
}
"""Which models of one's own ran, by name, file and quantisation, whether an adapter was made for its model, and the
memory in which one is tuned; the time that an embedder on this machine takes."""

for _name, _items in OWN_MODELS.items():
    ADDED[_name] = ADDED.get(_name, set()) | _items

TRUST = {f"evalkit {command} --allow-plugins" for command in ("run", "estimate", "tune", "score")} | {
    f"evalkit {command} --allow-outside"
    for command in ("run", "validate", "estimate", "tune", "score", "report")
}
"""By which the person who types lets a suite load code of its own, or read files outside its folder."""

ADDED["commands and options"] = ADDED.get("commands and options", set()) | TRUST
SEALS = {"files", "files.*.digest", "files.*.marks", "files.*.rows", "seal"}
"""What a manifest says of the files of a run that has ended, so that damage is told."""

ADDED["keys and choices of report.json"] |= {f"manifest.{key}" for key in SEALS}

TIMED_ALONE: dict[str, set[str]] = {
    "suite keys and choices": {"run.latency.max_s"},
    "keys and choices of report.json": {
        "comparison.arms[].latency.limit_s",
        "decision.arms.*.latency.limit_s",
    },
    "keys and choices of reprice --json": {"decision.arms.*.latency.limit_s"},
}
"""For how long arms are timed one request at a time, and which of them that limit stopped."""

for _name, _items in TIMED_ALONE.items():
    ADDED[_name] = ADDED.get(_name, set()) | _items

GATE: dict[str, set[str]] = {
    "suite keys and choices": {
        "gate.max_error_rate",
        "gate.rules",
        "gate.rules[].metric",
        "gate.rules[].tag",
        "gate.rules[].max_drop",
        "gate.rules[].min",
        "gate.arms",
        "gate.must_pass",
        "gate.must_pass_score",
        "gate.quarantine",
        "gate.confirm",
        "gate.on_inconclusive",
        "gate.on_inconclusive = warn",
        "gate.on_inconclusive = fail",
        "gate.alpha",
        "gate.max_age_days",
    },
    "public names": {"GateResult", "NotComparableError", "gate", "update_baseline"},
    "exit codes": {"NotComparableError 102"},
    "file names": {
        "baseline.json",
        "gate.json",
        "gate.md",
        "confirmations.jsonl",
    },  # and junit.xml, as planned
    "commands and options": {
        "evalkit gate",
        "evalkit gate SUITE|RUN",
        *(
            f"evalkit gate {option}"
            for option in (
                "--baseline",
                "--update-baseline",
                "--outputs",
                "--plan",
                "-o",
                "--output",
                "--resume",
                "--no-cache",
                "--cost-limit",
                "--allow-plugins",
                "--allow-outside",
                "--env-file",
                "--json",
            )
        ),
    },
    "keys and choices of cases.jsonl": {"content"},
    "keys and choices of report.json": {"manifest.digests.files"},
}
"""The check in CI: a run against a baseline."""

for _name, _items in GATE.items():
    ADDED[_name] = ADDED.get(_name, set()) | _items

SHARDS: dict[str, set[str]] = {
    "public names": {"merge"},
    "commands and options": {"evalkit run --shard", "evalkit merge"}
    | {
        f"evalkit merge {word}"
        for word in ("SHARD_RUN...", "--suite", "-o", "--output", "--json", "--env-file")
    }
    | {f"evalkit merge {word}" for word in ("--allow-plugins", "--allow-outside")},
    "keys and choices of report.json": {
        "manifest.shard",
        "manifest.shard.index",
        "manifest.shard.count",
        "manifest.merged_from",
    },
}
"""A run that several jobs answer, and the one run that is made of their parts."""

for _name, _items in SHARDS.items():
    ADDED[_name] = ADDED.get(_name, set()) | _items

GONE: dict[str, set[str]] = {
    "file names": {"generation_config.json"},  # written by the pre-training, which is under tests/ now
    # of method 1: fine_tune needs no paired claim and says worth_most; depends is completed before it is recorded
    "verdict reasons": {"depends", "no_paired_claim", "superior"},
}
"""What has gone since: only what no user had."""


@pytest.fixture(scope="module")
def now() -> dict[str, list[str]]:
    return public_lists()


def test_the_lists_are_the_same(now):
    assert now.keys() == BEFORE.keys()


@pytest.mark.parametrize("name", BEFORE)
def test_nothing_public_changed(now, name):
    assert BEFORE[name], "an empty list would prove nothing"
    assert set(now[name]) - set(BEFORE[name]) == ADDED.get(name, set())
    assert set(BEFORE[name]) - set(now[name]) == GONE.get(name, set())
