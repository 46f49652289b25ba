"""What passages cost an arm: embedding and searching for each request, building the index once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evalkit.economics.line_item import MILLION, Factor, LineItem
from evalkit.economics.prices import PriceTable
from evalkit.economics.triangular import exact
from evalkit.pricing.embedding_cost import embedder_row
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, RetrievalSummary
from evalkit.suite.economics import Economics
from evalkit.suite.retrieval import HashedEmbedderConfig
from evalkit.suite.schema import Suite

EMBEDDING = "embedding_per_request"


@dataclass(frozen=True, slots=True)
class RetrievalCosts:
    """What the passages of an arm cost.

    Attributes:
        prices: Of one request, by the name under which each is varied; what costs 0 is left out.
        lines: Of one request; one that is not known has no amount.
        index: Of building the index once.
        unknown: What is not known, and what to declare.
    """

    prices: Mapping[str, Decimal] = field(default_factory=dict)
    lines: tuple[LineItem, ...] = ()
    index: tuple[LineItem, ...] = ()
    unknown: tuple[str, ...] = ()


def retrieval_costs(
    suite: Suite, economics: Economics, arm: ArmFacts, summary: ArmSummary, prices: PriceTable
) -> RetrievalCosts:
    """What the suite declares of an arm's passages; where it declares nothing, what its embedder was measured to take.

    Args:
        suite: Names the embedders.
        economics: A declared ``embedding_per_request`` or ``reindex_cost`` stands instead of the measured one.
        arm: Candidate or curve point.
        summary: Its mean embedding tokens and seconds, and its index.
        prices: In force.
    """
    if not arm.kind.retrieves:
        return RetrievalCosts()
    declared = economics.retrieval
    named = {
        EMBEDDING: declared.embedding_per_request,
        "reranker_per_request": declared.reranker_per_request,
        "search_per_request": declared.search_per_request,
    }
    request_prices = {name: price for name, price in named.items() if price}
    lines = [_line(name, price, "per request") for name, price in request_prices.items()]
    index: list[LineItem] = []
    if economics.reindex_cost:
        index.append(LineItem("index building", (Factor.exact(economics.reindex_cost, "per build"),)))
    unknown: list[str] = []
    config = None if arm.embedder is None else suite.embedders.get(arm.embedder)
    if config is None or isinstance(config, HashedEmbedderConfig):
        return RetrievalCosts(request_prices, tuple(lines), tuple(index))
    rate = _rate(suite, arm.embedder or "", prices)
    if EMBEDDING not in request_prices:
        line = _request_line(rate, summary.retrieval)
        lines.append(line)
        if line.amount is None:
            unknown.append(f"{arm.name}: what embedding a question costs is not known; {rate.remedy}")
        elif line.amount:
            request_prices[EMBEDDING] = line.amount
    if not index:
        built = None if summary.retrieval is None else summary.retrieval.index
        quantity = None if built is None else rate.quantity(built.tokens, built.embed_s)
        line = LineItem("index embedding", rate.factors(quantity))
        index.append(line)
        if line.amount is None:
            unknown.append(f"{arm.name}: what embedding its corpus costs is not known; {rate.remedy}")
    return RetrievalCosts(request_prices, tuple(lines), tuple(index), tuple(unknown))


@dataclass(frozen=True, slots=True)
class _EmbedderRate:
    """How one embedder is billed.

    Attributes:
        price: Per million tokens, or per hour.
        by_hour: Whether it is billed by the hour of its machine.
        remedy: What to declare where something is not known.
    """

    price: Decimal | None
    by_hour: bool
    remedy: str

    def quantity(self, tokens: float | None, seconds: float | None) -> Decimal | None:
        """What is multiplied by the price: tokens, or hours; None where they were not counted."""
        if self.by_hour:
            return None if seconds is None else exact(round(seconds, 9)) / 3600
        return None if tokens is None else exact(round(tokens, 4))

    def factors(self, quantity: Decimal | None) -> tuple[Factor, ...]:
        """The factors of a ledger line: a quantity and the price of one unit of it."""
        if self.by_hour:
            return Factor.exact(quantity, "hours"), Factor.exact(self.price, "per hour")
        return Factor.exact(quantity, "tokens"), Factor.exact(self.price, "per million", per=MILLION)


def _rate(suite: Suite, embedder: str, prices: PriceTable) -> _EmbedderRate:
    config = suite.embedders[embedder]
    if config.price_id is None:
        return _EmbedderRate(config.device_hour_price, True, f"give embedders.{embedder}.device_hour")
    row = embedder_row(config, prices)
    remedy = "its endpoint tells no token counts: declare economics.retrieval.embedding_per_request and reindex_cost"
    if row is None or row.rates.input is None:
        remedy = f"give the price of {config.price_id!r} under `prices`"
    return _EmbedderRate(None if row is None else row.rates.input, False, remedy)


def _request_line(rate: _EmbedderRate, searched: RetrievalSummary | None) -> LineItem:
    quantity = None if searched is None else rate.quantity(searched.query_tokens, searched.embed_s)
    line = LineItem("embedding", rate.factors(quantity))
    return line if line.amount is None else _line(EMBEDDING, line.amount, f"per request: {line.basis}")


def _line(name: str, price: Decimal, unit: str) -> LineItem:
    return LineItem(name.removesuffix("_per_request"), (Factor.exact(price, unit, source=name),))
