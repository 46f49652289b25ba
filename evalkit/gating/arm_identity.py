"""What decides the answers of an arm, part by part: where an answer changed, the parts say what else did."""

from __future__ import annotations

from evalkit.arms.expand import suite_arm
from evalkit.digest import digest_of
from evalkit.gating.measured_run import MeasuredRun
from evalkit.records.arm import ArmFacts
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import PromptUse, Suite

_DIGITS = 12
_NOT_ANSWERING = {
    "price",
    "training",
    "successor",
    "device_hour",
    "memory_gb",
    "max_batch",
    "timeout_s",
    "idle_timeout_s",
    "max_concurrency",
    "max_attempts",
    "requests_per_minute",
    "tokens_per_minute",
    "api_key_env",
    "fractions",
    "seeds",
}
"""Keys of a model's section that decide no answer of a candidate."""


def identity_parts(run: MeasuredRun, arm: ArmFacts) -> dict[str, str]:
    """Digests of ``model``, ``prompt``, and where the arm has them ``retrieval`` and ``weights``.

    Args:
        run: The run; only its manifest and suite are looked at.
        arm: One of its arms.
    """
    suite, name = run.suite, suite_arm(arm)
    files = run.manifest.digests.files or {"": run.manifest.digests.data}
    parts = {"model": digest_of([_model(suite, arm.model), arm.settings])}
    if name in suite.arms:
        prompt = suite.prompt_of(name)[1].model_dump(mode="json", exclude={"shots", "optimised_on"})
        parts["prompt"] = digest_of([prompt, arm.shots, _of_files(files, _prompt_files(suite, name))])
        if (retrieval := suite.arms[name].retrieval) is not None:
            embedder = suite.embedder_of(name)
            config = None if embedder is None else suite.embedders[embedder].model_dump(mode="json")
            weights = run.manifest.digests.weights.get(f"embedder {embedder}")
            parts["retrieval"] = digest_of(
                [retrieval.model_dump(mode="json"), config, weights, _of_files(files, [retrieval.corpus])]
            )
    if (weights := _weights(run, arm)) is not None:
        parts["weights"] = weights
    return {part: digest[:_DIGITS] for part, digest in parts.items()}


def _model(suite: Suite, name: str) -> dict[str, object] | None:
    """The section of a model, and of the one that it was tuned from, without what decides no answer."""
    if name not in suite.models:
        return None
    config = suite.models[name]
    section: dict[str, object] = config.model_dump(mode="json", exclude=_NOT_ANSWERING)
    if isinstance(config, TunedModelConfig):
        section["base"] = _model(suite, config.base)
    return section


def _prompt_files(suite: Suite, arm: str) -> list[str]:
    use = suite.arms[arm].prompt
    prompt = suite.prompt_of(arm)[1]
    own = use.examples if isinstance(use, PromptUse) else None
    examples = own or prompt.examples
    return [path for path in (None if examples is None else examples.path, prompt.path) if path is not None]


def _of_files(files: dict[str, str], names: list[str]) -> list[str | None]:
    """Digests of the files; of a run that kept only one digest of all its files, that one."""
    return [files.get(name, files.get("")) for name in names]


def _weights(run: MeasuredRun, arm: ArmFacts) -> str | None:
    """Of weights that are files here, and of what was trained here: an adapter's name is the digest of its recipe."""
    known = run.manifest.digests.weights
    if arm.fraction is not None and run.tuning is not None:
        trained = [
            each for each in run.tuning.runs if each.model == arm.model and each.fraction == arm.fraction
        ]
        seeds = {each.seed for each in run.table.trainings(arm.name)}
        return digest_of(sorted(each.adapter for each in trained if each.seed in seeds))
    return digest_of(known[arm.model]) if arm.model in known else None
