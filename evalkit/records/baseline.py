"""A finished run as a gate remembers it: the baseline, a small file that is committed beside the suite."""

from __future__ import annotations

from typing import Literal

import msgspec

from evalkit.records.record import Count, Record, Share

COST_PER_CASE: Literal["per_case"] = "per_case"


class BaselineArm(Record, frozen=True, kw_only=True):
    """What is known of one arm's answers as a whole.

    Attributes:
        identity: Digest of ``parts``.
        parts: Digest of each thing that decides its answers: ``model``, ``prompt``, ``retrieval``, ``weights``. Where
            the identity changed, these say what did.
        answering_models: Answers by the model that gave them, as the providers said it; empty where none said it.
        trainings: How many trainings it is the mean of; 1 for an arm that is not tuned.
        p95_latency_s: 95th percentile of the service time in seconds; None with fewer than 20 answers timed.
        n_timed: Answers that were timed.
        latency_source: ``isolated``, ``service`` or ``batched``; None where nothing was timed.
        mean_cost: Mean money of an answer over those whose cost is known; None where none is.
        cost_sd: Standard deviation of the cases' costs; None with fewer than two.
        n_costed: Cases whose cost is known.
        cost_kept: ``per_case`` where costs follow from tokens and prices, so that they are the same each time and each
            case keeps its own; ``summary`` where they come from seconds of a device, which differ each time.
    """

    name: str
    identity: str
    parts: dict[str, str]
    answering_models: dict[str, Count] = {}
    trainings: Count = 1
    p95_latency_s: float | None = None
    n_timed: Count = 0
    latency_source: str | None = None
    mean_cost: float | None = None
    cost_sd: float | None = None
    n_costed: Count = 0
    cost_kept: Literal["per_case", "summary"] = COST_PER_CASE


class BaselineMetric(Record, frozen=True, kw_only=True):
    """How a metric of the run scored.

    Attributes:
        definition: Digest of its type and options.
        pooled: Its scores are counts that are summed over cases before the metric is computed.
        judge: The model that gives its scores, where one does.
        counts: Names of its counts, in the order in which a case lists them; empty unless it is pooled.
    """

    name: str
    type: str
    definition: str
    pooled: bool = False
    judge: str | None = None
    counts: tuple[str, ...] = ()


class BaselineAnswer(msgspec.Struct, frozen=True, array_like=True):
    """One arm's answer to one case; on disk a list, in this order.

    Attributes:
        answer: Digest of what it wrote, 8 hex digits, over all repeats and trainings.
        scores: In the order of the baseline's metrics; None where there is none. Of a pooled metric the counts that
            are not 0, as position in ``BaselineMetric.counts`` and amount by turns.
        cost: Mean money of its requests; None where it is not known or only kept as a summary.
    """

    answer: str
    scores: tuple[Share | tuple[float, ...] | None, ...]
    cost: float | None = None


class BaselineCase(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One case: one line of the file.

    Attributes:
        content: Digest of what the case asks and accepts; None where the run did not know it.
        arms: In the order of the baseline's arms; None for an arm that does not have it.
        outputs: What each arm wrote first, where the baseline was asked to keep outputs.
        check: Digest of the line without this field, 6 hex digits, so that a changed line is found.
    """

    id: str
    content: str | None
    arms: tuple[BaselineAnswer | None, ...]
    outputs: tuple[str | None, ...] = ()
    check: str = ""


class Baseline(Record, frozen=True, kw_only=True):
    """What later runs are compared with.

    Attributes:
        run_id: The run it was made from.
        created: ISO date of that run's end.
        prices: Digest of the suite's own prices.
        prices_as_of: Date of the oldest price in use.
        currency: Of every cost; None where none is known.
        text_rule: Version of the rule by which texts were compared; None where it has no scores.
        repeats: Answers to each case.
        set_aside: Ids of cases that stood in the training rows and took no part.
        cases: Sorted by id.
        digest: Of everything else in the file.
    """

    format_version: int = 1
    suite: str
    run_id: str
    created: str
    evalkit_version: str
    git_commit: str | None = None
    primary_metric: str
    text_rule: int | None = None
    seed: int = 0
    repeats: Count = 1
    prices: str = ""
    prices_as_of: str | None = None
    currency: str | None = None
    metrics: tuple[BaselineMetric, ...]
    arms: tuple[BaselineArm, ...]
    set_aside: tuple[str, ...] = ()
    cases: tuple[BaselineCase, ...]
    digest: str = ""
