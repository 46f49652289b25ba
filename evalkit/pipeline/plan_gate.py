"""What a suite's gate can see on its cases, said before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from evalkit.arms.expand import expand_arms
from evalkit.data.cases import read_cases
from evalkit.data.question_text import QuestionText
from evalkit.errors import SuiteError
from evalkit.gating.plan import (
    PlannedRule,
    answers_to_bound_p95,
    gate_plan,
    noise_of_repeats,
    requests_to_pass,
)
from evalkit.metrics.build import build_aggregates
from evalkit.records.baseline import Baseline
from evalkit.records.gate_plan import GatePlan
from evalkit.stats.arrays import IntArray
from evalkit.stats.connected_clusters import connected_clusters
from evalkit.suite.gate import GateConfig, GateRule
from evalkit.suite.gate_names import gate_case_problems
from evalkit.suite.schema import Suite

_BINARY = frozenset(("exact_match", "accuracy", "contains", "regex", "json_schema"))
"""Types of metrics that give one answer 0 or 1."""


def plan_gate(suite: Suite, baseline: Baseline | None = None) -> GatePlan:
    """What every rule on quality can see on the suite's cases, and what its other rules need.

    Args:
        suite: Its cases and its gate; without a ``gate`` section the default rules are planned.
        baseline: Tells how much two runs differ by chance where it answered each case several times.

    Raises:
        DataError: The cases cannot be read.
        SuiteError: The gate names a case or a tag that there is not.
    """
    gate = suite.gate or GateConfig()
    with read_cases(suite) as cases:
        texts = QuestionText.of(suite)
        rows = [(case.cluster, texts.input_digest(case), frozenset(case.tags)) for case in cases]
        ids = cases.ids
    tags = frozenset().union(*(row[2] for row in rows))
    if problems := list(gate_case_problems(suite, frozenset(ids), sorted(tags))):
        raise SuiteError(*problems)
    clusters = connected_clusters([row[1] for row in rows], [row[0] for row in rows]).codes
    takes_part = np.array([case_id not in gate.quarantine for case_id in ids], dtype=bool)
    pooled = build_aggregates(suite)
    rules = [GateRule(max_drop=gate.max_quality_drop), *gate.rules]
    arms = gate.arms or [arm.name for arm in expand_arms(suite) if arm.role == "candidate"]
    planned = []
    for rule in rules:
        metric = rule.metric or suite.primary_metric
        if rule.max_drop is not None and metric not in pooled:
            tagged = np.array([rule.tag is None or rule.tag in row[2] for row in rows], dtype=bool)
            noise = None if baseline is None else _measured_noise(baseline, metric, arms, suite.run.repeats)
            planned.append(_planned(suite, metric, rule, clusters[takes_part & tagged], noise))
    plan = gate_plan(planned, alpha=gate.alpha, n_arms=len(arms))
    return replace(plan, words=(*plan.words, *_of_other_rules(suite, gate, sorted(pooled))))


def _planned(
    suite: Suite, metric: str, rule: GateRule, clusters: IntArray, noise: float | None
) -> PlannedRule:
    kind = next(each.type for each in suite.metrics if each.name == metric)
    binary = kind in _BINARY
    once = binary and suite.run.repeats == 1
    return PlannedRule(metric, rule.tag, rule.max_drop or 0.0, clusters, once, noise if binary else None)


def _measured_noise(baseline: Baseline, metric: str, arms: Sequence[str], repeats: int) -> float | None:
    """The noise of the least steady guarded arm, for a run of so many repeats against this baseline; None: unknown.

    An arm that is the mean of several trainings says nothing about repeats of one.
    """
    names = [each.name for each in baseline.metrics]
    if metric not in names:
        return None
    place = names.index(metric)
    found = []
    for column, arm in enumerate(baseline.arms):
        if arm.name not in arms or arm.trainings > 1:
            continue
        answers = [case.arms[column] for case in baseline.cases]
        scores = [answer.scores[place] for answer in answers if answer is not None]
        means = np.array([score for score in scores if isinstance(score, float)])
        noise = noise_of_repeats(means, baseline.repeats)
        if noise is not None:
            found.append(noise / 2.0 * (1.0 + baseline.repeats / repeats))
    return max(found, default=None)


def _of_other_rules(suite: Suite, gate: GateConfig, pooled: Sequence[str]) -> Iterator[str]:
    ruled = {rule.metric or suite.primary_metric for rule in gate.rules if rule.max_drop is not None}
    for metric in sorted({*ruled, suite.primary_metric}.intersection(pooled)):
        yield f"{metric} is computed over all cases at once: what it can see is not known before a run."
    if gate.max_p95_latency_s is not None:
        needed, alone = answers_to_bound_p95(alpha=gate.alpha), suite.run.latency.isolated
        yield (
            f"The limit on the 95th percentile of latency can be passed from {needed} independent timed answers on; "
            f"the suite times {alone} cases of each candidate alone (run.latency.isolated)."
        )
    if gate.max_error_rate is not None:
        requests = requests_to_pass(gate.max_error_rate, alpha=gate.alpha)
        if requests is None:
            yield "A limit of 0 on failed requests can fail and can never be passed."
        else:
            yield (
                f"The limit on failed requests is passed by {requests:,} requests of independent cases without "
                "a failure."
            )
