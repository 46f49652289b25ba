"""Arms that differ in more than model, retrieval and declared shots: what else could explain their difference."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.arm import ArmFacts
from evalkit.suite.schema import PromptConfig, Suite


def config_differences(suite: Suite, arms: tuple[ArmFacts, ...], reference: str) -> tuple[str, ...]:
    """One sentence for each candidate that differs from the reference arm in what was not meant to differ.

    Args:
        suite: Holds the prompts.
        arms: The run's arms with the settings their models were given.
        reference: Name of the arm that the others are held against.
    """
    by_name = {arm.name: arm for arm in arms}
    if reference not in by_name:
        return ()
    against = by_name[reference]
    found = []
    for arm in arms:
        if arm.role == "candidate" and arm.name != reference:
            parts = [*_settings(arm, against), *_prompts(suite, arm, against)]
            if parts:
                found.append(f"{arm.name} against {reference}: {'; '.join(parts)}")
    return tuple(found)


def _settings(arm: ArmFacts, against: ArmFacts) -> Iterator[str]:
    for key in sorted(arm.settings.keys() | against.settings.keys()):
        mine, theirs = arm.settings.get(key, "not set"), against.settings.get(key, "not set")
        if mine != theirs:
            yield f"{key} {mine} against {theirs}"


def _prompts(suite: Suite, arm: ArmFacts, against: ArmFacts) -> Iterator[str]:
    mine, theirs = _prompt_of(suite, arm), _prompt_of(suite, against)
    if mine is None or theirs is None:
        if arm.prompt != against.prompt:
            yield f"prompt {arm.prompt} against {against.prompt}"
        return
    fields = ["system", "user"]
    if arm.retrieval and against.retrieval:
        fields.append("passages")
    if arm.shots and against.shots:
        fields += ["answer", "examples"]
    yield from (f"prompt.{name} differs" for name in fields if getattr(mine, name) != getattr(theirs, name))


def _prompt_of(suite: Suite, arm: ArmFacts) -> PromptConfig | None:
    """The prompt as the suite resolves it; None for an arm that the suite no longer has."""
    name = arm.parent or arm.name
    return suite.prompt_of(name)[1] if name in suite.arms else None
