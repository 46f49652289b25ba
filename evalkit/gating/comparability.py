"""May a run be compared with a baseline: the same questions, scored in the same way, by the same arms?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evalkit.errors import NotComparableError
from evalkit.records.baseline import Baseline, BaselineMetric
from evalkit.suite.gate import GateConfig

ENOUGH_CASES = 0.9
"""Share of the baseline's cases that must still be there; with fewer, those that are left need not be like the rest."""
_SHOWN = 5

Difference = tuple[str, str]
"""A key, and in words how it differs."""


@dataclass(frozen=True, slots=True)
class RunSide:
    """What comparability looks at, of a finished run or of one that is about to begin.

    Attributes:
        contents: By case id, the digest of what the case asks and accepts; None where it is not known.
        text_rule: By which texts are compared; None where no text is.
        reads_texts: Names of the metrics whose scores that rule decides.
        set_aside: Ids of cases that stand in its training rows; not among ``contents``.
    """

    suite: str
    primary_metric: str
    metrics: Mapping[str, BaselineMetric]
    contents: Mapping[str, str | None]
    arms: Collection[str]
    text_rule: int | None = None
    reads_texts: Collection[str] = field(default_factory=frozenset)
    set_aside: Collection[str] = field(default_factory=frozenset)


def side_of(run: Baseline, arms: Collection[str], *, reads_texts: Collection[str] = frozenset()) -> RunSide:
    """A finished run, read as a baseline.

    Args:
        run: It.
        arms: Names of all its arms.
        reads_texts: Names of the metrics whose scores the text rule decides.
    """
    return RunSide(
        suite=run.suite,
        primary_metric=run.primary_metric,
        metrics={metric.name: metric for metric in run.metrics},
        contents={case.id: case.content for case in run.cases},
        arms=arms,
        text_rule=run.text_rule,
        reads_texts=reads_texts,
        set_aside=frozenset(run.set_aside),
    )


def ruled_metrics(gate: GateConfig, primary: str) -> tuple[str, ...]:
    """Names of the metrics that the rules of a gate are about, the primary one first."""
    named = (rule.metric for rule in gate.rules if rule.metric is not None)
    return tuple(dict.fromkeys([primary, *named]))


def check_comparable(
    baseline: Baseline, side: RunSide, gate: GateConfig, *, file: str, run: str
) -> tuple[str, ...]:
    """Ids of the cases to compare, sorted: those of both that take part in both.

    Args:
        baseline: What the run is held against.
        side: The run.
        gate: Its rules.
        file: The baseline's file, for the message.
        run: The run in words, for the message.

    Raises:
        NotComparableError: Something that scores rest on is another; names every key.
    """
    found = list(_differences(baseline, side, gate))
    common = tuple(case.id for case in baseline.cases if case.id in side.contents)
    if not found and (few := _too_few(baseline, side, common)) is not None:
        found.append(few)
    if not found:
        return common
    listed = "\n".join(f"  {key}: {words}" for key, words in found)
    raise NotComparableError(
        f"{run} cannot be compared with {file} (made from run {baseline.run_id} of {baseline.created}), so nothing was "
        f"judged:\n{listed}\nIf this is meant, make the baseline anew from a run that you trust: "
        "`evalkit gate SUITE --baseline FILE --update-baseline`",
        [key for key, _ in found],
    )


def _differences(baseline: Baseline, side: RunSide, gate: GateConfig) -> Iterator[Difference]:
    if baseline.suite != side.suite:
        yield "suite", f"the baseline is of suite {baseline.suite!r}, the run of {side.suite!r}"
        return  # all else differs too
    if baseline.primary_metric != side.primary_metric:
        primaries = f"the baseline's is {baseline.primary_metric!r}, the run's {side.primary_metric!r}"
        yield "primary_metric", primaries
    known = {metric.name: metric for metric in baseline.metrics}
    for name in ruled_metrics(gate, side.primary_metric):
        if (words := _metric_words(known.get(name), side.metrics.get(name))) is not None:
            yield f"metrics.{name}", words
        elif name in side.reads_texts and _differ(baseline.text_rule, side.text_rule):
            before, now = baseline.text_rule, side.text_rule
            of_both = f"texts were compared by rule {before} for the baseline and by rule {now} for the run"
            yield f"text_rule (metrics.{name})", of_both
    if gate.arms and not {arm.name for arm in baseline.arms} & {*gate.arms}:
        yield "arms", f"the baseline has none of the guarded arms ({', '.join(gate.arms)})"
    for arm in baseline.arms:
        if arm.name not in side.arms and (not gate.arms or arm.name in gate.arms):
            yield f"arms.{arm.name}", "it is guarded, and the run does not have it"
    changed = [
        case.id
        for case in baseline.cases
        if case.content is not None and side.contents.get(case.id) not in (None, case.content)
    ]
    if changed:
        n = len(changed)
        cases = "case has" if n == 1 else "cases have"
        yield "cases", f"{n} {cases} the same id and another question or accepted answer: {_some(changed)}"


def _differ(before: int | None, now: int | None) -> bool:
    return None not in (before, now) and before != now


def _metric_words(before: BaselineMetric | None, now: BaselineMetric | None) -> str | None:
    if now is None:
        return "the run has no metric of this name"
    if before is None:
        return "the baseline has no scores of it"
    if before.definition != now.definition:
        return "its type or one of its options is another"
    if before.judge is not None and now.judge is not None and before.judge != now.judge:
        return f"the judge of the baseline is {before.judge}, that of the run {now.judge}"
    return None


def _too_few(baseline: Baseline, side: RunSide, common: Sequence[str]) -> Difference | None:
    if baseline.cases and len(common) >= ENOUGH_CASES * len(baseline.cases):
        return None
    aside = sum(case.id in side.set_aside for case in baseline.cases)
    because = f" ({aside} of them stand in the run's training rows)" if aside else ""
    missing = [case.id for case in baseline.cases if case.id not in side.contents]
    named = f", not {_some(missing)}" if missing else ""
    return (
        "cases",
        f"{len(common)} of the baseline's {len(baseline.cases)} cases are in the run{named}{because}; at least "
        f"{ENOUGH_CASES:.0%} are needed",
    )


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(repr(case_id) for case_id in ids[:_SHOWN]) + more
