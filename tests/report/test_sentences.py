"""Every number in a sentence that is printed is one that the run's records hold, for each of the ten verdicts."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import cache

import pytest

from evalkit.pipeline.loaded_run import Run
from evalkit.records.decision import Decision, LedgerColumn
from evalkit.records.record import to_json
from tests.builders.sentence_numbers import Figures, Shown, numbers
from tests.builders.ten_verdicts import VERDICTS, imported

CONSTANTS = {
    0.9: "the band of the draws that is shown is their central 90%",
    0.95: "intervals are at 1 - alpha",
    0.05: "alpha as it is by default",
    0.999: "a share of draws is never worded 100%, but >99.9%",
    0.001: "nor 0%, but <0.1%",
    0.1: "or <0.1 of a unit",
    0.5: "half: what an alternative must win in, and the weight of a large slice",
    2.0: "and twice its weight",
    50.0: "cases that a confident verdict needs",
    20.0: "clusters that it needs",
    100.0: "an input is tried up to 100 times its value; shares are out of 100",
    1.0: "the first or single one of something, and the least that money is worded as",
    4.0: "what the assumed spread between trainings counts for, in trainings",
    0.8: "the power that the smallest visible difference is stated at",
    0.02: "the spread between trainings that is assumed with several",
    0.03: "and with one",
    12.0: "months of a year",
    0.0: "nothing",
}
"""Numbers of the method, not of a run."""
METHOD = "## How to read this"
REFERENCES = "## Prices and inputs"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("ten")
    return cache(lambda verdict: imported(verdict, folder / verdict))


def prose(markdown: str) -> Iterator[str]:
    """Paragraphs, list items and captions of a Markdown report; not its tables, code and references."""
    body = markdown.partition(METHOD)[0]
    code = False
    for line in body.splitlines():
        code ^= line.startswith("```")
        if line and not code and not line.startswith(("|", "#", "```", "evalkit ")):
            yield line


def sentences(run: Run) -> list[str]:
    """All that is said of a decision."""
    decision = run.decision
    return [
        decision.explanation,
        *(finding.answer for finding in decision.checklist),
        *(flag.message for flag in decision.red_flags),
        *decision.notes,
        *prose((run.path / "report.md").read_text()),
    ]


def figures_of(run: Run) -> Figures:
    decision = run.decision
    records = [
        to_json(decision).decode(),
        to_json(run.manifest).decode(),
        *((run.path / name).read_text() for name in ("comparison.json", "profile.json")),
    ]
    declared = {
        float(number): "declared in the suite"
        for number in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.])", (run.path / "suite.yaml").read_text())
    }
    worked_out = {**dict(sums(decision)), **dict(worths(run)), **dict(needed_cases(run))}
    return Figures(records, CONSTANTS | declared | worked_out)


def worths(run: Run) -> Iterator[tuple[float, str]]:
    """What follows from the suite and the arms' figures: draws, and what a better answer is worth on a request."""
    decision, suite = run.decision, run.suite()
    yield float(suite.decision.draws), "draws, as the suite has them"
    economics = suite.economics
    assert economics is not None
    value = 0.0 if economics.value_per_correct is None else economics.value_per_correct.mode
    gain = value + economics.cost_per_wrong.mode
    arms = [arm for arm in decision.arms.values() if arm.cost_per_request is not None]
    for one, other in itertools.permutations(arms, 2):
        for metric in one.quality.keys() & other.quality.keys():
            means = one.quality[metric].mean, other.quality[metric].mean
            if None not in means:
                saved = float(other.cost_per_request - one.cost_per_request)
                yield gain * (means[0] - means[1]) + saved, "earned or lost by a request"
    for arm in arms:
        if arm.seed_means:
            yield max(arm.seed_means.values()) - min(arm.seed_means.values()), "between the trainings"


def needed_cases(run: Run) -> Iterator[tuple[float, str]]:
    """The smallest visible difference falls with the root of the cases: n (smallest / wanted)^2."""
    margin = run.suite().decision.margin
    for record in run.decision.differences:
        if record.smallest_detectable is not None and record.estimate is not None:
            wanted = max(abs(record.estimate), margin)
            yield float(math.ceil(record.n * (record.smallest_detectable / wanted) ** 2)), "cases needed"


def sums(decision: Decision) -> Iterator[tuple[float, str]]:
    """What a reader adds up from the ledger and the arms' figures."""
    columns = [column for column in decision.ledger.values() if column.per_request_total is not None]
    for one, other in itertools.permutations(columns, 2):
        yield float(one.per_request_total - other.per_request_total), "saved by a request"
        if None not in (once(one), once(other)):
            yield once(one) - once(other), "more fixed cost"
        if one.total is not None and other.total is not None:
            yield float(one.total - other.total), "more in all"
    for column in columns:
        lines = [
            line for line in (*column.one_off, *column.standing, *column.recurring) if line.amount is not None
        ]
        for several in (2, 3):
            for group in itertools.combinations(lines, several):
                yield float(sum(line.amount for line in group)), "lines of the ledger together"
    for arm in decision.arms.values():
        for quality in arm.quality.values():
            if quality.mean is not None and decision.target is not None:
                yield decision.target.target - quality.mean, "a gap to the target"


def once(column: LedgerColumn) -> float | None:
    """What is paid whatever the volume."""
    totals = (column.one_off_total, column.standing_total, column.recurring_total)
    return None if None in totals else float(sum(totals))


def names_of(run: Run) -> set[str]:
    decision = run.decision
    models = {arm.model for arm in run.manifest.arms} | {decision.run_id, decision.suite}
    return {*decision.arms, *models, *(name for arm in decision.arms.values() for name in arm.quality)}


def unheld(run: Run) -> list[tuple[Shown, str]]:
    held, names = figures_of(run), names_of(run)
    return [
        (shown, sentence)
        for sentence in sentences(run)
        for shown in numbers(sentence, names)
        if not held.holds(shown)
    ]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_number_in_a_sentence_is_in_the_records(runs, verdict):
    assert [f"{shown.text} in: {sentence}" for shown, sentence in unheld(runs(verdict))] == []


@pytest.mark.parametrize("verdict", ["fine_tune", "do_not_tune", "not_decidable"])
def test_a_wrong_number_would_be_seen(runs, verdict):
    """Each figure of the explanation, moved by a seventh and by a half: the records hold few of these by accident."""
    run = runs(verdict)
    held = figures_of(run)
    shown = list(numbers(run.decision.explanation, names_of(run)))
    assert len(shown) >= 4
    moved = [
        Shown(one.text, value, one.step, one.kind)
        for one in shown
        for value in (one.value * 8 / 7, one.value * 1.5)
        if abs(value - one.value) > one.step and (one.kind != "share" or abs(value) <= 1)
    ]
    assert sum(not held.holds(one) for one in moved) >= 0.6 * len(moved)


def test_numbers_are_read_with_their_units():
    read = list(
        numbers("+3.0 points (−1.2 to 5.1%) of 1,200 cases, $1,680 or 0.5 million; not gpt-4o or 2027-01-14")
    )
    assert [(one.kind, round(one.value, 6)) for one in read] == [
        ("share", 0.03),
        ("share", -0.012),
        ("share", 0.051),
        ("number", 1200.0),
        ("money", 1680.0),
        ("number", 500000.0),
    ]


def test_a_rounded_figure_is_held_and_another_is_not():
    held = Figures(['{"requests": 667812, "share": 0.7041, "money": "1680.4"}'], {})
    assert all(held.holds(one) for one in numbers("668,000 requests, 70.4%, 70%, $1,680"))
    assert not any(held.holds(one) for one in numbers("669,000 requests, 70.5%, 71%, $1,690"))
