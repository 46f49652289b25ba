"""What is asked of a finished run, from its folder alone: other pairs, another run to compare with, other prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from evalkit.comparison.comparison_request import ComparisonRequest, requested_differences
from evalkit.comparison.two_runs import RunInput, compare_runs
from evalkit.metrics.build import build_aggregates
from evalkit.pipeline import spine
from evalkit.pipeline.text_rule import under_one_rule
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.prices_in_force import currency_of, price_table, prices_used
from evalkit.pricing.reprice_samples import check_rows, prices_digest, reprice_samples
from evalkit.records.comparison import Comparison
from evalkit.records.comparison_result import ComparisonResult
from evalkit.records.decision import Decision
from evalkit.records.record import Money
from evalkit.records.repriced import Repriced, RepricedArm
from evalkit.records.sample import Status
from evalkit.store.atomic import write_atomic
from evalkit.store.run_folder import RunFolder
from evalkit.suite.load import suite_of_run
from evalkit.suite.price_override import PRICES_FILE, read_price_override
from evalkit.suite.schema import Suite

_DIGITS = 12


def compare_again(run: RunFolder, suite: Suite, request: ComparisonRequest) -> ComparisonResult:
    """Comparison -> the differences that ``request`` names."""
    return requested_differences(
        run.manifest(),
        spine.compared_table(run, suite),
        run.read("comparison.json", Comparison),
        build_aggregates(suite),
        request,
        seed=suite.run.seed,
    )


def compare_two(first: RunInput, second: RunInput, request: ComparisonRequest) -> ComparisonResult:
    """Scores of two runs -> the differences between them, second minus first; scores are of one text rule.

    Raises:
        RunError: They were made under different rules, and the earlier ones cannot be made again.
    """
    metrics = (second.suite.primary_metric, *request.metrics)
    first, second = under_one_rule(first, second, metrics)
    return compare_runs(first, second, build_aggregates(second.suite), request)


def reprice(run: RunFolder, suite: Suite, prices: Path, *, write: bool) -> Repriced:
    """Each sample's cost at other prices, and the decision made again.

    Args:
        run: A decided run. Its samples are never changed.
        suite: As the run keeps it, under the prices it has now.
        prices: YAML or JSON with rows under ``prices`` and ``device_hour``; they go over the suite's own, and replace
            those of an earlier repricing.
        write: Whether the run keeps them: ``prices.yaml``, comparison and decision are written.

    Raises:
        SuiteError: The price file cannot be used, or leaves a model without a price.
    """
    override, source = read_price_override(prices)
    new_suite = suite_of_run(run.path, suite.folder, prices=prices)
    unused = check_rows(override, source, new_suite)
    check_prices(new_suite)
    comparison = run.read("comparison.json", Comparison)
    recosted = _with_costs(comparison, _mean_costs(run, new_suite), currency_of(new_suite))
    old, new = spine.decide_run(run, suite), spine.decide_run(run, new_suite)
    digests = new.inputs.digests | {"prices": prices_digest(new_suite)}
    new = replace(new, inputs=replace(new.inputs, digests=digests))
    if write:
        run.remove_derived_files()
        write_atomic(run.file(PRICES_FILE), source.kept_text.encode())
        run.write("comparison.json", recosted)
        run.write("decision.json", new)
    return Repriced(
        run=run.path.name,
        currency=currency_of(suite),
        arms=tuple(_arms(comparison, recosted, old, new)),
        old_prices=prices_used(suite, price_table(suite)),
        new_prices=prices_used(new_suite, price_table(new_suite)),
        old_verdict=old.verdict,
        new_verdict=new.verdict,
        old_arm=old.recommended_arm,
        new_arm=new.recommended_arm,
        changes=(old.verdict, old.recommended_arm) != (new.verdict, new.recommended_arm),
        unused=unused,
        written=write,
        decision=new,
    )


def _mean_costs(run: RunFolder, suite: Suite) -> dict[str, Decimal]:
    """Mean money of an answer by arm, over the answers whose cost is known."""
    sums: dict[str, Decimal] = {}
    counts: Counter[str] = Counter()
    embeds = {arm.name for arm in run.manifest().arms if arm.embedder is not None}
    for sample in reprice_samples(run.samples(), run.manifest().arms, suite, price_table(suite)):
        if sample.status is Status.OK and sample.cost is not None and sample.cost.model is not None:
            if sample.arm in embeds and sample.cost.retrieval is None:
                continue
            counts[sample.arm] += 1
            amount = sample.cost.model + (sample.cost.retrieval or 0)
            sums[sample.arm] = sums.get(sample.arm, Decimal(0)) + amount
    return {arm: round(amount / counts[arm], _DIGITS) for arm, amount in sums.items()}


def _with_costs(comparison: Comparison, costs: Mapping[str, Decimal], currency: str) -> Comparison:
    arms = tuple(
        replace(
            arm,
            unit_cost=Money(costs[arm.name].normalize()) if arm.name in costs else None,
            currency=currency if arm.name in costs else None,
        )
        for arm in comparison.arms
    )
    return replace(comparison, arms=arms)


def _arms(before: Comparison, after: Comparison, old: Decision, new: Decision) -> Iterator[RepricedArm]:
    for was, now in zip(before.arms, after.arms, strict=True):
        decided = [decision.arms[was.name].cost_per_request for decision in (old, new)]
        yield RepricedArm(
            arm=was.name,
            old_observed=was.unit_cost,
            new_observed=now.unit_cost,
            old_decided=None if decided[0] is None else Money(decided[0]),
            new_decided=None if decided[1] is None else Money(decided[1]),
        )
