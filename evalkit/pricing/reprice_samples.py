"""The samples of a run at other prices: each one's cost from its own usage and timing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from evalkit.digest import digest_of
from evalkit.economics.price_file import price_row
from evalkit.economics.prices import PriceError, PriceTable
from evalkit.errors import Problem, SuiteError
from evalkit.pricing.embedding_cost import embedding_price
from evalkit.pricing.prices_in_force import Pricer, currency_of, device_hour, pricer
from evalkit.records.arm import ArmFacts
from evalkit.records.sample import Sample
from evalkit.suite.price_override import PriceOverride
from evalkit.suite.schema import Suite
from evalkit.suite.source import Source


def reprice_samples(
    samples: Iterable[Sample], arms: Iterable[ArmFacts], suite: Suite, prices: PriceTable
) -> Iterator[Sample]:
    """The same samples with the cost that these prices give.

    What judges cost stays, and so does what retrieval costs where nothing was embedded. A sample whose model nothing
    prices keeps the cost it came with.

    Args:
        samples: Of one run.
        arms: Of that run.
        suite: Names the models and their device hours.
        prices: In force.
    """
    arms = list(arms)
    pricers: dict[str, Pricer | None] = {
        arm.name: pricer(suite, arm.model, prices) if _is_priced(suite, arm.model) else None for arm in arms
    }
    embedding = {
        arm.name: embedding_price(suite, arm.embedder, prices)
        for arm in arms
        if arm.embedder is not None and arm.embedder in suite.embedders
    }
    for sample in samples:
        price = pricers.get(sample.arm)
        if price is None or (sample.usage is None and sample.timing is None):
            yield sample
            continue
        cost = price(sample.usage, sample.timing)
        if cost is not None and sample.cost is not None:
            cost = replace(cost, retrieval=sample.cost.retrieval, judge=sample.cost.judge)
        if cost is not None and sample.retrieval is not None and sample.arm in embedding:
            use = sample.retrieval
            cost = replace(cost, retrieval=embedding[sample.arm](use.tokens, use.embed_s))
        yield replace(sample, cost=cost)


def check_rows(override: PriceOverride, source: Source, suite: Suite) -> tuple[str, ...]:
    """Refuse price rows that cannot be used.

    Returns:
        Ids of the rows that no model of the suite is priced by.

    Raises:
        SuiteError: A row is in another currency than the suite counts in, or does not hold together.
    """
    currency = currency_of(suite)
    problems: list[Problem] = []
    for model, config in override.prices.items():
        at = ("prices", model)
        if config.currency not in (None, currency):
            message = (
                f"is in {config.currency} and the suite counts in {currency}: give the price in {currency}"
            )
            problems.append(source.problem((*at, "currency"), message))
            continue
        try:
            price_row(model, config.model_dump(exclude_none=True), currency=currency)
        except PriceError as error:
            problems.append(source.problem(at, str(error)))
    if problems:
        raise SuiteError(*problems)
    used = {_row_of(suite, name, override) for name in suite.models}
    return tuple(model for model in override.prices if model not in used)


def prices_digest(suite: Suite) -> str:
    """Digest of a suite's own prices, as the manifest of a run keeps it."""
    return digest_of(suite.model_dump(mode="json", include={"prices"}))


def _row_of(suite: Suite, model: str, override: PriceOverride) -> str | None:
    """Id of the row in the price file that prices a model of the suite; None where no row does."""
    price_id = suite.models[model].price_id
    if price_id is None:
        return None
    rows = [
        price_row(row, config.model_dump(exclude_none=True), currency=currency_of(suite))
        for row, config in override.prices.items()
    ]
    try:
        return PriceTable({row.model: row for row in rows}, currency_of(suite)).lookup(price_id).model
    except PriceError:
        return None


def _is_priced(suite: Suite, model: str) -> bool:
    return suite.models[model].price_id is not None or device_hour(suite, model) is not None
