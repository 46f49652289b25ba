"""Gates as records, for tests of what is made of them: one of each verdict, with every kind of rule and of case."""

from __future__ import annotations

from evalkit.records.baseline import (
    Baseline,
    BaselineAnswer,
    BaselineArm,
    BaselineCase,
    BaselineMetric,
)
from evalkit.records.gate import (
    BaselineFacts,
    CaseCounts,
    ChangedCase,
    Confirmation,
    FalseAlarms,
    GateArm,
    GateResult,
    MustPassResult,
    RuleResult,
)

BASELINE_FACTS = BaselineFacts(
    file="baseline.json",
    run_id="20261101-090000",
    created="2026-11-01",
    age_days=27,
    digest="0f" * 16,
    git_commit="1234567890abcdef1234567890abcdef12345678",
)

FAILED_RULE = RuleResult(
    name="quality/rag/exact_match",
    kind="quality",
    arm="rag",
    metric="exact_match",
    limit=0.05,
    verdict="fail",
    n=200,
    n_clusters=200,
    baseline=0.80,
    candidate=0.70,
    estimate=-0.10,
    low=-0.154,
    high=-0.047,
    p_value=0.0003,
    p_adjusted=0.0006,
    better=5,
    worse=25,
    smallest_drop=0.07,
    cases_needed=150,
    method="paired 0/1: exact McNemar, Tango's interval",
)
INCONCLUSIVE_RULE = RuleResult(
    name="quality/rag/exact_match/billing",
    kind="quality",
    arm="rag",
    metric="exact_match",
    tag="billing",
    limit=0.10,
    verdict="inconclusive",
    n=40,
    n_clusters=40,
    baseline=0.75,
    candidate=0.70,
    estimate=-0.05,
    low=-0.18,
    high=0.08,
    p_value=0.6875,
    p_adjusted=0.6875,
    better=2,
    worse=4,
    smallest_drop=0.21,
    cases_needed=110,
    method="paired 0/1: exact McNemar, Tango's interval",
)
UNCHANGED_RULE = RuleResult(
    name="quality/few_shot/exact_match",
    kind="quality",
    arm="few_shot",
    metric="exact_match",
    limit=0.05,
    verdict="unchanged",
    n=200,
    n_clusters=200,
    baseline=0.60,
    candidate=0.60,
    estimate=0.0,
)
COST_RULE = RuleResult(
    name="cost/rag",
    kind="cost",
    arm="rag",
    limit=0.10,
    verdict="pass",
    n=200,
    n_clusters=200,
    baseline=0.0004,
    candidate=0.00041,
    estimate=0.025,
    low=0.012,
    high=0.038,
    currency="USD",
    method="paired by case, bootstrap of the ratio",
)
LATENCY_RULE = RuleResult(
    name="latency/rag",
    kind="latency",
    arm="rag",
    limit=2.0,
    verdict="inconclusive",
    n=30,
    baseline=1.7,
    candidate=1.9,
    estimate=1.9,
    low=1.6,
    high=2.4,
    method="order statistics",
)
ERROR_RULE = RuleResult(
    name="error_rate/rag",
    kind="error_rate",
    arm="rag",
    limit=0.02,
    verdict="not_judged",
    reason="every answer came from the cache, so no request was made",
)
FLOOR_RULE = RuleResult(
    name="floor/rag/token_f1",
    kind="floor",
    arm="rag",
    metric="token_f1",
    limit=0.50,
    verdict="pass",
    n=200,
    n_clusters=200,
    candidate=0.81,
    estimate=0.81,
    low=0.77,
    high=0.85,
    method="t interval",
)

CHANGED = (
    ChangedCase(
        case_id="case-17",
        arm="rag",
        metric="exact_match",
        baseline=1.0,
        candidate=0.0,
        asks=(0.0, 0.0, 0.0),
        status="confirmed",
        must_pass=True,
        input="What does E17 mean?",
        reference="Cause: low battery. Fix: charge it.",
        answer="I do not know.",
    ),
    ChangedCase(
        case_id="工单-九",
        arm="rag",
        metric="exact_match",
        baseline=1.0,
        candidate=0.0,
        asks=(0.0, 1.0, 0.0),
        status="unstable",
        input="E09 是什么意思？",
        answer="原因：电池电量低。",
    ),
    ChangedCase(
        case_id="case-80",
        arm="rag",
        metric="exact_match",
        baseline=1.0,
        candidate=0.0,
        asks=(0.0,),
        quarantined=True,
    ),
    ChangedCase(
        case_id="case-41", arm="rag", metric="exact_match", baseline=0.0, candidate=1.0, asks=(1.0, 1.0, 1.0),
        status="confirmed",
    ),
)  # fmt: skip

MUST_PASS = (
    MustPassResult(
        case_id="case-17",
        arm="rag",
        metric="exact_match",
        verdict="fail",
        score=0.0,
        wanted=1.0,
        asks=(0.0, 0.0, 0.0),
        input="What does E17 mean?",
        reference="Cause: low battery. Fix: charge it.",
        answer="I do not know.",
    ),
    MustPassResult(
        case_id="case-18", arm="rag", metric="exact_match", verdict="pass", score=1.0, wanted=1.0, asks=(1.0,)
    ),
)

FAILED = GateResult(
    suite="support-desk",
    run_id="20261128-210000",
    run_path="reports/support-desk/20261128-210000",
    evalkit_version="0.1.0",
    verdict="failed",
    exit_code=100,
    headline="FAILED: 1 of 7 rules and 1 of 2 must-pass cases.",
    alpha=0.05,
    primary_metric="exact_match",
    baseline=BASELINE_FACTS,
    cases=CaseCounts(
        common=201,
        baseline=203,
        candidate=202,
        added=("case-300",),
        removed=("case-301", "case-302"),
        quarantined=("case-80",),
    ),
    arms=(
        GateArm(
            name="rag",
            changed_parts=("prompt",),
            changed_answers=48,
            n=201,
            baseline=0.80,
            candidate=0.70,
            models_before={"gpt-x-2026-05": 201},
            models_now={"gpt-x-2026-11": 201},
            rerouted=True,
        ),
        GateArm(name="few_shot", unchanged=True, n=201, baseline=0.60, candidate=0.60),
        GateArm(name="fine_tuned", in_baseline=False, candidate=0.9),
    ),
    rules=(
        FAILED_RULE,
        INCONCLUSIVE_RULE,
        LATENCY_RULE,
        ERROR_RULE,
        COST_RULE,
        FLOOR_RULE,
        UNCHANGED_RULE,
    ),
    must_pass=MUST_PASS,
    changed=CHANGED,
    confirmation=Confirmation(
        asks=3,
        cases=47,
        answers=94,
        spent="0.0188",
        currency="USD",
        upheld=39,
        not_asked={"old_desk": "its answers are recorded"},
        verdict_before="failed",
    ),
    false_alarms=FalseAlarms(per_gate=0.025, tests=2, per_ten=0.224, per_hundred=0.920),
    warnings=("rag was answered by gpt-x-2026-11, in the baseline by gpt-x-2026-05.",),
    notes=("1 case is new and takes no part.",),
)
"""Failed: with every kind of rule, verdict and case."""

INCONCLUSIVE = GateResult(
    suite="support-desk",
    run_id="20261128-210000",
    verdict="inconclusive",
    exit_code=0,
    headline="INCONCLUSIVE: 1 of 2 rules cannot be decided on these cases.",
    alpha=0.05,
    primary_metric="exact_match",
    baseline=BASELINE_FACTS,
    cases=CaseCounts(common=200, baseline=200, candidate=200),
    arms=(
        GateArm(
            name="rag", changed_parts=("prompt",), changed_answers=9, n=200, baseline=0.80, candidate=0.79
        ),
    ),
    rules=(INCONCLUSIVE_RULE, COST_RULE),
    changed=CHANGED[1:2],
)
"""Inconclusive, which does not fail: exit code 0."""

PASSED = GateResult(
    suite="support-desk",
    run_id="20261128-210000",
    verdict="passed",
    exit_code=0,
    headline="PASSED: nothing changed.",
    alpha=0.05,
    primary_metric="exact_match",
    baseline=BASELINE_FACTS,
    cases=CaseCounts(common=200, baseline=200, candidate=200),
    arms=(GateArm(name="few_shot", unchanged=True, n=200, baseline=0.60, candidate=0.60),),
    rules=(UNCHANGED_RULE,),
)
"""Passed without a test: nothing changed."""

BASELINE = Baseline(
    suite="support-desk",
    run_id="20261101-090000",
    created="2026-11-01",
    evalkit_version="0.1.0",
    primary_metric="exact_match",
    text_rule=2,
    metrics=(
        BaselineMetric(name="exact_match", type="exact_match", definition="aa" * 16),
        BaselineMetric(
            name="macro_f1",
            type="macro_f1",
            definition="bb" * 16,
            pooled=True,
            counts=("fn:a", "fp:a", "tp:a"),
        ),
    ),
    arms=(
        BaselineArm(
            name="rag",
            identity="cc" * 16,
            parts={"model": "01" * 4, "prompt": "02" * 4, "retrieval": "03" * 4},
            answering_models={"gpt-x-2026-05": 2},
            mean_cost=0.0004,
            cost_sd=0.00001,
            n_costed=2,
        ),
    ),
    cases=(
        BaselineCase(
            id="case-17",
            content="1a2b3c4d5e6f",
            arms=(BaselineAnswer("9f3c2a1b", (1.0, (2.0, 1.0)), 0.0004),),
        ),
        BaselineCase(
            id="工单-九",
            content="0a1b2c3d4e5f",
            arms=(BaselineAnswer("00aa11bb", (0.0, (0.0, 1.0)), 0.00042),),
        ),
    ),
)
"""Two cases, one arm, a metric of single answers and a pooled one."""
