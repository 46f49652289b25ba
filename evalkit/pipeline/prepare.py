"""Suite -> everything read and checked, before a model runs or a file is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from evalkit.arms.arm import Arm
from evalkit.arms.build import build_arms, build_composer
from evalkit.arms.expand import expand_arms
from evalkit.data.cases import Cases, read_cases
from evalkit.data.check import check_files
from evalkit.data.corpus import read_corpus
from evalkit.data.examples import read_example_file, read_examples
from evalkit.data.reading import FileReading
from evalkit.economics.prices import PriceTable
from evalkit.embeddings.build import embedder_weights
from evalkit.errors import DataError, Problem
from evalkit.metrics.build import build_metrics
from evalkit.metrics.check import check_cases
from evalkit.metrics.protocol import AnyMetric
from evalkit.models.check_models import check_models
from evalkit.models.local_files import context_limit, weights_digest
from evalkit.models.prompt_tokens import prompt_token_counter
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.prices_in_force import price_table, prices_as_of
from evalkit.runner.run_start import Experiment
from evalkit.suite.models import (
    EmbeddedModelConfig,
    ModelConfig,
    TransformersModelConfig,
    TunedModelConfig,
)
from evalkit.suite.schema import Suite
from evalkit.tuning.plan import trains_here

_MESSAGE_BYTES = 16  # more than the tokens that a template puts around one message


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
        return Experiment(
            suite=self.suite,
            cases=self.cases,
            facts=[arm.facts for arm in self.arms],
            weights={name: digest for name, digest in local.items() if digest is not None},
            prices_as_of=prices_as_of(self.suite, self.prices),
            limit=self.limit,
        )


def prepare(suite: Suite, *, limit: int | None = None) -> Prepared:
    """Suite -> cases, arms, metrics, prices. Everything that can be wrong with the input is found here.

    Args:
        suite: As loaded.
        limit: Only the first cases.

    Raises:
        InputError: With file, line and what to do.
    """
    readings: list[FileReading] = []
    cases = check_files(suite, readings.append)
    model_notes = check_models(suite)
    metrics = build_metrics(suite)
    check_cases(metrics, cases)
    prices = price_table(suite)
    check_prices(suite, prices)
    arms = build_arms(
        suite,
        expand_arms(suite),
        cases,
        read_examples=cache(lambda path: read_examples(suite.path(path), suite)),
        read_corpus=cache(lambda path: read_corpus(suite.path(path))),
    )
    extra = {name: read_cases(suite, name) for name in suite.extra_cases}
    for name, others in extra.items():
        check_cases({(metric := suite.extra_metric(name)): metrics[metric]}, others)
    if limit is not None:  # columns and gold ids may appear only later
        cases, extra = cases.first(limit), {name: others.first(limit) for name, others in extra.items()}
    _check_training_lengths(suite)
    return Prepared(suite, cases, arms, metrics, prices, limit, extra, readings, model_notes)


def _check_training_lengths(suite: Suite) -> None:
    """Refuse training rows that are longer than their base model's context: a cut row would teach half an answer.

    Raises:
        DataError: Some rows are too long. Up to 20 problems, each with its line.
    """
    problems: list[Problem] = []
    for name, config in suite.models.items():
        base = suite.models[config.base] if isinstance(config, TunedModelConfig) else None
        if not isinstance(config, TunedModelConfig) or not _folder_is_here(suite, base):
            continue
        limit = None if base is None else context_limit(base, suite.folder)
        if base is None or limit is None or not trains_here(config.method):
            continue
        rows = read_example_file(suite.path(config.train), suite)
        composer = build_composer(suite, name)
        counter = None
        for example, line in zip(rows.examples, rows.lines, strict=True):
            messages = composer.training_messages(example)
            # A token takes at least a byte, so short rows need no count.
            if sum(len(message.content.encode()) + _MESSAGE_BYTES for message in messages) <= limit:
                continue
            counter = counter or prompt_token_counter(base, suite.folder)
            if not counter.exact:
                break
            prompt = messages[:-1]
            tokens = counter.prompts([prompt])[0] + counter.answer(prompt, messages[-1].content)
            if tokens > limit:
                message = (
                    f"has {tokens:,.0f} tokens in the prompt of {name!r}, and {config.base!r} takes {limit:,}; shorten "
                    "it or leave it out, since a cut row would teach half an answer"
                )
                problems.append(Problem(str(suite.path(config.train)), line, "", message))
    if problems:
        raise DataError.first_of(list(dict.fromkeys(problems)))


def _folder_is_here(suite: Suite, base: ModelConfig | None) -> bool:
    """Whether a base model's files are on this machine, so that looking at them needs no network."""
    if isinstance(base, TransformersModelConfig):
        return suite.path(base.model).is_dir()
    return isinstance(base, EmbeddedModelConfig)
