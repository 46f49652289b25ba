"""What to do, how sure that is, and what would change it: ``decision.json``. Holds no wall-clock time."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from evalkit.records.arm import ArmKind, Role
from evalkit.records.comparison import Difference, Estimate, LatencySummary
from evalkit.records.record import Record


class Verdict(StrEnum):
    """The answers evalkit gives."""

    FINE_TUNE = "fine_tune"
    USE_RAG = "use_rag"
    STAY_FEW_SHOT = "stay_few_shot"
    PILOT_FIRST = "pilot_first"
    COLLECT_MORE_DATA = "collect_more_data"
    NOT_DECIDABLE = "not_decidable"
    BLOCKED = "blocked"


class Evidence(Record, frozen=True, kw_only=True):
    """One number or fact behind a finding.

    Attributes:
        value: As it is shown, with its unit.
        declared: True for what the suite says, False for what was measured.
        source: Where it can be looked up: an arm, a file of the run, or a dated price source.
    """

    label: str
    value: str
    declared: bool = False
    source: str | None = None


class Finding(Record, frozen=True, kw_only=True):
    """The answer to one question of the checklist.

    Attributes:
        number: 1 to 10.
        answer: One sentence. When ``status`` is unknown it says what to do to know.
    """

    number: int
    group: Literal["use case", "alternatives", "cost", "benefit"]
    question: str
    status: Literal["met", "not_met", "unknown", "blocked"]
    speaks_for: Literal["tuning", "against", "neither"]
    answer: str
    evidence: tuple[Evidence, ...] = ()


class RedFlag(Record, frozen=True, kw_only=True):
    """Something that weakens the evidence. ``invalid`` evidence cannot carry ``fine_tune``."""

    code: str
    severity: Literal["invalid", "warn"]
    message: str


class LedgerLine(Record, frozen=True, kw_only=True):
    """One amount, with the sum that gives it in words."""

    name: str
    amount: Decimal | None
    basis: str


class LedgerColumn(Record, frozen=True, kw_only=True):
    """What one candidate costs over the horizon, at the mode of every range.

    Attributes:
        one_off: Training, labelling, engineering, index building.
        standing: Over the whole horizon: hosting, vector store.
        recurring: Over the whole horizon: retunes, re-indexing.
        per_request: Of one request in the scenario that the verdict uses.
        requests: Requests over the horizon at the mode.
        total: Everything; None when a part is unknown.
        total_mean: The same at the mean of the volume's triangular distribution.
        scenarios: Per-request cost by prompt-cache scenario (cold, observed, assumed).
    """

    currency: str
    one_off: tuple[LedgerLine, ...]
    standing: tuple[LedgerLine, ...]
    recurring: tuple[LedgerLine, ...]
    per_request: tuple[LedgerLine, ...]
    one_off_total: Decimal | None
    standing_total: Decimal | None
    recurring_total: Decimal | None
    per_request_total: Decimal | None
    requests: int
    total: Decimal | None
    total_mean: Decimal | None = None
    scenario: str = "observed"
    scenarios: dict[str, Decimal | None] = {}


class Interval3(Record, frozen=True, kw_only=True):
    """Low and high ends of the central 90% of the joint draws, and the value at the mode of the inputs."""

    low: float | None
    mode: float | None
    high: float | None


class BreakEven(Record, frozen=True, kw_only=True):
    """Where treatment and control earn the same.

    Attributes:
        basis: ``cost`` (unit saving only) or ``net`` (value of better answers included).
        requests_per_month: The volume over the horizon, or None when there is none.
        months: Months to earn back at the mode volume.
        never: Share of draws in which it is never reached, in [0, 1].
        reason: In words, with the sum that a person can check.
    """

    treatment: str
    control: str
    basis: Literal["cost", "net"]
    requests_per_month: Interval3 | None
    months: Interval3 | None
    never: float
    reason: str


class WouldChange(Record, frozen=True, kw_only=True):
    """The nearest value of one input at which the verdict changes.

    Attributes:
        flips_at: None when no value within 100 times of the current one changes it.
        verdict_now: With this input certain at its current value, which is what a flip is compared with.
        closed_form: Where the expected net benefits cross, computed by hand formula, for checking.
    """

    input: str
    current: float
    unit: str = ""
    flips_at: float | None
    verdict_now: str | None = None
    verdict_then: str | None
    arm_then: str | None = None
    closed_form: float | None = None


class TornadoBar(Record, frozen=True, kw_only=True):
    """Net benefit of the recommended arm over the next best family, with one input at each end of its range."""

    input: str
    low_input: float
    high_input: float
    at_low: float
    at_high: float


class ArmVerdict(Record, frozen=True, kw_only=True):
    """One candidate or curve arm as the decision saw it.

    Attributes:
        cost_per_correct: Cost per request over the share of right answers; None for graded metrics.
        cost_per_correct_low, cost_per_correct_high: Its two-sided interval at ``1 - alpha``; no upper end where the
            data do not bound it.
        goodput: Share of the timed requests that kept to every latency limit of ``decision.limits``; None without such
            a limit, or where only batches were timed.
        within_limits: False takes the arm out of the decision; its net benefit is shown even so.
    """

    kind: ArmKind
    role: Role
    n: int
    coverage: float
    quality: dict[str, Estimate]
    cost_per_request: Decimal | None
    cost_per_correct: Decimal | None
    latency: LatencySummary | None
    net_benefit: Interval3 | None = None
    within_limits: bool = True
    broken_limits: tuple[str, ...] = ()
    cost_per_correct_low: Decimal | None = None
    cost_per_correct_high: Decimal | None = None
    goodput: float | None = None


class SampleValue(Record, frozen=True, kw_only=True):
    """Expected value of answering ``n_cases`` more cases (EVSI) and what they cost; cost None if undeclared."""

    n_cases: int
    value: float
    cost: float | None


class DecisionInputs(Record, frozen=True, kw_only=True):
    """What the decision was computed from."""

    digests: dict[str, str]
    prices_as_of: str | None = None
    judge: str | None = None


class Decision(Record, frozen=True, kw_only=True):
    """``decision.json``.

    Attributes:
        reason: One sentence or a code of the ladder (``depends_on_volume``).
        explanation: A short paragraph in plain words.
        confidence: Share of joint draws in which the winning family (or kind) wins, in [0, 1].
        expected_regret: Per arm, in money over the horizon.
        evpi: Expected value of perfect information, money over the horizon; None without a value per answer.
        q_star: Tuned quality at which tuning pays at the mode; only when no tuned candidate was measured.
    """

    format_version: int = 1
    suite: str
    run_id: str
    verdict: Verdict
    reason: str
    explanation: str
    recommended_arm: str | None
    confidence: float | None
    p_best: dict[str, float]
    expected_regret: dict[str, float]
    evpi: float | None
    evppi: dict[str, float] = {}
    evsi: tuple[SampleValue, ...] = ()
    q_star: float | None = None
    arms: dict[str, ArmVerdict]
    differences: tuple[Difference, ...]
    checklist: tuple[Finding, ...]
    red_flags: tuple[RedFlag, ...]
    ledger: dict[str, LedgerColumn]
    break_even: tuple[BreakEven, ...]
    would_change: tuple[WouldChange, ...]
    tornado: tuple[TornadoBar, ...] = ()
    pareto: tuple[str, ...] = ()
    currency: str = "USD"
    inputs: DecisionInputs
    seed: int
    notes: tuple[str, ...] = ()
