"""What the arms achieved: tables of arms, paired differences and failures."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.arm import Role
from evalkit.records.comparison import ArmSummary, Difference, Estimate, LatencySummary, TokenSummary
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_words import (
    UNKNOWN,
    count,
    money,
    p_value,
    per_thousand,
    percent,
    points,
    points_interval,
    seconds,
    shared_decimals,
)

_LATENCY_SOURCES = {
    "isolated": "one request at a time on an idle machine",
    "service": "service time of the successful attempt",
    "batched": "batch wall time, not what a user waits",
}
NOT_APPLICABLE = "–"


def metrics(records: RunRecords) -> list[str]:
    """Metric names, the primary one first."""
    found = dict.fromkeys(name for arm in records.comparison.arms for name in arm.quality)
    primary = records.comparison.primary_metric
    return [primary, *(name for name in found if name != primary)]


def arms_table(records: RunRecords, role: Role) -> Table:
    """One row an arm: quality with intervals, latency, tokens and, for candidates, cost."""
    arms = [arm for arm in records.comparison.arms if arm.role == role]
    primary, *others = metrics(records)
    timed = role == "candidate" or any(arm.latency for arm in arms)  # the isolated pass is for candidates
    columns = [
        left("Arm"),
        left("Kind"),
        right("n"),
        right("Coverage"),
        right(words.title(words.metric_name(primary))),
        *(right(words.title(words.metric_name(name))) for name in others),
        *([right("p50", "Latency"), right("p95", "Latency")] if timed else []),
        right("in", "Tokens"),
        right("out", "Tokens"),
    ]
    rows = [_arm_cells(arm, primary, others, timed=timed) for arm in arms]
    if role == "candidate":
        columns += [right("1,000 requests", "Cost per"), right("1,000 correct", "Cost per")]
        rows = [[*cells, *costs] for cells, costs in zip(rows, _costs(records, arms), strict=True)]
        seen = [records.decision.arms.get(arm.name) for arm in arms]
        in_time = [None if found is None else found.goodput for found in seen]
        if any(share is not None for share in in_time):
            columns.append(right("Within latency limits"))
            rows = [[*cells, percent(share)] for cells, share in zip(rows, in_time, strict=True)]
    level = percent(1 - records.comparison.alpha, 0)
    notes = (*_notes(arms), *_cost_intervals(records, arms))
    return Table(
        name="arms" if role == "candidate" else "curve-arms",
        caption="Quality, speed and cost of each arm"
        if role == "candidate"
        else "Arms outside the decision: ceilings and curve points",
        columns=tuple(columns),
        rows=tuple(
            Row(tuple(cells), arm=arm.name, tag=_tag(records, arm.name))
            for cells, arm in zip(rows, arms, strict=True)
        ),
        note=f"{words.title(words.metric_name(primary))} with its {level} interval. Tokens are means per answer; "
        f"tokens in include those read from a prompt cache. {' '.join(notes)}".strip(),
    )


def differences_table(records: RunRecords, *, claims: bool) -> Table:
    """Paired differences: those of the two families that carry claims, or all others."""
    found = [item for item in records.comparison.differences if carries_claim(records, item) == claims]
    with_worst = any(item.worst_case is not None for item in found)
    columns = [
        left("Treatment vs control"),
        *([] if claims else [left("Metric")]),
        right("Points"),
        right(f"{percent(1 - records.comparison.alpha, 0)} interval"),
        right("p"),
        *([right("p, Holm")] if claims else []),
        right("treatment", "Right only in"),
        right("control", "Right only in"),
        right("Cases"),
        right("Clusters"),
        right("Detectable"),
        *([right("Worst case")] if with_worst else []),
        left("Claim"),
    ]
    rows: list[Row] = []
    family = ""
    for item in sorted(found, key=lambda item: list(words.FAMILIES).index(item.family)):
        if item.family != family:
            family = item.family
            rows.append(Row((words.title(words.FAMILIES[family]),), "section"))
        cells = _difference_cells(item, claims=claims, with_worst=with_worst)
        rows.append(Row(tuple(cells), arm=item.treatment))
    methods = dict.fromkeys(item.method for item in found if item.method)
    notes = dict.fromkeys(f"{words.pair(item)}: {item.note}" for item in found if item.note)
    margin = f"The margin is {points(records.comparison.margin).removeprefix('+')} points. " if claims else ""
    adjusted = "" if claims else "p values here are not adjusted for looking at many. "
    return Table(
        name="claims" if claims else "other-differences",
        caption=f"Paired differences on {words.metric_name(records.comparison.primary_metric)}"
        if claims
        else "Other differences, which carry no claim",
        columns=tuple(columns),
        rows=tuple(rows),
        note=f"{margin}{adjusted}Detectable: the difference this run could have seen with 80% power. "
        + " ".join(f"{method}." for method in methods)
        + "".join(f" {note}." for note in notes),
    )


def carries_claim(records: RunRecords, difference: Difference) -> bool:
    """Whether a difference belongs to one of the two Holm families, both on the primary metric."""
    primary = difference.metric == records.comparison.primary_metric
    return primary and difference.family in ("reference", "tuned")


def failures_table(records: RunRecords) -> Table:
    """Wrong answers of each candidate by kind."""
    kinds = words.FAILURE_KINDS
    rows = [
        Row(
            (
                arm.name,
                count(arm.failures.n_wrong),
                *(count(getattr(arm.failures, kind)) for kind in kinds),
            ),
            arm=arm.name,
        )
        for arm in records.comparison.arms
        if arm.role == "candidate" and arm.failures is not None
    ]
    return Table(
        name="failures",
        caption="Wrong answers by kind",
        columns=(left("Arm"), right("Wrong"), *(right(words.title(kind)) for kind in kinds.values())),
        rows=tuple(rows),
        note="Wrong format, cut off, refused: what tuning fixes. Missing knowledge and passages not found: what "
        "retrieval fixes.",
    )


def retrieval_table(records: RunRecords) -> Table:
    """How often each retriever found the passage that answers the case."""
    rows = [
        Row(
            (
                arm.name,
                found.method,
                count(found.top_k),
                percent(found.recall_at_k),
                UNKNOWN if found.mrr is None else f"{found.mrr:.2f}",
                count(found.n),
            ),
            arm=arm.name,
        )
        for arm in records.comparison.arms
        if (found := arm.retrieval) is not None
    ]
    return Table(
        name="retrieval",
        caption="Retrieval, over cases with known gold passages",
        columns=(
            left("Arm"),
            left("Method"),
            right("Passages"),
            right("Recall"),
            right("Reciprocal rank"),
            right("Cases"),
        ),
        rows=tuple(rows),
    )


def slices_table(records: RunRecords) -> Table:
    """Each candidate tag by tag, and the difference of the two arms in question."""
    found = records.comparison.slices
    arms = list(dict.fromkeys(arm for each in found for arm in each.quality))
    pairs = dict.fromkeys(words.pair(each.difference) for each in found if each.difference is not None)
    rows = [
        Row(
            (
                each.tag,
                count(each.n),
                *(_estimate(each.quality.get(arm)) for arm in arms),
                *_slice_cells(each.difference),
            )
        )
        for each in found
    ]
    return Table(
        name="slices",
        caption="Quality by tag",
        columns=(
            left("Tag"),
            right("Cases"),
            *(right(arm) for arm in arms),
            right("Points"),
            right("Interval"),
            right("p, Holm"),
            left("Claim"),
        ),
        rows=tuple(rows),
        note=f"Points: {', '.join(pairs)}. p values are adjusted over the {count(len(rows))} tags; tags of fewer than "
        "10 cases, and tags of every case, are left out.",
    )


def extra_table(records: RunRecords) -> Table:
    """What tuning gave or took on other task sets."""
    rows = [
        Row(
            (
                each.name,
                each.kind,
                words.pair(item),
                _estimate(each.quality.get(item.control)),
                _estimate(each.quality.get(item.treatment)),
                points(item.estimate),
                points_interval(item.low, item.high),
                points(each.margin).removeprefix("+"),
                count(item.n),
                words.claim(item),
            ),
            arm=item.treatment,
        )
        for each in records.comparison.extra
        for item in each.differences
    ]
    return Table(
        name="extra",
        caption="Other task sets, answered by the reference arm and the tuned ones",
        columns=(
            left("Task set"),
            left("Kind"),
            left("Treatment vs control"),
            right("Control"),
            right("Treatment"),
            right("Points"),
            right("Interval"),
            right("Margin"),
            right("Cases"),
            left("Claim"),
        ),
        rows=tuple(rows),
        note="Transfer: a neighbouring task. Forgetting: what the model could do before. A drop within the margin would"
        " not matter.",
    )


def _slice_cells(item: Difference | None) -> tuple[str, str, str, str]:
    if item is None:
        return NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE
    return (
        points(item.estimate),
        points_interval(item.low, item.high),
        p_value(item.p_adjusted),
        words.claim(item),
    )


def _arm_cells(arm: ArmSummary, primary: str, others: list[str], *, timed: bool) -> list[str]:
    return [
        arm.name,
        words.KINDS[arm.kind],
        count(arm.n),
        percent(arm.coverage),
        _estimate(arm.quality.get(primary)),
        *(percent(found.mean) if (found := arm.quality.get(name)) else NOT_APPLICABLE for name in others),
        *(_latency(arm.latency) if timed else ()),
        *_tokens(arm.tokens),
    ]


def _estimate(found: Estimate | None) -> str:
    return UNKNOWN if found is None else words.estimate(found.mean, found.low, found.high)


def _latency(found: LatencySummary | None) -> tuple[str, str]:
    return (UNKNOWN, UNKNOWN) if found is None else (seconds(found.p50), seconds(found.p95))


def _tokens(found: TokenSummary | None) -> tuple[str, str]:
    if found is None:
        return UNKNOWN, UNKNOWN
    return count(found.input + found.cache_read + found.cache_write), count(found.output)


def _costs(records: RunRecords, arms: list[ArmSummary]) -> list[tuple[str, str]]:
    """Cost per thousand requests and per thousand correct answers, in the scenario that the verdict uses."""
    currency = records.decision.currency
    seen = [records.decision.arms.get(arm.name) for arm in arms]
    requests = [per_thousand(found.cost_per_request) if found else None for found in seen]
    correct = [per_thousand(found.cost_per_correct) if found else None for found in seen]
    places = shared_decimals(correct), shared_decimals(requests)
    return [
        (money(request, currency, places[1]), money(right_one, currency, places[0]))
        for request, right_one in zip(requests, correct, strict=True)
    ]


def _cost_intervals(records: RunRecords, arms: list[ArmSummary]) -> Iterator[str]:
    """The intervals of cost per correct answer: too wide for the table, so they stand below it."""
    currency = records.decision.currency
    spans = []
    for arm in arms:
        found = records.decision.arms.get(arm.name)
        if found is None or found.cost_per_correct_low is None:
            continue
        low, high = per_thousand(found.cost_per_correct_low), per_thousand(found.cost_per_correct_high)
        places = shared_decimals([low, high])
        top = "no bound" if high is None else money(high, currency, places)
        spans.append(f"{arm.name} {money(low, currency, places)} to {top}")
    if spans:
        yield f"Cost per 1,000 correct, with its interval: {'; '.join(spans)}."


def _tag(records: RunRecords, arm: str) -> str:
    seen = records.decision.arms.get(arm)
    tags = [
        "recommended" if arm == records.decision.recommended_arm else "",
        "reference" if arm == records.comparison.reference_arm else "",
        f"outside {', '.join(seen.broken_limits) or 'limits'}" if seen and not seen.within_limits else "",
    ]
    return ", ".join(tag for tag in tags if tag)


def _notes(arms: list[ArmSummary]) -> Iterator[str]:
    """Where latencies come from, what was missing, what was not answered anew."""
    sources = dict.fromkeys(arm.latency.source for arm in arms if arm.latency)
    if sources:
        yield f"Latency: {'; '.join(_LATENCY_SOURCES.get(source, source) for source in sources)}."
    worst = [f"{arm.name} {percent(arm.worst_case)}" for arm in arms if arm.worst_case is not None]
    if worst:
        yield f"With every missing answer counted as wrong: {', '.join(worst)}."
    replayed = [f"{arm.name} {count(arm.replayed)}" for arm in arms if arm.replayed]
    if replayed:
        yield f"Answers replayed from the cache, with the cost and time of their first call: {', '.join(replayed)}."


def _difference_cells(item: Difference, *, claims: bool, with_worst: bool) -> list[str]:
    only = (NOT_APPLICABLE, NOT_APPLICABLE) if item.discordant is None else map(count, item.discordant)
    return [
        words.pair(item),
        *([] if claims else [words.metric_name(item.metric)]),
        points(item.estimate),
        points_interval(item.low, item.high),
        p_value(item.p_value),
        *([p_value(item.p_adjusted)] if claims else []),
        *only,
        count(item.n),
        count(item.n_clusters),
        points(item.smallest_detectable).removeprefix("+"),
        *([points(item.worst_case)] if with_worst else []),
        words.claim(item),
    ]
