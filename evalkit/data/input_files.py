"""The data files that a suite names, each once, with the key that names it."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.suite.models import RecordedModelConfig, TunedModelConfig
from evalkit.suite.schema import ExamplesConfig, PromptUse, Suite
from evalkit.suite.yaml_data import Location


def example_files(suite: Suite) -> dict[str, Location]:
    """Training and demonstration files, as the suite writes their paths, each with the key that names it."""
    return _once(_example_files(suite))


def corpus_files(suite: Suite) -> dict[str, Location]:
    """Corpora of the arms that retrieve, as the suite writes their paths, each with the key that names it."""
    return _once(
        (arm.retrieval.corpus, ("arms", name, "retrieval", "corpus"))
        for name, arm in suite.arms.items()
        if arm.retrieval is not None
    )


def extra_files(suite: Suite) -> dict[str, Location]:
    """Files of extra task sets, as the suite writes their paths, each with the key that names it."""
    return _once((config.path, ("extra_cases", name, "path")) for name, config in suite.extra_cases.items())


def prompt_files(suite: Suite) -> dict[str, Location]:
    """Files of optimised prompts, as the suite writes their paths, each with the key that names it."""
    return _once(
        (prompt.path, ("prompts", name, "path"))
        for name, prompt in suite.prompts.items()
        if prompt.path is not None
    )


def recorded_files(suite: Suite) -> dict[str, Location]:
    """Files of recorded answers, as the suite writes their paths, each with the key that names it."""
    return _once(
        (model.path, ("models", name, "path"))
        for name, model in suite.models.items()
        if isinstance(model, RecordedModelConfig)
    )


def _example_files(suite: Suite) -> Iterator[tuple[str, Location]]:
    for name, model in suite.models.items():
        if isinstance(model, TunedModelConfig):
            yield model.train, ("models", name, "train")
    for name, prompt in suite.prompts.items():
        if isinstance(prompt.examples, ExamplesConfig):
            yield prompt.examples.path, ("prompts", name, "examples", "path")
    for name, arm in suite.arms.items():
        if isinstance(arm.prompt, PromptUse) and arm.prompt.examples is not None:
            yield arm.prompt.examples.path, ("arms", name, "prompt", "examples", "path")


def _once(named: Iterator[tuple[str, Location]]) -> dict[str, Location]:
    locations: dict[str, Location] = {}
    for path, location in named:
        locations.setdefault(path, location)
    return locations
