"""What the samples say, arm by arm and pair by pair: ``comparison.json``."""

from __future__ import annotations

from typing import Literal

from evalkit.records.arm import ArmKind, Role
from evalkit.records.record import Money, Record
from evalkit.records.retrieval import IndexFacts


class Estimate(Record, frozen=True, kw_only=True):
    """A mean with its two-sided interval at ``1 - alpha``.

    Attributes:
        mean: In [0, 1]; None when no sample has a value.
        method: How the interval was made, in words.
        n: Cases with a value.
    """

    mean: float | None
    low: float | None
    high: float | None
    method: str
    n: int
    n_clusters: int


class LatencySummary(Record, frozen=True, kw_only=True):
    """Latency of one arm, in seconds. A percentile p is given only from 1/(1-p) answers on, else None.

    Attributes:
        source: ``isolated`` (batch 1, nothing else running), ``service`` or ``batched``.
        limit_s: Seconds of its answers after which no further case was timed alone; None where they took less.
        alone_s: Every end-to-end time of the isolated pass, in its order; empty otherwise.
    """

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    n: int
    source: str
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    tokens_per_s: float | None = None
    alone_s: tuple[float, ...] = ()
    limit_s: float | None = None


class TokenSummary(Record, frozen=True, kw_only=True):
    """Mean tokens per answer."""

    input: float
    cache_read: float
    cache_write: float
    output: float
    reasoning: float


class RetrievalSummary(Record, frozen=True, kw_only=True):
    """How often the retriever found what answers the question, over cases with gold passages.

    A chunk counts for its document: k counts chunks as they were shown, and several chunks of one document find it
    once, at the rank of the first.

    Attributes:
        recall_at_k: Mean share of a case's gold passages among the first ``top_k``.
        mrr: Mean of 1 / rank of the first gold passage, 0 where none was found.
        ndcg_at_k: Mean normalised discounted cumulative gain of the first ``top_k``; gold is 1, the rest 0.
        n: Cases with gold passages, times repeats.
        query_tokens: Mean embedding tokens of a question; None without an embedder and where they were not reported.
        embed_s: Mean seconds of embedding a question; None without an embedder.
        p50_s: Median seconds of embedding and search together, from the isolated pass where there was one.
        p95_s: 95th percentile of the same seconds; None with fewer than 20.
        index: What was searched; None for methods without an index of vectors.
    """

    method: str
    top_k: int
    recall_at_k: float | None
    mrr: float | None
    n: int
    ndcg_at_k: float | None = None
    query_tokens: float | None = None
    embed_s: float | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    index: IndexFacts | None = None


class Failures(Record, frozen=True, kw_only=True):
    """Why wrong answers are wrong; counts of samples.

    Attributes:
        format: The answer is there, the form is not.
        missing_knowledge: Form right, content wrong, no passage given.
        retrieval_miss: The gold passage was not among those given.
        reading_miss: The gold passage was given, the answer is wrong.
        refusal_or_empty: A refusal or nothing.
        truncation: Stopped by a length or context limit.
        other: Wrong in both form and content, or of a kind that the data do not show.
    """

    n_wrong: int
    format: int = 0
    missing_knowledge: int = 0
    retrieval_miss: int = 0
    reading_miss: int = 0
    refusal_or_empty: int = 0
    truncation: int = 0
    other: int = 0


class ClassFigures(Record, frozen=True, kw_only=True):
    """How well one class of a classification was recognised; counts of answers.

    Attributes:
        n: Answers to cases of this class.
        named: Answers that gave this class, rightly or wrongly.
        precision: ``right / named``; None when no answer named it.
        recall: ``right / n``; None when no case has it.
        f1: None when no answer named the class and no case has it.
    """

    label: str
    n: int
    named: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None


class Confusion(Record, frozen=True, kw_only=True):
    """Which class was taken for which.

    Attributes:
        metric: The metric whose counts these are.
        labels: Order of rows and columns.
        counts: Row: the case's class; column: the class that was named. The diagonal is right.
        outside: By row, answers that were none of the declared labels.
        classes: In the order of ``labels``.
    """

    metric: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    outside: tuple[int, ...]
    classes: tuple[ClassFigures, ...]


class ArmSummary(Record, frozen=True, kw_only=True):
    """One arm's figures.

    Attributes:
        n: Cells (case x repeat x training) that the arm had to answer.
        coverage: Share of cells with an ``ok`` sample.
        quality: Metric name to estimate.
        worst_case: Primary metric with every missing score counted as 0; None when nothing is missing.
        finish_reasons: Count by reason, over ok samples.
        prefix_tokens: Mean prompt tokens of the prefix shared by the arm's requests; None where it is not known.
        device_s: Mean device seconds per answer; None for hosted models.
        prefill_s: Mean measured seconds that a cold prefill of the shared prefix adds.
        unit_cost: Mean money per request as observed, in ``currency``; None when unknown.
        replayed: Samples answered from the response cache.
        seeds: Trainings that the arm is the mean of; None for an untuned arm.
        seeds_known: Whether it is known how many trainings there were. False for a tuned model that was made elsewhere
            and for imported scores without a column ``seed``: ``seeds`` is then 1.
        seed_means: By training seed, its own mean of the primary metric; empty for curve arms.
        answering_models: Answers by the id of the model that gave them, as its provider said it; answers of which
            nothing was said are left out.
        scorer_chance: Primary metric with references shuffled between clusters (negative control).
        confusion: None where no metric of the suite counts classes.
    """

    name: str
    kind: ArmKind
    role: Role
    parent: str | None = None
    shots: int = 0
    fraction: float | None = None
    seed: int | None = None
    model: str
    n: int
    ok: int
    errors: int
    limited: int
    coverage: float
    quality: dict[str, Estimate]
    worst_case: float | None = None
    latency: LatencySummary | None = None
    tokens: TokenSummary | None = None
    prefix_tokens: float | None = None
    device_s: float | None = None
    prefill_s: float = 0.0
    unit_cost: Money | None = None
    currency: str | None = None
    finish_reasons: dict[str, int] = {}
    failures: Failures | None = None
    retrieval: RetrievalSummary | None = None
    replayed: int = 0
    seeds: int | None = None
    seeds_known: bool = True
    seed_means: dict[int, float] = {}
    answering_models: dict[str, int] = {}
    scorer_chance: float | None = None
    confusion: Confusion | None = None


class Difference(Record, frozen=True, kw_only=True):
    """Treatment minus control on the cases both answered.

    Attributes:
        p_adjusted: Holm-adjusted within ``family``; None for metrics and pairs outside a family.
        mid_p: McNemar's mid-p, for 0/1 metrics where each case is its own cluster; the exact p decides.
        discordant: For 0/1 metrics: cases where only the treatment is right, and only the control.
        claim: ``superior``, ``worse``, ``non_inferior``, ``equivalent`` or ``no_claim``.
        family: ``reference`` (every candidate against the reference arm), ``tuned`` (each tuned
            candidate against the best untuned one), ``slice`` (one pair, over the tags), ``extra`` (each tuned
            candidate against the reference arm on another task set), ``curve`` or ``descriptive``.
        smallest_detectable: The difference this run could have seen with 80% power.
        worst_case: The estimate when a missing treatment counts 0 and a missing control counts 1.
    """

    treatment: str
    control: str
    metric: str
    family: str
    estimate: float | None
    low: float | None
    high: float | None
    method: str
    p_value: float | None
    p_adjusted: float | None = None
    mid_p: float | None = None
    discordant: tuple[int, int] | None = None
    n: int
    n_clusters: int
    claim: Literal["superior", "worse", "non_inferior", "equivalent", "no_claim"]
    smallest_detectable: float | None = None
    worst_case: float | None = None
    note: str | None = None


class CurvePoint(Record, frozen=True, kw_only=True):
    """One point of the shot curve (x = shots) or the learning curve (x = training rows or fraction).

    Attributes:
        mean: Over the training seeds of the point, where it has several.
        seed_means: By training seed, its own mean; empty on a shot curve.
    """

    arm: str
    x: float
    mean: float | None
    low: float | None
    high: float | None
    seed_means: dict[int, float] = {}


class Curve(Record, frozen=True, kw_only=True):
    """Quality against shots or training rows.

    Attributes:
        kind: ``shots`` or ``learning``.
        trend: ``rising``, ``flat``, ``falling`` or ``unknown``, from the paired difference of the last step.
        last_step: That difference, or None with fewer than two points.
        seed_spread: Highest less lowest mean over the training seeds on all rows; None with one seed.
        note: What the trend rests on, in words.
    """

    kind: Literal["shots", "learning"]
    parent: str
    points: tuple[CurvePoint, ...]
    trend: Literal["rising", "flat", "falling", "unknown"]
    last_step: Difference | None = None
    seed_spread: float | None = None
    note: str = ""


class ExtraSet(Record, frozen=True, kw_only=True):
    """Another task set that the reference arm and the tuned candidates answered. Never mixed with the main one.

    Attributes:
        kind: ``transfer`` (a neighbouring task) or ``forgetting`` (what the base could do before).
        margin: The drop that would not matter, in [0, 1].
        quality: By arm that answered it, its mean.
        differences: Each tuned candidate against the reference arm, family ``extra``, adjusted within the set.
    """

    name: str
    kind: Literal["transfer", "forgetting"]
    metric: str
    margin: float
    n_cases: int
    quality: dict[str, Estimate]
    differences: tuple[Difference, ...]


class Slice(Record, frozen=True, kw_only=True):
    """The cases of one tag.

    Attributes:
        n: Cases with the tag.
        quality: By candidate, its mean of the primary metric on them.
        difference: The best tuned candidate (else the best candidate) against the best untuned one (else the
            reference arm) on them; None where there are not two arms. ``p_adjusted`` is over all slices of the run.
    """

    tag: str
    n: int
    quality: dict[str, Estimate]
    difference: Difference | None = None


class Comparison(Record, frozen=True, kw_only=True):
    """``comparison.json``.

    In records of ``format_version`` 1 a tuned candidate is its first training seed; since 2 it is the mean of its
    trainings.

    Attributes:
        oracle_best_of_arms: Mean over cases of the best candidate's score: the ceiling of choosing well.
        slices: By tag; ``slice`` is one Holm family.
        config_differences: Arm pairs that differ in more than model, retrieval and declared shots.
    """

    format_version: int = 2
    primary_metric: str
    binary: bool
    alpha: float
    margin: float
    reference_arm: str
    n_cases: int
    n_clusters: int
    arms: tuple[ArmSummary, ...]
    differences: tuple[Difference, ...]
    curves: tuple[Curve, ...] = ()
    oracle_best_of_arms: float | None = None
    config_differences: tuple[str, ...] = ()
    missing_reasons: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    extra: tuple[ExtraSet, ...] = ()
    slices: tuple[Slice, ...] = ()
