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
    DO_NOT_TUNE = "do_not_tune"
    ALTERNATIVES_FIRST = "alternatives_first"
    NONE_WORTH_RUNNING = "none_worth_running"


Side = Literal["tuned", "untuned", "none"]
"""What a choice belongs to. ``none`` is to run no arm at all; it is one of the choices where a value is declared."""


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
        requests: Requests at the mode over the months of the horizon in which the arm's model answers.
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
    """Low and high ends of the central 90% of the joint draws, with their mean.

    Attributes:
        mode: The figure with every input at its mode and quality as observed. It is no part of the band and may lie
            outside it.
        mean: Mean of the draws that the band is of; None where it is not finite, and in records of format 1.
    """

    low: float | None
    mode: float | None
    high: float | None
    mean: float | None = None


class BreakEven(Record, frozen=True, kw_only=True):
    """Where treatment and control earn the same.

    Attributes:
        basis: ``cost`` (unit saving only) or ``net`` (value of better answers included).
        requests_per_month: The volume over the horizon, or None when there is none. ``mean``: with every input at its
            mean, as the draws have it; ``mode``: with every input at its mode, None where that is ahead on another
            side. In records of format 1 ``mode`` alone.
        months: Months to earn back at the mode volume.
        never: Share of draws in which it is never reached, in [0, 1]; None where a cost is not known.
        reason: In words, with the sum that a person can check, every input at its mean.
        side: The treatment is ahead ``above`` or ``below`` that volume, ``always``, ``never``, or it is ``unknown``
            because a cost is not known; None in records of format 1.
        out_of_reach: The volume is more than 100 times the declared one: at that volume it never pays.
    """

    treatment: str
    control: str
    basis: Literal["cost", "net"]
    requests_per_month: Interval3 | None
    months: Interval3 | None
    never: float | None
    reason: str
    side: Literal["above", "below", "always", "never", "unknown"] | None = None
    out_of_reach: bool = False


class WouldChange(Record, frozen=True, kw_only=True):
    """The nearest value of one input at which the verdict changes, and the nearest one on either side.

    Attributes:
        input: ``requests_per_month``, a price, hours, ``margin``, ``quality:ARM``, ``limits.NAME.min`` or
            ``limits.NAME.max``.
        flips_at: None when no value within 100 times of the current one changes it.
        verdict_now: With this input certain at its current value, which is what a flip is compared with.
        closed_form: Where the expected net benefits cross, computed by hand formula, for checking.
        low: Low end of the input's own range, or of the interval of a quality; None where it has neither.
        high: High end of the same; None where there is no low end.
        inside: ``flips_at`` lies in [low, high].
        probability: Share of the input's own distribution in which the verdict is another one; None without a range.
        flips_below: Nearest value below the current one at which the verdict changes; None for none.
        verdict_below: The verdict there.
        arm_below: The arm recommended there.
        flips_above: Nearest value above the current one at which the verdict changes; None for none.
        verdict_above: The verdict there.
        arm_above: The arm recommended there.
    """

    input: str
    current: float
    unit: str = ""
    flips_at: float | None
    verdict_now: str | None = None
    verdict_then: str | None
    arm_then: str | None = None
    closed_form: float | None = None
    low: float | None = None
    high: float | None = None
    inside: bool = False
    probability: float | None = None
    flips_below: float | None = None
    verdict_below: str | None = None
    arm_below: str | None = None
    flips_above: float | None = None
    verdict_above: str | None = None
    arm_above: str | None = None


class TornadoBar(Record, frozen=True, kw_only=True):
    """Net benefit of the recommended arm less that of the best choice of the other sides, by one input's two ends."""

    input: str
    low_input: float
    high_input: float
    at_low: float
    at_high: float


class ArmVerdict(Record, frozen=True, kw_only=True):
    """One candidate or curve arm as the decision saw it.

    Attributes:
        quality: By metric; of a tuned arm with several measured trainings, of its own training.
        cost_per_correct: Cost per request over the share of right answers; None for graded metrics.
        cost_per_correct_low, cost_per_correct_high: Its two-sided interval at ``1 - alpha``; no upper end where the
            data do not bound it.
        net_benefit: Mean and central 90% of the draws; ``mode`` repeats ``net_benefit_at_mode``.
        net_benefit_at_mode: With every input at its mode and quality as observed: the figure to follow by hand.
        goodput: Share of the timed requests that kept to every latency limit of ``decision.limits``; None without such
            a limit, or where only batches were timed.
        within_limits: False takes the arm out of the decision; its net benefit is shown even so.
        broken_limits: In words, each limit that its observed figure breaks.
        unmeasured_limits: Names of the limits for which it has no figure; they set nothing aside.
        dominated: Set aside: its quality is below a rival's and what is known of its cost is already above the rival's.
        total_cost: Mean of the draws, money over the horizon; None where a cost is not known.
        life_months: Months inside the horizon in which its model answers; None where no economics are declared.
        seeds: Measured trainings of a tuned arm; 0 for an untuned one, and where how many is not known.
        seed_means: Mean primary score of each measured training, by the name of its seed.
        answering_models: Ids that the answers came back with, in order of appearance.
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
    unmeasured_limits: tuple[str, ...] = ()
    dominated: bool = False
    net_benefit_at_mode: float | None = None
    total_cost: float | None = None
    life_months: float | None = None
    seeds: int = 0
    seed_means: dict[str, float] = {}
    answering_models: tuple[str, ...] = ()


class SampleValue(Record, frozen=True, kw_only=True):
    """What more evidence is expected to be worth before deciding (EVSI), beside what it costs.

    Attributes:
        n_cases: Cases to add; 0 where trainings are added.
        value: Money over the horizon, from the arm that is run meanwhile.
        cost: Money; None where it is not declared or not known.
        kind: ``cases``: more cases are answered. ``seeds``: more trainings are measured.
        n: How many of that kind; 0 in records of format 1, which know ``n_cases`` only.
        arm: The arm that is trained again, for ``seeds``.
    """

    n_cases: int
    value: float
    cost: float | None
    kind: Literal["cases", "seeds"] = "cases"
    n: int = 0
    arm: str | None = None


class Outcome(Record, frozen=True, kw_only=True):
    """The verdict with one input at a point.

    Attributes:
        at: The input's value; None where the verdict changes nowhere on that side.
        verdict: There.
        arm: The arm recommended there; None for none.
    """

    at: float | None
    verdict: str
    arm: str | None = None


class Condition(Record, frozen=True, kw_only=True):
    """The one condition that a verdict failed, with its figure.

    Attributes:
        code: As ``Decision.reason``: ``invalid_evidence``, ``missing_input``, ``depends_on_missing``,
            ``too_few_cases``, ``depends_on_<input>``, ``indifferent``, ``not_sure_enough``.
        subject: What the figure is of: an arm, an input, a flag, ``cases`` or ``clusters``.
        figure: As it is.
        needed: As it would have to be; None where nothing can be named.
        unit: Of both: ``share of draws``, ``cases``, ``clusters``, a currency, the unit of an input.
        low_side: The verdict where the input is below its flip.
        high_side: The verdict where the input is above its flip.
        messages: In words, what is missing or not valid; empty for the other codes.
    """

    code: str
    subject: str | None = None
    figure: float | None = None
    needed: float | None = None
    unit: str = ""
    low_side: Outcome | None = None
    high_side: Outcome | None = None
    messages: tuple[str, ...] = ()


class PilotFigures(Record, frozen=True, kw_only=True):
    """What a pilot tune would have to reach, may gain and costs. Money is over the horizon.

    Attributes:
        q_star: Tuned quality from which tuning pays, inputs at their means; above 1 where none does; None where it
            cannot be said.
        expected_gain: Mean of what the tuned arm would gain over the best untuned one where it gains, over the declared
            quality range; None where no pilot is declared.
        gain_at_target: Net benefit at the target less the best untuned; None without a target.
        cost: Declared, or estimated from the effort of a first tune; None where it is not known.
        declared: ``decision.pilot`` is declared.
        low, high: The declared quality range.
        worth_it: What it gains exceeds what it costs.
    """

    q_star: float | None = None
    expected_gain: float | None = None
    gain_at_target: float | None = None
    cost: float | None = None
    declared: bool = False
    low: float | None = None
    high: float | None = None
    worth_it: bool = False


class NetBenefitClaim(Record, frozen=True, kw_only=True):
    """Net benefit of one arm against another in closed form, every input at its mean, on the shared cases.

    It informs and does not gate the verdict.

    Attributes:
        control: An arm, or ``none``.
        estimate: Money over the horizon.
        low, high: Two-sided interval at ``1 - alpha``; None where the differences show no spread.
        se: Standard error of the mean difference per request a month, trainings included.
        df: Degrees of freedom of its t distribution.
        pays_from: Requests a month from which the treatment is ahead; 0 for any volume, None for none.
        low_pays_from: The same for the lower bound.
    """

    treatment: str
    control: str
    estimate: float
    low: float | None
    high: float | None
    se: float
    df: float
    n: int
    n_clusters: int
    pays_from: float | None
    low_pays_from: float | None
    currency: str = "USD"


class TrainingSpread(Record, frozen=True, kw_only=True):
    """How far one training of a tuned arm differs from the next, in score.

    Attributes:
        seeds: Measured trainings on the shared cases.
        seeds_known: False where how many trainings were measured is not known (imports without a ``seed`` column).
        prior_sd: Standard deviation assumed before any was measured.
        sd: The same after the measured ones.
        mean_tau2: Expected variance between trainings.
        retunes: Trainings after the first inside the arm's life.
        assumed: One training was measured or fewer: the verdict rests on the assumed spread.
        declared: ``prior_sd`` is ``decision.seed_sd`` of the suite, not the default.
        deploy: ``fresh``: production models are trained anew. ``measured``: one named training serves at first.
        deploy_seed: The training that ``measured`` names.
        other_deploy_verdict: The verdict under the other of the two; None where it cannot be said.
        other_deploy_arm: The arm recommended under it.
    """

    seeds: int
    seeds_known: bool = True
    prior_sd: float
    sd: float
    mean_tau2: float
    retunes: int = 0
    assumed: bool = False
    declared: bool = False
    deploy: Literal["fresh", "measured"] = "fresh"
    deploy_seed: int | None = None
    other_deploy_verdict: str | None = None
    other_deploy_arm: str | None = None


class CaseBasis(Record, frozen=True, kw_only=True):
    """The cases that the verdict rests on.

    Attributes:
        asked: Cases of the run.
        shared: Cases that every arm which defines the set has a score for, leaked ones aside.
        set_aside_leaked: Cases set aside because a test input stands in the training rows, with their whole groups.
        leaked_ids: The first 20 of them.
        clusters_declared: Clusters of the shared cases as the suite declares them.
        clusters: Clusters after equal inputs are joined with the declared ones.
        merged_questions: Shared cases whose input an earlier case has already shown.
        inputs_known: False for runs that kept no digest of the inputs: equal inputs were not looked for.
        left_out_arms: Arms under 90% coverage: they have a score on part of the shared cases only.
        means: By candidate, its mean score on the shared cases, weighed by ``decision.mix`` where that is declared; of
            arms under 90% coverage missing answers count as wrong.
    """

    asked: int = 0
    shared: int = 0
    set_aside_leaked: int = 0
    leaked_ids: tuple[str, ...] = ()
    clusters_declared: int = 0
    clusters: int = 0
    merged_questions: int = 0
    inputs_known: bool = True
    left_out_arms: tuple[str, ...] = ()
    means: dict[str, float] = {}


class MissingCheck(Record, frozen=True, kw_only=True):
    """The verdict computed again with missing answers counted as wrong.

    Attributes:
        share_missing: By candidate, share of its answers that are missing.
        verdict_all_wrong: With those of every candidate counted as wrong.
        arm_all_wrong: The arm recommended then.
        confidence_all_wrong: Of that arm.
        verdict_recommended_wrong: With those of the recommended arm alone counted as wrong.
        arm_recommended_wrong: The arm recommended then.
        confidence_recommended_wrong: Of that arm.
        changes: One of the two goes to another side, or has a confidence more than .05 under the one asked.
    """

    share_missing: dict[str, float]
    verdict_all_wrong: str | None = None
    arm_all_wrong: str | None = None
    confidence_all_wrong: float | None = None
    verdict_recommended_wrong: str | None = None
    arm_recommended_wrong: str | None = None
    confidence_recommended_wrong: float | None = None
    changes: bool = False


class AcceptabilityPoint(Record, frozen=True, kw_only=True):
    """Share of draws in which each arm has the highest net benefit at one value of a right answer."""

    value: float
    shares: dict[str, float]


class ValueFlip(Record, frozen=True, kw_only=True):
    """A value of a right answer from which another arm has the highest expected net benefit."""

    value: float
    arm: str


class CostPerExtraRight(Record, frozen=True, kw_only=True):
    """What one more right answer costs with one arm instead of another.

    Attributes:
        estimate: Money for one more right answer; None where one arm is better and no dearer.
        low, high: Central 90% of the draws in which the treatment gives more right answers and costs more; None where
            there are none.
        share_dearer_and_better: Share of draws in which the treatment is dearer and gives more right answers.
    """

    treatment: str
    control: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    share_dearer_and_better: float | None = None


class Acceptability(Record, frozen=True, kw_only=True):
    """Which arm is best at each value that a right answer might have; only where no value is declared.

    Attributes:
        points: By value, from 0 upwards.
        flips_at: Where the answer changes, from the lowest value upwards; the first entry stands for a value of 0.
        cost_per_extra_right: Of each arm that gives more right answers than the cheapest one.
    """

    points: tuple[AcceptabilityPoint, ...]
    flips_at: tuple[ValueFlip, ...]
    cost_per_extra_right: tuple[CostPerExtraRight, ...] = ()
    currency: str = "USD"


class TargetCheck(Record, frozen=True, kw_only=True):
    """Whether any candidate reaches ``use_case.target``.

    Attributes:
        best_arm: The candidate of the highest mean.
        best_mean: As observed; where cases are weighed by ``decision.mix``, or the arm has under 90% coverage, the mean
            that the verdict rests on.
        low, high: Interval of the observed mean; None where another one is given.
        met: The mean reaches the target; None where no candidate has a score.
        missed_by: Target less mean, where it is missed.
    """

    metric: str
    target: float
    best_arm: str | None
    best_mean: float | None
    low: float | None = None
    high: float | None = None
    met: bool | None = None
    missed_by: float | None = None


class Counts(Record, frozen=True, kw_only=True):
    """Flags by severity, and answers of the checklist by what they speak for."""

    flags_invalid: int = 0
    flags_warn: int = 0
    for_tuning: int = 0
    against: int = 0
    neither: int = 0
    unknown: int = 0
    blocked: int = 0


class MixCheck(Record, frozen=True, kw_only=True):
    """The verdict with the cases weighed otherwise.

    Attributes:
        tag: The tag whose slice is weighed.
        value: The value of the tag in the slice.
        weight: ``half`` or ``double`` of its weight among the cases; ``declared`` for ``decision.mix``, where ``tag``
            and ``value`` are empty and ``verdict`` is the one as it stands.
        share: Weight of the slice then, in [0, 1]; None for a declared mix.
        verdict: Then.
        arm: Recommended then.
        changes: The verdict or its arm is another one.
    """

    tag: str
    value: str
    weight: Literal["half", "double", "declared"]
    share: float | None = None
    verdict: str
    arm: str | None = None
    changes: bool = False


class DecisionTerms(Record, frozen=True, kw_only=True):
    """What the decision was made under, as declared.

    Attributes:
        primary_metric: The metric that decides.
        margin: The difference in score that would not matter, in [0, 1].
        alpha: Two-sided error rate of the intervals.
        confidence: Share of the joint draws that is asked for, before it is shared among the arms of one side.
        horizon_months: Months over which arms are compared; None where no economics are declared.
        requests_per_month: Mean of the declared range; None where no economics are declared.
    """

    primary_metric: str
    margin: float
    alpha: float
    confidence: float
    horizon_months: int | None = None
    requests_per_month: float | None = None


class DecisionInputs(Record, frozen=True, kw_only=True):
    """What the decision was computed from."""

    digests: dict[str, str]
    prices_as_of: str | None = None
    judge: str | None = None


class Decision(Record, frozen=True, kw_only=True):
    """``decision.json``.

    Records of ``format_version`` 1 are read by the same class: what they do not have is None or empty, and
    ``confidence`` and ``p_best`` keep the meaning that method 1 gave them (shares of whole families or kinds).

    Attributes:
        reason: A code of the ladder (``depends_on_requests_per_month``).
        explanation: A short paragraph in plain words.
        recommended_arm: The choice of highest expected net benefit, but for blocked, invalid and limits. None where
            that is to run no arm.
        side: Of the choice of highest expected net benefit.
        shown: The confidence asked is reached. False: to be worded "if you must choose now".
        confidence: Share of joint draws in which ``recommended_arm`` (or none) beats every choice of the other sides;
            for ``blocked`` that of the tuned arm that would win. None for one arm alone.
        confidence_se: Its Monte Carlo standard error.
        threshold: 1 - (1 - c) / m, what ``confidence`` is compared with.
        side_share: By side, share of draws in which its best choice is the best of all. Never tested.
        kind_share: Among the untuned, ``prompting`` and ``retrieval``: share in which the best of that kind is the best
            untuned one.
        pairwise_share: Share of draws in which the first is worth more than the second (an arm or ``none``); a tie
            counts half.
        p_best: By arm and ``none``: share of draws in which it is the best of all.
        runner_up: The choice that would be taken instead: the best one of another side (``none`` is one), else the
            second best.
        other_choice_loses: Expected regret of ``runner_up``, money over the horizon.
        expected_regret: By arm and ``none``, money over the horizon.
        condition: The one condition that failed, for ``not_decidable``; for ``alternatives_first`` the alternative that
            may beat the tuned arm, and in which share of draws.
        evpi: Expected value of perfect information, money over the horizon; None without a value per answer.
        purchase: What ``collect_more_data`` asks for.
        q_star: Tuned quality at which tuning pays; only when no tuned candidate was measured.
        training_spread: By tuned candidate.
        missing_check: None where no candidate misses enough answers for it.
        acceptability: Only without a value per answer.
        decided_under: ``value``: net benefit decides. ``cost``: the cheapest among those non-inferior to the best.
        terms: What it was made under; None in records of format 1.
        mix: The declared mix, or each large slice at half and double weight.
    """

    format_version: int = 2
    suite: str
    run_id: str
    verdict: Verdict
    reason: str
    explanation: str
    recommended_arm: str | None
    side: Side | None = None
    shown: bool = False
    confidence: float | None
    confidence_se: float | None = None
    threshold: float | None = None
    side_share: dict[str, float] = {}
    kind_share: dict[str, float] = {}
    pairwise_share: dict[str, dict[str, float]] = {}
    p_best: dict[str, float]
    runner_up: str | None = None
    other_choice_loses: float | None = None
    expected_regret: dict[str, float]
    condition: Condition | None = None
    evpi: float | None
    evppi: dict[str, float] = {}
    evsi: tuple[SampleValue, ...] = ()
    purchase: SampleValue | None = None
    q_star: float | None = None
    pilot: PilotFigures | None = None
    arms: dict[str, ArmVerdict]
    differences: tuple[Difference, ...]
    net_benefit_claims: tuple[NetBenefitClaim, ...] = ()
    training_spread: dict[str, TrainingSpread] = {}
    cases: CaseBasis | None = None
    missing_check: MissingCheck | None = None
    acceptability: Acceptability | None = None
    target: TargetCheck | None = None
    counts: Counts = Counts()
    checklist: tuple[Finding, ...]
    red_flags: tuple[RedFlag, ...]
    ledger: dict[str, LedgerColumn]
    break_even: tuple[BreakEven, ...]
    would_change: tuple[WouldChange, ...]
    tornado: tuple[TornadoBar, ...] = ()
    pareto: tuple[str, ...] = ()
    mix: tuple[MixCheck, ...] = ()
    decided_under: Literal["value", "cost"] = "value"
    terms: DecisionTerms | None = None
    currency: str = "USD"
    inputs: DecisionInputs
    seed: int
    notes: tuple[str, ...] = ()
