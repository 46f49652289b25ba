"""The `gate:` section: today's keys load with today's meaning, and every other key has a default."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from evalkit.records.baseline import Baseline
from evalkit.records.gate import GateResult
from evalkit.records.record import from_json, to_json
from evalkit.suite.gate import GateConfig, GateRule


def test_the_three_first_keys_alone_make_a_gate():
    gate = GateConfig.model_validate(
        {"max_quality_drop": 0.04, "max_cost_increase": 0.1, "max_p95_latency_s": 2.0}
    )
    assert (gate.max_quality_drop, gate.max_cost_increase, gate.max_p95_latency_s) == (0.04, 0.1, 2.0)
    assert (gate.confirm, gate.on_inconclusive, gate.alpha, gate.max_age_days) == (0, "warn", 0.05, 90)
    assert GateConfig().max_quality_drop == 0.05
    assert GateConfig().max_cost_increase is None


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"confirm": 2}, "odd number of asks"),
        ({"confirm": 1}, "odd number of asks"),
        ({"must_pass": ["a", "a"]}, "named twice"),
        ({"must_pass": ["a"], "quarantine": ["a"]}, "keep one of them"),
        ({"rules": [{"metric": "m"}]}, "either `max_drop`"),
        ({"rules": [{"max_drop": 0.1, "min": 0.2}]}, "either `max_drop`"),
        ({"max_quality_drop": 5}, "less than or equal to 1"),
        ({"max_error_rate": float("nan")}, "number"),
        ({"on_inconclusive": "pass"}, "warn"),
        ({"max_drop": 0.1}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(section, words):
    with pytest.raises(ValidationError, match=words):
        GateConfig.model_validate(section)


def test_a_rule_is_a_drop_or_a_floor():
    assert GateRule(tag="billing", max_drop=0.1).metric is None
    assert GateRule(metric="token_f1", min=0.8).max_drop is None


def test_records_come_back_from_json_as_they_were(
    failed_gate, inconclusive_gate, passed_gate, small_baseline
):
    for gate in (failed_gate, inconclusive_gate, passed_gate):
        assert from_json(to_json(gate), GateResult) == gate
    assert from_json(to_json(small_baseline), Baseline) == small_baseline


def test_the_keys_that_the_readme_shows_load():
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    shown = text.partition("Every key of the section has a default:\n\n```yaml\n")[2].partition("```")[0]
    gate = GateConfig.model_validate(yaml.safe_load(shown)["gate"])
    assert {"rules", "arms", "must_pass", "quarantine", "confirm", "on_inconclusive"} <= gate.model_fields_set
