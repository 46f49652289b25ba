"""What each arm achieved: quality with intervals, latency, tokens, cost."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.decision.verdict.explain import recommendation_tag
from evalkit.records.arm import Role
from evalkit.records.comparison import ArmSummary, LatencySummary, TokenSummary
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import (
    NOT_APPLICABLE,
    UNKNOWN,
    count,
    money,
    per_thousand,
    percent,
    points,
    seconds,
    shared_decimals,
)

LATENCY_LIMITS = "Within latency limits"
_LATENCY_SOURCES = {
    "isolated": "one request at a time",
    "service": "service time of the successful attempt",
    "batched": "batch wall time, not what a user waits",
}


def metrics(records: RunRecords) -> list[str]:
    """Metric names, the primary one first."""
    names = dict.fromkeys(name for arm in records.comparison.arms for name in arm.quality)
    primary = records.comparison.primary_metric
    return [primary, *(name for name in names if name != primary)]


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
        columns += [right("1,000 requests", "Cost per"), right("1,000 right answers", "Cost per")]
        rows = [[*cells, *costs] for cells, costs in zip(rows, _costs(records, arms), strict=True)]
        verdicts = [records.decision.arms.get(arm.name) for arm in arms]
        in_time = [None if verdict is None else verdict.goodput for verdict in verdicts]
        if any(share is not None for share in in_time):
            columns.append(right(LATENCY_LIMITS))
            rows = [[*cells, percent(share)] for cells, share in zip(rows, in_time, strict=True)]
    level = percent(1 - records.comparison.alpha, 0)
    notes = (*_notes(arms, imported=records.imported), *_cost_intervals(records, arms))
    return Table(
        name="arms" if role == "candidate" else "curve-arms",
        caption="Quality, speed and cost of each arm"
        if role == "candidate"
        else "Arms outside the decision: ceilings and curve points",
        columns=tuple(columns),
        rows=tuple(
            Row(
                tuple(cells),
                arm=arm.name,
                tag=_tag(records, arm.name),
                marked=arm.name == records.decision.recommended_arm,
            )
            for cells, arm in zip(rows, arms, strict=True)
        ),
        note=f"{words.title(words.metric_name(primary))} with its {level} interval. Tokens are means per answer; "
        f"tokens in include those read from a prompt cache. {' '.join(notes)}".strip(),
    )


def _arm_cells(arm: ArmSummary, primary: str, others: list[str], *, timed: bool) -> list[str]:
    return [
        arm.name,
        words.KINDS[arm.kind],
        count(arm.n),
        percent(arm.coverage),
        words.estimate_of(arm.quality.get(primary)),
        *(
            percent(estimate.mean) if (estimate := arm.quality.get(name)) else NOT_APPLICABLE
            for name in others
        ),
        *(_latency(arm.latency) if timed else ()),
        *_tokens(arm.tokens),
    ]


def _latency(latency: LatencySummary | None) -> tuple[str, str]:
    return (UNKNOWN, UNKNOWN) if latency is None else (seconds(latency.p50), seconds(latency.p95))


def _tokens(tokens: TokenSummary | None) -> tuple[str, str]:
    if tokens is None:
        return UNKNOWN, UNKNOWN
    return count(tokens.input + tokens.cache_read + tokens.cache_write), count(tokens.output)


def _costs(records: RunRecords, arms: list[ArmSummary]) -> list[tuple[str, str]]:
    """Cost per thousand requests and per thousand correct answers, in the scenario that the verdict uses."""
    currency = records.decision.currency
    verdicts = [records.decision.arms.get(arm.name) for arm in arms]
    requests = [per_thousand(verdict.cost_per_request) if verdict else None for verdict in verdicts]
    correct = [per_thousand(verdict.cost_per_correct) if verdict else None for verdict in verdicts]
    places = shared_decimals(correct), shared_decimals(requests)
    means = [arm.quality.get(records.comparison.primary_metric) for arm in arms]
    none_right = [mean is not None and mean.mean == 0 for mean in means]
    return [
        (money(request, currency, places[1]), "none right" if none else money(right_one, currency, places[0]))
        for request, right_one, none in zip(requests, correct, none_right, strict=True)
    ]


def _cost_intervals(records: RunRecords, arms: list[ArmSummary]) -> Iterator[str]:
    """The intervals of cost per correct answer: too wide for the table, so they stand below it."""
    currency = records.decision.currency
    spans = []
    for arm in arms:
        verdict = records.decision.arms.get(arm.name)
        if verdict is None or verdict.cost_per_correct_low is None:
            continue
        low, high = per_thousand(verdict.cost_per_correct_low), per_thousand(verdict.cost_per_correct_high)
        places = shared_decimals([low, high])
        top = "no bound" if high is None else money(high, currency, places)
        spans.append(f"{arm.name} {money(low, currency, places)} to {top}")
    if spans:
        yield f"Cost per 1,000 right answers, with its interval: {'; '.join(spans)}."


def _tag(records: RunRecords, arm: str) -> str:
    verdict = records.decision.arms.get(arm)
    broken = () if verdict is None else verdict.broken_limits
    outside = f"outside the limits: {' and '.join(broken)}" if broken else "outside the limits"
    tags = [
        recommendation_tag(records.decision) if arm == records.decision.recommended_arm else "",
        "reference" if arm == records.comparison.reference_arm else "",
        outside if verdict and not verdict.within_limits else "",
    ]
    return ", ".join(tag for tag in tags if tag)


def _notes(arms: list[ArmSummary], *, imported: bool) -> Iterator[str]:
    """Where latencies come from, what was missing, what was not answered anew."""
    sources = dict.fromkeys(arm.latency.source for arm in arms if arm.latency)
    if sources and imported:
        yield "Latency: as the table states it."
    elif sources:
        yield f"Latency: {'; '.join(_LATENCY_SOURCES.get(source, source) for source in sources)}."
        yield from _timed_alone(arms)
    worst = [f"{arm.name} {percent(arm.worst_case)}" for arm in arms if arm.worst_case is not None]
    if worst:
        yield f"With every missing answer counted as wrong: {', '.join(worst)}."
    yield from _trainings(arms)
    answered_by = [f"{arm.name} {_models(arm)}" for arm in arms if arm.answering_models]
    if answered_by:
        yield f"Answered by, as the provider said it: {'; '.join(answered_by)}."
    replayed = [f"{arm.name} {count(arm.replayed)}" for arm in arms if arm.replayed]
    if replayed:
        yield f"Answers replayed from the cache, with the cost and time of their first call: {', '.join(replayed)}."


def _timed_alone(arms: list[ArmSummary]) -> Iterator[str]:
    """On how many cases arms were timed one request at a time, and which of them their time limit stopped."""
    alone = [(arm.name, arm.latency) for arm in arms if arm.latency and arm.latency.source == "isolated"]
    if not alone:
        return
    if len({latency.n for _, latency in alone}) == 1:
        yield f"Cases timed alone: {count(alone[0][1].n)} of each arm."
    else:
        yield f"Cases timed alone: {', '.join(f'{name} {count(latency.n)}' for name, latency in alone)}."
    stopped = [
        f"{name} ({seconds(latency.limit_s)})" for name, latency in alone if latency.limit_s is not None
    ]
    if stopped:
        yield f"No more were timed once the answers had taken run.latency.max_s: {', '.join(stopped)}."


def _trainings(arms: list[ArmSummary]) -> Iterator[str]:
    """How many trainings each tuned arm is the mean of, and how far apart they came out."""
    for arm in arms:
        if len(arm.seed_means) > 1:
            means = list(arm.seed_means.values())
            listed = ", ".join(f"{percent(mean)} (seed {seed})" for seed, mean in arm.seed_means.items())
            spread = points(max(means) - min(means)).removeprefix("+")
            yield f"{arm.name} is the mean of {count(len(means))} trainings: {listed}, {spread} points apart."
        elif arm.role == "candidate" and not arm.seeds_known:
            yield f"How many trainings of {arm.name} there were is not known."


def _models(arm: ArmSummary) -> str:
    """The models that answered an arm, with counts where there are several."""
    models = arm.answering_models
    named = sum(models.values())
    if len(models) == 1 and named == arm.ok:
        return next(iter(models))
    listed = [f"{model} ({count(answers)})" for model, answers in models.items()]
    return ", ".join([*listed, f"not said ({count(arm.ok - named)})"] if named < arm.ok else listed)
