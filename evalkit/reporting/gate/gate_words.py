"""How verdicts, rules, limits and changed cases are worded, alike in every form."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.gate import ChangedCase, GateArm, GateResult, MustPassResult, RuleResult, case_count
from evalkit.reporting.words import clipped, metric_name, title
from evalkit.text.number_format import (
    NOT_APPLICABLE,
    UNKNOWN,
    count,
    declared_percent,
    money,
    p_value,
    percent,
    percent_interval,
    points,
    points_interval,
    seconds,
    significant,
)

VERDICTS = {"passed": "passed", "failed": "failed", "inconclusive": "inconclusive"}
RULE_VERDICTS = {
    "fail": "failed",
    "inconclusive": "inconclusive",
    "not_judged": "not judged",
    "pass": "passed",
    "unchanged": "unchanged",
}
STATUSES = {
    "changed": "",
    "confirmed": "asked again: upheld",
    "not_confirmed": "asked again: not upheld",
    "unstable": "unstable",
}
MOST_NAME = 120
"""Characters of a case's id, or of a name, that are shown."""


def level(result: GateResult) -> str:
    """The level of the intervals: ``95%``."""
    return declared_percent(1 - result.alpha)


def name(text: str) -> str:
    """A name that a stranger chose, at a length that a line can hold."""
    return clipped(text, MOST_NAME)


def headline(result: GateResult) -> str:
    """What the verdict rests on, without the verdict itself, and what follows where it is open."""
    begin, colon, rest = result.headline.partition(": ")
    text = _sentence(rest if colon and begin.casefold() == result.verdict else result.headline)
    if result.verdict == "inconclusive":
        fails = result.exit_code != 0
        text += f" That {'fails' if fails else 'does not fail'}: gate.on_inconclusive is {result.on_inconclusive}."
    return text


def arm_sentence(arm: GateArm, metric: str) -> str:
    """What of one arm is as in the baseline and what is not."""
    if not arm.in_baseline:
        return f"{name(arm.name)} is not in the baseline and was not judged against it."
    if arm.unchanged:
        return f"{name(arm.name)} is unchanged: its parts and all its answers are those of the baseline."
    parts = ", ".join(map(name, arm.changed_parts))
    before, now = percent(arm.baseline), percent(arm.candidate)
    changed = f"{parts} changed" if parts else "no part of it changed"
    return (
        f"{name(arm.name)}: {changed}; {count(arm.changed_answers)} of {count(arm.n)} answers differ; "
        f"{metric_name(metric)} {before} in the baseline, {now} now."
    )


def subject(rule: RuleResult) -> str:
    """What a rule looks at, without its arm: ``exact match, cases tagged billing``."""
    what = {
        "cost": "cost per request",
        "latency": "p95 latency",
        "error_rate": "failed requests",
    }.get(rule.kind) or name(metric_name(rule.metric or "quality"))
    floor = ", floor" if rule.kind == "floor" else ""
    tag = "" if rule.tag is None else f", cases tagged {name(rule.tag)}"
    return f"{what}{floor}{tag}"


def limit(rule: RuleResult) -> str:
    """What the rule allows: ``drop of at most 5.0 points``."""
    match rule.kind:
        case "quality":
            return f"drop of at most {points(rule.limit).removeprefix('+')} points"
        case "floor":
            return f"at least {declared_percent(rule.limit)}"
        case "cost":
            return f"increase of at most {declared_percent(rule.limit)}"
        case "latency":
            return f"at most {seconds(rule.limit)}"
        case "error_rate":
            return f"at most {declared_percent(rule.limit)}"


def bound(rule: RuleResult) -> str:
    """The same in a cell, in the unit of what was measured: ``at least −5.0 points``."""
    match rule.kind:
        case "quality":
            return f"at least {points(-rule.limit)} points"
        case "floor":
            return f"at least {declared_percent(rule.limit)}"
        case "cost":
            return f"at most +{declared_percent(rule.limit)}"
        case _:
            return limit(rule)


def before_and_now(rule: RuleResult) -> str:
    """The baseline's figure and the candidate's, each with its unit; a dash where there is neither."""
    figures = [_level(rule, value) for value in (rule.baseline, rule.candidate) if value is not None]
    return " → ".join(figures) or NOT_APPLICABLE


def _level(rule: RuleResult, value: float) -> str:
    if rule.kind == "cost":
        return money(value, rule.currency) if rule.currency else significant(value)
    return seconds(value) if rule.kind == "latency" else percent(value)


def measured(rule: RuleResult) -> str:
    """What the limit is held against, with its unit: a difference, or the candidate's own figure."""
    if rule.estimate is None:
        return UNKNOWN
    match rule.kind:
        case "quality":
            return f"{points(rule.estimate)} points"
        case "cost":
            return f"{points(rule.estimate)}%"
        case "latency":
            return seconds(rule.estimate)
        case _:
            return percent(rule.estimate)


def interval(rule: RuleResult) -> str:
    """Both ends of the interval of ``measured``; of latency perhaps the lower one alone."""
    if rule.low is None:
        return "no interval"
    if rule.high is None:
        return f"{seconds(rule.low) if rule.kind == 'latency' else percent(rule.low)} or more"
    match rule.kind:
        case "quality":
            return points_interval(rule.low, rule.high)
        case "cost":
            return f"{points_interval(rule.low, rule.high)}%"
        case "latency":
            return f"{seconds(rule.low)} to {seconds(rule.high)}"
        case _:
            return percent_interval(rule.low, rule.high)


def rule_sentence(rule: RuleResult, result: GateResult) -> str:
    """One rule as a sentence: arm, what was looked at, verdict, figure with interval, limit, and what stands behind."""
    begin = f"{name(rule.arm)}, {subject(rule)}: {RULE_VERDICTS[rule.verdict]}"
    if rule.verdict == "unchanged":
        if rule.kind == "quality":
            return (
                f"{begin}. The arm and all its answers are those of the baseline; nothing was to be tested."
            )
        return " ".join(
            (f"{begin}. It is as in the baseline, and in itself inconclusive.", *_figures(rule, result))
        )
    if rule.verdict == "not_judged":
        return f"{begin}. {_sentence(rule.reason) or 'No reason is known.'}"
    return " ".join((f"{begin}.", *_figures(rule, result)))


def _figures(rule: RuleResult, result: GateResult) -> Iterator[str]:
    end = "no interval" if rule.low is None else f"{level(result)} interval {interval(rule)}"
    yield f"{title(measured(rule))} ({end}); the limit is {_article(limit(rule))}."
    if rule.kind == "quality":
        adjusted = "" if rule.p_adjusted is None else f"; adjusted p {p_value(rule.p_adjusted)}"
        if rule.better is None or rule.worse is None:
            yield f"From {_plural(rule.n, 'case')} taken together{_clusters(rule)}{adjusted}."
        else:
            yield (
                f"{_plural(rule.better, 'case')} better, {count(rule.worse)} worse of {count(rule.n)}"
                f"{_clusters(rule)}{adjusted}."
            )
    elif rule.n:
        of = {"latency": "timed answer", "error_rate": "request"}.get(rule.kind, "case")
        yield f"From {_plural(rule.n, of)}{_clusters(rule)}."
    if rule.reason:
        yield _sentence(rule.reason)
    if rule.note:
        yield _sentence(rule.note)
    if rule.verdict == "inconclusive":
        yield from visible_drop(rule)


def visible_drop(rule: RuleResult) -> Iterator[str]:
    """What an inconclusive rule could have seen, and how many cases would settle it."""
    if rule.smallest_drop is not None:
        yield (
            "The smallest true drop that would have failed here with 80% power is "
            f"{points(rule.smallest_drop).removeprefix('+')} points."
        )
    elif rule.p_value is not None:
        yield "No true drop, however large, would have failed here with 80% power."
    if rule.cases_needed is not None:
        yield f"If nothing changed in truth, {count(rule.cases_needed)} cases are enough to pass with 80% power."


def must_pass_sentence(item: MustPassResult) -> str:
    """One case that has to be right, as a sentence."""
    begin = f"{name(item.case_id)} has to be right for {name(item.arm)}"
    if item.verdict == "not_judged":
        return f"{begin}: not judged. {_sentence(item.reason) or 'No reason is known.'}"
    verdict = "passed" if item.verdict == "pass" else "failed"
    score = (
        f"{metric_name(item.metric)} {percent(item.score)}, at least {declared_percent(item.wanted)} wanted"
    )
    return f"{begin}: {verdict} ({score})."


def scores(case: ChangedCase) -> str:
    """From the baseline's score to the candidate's: ``100% → 0%``."""
    return f"{percent(case.baseline)} → {percent(case.candidate)}"


def status(case: ChangedCase) -> str:
    """What is to be said of a changed case besides its scores; empty for most."""
    parts = (
        "must pass" if case.must_pass else "",
        "quarantined" if case.quarantined else "",
        STATUSES[case.status],
        f"asks: {', '.join(percent(ask, 0) for ask in case.asks)}" if len(case.asks) > 1 else "",
    )
    return ", ".join(part for part in parts if part)


def changed_count(result: GateResult) -> str:
    """How many cases changed, and which way: ``12 changed cases: 10 worse, 2 better``.

    Where one changed for several arms or metrics: ``30 changed scores of 15 cases: 30 worse, 0 better``.
    """
    worse = sum(case.worse for case in result.changed)
    many, cases = len(result.changed), case_count(result.changed)
    what = (
        _plural(many, "changed case")
        if many == cases
        else f"{count(many)} changed scores of {_plural(cases, 'case')}"
    )
    return f"{what}: {count(worse)} worse, {count(many - worse)} better"


def baseline_sentence(result: GateResult) -> str:
    """With what it was compared, and on how many cases."""
    base, cases = result.baseline, result.cases
    days = f"{_plural(base.age_days, 'day')} old"
    parts = [f"Compared with {clipped(base.file, 200)} (run {name(base.run_id)}, {days}"]
    parts.append(f"{', commit ' + base.git_commit[:12] if base.git_commit else ''})")
    parts.append(f" on {_plural(cases.common, 'case')} that both have")
    further = [
        f"{count(len(ids))} {word}"
        for ids, word in (
            (cases.added, "added"),
            (cases.removed, "removed"),
            (cases.set_aside, "set aside since they stand in training rows"),
            (cases.quarantined, "quarantined"),
        )
        if ids
    ]
    return "".join(parts) + (f"; {', '.join(further)}." if further else ".")


def confirmation_sentence(result: GateResult) -> str:
    """What asking again brought; empty where nothing was asked again."""
    asked = result.confirmation
    if asked is None:
        return ""
    spent = f", {asked.spent} {asked.currency or ''}".rstrip() if asked.spent is not None else ""
    were = "answer was" if asked.cases == 1 else "answers were"
    text = (
        f"{count(asked.cases)} {were} asked for again, up to {count(asked.asks)} asks each "
        f"({count(asked.answers)} further answers{spent}); the majority upholds the change in {count(asked.upheld)}. "
        f"Without it the gate would have said: {VERDICTS[asked.verdict_before]}."
    )
    kept = (
        f"{name(arm)} cannot be asked again: {clipped(why, 300).removesuffix('.')}."
        for arm, why in asked.not_asked.items()
    )
    return " ".join((text, *kept) if asked.cases else kept)


def false_alarm_sentence(result: GateResult) -> str:
    """How often such a gate fails though nothing became worse; empty where that is not known."""
    alarms = result.false_alarms
    if alarms is None:
        return ""
    text = (
        f"If nothing became worse, a gate like this one fails in at most {percent(alarms.per_gate)} of pull requests; "
        f"at least one of ten fails in at most {percent(alarms.per_ten)}, at least one of a hundred in at most "
        f"{percent(alarms.per_hundred)}, whatever they are held against."
    )
    return " ".join((text, *map(_sentence, alarms.words)))


def _plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def _clusters(rule: RuleResult) -> str:
    if rule.n_clusters is None or rule.n_clusters == rule.n:
        return ""
    return f" in {count(rule.n_clusters)} clusters"


def _article(text: str) -> str:
    return f"a {text}" if text.startswith("drop") else f"an {text}" if text.startswith("increase") else text


def _sentence(text: str) -> str:
    """The text with a capital and one full stop."""
    shown = title(clipped(text.strip(), 600))
    return shown if not shown or shown[-1] in ".!?…" else f"{shown}."
