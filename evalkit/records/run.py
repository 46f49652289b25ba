"""A finished run as the report and the Python interface read it."""

from __future__ import annotations

from evalkit.records.comparison import Comparison
from evalkit.records.decision import Decision
from evalkit.records.manifest import Manifest
from evalkit.records.profile import Profile
from evalkit.records.record import Record
from evalkit.records.run_observations import RunObservations
from evalkit.records.tuning import TuningReport


class ExcerptAnswer(Record, frozen=True, kw_only=True):
    """One arm's answer in an excerpt."""

    arm: str
    output: str | None
    value: float | None


class Excerpt(Record, frozen=True, kw_only=True):
    """One case on which the arms disagree, for people to read."""

    case_id: str
    input: str
    reference: str | None
    answers: tuple[ExcerptAnswer, ...]


class DeclaredRange(Record, frozen=True, kw_only=True):
    """A range as the suite gives it; a point has three equal numbers."""

    low: float
    mode: float
    high: float


class DeclaredEconomics(Record, frozen=True, kw_only=True):
    """What the suite says an answer is worth and over how long arms are compared.

    Attributes:
        value_per_correct: Money gained by one correct answer, the mode of its range; None when it was not declared.
        cost_per_wrong: Money lost by one wrong answer, the mode of its range.
        value_range: The range of ``value_per_correct``; None when it was not declared, and in older reports.
        wrong_range: The range of ``cost_per_wrong``; None in older reports.
        discount_rate: Per year, 0.10 is ten percent.
        prompt_cache_hit: Assumed share of prefix tokens read from the cache; None when not declared.
    """

    currency: str
    horizon_months: int
    requests_per_month: DeclaredRange
    value_per_correct: float | None = None
    cost_per_wrong: float = 0.0
    discount_rate: float = 0.0
    prompt_cache_hit: float | None = None
    value_range: DeclaredRange | None = None
    wrong_range: DeclaredRange | None = None


class PriceUsed(Record, frozen=True, kw_only=True):
    """One price row that the ledger rests on.

    Attributes:
        item: What was priced, with its unit ("gpt-x input, per million tokens").
        price: As the row gives it, with its currency.
        as_of: ISO date on which it was checked.
        source: Where it can be looked up: an address, "contract", "suite.yaml".
    """

    item: str
    price: str
    as_of: str
    source: str


class RunRecords(Record, frozen=True, kw_only=True):
    """Everything a report shows.

    Attributes:
        excerpts: Cases on which the arms disagree.
        use_case: A sentence about what should improve.
        target: The primary metric that is good enough, in [0, 1].
        confidence: Share of draws that the verdict asks for.
        embedded: A model shipped with evalkit answered: the advice does not transfer to other models.
        imported: The scores were measured elsewhere; its models bear the names of arms.
        economics: None when the suite declares none; charts over volume are then left out.
        prices: Rows used, oldest first.
        answering: What was observed while the run was answered; None where nothing was.
        text_rule: Version of the rule by which its scores compared texts; None where it has no scores.
    """

    manifest: Manifest
    profile: Profile
    tuning: TuningReport | None
    comparison: Comparison
    decision: Decision
    excerpts: tuple[Excerpt, ...] = ()
    use_case: str = ""
    target: float | None = None
    confidence: float = 0.9
    embedded: bool = False
    imported: bool = False
    economics: DeclaredEconomics | None = None
    prices: tuple[PriceUsed, ...] = ()
    answering: RunObservations | None = None
    text_rule: int | None = None
