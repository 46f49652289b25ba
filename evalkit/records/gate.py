"""What the gate says of a run that was compared with a baseline: ``gate.json``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from evalkit.records.record import Count, Record

GateVerdict = Literal["passed", "inconclusive", "failed"]
RuleVerdict = Literal["pass", "unchanged", "inconclusive", "fail", "not_judged"]
RuleKind = Literal["quality", "floor", "cost", "latency", "error_rate"]
ChangeStatus = Literal["changed", "confirmed", "not_confirmed", "unstable"]


class RuleResult(Record, frozen=True, kw_only=True):
    """One rule for one arm, and what the cases say of it.

    By kind, ``limit`` and ``estimate`` are:

    ===========  ==================================================  ==============================================
    kind         limit                                               estimate, low, high
    ===========  ==================================================  ==============================================
    quality      largest drop of the mean score, a share             candidate - baseline, paired by case
    floor        smallest mean score, a share                        the candidate's mean score
    cost         largest increase, a share of the baseline's cost    (candidate - baseline) / baseline
    latency      most seconds at the 95th percentile                 the candidate's 95th percentile, seconds
    error_rate   largest share of requests that failed on the way    that share
    ===========  ==================================================  ==============================================

    Attributes:
        name: Unique in a gate, made of kind, arm, metric and tag by ``/``: ``quality/rag/exact_match``,
            ``quality/rag/exact_match/billing``, ``cost/rag``, ``floor/rag/token_f1``. Names in it come from the suite.
        metric: None for cost, latency and error rate.
        tag: Only cases with this tag; None for all.
        verdict: ``unchanged`` counts as passed: the arm is the baseline's, so that quality is not tested and what would
            be inconclusive in itself is as it was. ``not_judged`` blocks nothing; ``reason`` says why.
        n: Cases (quality, floor, cost), timed answers (latency) or requests (error rate).
        n_clusters: Groups of dependent cases among them; None where that means nothing.
        baseline: The baseline's figure on the same cases, in the unit of ``candidate``; None where there is none.
        candidate: Mean score, mean cost of a request, seconds, or share.
        estimate: See above; None where nothing can be computed.
        low: Lower end of the two-sided interval at ``1 - alpha``, not adjusted for the number of rules.
        p_value: Two-sided, of a quality rule that was tested; else None.
        p_adjusted: By Holm over the quality rules of this gate that were tested.
        better: Cases whose score is higher than in the baseline; None for a metric over all cases at once.
        worse: Cases whose score is lower, likewise.
        smallest_drop: The smallest true drop that this rule would have failed with 80% power; None where not known.
        cases_needed: Cases that would pass the rule with 80% power if nothing changed in truth; None where not known.
        method: How interval and test were made, in words.
        reason: Why it was not judged, or why there is no interval; empty otherwise.
        note: What a reader must know before using the interval, in sentences; empty otherwise.
    """

    name: str
    kind: RuleKind
    arm: str
    metric: str | None = None
    tag: str | None = None
    limit: float
    verdict: RuleVerdict
    n: Count = 0
    n_clusters: Count | None = None
    baseline: float | None = None
    candidate: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    better: Count | None = 0
    worse: Count | None = 0
    smallest_drop: float | None = None
    cases_needed: Count | None = None
    currency: str | None = None
    method: str = ""
    reason: str = ""
    note: str = ""


class ChangedCase(Record, frozen=True, kw_only=True):
    """One case whose score on a metric of some quality rule differs between baseline and candidate.

    Attributes:
        baseline: Score in [0, 1].
        candidate: Score in [0, 1]: after confirmation the median of ``asks``, which is the majority of 0/1 scores.
        asks: Every score of the candidate, the run's own first; more than one after confirmation or with repeats.
        status: ``changed``: not asked again. After confirmation: ``confirmed``, ``not_confirmed`` (the majority is as
            in the baseline). ``unstable``: its asks differ among themselves and the majority does too.
        quarantined: Told, and out of every test.
        input: What the case asks, at most 300 characters; None where the cases could not be read. Strangers' text.
        reference: The first accepted answer, likewise.
        answer: What the candidate wrote first, likewise.
    """

    case_id: str
    arm: str
    metric: str
    baseline: float
    candidate: float
    asks: tuple[float, ...] = ()
    status: ChangeStatus = "changed"
    quarantined: bool = False
    must_pass: bool = False
    input: str | None = None
    reference: str | None = None
    answer: str | None = None

    @property
    def worse(self) -> bool:
        """Whether the score fell."""
        return self.candidate < self.baseline


def case_count(items: Iterable[ChangedCase | MustPassResult]) -> int:
    """Number of cases that the items are about: one may be there for several arms and metrics."""
    return len({item.case_id for item in items})


class MustPassResult(Record, frozen=True, kw_only=True):
    """One case that has to be right, for one arm, on the primary metric.

    Attributes:
        score: The mean over repeats and trainings, after confirmation the median of ``asks``; None where there is none,
            which is ``not_judged``.
        wanted: The lowest score that passes.
        reason: Why it was not judged; empty otherwise.
        input: What the case asks, at most 300 characters; None where the cases could not be read. Strangers' text.
        reference: The first accepted answer, likewise.
        answer: What the candidate wrote first, likewise.
    """

    case_id: str
    arm: str
    metric: str
    verdict: Literal["pass", "fail", "not_judged"]
    score: float | None
    wanted: float
    asks: tuple[float, ...] = ()
    reason: str = ""
    input: str | None = None
    reference: str | None = None
    answer: str | None = None


class GateArm(Record, frozen=True, kw_only=True):
    """One guarded arm beside its baseline, on the primary metric and the common cases.

    Attributes:
        unchanged: Its identity and all its answers equal the baseline's.
        changed_parts: What of it changed: ``model``, ``prompt``, ``retrieval``, ``weights``; empty where nothing did.
        changed_answers: Cases whose answer differs in any way, right or wrong, of those that ``n`` counts.
        n: Common cases that both have a score for, without those in quarantine.
        baseline: Mean score; None where no case has one.
        candidate: Likewise.
        models_before: Answers by answering model in the baseline.
        models_now: Likewise in the run.
        rerouted: Other models answered than in the baseline, though the suite names the same one.
        in_baseline: False for an arm without one: told, not judged against it.
    """

    name: str
    unchanged: bool = False
    changed_parts: tuple[str, ...] = ()
    changed_answers: Count = 0
    n: Count = 0
    baseline: float | None = None
    candidate: float | None = None
    models_before: dict[str, Count] = {}
    models_now: dict[str, Count] = {}
    rerouted: bool = False
    in_baseline: bool = True


class BaselineFacts(Record, frozen=True, kw_only=True):
    """Which baseline it was.

    Attributes:
        file: As the user named it.
        created: ISO date of the end of the run it was made from.
        age_days: From then to the end of the run in question.
        too_old: Older than ``gate.max_age_days``.
    """

    file: str
    run_id: str
    created: str
    age_days: int
    too_old: bool = False
    digest: str = ""
    git_commit: str | None = None


class CaseCounts(Record, frozen=True, kw_only=True):
    """Which cases were compared.

    Attributes:
        common: In both and not set aside; rules are judged on these, less the quarantined ones.
        baseline: Cases of the baseline.
        candidate: Cases of the run.
        added: Ids that only the run has.
        removed: Ids that only the baseline has.
        set_aside: Ids that stand in the training rows of the run or of the baseline, with their clusters.
        quarantined: Ids of ``gate.quarantine`` that are among the common ones.
        unchecked: Common cases whose content could not be compared, since one side does not know it.
    """

    common: Count
    baseline: Count
    candidate: Count
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    unchecked: Count = 0


class Confirmation(Record, frozen=True, kw_only=True):
    """What asking changed cases again brought.

    Attributes:
        asks: Asks a case has in all, the run's own included.
        cases: Pairs of a case and an arm that were asked again.
        answers: Further answers: asked now or, on a resumed gate, before.
        spent: Money of those asked now, as text; None where it is not known.
        upheld: Of ``cases``, those whose majority still differs from the baseline in the same direction.
        not_asked: Arms that cannot be asked again, and why.
        verdict_before: The gate's verdict without it.
    """

    asks: Count
    cases: Count
    answers: Count
    spent: str | None = None
    currency: str | None = None
    upheld: Count = 0
    not_asked: dict[str, str] = {}
    verdict_before: GateVerdict


class FalseAlarms(Record, frozen=True, kw_only=True):
    """How often the gate fails though nothing became worse.

    Attributes:
        per_gate: Largest chance that a quality rule of one gate fails, a share, where nothing changed in truth.
        tests: Quality rules that were tested in this gate.
        per_ten: Largest chance that at least one of ten gates fails, whatever baselines they are held against.
        per_hundred: Likewise of a hundred.
        per_ten_shared: Likewise of ten against one baseline, where chance alone tells the runs apart and both sides
            answered equally often: they share the baseline's luck, and half of the noise is its.
        per_hundred_shared: Likewise of a hundred.
        with_lucky_baseline: Then the share of gates that fail against a baseline luckier than 19 of 20.
        words: What these figures assume and leave out, in sentences.
    """

    per_gate: float
    tests: Count
    per_ten: float
    per_hundred: float
    per_ten_shared: float = 0.0
    per_hundred_shared: float = 0.0
    with_lucky_baseline: float = 0.0
    words: tuple[str, ...] = ()


class GateResult(Record, frozen=True, kw_only=True):
    """What the gate says.

    Attributes:
        verdict: ``failed`` if a rule or a must-pass case failed; else ``inconclusive`` if a rule is; else ``passed``.
        exit_code: 0, 100 (failed) or 101 (inconclusive with ``on_inconclusive: fail``).
        headline: One sentence: the verdict and what it rests on.
        alpha: Two-sided error rate of intervals and of the family of quality rules.
        rules: Failed ones first, then inconclusive, not judged, passed, unchanged.
        must_pass: Failed ones first.
        changed: Every changed case of the guarded arms: worse before better, larger changes first, then by id.
        warnings: What should be looked at before the verdict is trusted, loudest first; sentences.
        notes: What else is to be known; sentences.
    """

    format_version: int = 1
    suite: str
    run_id: str
    run_path: str = ""
    evalkit_version: str = ""
    verdict: GateVerdict
    exit_code: int
    headline: str
    alpha: float
    on_inconclusive: Literal["warn", "fail"] = "warn"
    primary_metric: str
    baseline: BaselineFacts
    cases: CaseCounts
    arms: tuple[GateArm, ...]
    rules: tuple[RuleResult, ...]
    must_pass: tuple[MustPassResult, ...] = ()
    changed: tuple[ChangedCase, ...] = ()
    confirmation: Confirmation | None = None
    false_alarms: FalseAlarms | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def skipped(self) -> bool:
        """Whether a test report should count the gate as skipped: inconclusive, and that does not fail."""
        return self.verdict == "inconclusive" and self.exit_code == 0
