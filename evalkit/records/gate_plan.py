"""What a gate can see on so many cases, before any run: the output of ``gate --plan``."""

from __future__ import annotations

from evalkit.records.record import Count, Record


class PlanRow(Record, frozen=True, kw_only=True):
    """One rule on quality under one noise.

    Attributes:
        discordance: Variance of a case's difference though nothing changed: for 0/1 scores the share of cases that
            exactly one of two runs gets right.
        assumed: Nobody measured it.
        chance_to_pass: Where nothing changed in truth.
        smallest_drop: The smallest true drop that fails with 80% power; None where so few cases can show none.
        cases_to_pass: Cases that pass with 80% power where nothing changed; None where no number does.
    """

    discordance: float
    assumed: bool
    chance_to_pass: float
    smallest_drop: float | None
    cases_to_pass: Count | None


class RulePlan(Record, frozen=True, kw_only=True):
    """One rule on quality before the first run.

    Attributes:
        tag: Only cases with this tag; None for all.
        max_drop: The largest drop that is allowed, a share.
        n: Cases it is judged on.
        n_clusters: Clusters they lie in.
        binary: Scores are 0 or 1.
        rows: By discordance.
    """

    metric: str
    tag: str | None
    max_drop: float
    n: Count
    n_clusters: Count
    binary: bool
    rows: tuple[PlanRow, ...]


class GatePlan(Record, frozen=True, kw_only=True):
    """What a gate can and cannot see.

    Attributes:
        alpha: Two-sided error rate of intervals and of all quality rules together.
        n_tests: Quality rules that are tested together, over all guarded arms.
        words: The same in sentences, with what is assumed.
    """

    alpha: float
    n_tests: Count
    rules: tuple[RulePlan, ...]
    words: tuple[str, ...] = ()
