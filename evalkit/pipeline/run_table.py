"""The scores of a run folder as arrays: what is compared, decided on, and held against a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evalkit.comparison.build_table import build_table
from evalkit.comparison.leaked_cases import without_leaked
from evalkit.comparison.table import ScoreTable
from evalkit.pricing.prices_in_force import price_table
from evalkit.pricing.reprice_samples import reprice_samples
from evalkit.records.profile import Profile
from evalkit.records.sample import Sample
from evalkit.store.run_folder import RunFolder
from evalkit.suite.price_override import PRICES_FILE
from evalkit.suite.schema import Suite


def read_table(run: RunFolder, suite: Suite, on_sample: Callable[[Sample], None] | None = None) -> ScoreTable:
    """The scores of a run as arrays; where the run was repriced, with the costs of its present prices.

    Args:
        run: A scored run.
        suite: Its suite.
        on_sample: Called with each sample on the way, so that the file is read once.
    """
    manifest, samples = run.manifest(), run.samples()
    if run.has(PRICES_FILE):
        samples = reprice_samples(samples, manifest.arms, suite, price_table(suite))
    if on_sample is not None:
        samples = _heard(samples, on_sample)
    return build_table(manifest, run.cases(), samples, run.scores(), suite.primary_metric)


def compared_table(
    run: RunFolder, suite: Suite, on_sample: Callable[[Sample], None] | None = None
) -> ScoreTable:
    """The scores that arms are compared on: without the cases that stand in the training rows, and their clusters."""
    table = read_table(run, suite, on_sample)
    return without_leaked(table, run.read("profile.json", Profile)) if run.has("profile.json") else table


def _heard(samples: Iterator[Sample], on_sample: Callable[[Sample], None]) -> Iterator[Sample]:
    for sample in samples:
        on_sample(sample)
        yield sample
