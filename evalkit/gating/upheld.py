"""What is left of a failure once the changed cases were asked again: it stands, or nothing can be said.

Confirmation asks only the cases whose score differs from the baseline's, and only the candidate. That is cheap, and it
is not fair. Take a case that an arm gets right with chance p in any run, baseline and candidate alike. It comes out
worse as often as better, p(1 - p) each. Two further asks turn a worse one round with chance p^2 and a better one with
chance (1 - p)^2, so that the mean difference after a majority of three is p(1 - p)(2p - 1) where it should be 0. Cases
that are more often right than wrong now lean towards the candidate, as the baseline's bad luck is never asked again;
cases that are more often wrong lean against it. With p = .8 the lean is .096 a case, which hides a drop of that size.

Two things follow. A rule that had not failed never fails by confirmation, whatever the majority says: confirmation
only acquits, so that fewer gates fail by chance with it than without. And a failure that is not upheld is inconclusive,
not passed, since the lean can hide a drop that is there; ``tests/benchmarks/simulate_gate.py`` shows how often.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from evalkit.records.gate import RuleResult

NOT_UPHELD = (
    "It failed on the run's own answers and does not on the majority of asks. Only changed cases were asked again, "
    "which favours the run where cases are more often right than wrong, so this is no pass."
)


def upheld_rules(before: Sequence[RuleResult], after: Sequence[RuleResult]) -> tuple[RuleResult, ...]:
    """The rules of a gate after confirmation.

    Args:
        before: As the run's own answers were judged.
        after: The same rules in any order, as the majority of all asks was judged.

    Returns:
        In the order of ``before``. A quality rule or floor that failed and fails again has the figures of the majority;
        one that failed and does not is inconclusive and has them too; every other is as it was.

    Raises:
        KeyError: A rule of ``before`` is not in ``after``.
    """
    again = {rule.name: rule for rule in after}
    return tuple(_upheld(rule, again[rule.name]) for rule in before)


def _upheld(before: RuleResult, after: RuleResult) -> RuleResult:
    if before.verdict != "fail" or before.kind not in ("quality", "floor"):
        return before
    if after.verdict == "fail":
        return after
    note = f"{after.note} {NOT_UPHELD}".strip()
    return replace(after, verdict="inconclusive", note=note)
