"""What a rule's sentence says besides its figures: notes on the interval, open ends, and that nothing can be seen."""

from msgspec.structs import replace

from evalkit.gating.upheld import NOT_UPHELD
from evalkit.records.gate import RuleResult
from evalkit.reporting.gate.gate_words import interval, rule_sentence
from tests.builders import gates

OPEN = RuleResult(
    name="quality/rag/exact_match",
    kind="quality",
    arm="rag",
    metric="exact_match",
    limit=0.05,
    verdict="inconclusive",
    n=5,
    n_clusters=5,
    estimate=-0.2,
    low=-0.7,
    high=0.3,
    p_value=1.0,
    p_adjusted=1.0,
)


def test_a_failure_that_was_not_upheld_says_why_it_is_no_pass():
    assert NOT_UPHELD in rule_sentence(replace(OPEN, note=NOT_UPHELD), gates.FAILED)


def test_five_cases_can_show_no_drop_at_all():
    said = rule_sentence(OPEN, gates.FAILED)
    assert "No true drop, however large, would have failed here with 80% power." in said
    assert "No true drop" not in rule_sentence(replace(OPEN, p_value=None), gates.FAILED)
    assert "is 7.8 points." in rule_sentence(replace(OPEN, smallest_drop=0.078), gates.FAILED)


def test_a_latency_that_nothing_bounds_from_above_has_a_lower_end():
    rule = RuleResult(
        name="latency/rag",
        kind="latency",
        arm="rag",
        limit=2.0,
        verdict="inconclusive",
        n=30,
        estimate=1.5,
        low=1.25,
    )
    assert interval(rule) == "1.25 s or more"
    assert "no interval" not in rule_sentence(rule, gates.FAILED)
    assert interval(replace(rule, low=None)) == "no interval"
