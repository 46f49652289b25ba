"""Suite -> everything read and checked, before a model runs or a file is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from evalkit.arms.arm import Arm
from evalkit.arms.build import build_arms
from evalkit.arms.expand import expand_arms
from evalkit.data.cases import Cases, read_cases
from evalkit.data.check import check_files
from evalkit.data.corpus import read_suite_corpus
from evalkit.data.examples import read_examples
from evalkit.data.reading import FileReading
from evalkit.economics.prices import PriceTable
from evalkit.embeddings.build import embedder_origin, embedder_weights
from evalkit.embeddings.check_embedders import check_embedders
from evalkit.metrics.build import build_metrics
from evalkit.metrics.check import check_cases
from evalkit.metrics.protocol import AnyMetric
from evalkit.models.adapter_check import adapter_doubts
from evalkit.models.check_models import check_models
from evalkit.models.local_files import model_origin, weights_digest
from evalkit.pipeline.default_stop import with_default_stops
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.prices_in_force import price_table, prices_as_of
from evalkit.registry import EMBEDDERS, METRICS, MODELS, RETRIEVERS, TUNERS
from evalkit.runner.run_start import Experiment
from evalkit.secrets import hidden_in_errors
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite
from evalkit.suite.trust import MODEL_CODE


@dataclass(frozen=True, slots=True)
class Prepared:
    """A suite whose every input was read and checked; no model has been loaded and nothing written.

    Attributes:
        limit: Only so many of the cases; None for all.
        extra: The further task sets, by name.
        readings: How the columns of each data file are read, and what is doubtful.
        notes: What is doubtful about the models.
    """

    suite: Suite
    cases: Cases
    arms: Sequence[Arm]
    metrics: Mapping[str, AnyMetric]
    prices: PriceTable
    limit: int | None
    extra: Mapping[str, Cases] = field(default_factory=dict)
    readings: Sequence[FileReading] = ()
    notes: Sequence[str] = ()

    @property
    def doubts(self) -> list[str]:
        """Everything that is doubtful about files and models, one sentence each, without its full stop."""
        of_files = [f"{reading.file}: {note}" for reading in self.readings for note in reading.notes]
        return [*of_files, *self.notes]

    @property
    def experiment(self) -> Experiment:
        """What the manifest records."""
        local = {
            name: weights_digest(config, self.suite.folder) for name, config in self.suite.models.items()
        }
        for name in self.suite.embedders_used:
            local[f"embedder {name}"] = embedder_weights(self.suite.embedders[name], self.suite.folder)
        own = {name: model_origin(config, self.suite.folder) for name, config in self.suite.models.items()}
        for name in self.suite.embedders_used:
            own[f"embedder {name}"] = embedder_origin(self.suite.embedders[name], self.suite.folder)
        return Experiment(
            suite=self.suite,
            cases=self.cases,
            facts=[arm.facts for arm in self.arms],
            weights={name: digest for name, digest in local.items() if digest is not None},
            prices_as_of=prices_as_of(self.suite, self.prices),
            limit=self.limit,
            models={name: origin for name, origin in own.items() if origin is not None},
            adapter_doubts=tuple(adapter_doubts(self.suite)),
        )


def prepare(suite: Suite, *, limit: int | None = None) -> Prepared:
    """Suite -> cases, arms, metrics, prices. Everything that can be wrong with the input is found here.

    Args:
        suite: As loaded.
        limit: Only the first cases.

    Raises:
        InputError: With file, line and what to do.
    """
    with hidden_in_errors(suite.source.secrets):
        return _prepared(suite, limit)


def _prepared(suite: Suite, limit: int | None) -> Prepared:
    readings: list[FileReading] = []
    cases = check_files(suite, readings.append)
    model_notes = (*check_models(suite), *check_embedders(suite))
    examples_of = cache(lambda path: read_examples(suite.path(path), suite))
    extra = {name: read_cases(suite, name) for name in suite.extra_cases}
    suite = with_default_stops(suite, cases, extra.values(), examples_of)
    metrics = build_metrics(suite)
    check_cases(metrics, cases)
    prices = price_table(suite)
    check_prices(suite, prices)
    arms = build_arms(
        suite,
        expand_arms(suite),
        cases,
        read_examples=examples_of,
        read_corpus=cache(lambda path: read_suite_corpus(suite, path)),
    )
    for name, others in extra.items():
        scored_by = {suite.extra_metric(name)} & metrics.keys()
        check_cases({metric: metrics[metric] for metric in scored_by}, others)
    if limit is not None:  # columns and gold ids may appear only later
        cases, extra = cases.first(limit), {name: others.first(limit) for name, others in extra.items()}
    notes = (*model_notes, *_left_alone(suite))
    return Prepared(suite, cases, arms, metrics, prices, limit, extra, readings, notes)


def _left_alone(suite: Suite) -> Iterator[str]:
    """A sentence for each name of the suite that stands for code which is not loaded here."""
    named = [
        *((f"models.{name}", MODELS, model.type) for name, model in suite.models.items()),
        *((f"models.{name}", TUNERS, method) for name, method in _tuning_methods(suite)),
        *((f"embedders.{name}", EMBEDDERS, embedder.type) for name, embedder in suite.embedders.items()),
        *(
            (f"arms.{name}", RETRIEVERS, arm.retrieval.method)
            for name, arm in suite.arms.items()
            if arm.retrieval
        ),
        *((f"metrics.{metric.name}", METRICS, metric.type) for metric in suite.metrics),
    ]
    for place, registry, name in named:
        if suite.left_alone(registry, name):
            yield (
                f"{place}: {registry.kind} {name!r} is code that the suite names; it is not loaded here, so it and its "
                "options are not checked, and a run needs --allow-plugins"
            )
    for name, model in suite.source.data.get("models", {}).items():
        if not suite.trust.model_code and model.get("trust_remote_code") is True:
            yield (
                f"models.{name}: `trust_remote_code` runs code of the model folder; none is run here, and a run needs "
                f"{MODEL_CODE}=1"
            )


def _tuning_methods(suite: Suite) -> Iterator[tuple[str, str]]:
    for name, model in suite.models.items():
        if isinstance(model, TunedModelConfig):
            yield name, model.method
