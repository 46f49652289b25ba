"""The adapters that a suite names, compared with the models they are put on, before any model answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from evalkit.errors import InputError, Problem
from evalkit.models.fingerprint import fingerprint
from evalkit.models.local import EXTRA, check_model_folder
from evalkit.models.local_files import weights_of
from evalkit.models.model_source import is_on_hub
from evalkit.models.tuned_folder import tuned_files
from evalkit.optional import require
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig
from evalkit.suite.schema import Suite


class _Origin(msgspec.Struct):
    base_model_name_or_path: str | None = None


def check_adapters(suite: Suite, *, download: bool = True) -> Iterator[str]:
    """Refuse the adapters of a suite's arms that do not fit their model whole; no weight of a model is loaded.

    Args:
        suite: The suite.
        download: Whether a model of the hub that is not on this machine is fetched, or left out.

    Yields:
        A sentence for each adapter that was made for other weights, or may have been.

    Raises:
        InputError: An adapter's names or shapes fit its model in part or not at all, or it changes nothing.
    """
    problems: list[Problem] = []
    for name in dict.fromkeys(arm.model for arm in suite.arms.values()):
        config = suite.models[name]
        if not isinstance(config, EmbeddedModelConfig | TransformersModelConfig) or config.adapter is None:
            continue
        on_hub = isinstance(config, TransformersModelConfig) and is_on_hub(config, suite.folder)
        if on_hub and not download:
            continue
        weights = weights_of(config, suite.folder)
        assert weights is not None  # noqa: S101 - models of both types have a folder
        check_model_folder(weights)
        adapter = suite.folder / config.adapter
        require("transformers", EXTRA)
        from evalkit.models.engine.adapter_fit import check_fit

        trusted = isinstance(config, TransformersModelConfig) and config.trust_remote_code
        try:
            check_fit(weights, adapter, trust_remote_code=trusted)
        except InputError as error:
            problems.append(suite.source.problem(("models", name, "adapter"), str(error)))
            continue
        if (doubt := _made_for_others(name, config, suite.folder)) is not None:
            yield doubt
    if problems:
        raise InputError(*problems)


def adapter_doubts(suite: Suite) -> Iterator[str]:
    """What speaks against the adapters of a checked suite's arms having been made for their models; a sentence each."""
    for name in dict.fromkeys(arm.model for arm in suite.arms.values()):
        config = suite.models[name]
        if isinstance(config, EmbeddedModelConfig | TransformersModelConfig) and config.adapter is not None:
            doubt = _made_for_others(name, config, suite.folder)
            if doubt is not None:
                yield doubt


def _made_for_others(
    name: str, config: EmbeddedModelConfig | TransformersModelConfig, folder: Path
) -> str | None:
    """What speaks against a model's adapter having been made for it; None where nothing does."""
    weights, model_id = weights_of(config, folder), config.model_id
    assert weights is not None and config.adapter is not None  # noqa: S101 - so of both types, and asked before
    files = tuned_files(folder / config.adapter)
    if files.replaces:
        return None
    settings = files.settings
    try:
        origin = msgspec.json.decode(settings.read_bytes(), type=_Origin).base_model_name_or_path
    except msgspec.MsgspecError:
        return None  # the model's own check says what is wrong with the file
    if not origin:
        return None
    made_for, given = Path(origin), model_id or weights
    if (made_for / "config.json").is_file():
        if made_for.resolve() == weights.resolve() or fingerprint(made_for) == fingerprint(weights):
            return None
        return (
            f"models.{name}: the adapter {settings.parent} was made for {origin}, and the weights of {given} "
            "are others; its answers are not those of the model that was tuned"
        )
    if made_for.name.casefold() in {weights.name.casefold(), Path(model_id or "").name.casefold()}:
        return None
    return (
        f"models.{name}: the adapter {settings.parent} says that it was made for {origin}; whether {given} "
        "has the same weights is not known"
    )
