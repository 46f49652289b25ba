"""What one arm costs over the horizon, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from evalkit.economics.lifetime import Lifetime, retunes
from evalkit.economics.line_item import Factor, LineItem, mean_total, total
from evalkit.economics.prices import PriceError
from evalkit.economics.prompt_cache import Scenario
from evalkit.economics.triangular import TriangularRange

VOLUME = "requests_per_month"
VALUE = "value_per_correct"
WRONG = "cost_per_wrong"


@dataclass(frozen=True, slots=True)
class Terms:
    """The economics of a suite: what all arms share.

    Attributes:
        currency: Three-letter code of every amount.
        horizon_months: H, whole months over which arms are compared, at least 1.
        requests_per_month: Volume.
        value_per_correct: Money gained by one correct answer, or None when it was not declared.
        cost_per_wrong: Money lost by one wrong answer; an abstention is neither correct nor wrong.
        discount_rate: Per year, 0.10 is ten percent.

    >>> value = TriangularRange.point(Decimal("0.02"))
    >>> Terms("USD", 12, TriangularRange.point(100_000), value).inputs["requests_per_month"].mode
    Decimal('100000')
    """

    currency: str
    horizon_months: int
    requests_per_month: TriangularRange
    value_per_correct: TriangularRange | None = None
    cost_per_wrong: TriangularRange = field(default_factory=lambda: TriangularRange.point(0))
    discount_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.horizon_months < 1:
            raise ValueError(f"horizon_months must be at least 1, got {self.horizon_months}")
        if self.requests_per_month.low < 0:
            raise ValueError(f"requests_per_month must not be negative, got {self.requests_per_month.low}")

    @property
    def inputs(self) -> dict[str, TriangularRange]:
        """The amounts that may be uncertain, by the names under which they are drawn."""
        inputs = {VOLUME: self.requests_per_month, WRONG: self.cost_per_wrong}
        return inputs if self.value_per_correct is None else inputs | {VALUE: self.value_per_correct}


@dataclass(frozen=True, slots=True)
class Renewal:
    """Something done again every k months: tuning on newer data or a newer base, building the index.

    Attributes:
        every_months: k, above 0.
        items: What doing it once costs.
    """

    every_months: Decimal
    items: tuple[LineItem, ...]

    def __post_init__(self) -> None:
        if not self.every_months > 0:
            raise ValueError(f"a renewal falls due every k > 0 months, got {self.every_months}")


@dataclass(frozen=True, slots=True)
class ArmCosts:
    """What one candidate costs, as ledger lines.

    Attributes:
        arm: Its name.
        currency: Of every amount below.
        prices_as_of: The oldest date among the price rows used, or None when none was used.
        per_request: Lines of one average request under each prompt-cache scenario that was priced. A scenario
            that is missing or has no lines is not known; a request that costs nothing has a line of 0.
        scenario: The scenario the verdict uses.
        one_off: Paid once at the start: training, labelling, engineering, failed runs, index building.
        standing: Paid every month whatever the volume: hosting, provisioned throughput, vector store.
        renewals: Paid again and again: a retune (training and ``retune_hours``), a new index. A renewal that falls
            due at the end of the horizon or later costs nothing inside it.
    """

    arm: str
    currency: str
    prices_as_of: date | None
    per_request: Mapping[Scenario, tuple[LineItem, ...]]
    scenario: Scenario = "observed"
    one_off: tuple[LineItem, ...] = ()
    standing: tuple[LineItem, ...] = ()
    renewals: tuple[Renewal, ...] = ()

    @property
    def request_lines(self) -> tuple[LineItem, ...]:
        """Lines of one request in the scenario used; a single unknown line when there are none."""
        lines = self.per_request.get(self.scenario, ())
        return lines or (LineItem("request", (Factor(None, "per request"),)),)

    @property
    def unit_cost(self) -> Decimal | None:
        """Cost of one average request in the scenario used; None when unknown, never 0 for want of a price."""
        return total(self.request_lines)

    @property
    def unit_costs(self) -> dict[Scenario, Decimal | None]:
        """Cost of one average request under each scenario, side by side."""
        return {name: total(lines) if lines else None for name, lines in self.per_request.items()}

    @property
    def items(self) -> tuple[LineItem, ...]:
        """Every line, for ``draw_inputs``."""
        renewed = tuple(item for renewal in self.renewals for item in renewal.items)
        return self.request_lines + self.one_off + self.standing + renewed

    def with_input(self, name: str, value: Decimal) -> ArmCosts:
        """The same costs with one input known exactly: the form of a changed assumption that is checked by hand.

        Args:
            name: Of the input, as factors name their ``source``.
            value: In the unit of the input.
        """

        def changed(items: tuple[LineItem, ...]) -> tuple[LineItem, ...]:
            return tuple(item.with_input(name, value) for item in items)

        return replace(
            self,
            per_request={scenario: changed(lines) for scenario, lines in self.per_request.items()},
            one_off=changed(self.one_off),
            standing=changed(self.standing),
            renewals=tuple(replace(renewal, items=changed(renewal.items)) for renewal in self.renewals),
        )


@dataclass(frozen=True, slots=True)
class LedgerBlock:
    """The lines of one part of a ledger, with their sums.

    Attributes:
        items: The lines, over the whole horizon.
    """

    items: tuple[LineItem, ...]

    @property
    def mode(self) -> Decimal | None:
        """Sum with every input at its mode, the figure a table shows; None when one line is unknown."""
        return total(self.items)

    @property
    def mean(self) -> Decimal | None:
        """Expected sum, the figure the draws average to; None when one line is unknown."""
        return mean_total(self.items)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one arm costs over the horizon, not discounted.

    Attributes:
        arm: Its name.
        currency: Of every amount.
        prices_as_of: The oldest date among the price rows used.
        scenario: Prompt-cache scenario of ``per_request``.
        one_off: Paid once.
        standing: Monthly costs times the months of the horizon.
        recurring: Renewals inside the horizon.
        per_request: Unit cost times volume times months.
    """

    arm: str
    currency: str
    prices_as_of: date | None
    scenario: Scenario
    one_off: LedgerBlock
    standing: LedgerBlock
    recurring: LedgerBlock
    per_request: LedgerBlock

    @property
    def total(self) -> LedgerBlock:
        """All lines together."""
        blocks = (self.one_off, self.standing, self.recurring, self.per_request)
        return LedgerBlock(tuple(item for block in blocks for item in block.items))


def ledger(costs: ArmCosts, terms: Terms, life: Lifetime | None = None) -> Ledger:
    """The ledger of one arm.

    Args:
        costs: The arm's ledger lines.
        terms: Volume and horizon.
        life: How long the arm's model answers inside the horizon; None for all of it.

    Returns:
        Every line over the horizon with its basis in words; sums at the mode and at the mean.

    Raises:
        PriceError: The arm is priced in another currency than the terms.

    >>> hosting = LineItem("hosting", (Factor.exact(730, "hours"), Factor.exact(Decimal("1.70"), "per hour")))
    >>> request = LineItem("request", (Factor.exact(Decimal("0.0001"), "per request"),))
    >>> costs = ArmCosts("tuned", "USD", None, {"observed": (request,)}, standing=(hosting,))
    >>> arm_ledger = ledger(costs, Terms("USD", 12, TriangularRange.point(1000)))
    >>> arm_ledger.standing.mode, arm_ledger.per_request.mode, arm_ledger.total.mode
    (Decimal('14892.00'), Decimal('1.2000'), Decimal('14893.2000'))
    >>> arm_ledger.per_request.items[0].basis
    '0.0001 per request x 1,000 requests a month x 12 months'
    """
    same_currency(costs, terms)
    served = Decimal(terms.horizon_months) if life is None else life.months
    months = Factor.exact(served if served % 1 == 0 else round(served, 2), "months")
    volume = Factor(terms.requests_per_month, "requests a month", VOLUME)
    return Ledger(
        arm=costs.arm,
        currency=costs.currency,
        prices_as_of=costs.prices_as_of,
        scenario=costs.scenario,
        one_off=LedgerBlock(costs.one_off),
        standing=LedgerBlock(tuple(item.times(months) for item in costs.standing)),
        recurring=LedgerBlock(tuple(_recurring(costs, served))),
        per_request=LedgerBlock(tuple(item.times(volume, months) for item in costs.request_lines)),
    )


def same_currency(costs: ArmCosts, terms: Terms) -> None:
    """Refuse to add two currencies.

    Raises:
        PriceError: The arm is priced in another currency than the terms.
    """
    if costs.currency != terms.currency:
        raise PriceError(
            f"the arm {costs.arm!r} is priced in {costs.currency} and the suite counts in {terms.currency}: "
            f"give its prices in {terms.currency}"
        )


def _recurring(costs: ArmCosts, months: Decimal) -> Iterator[LineItem]:
    for renewal in costs.renewals:
        times = retunes(months, renewal.every_months)
        if times:
            unit = f"{'time' if times == 1 else 'times'} (every {renewal.every_months:f} months)"
            yield from (item.times(Factor.exact(times, unit)) for item in renewal.items)
