"""From the suite's arms to all arms that run: the candidates and the points of their curves."""

from __future__ import annotations

import json
from collections.abc import Iterator

from evalkit.digest import digest_of
from evalkit.errors import Problem, SuiteError
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.suite.models import ModelConfig, TunedModelConfig
from evalkit.suite.schema import PromptConfig, RetrievalConfig, Suite

# An allow-list, since the manifest keeps these and a plugin's options may hold a key.
_SETTINGS = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "reasoning_effort",
    "response_format",
    "top_k",
    "thinking_budget",
    "thinking_level",
    "response_mime_type",
    "response_schema",
    "response_json_schema",
    "stop",
    "seed",
    "dtype",
    "extra_body",
)


_OF_THE_FILE = ("source", "path", "predictor", "inputs", "optimised_on")
"""Keys that say where an optimised prompt comes from."""


def expand_arms(suite: Suite) -> list[ArmFacts]:
    """The facts of every arm that runs: each arm of the suite, followed by the points of its curve.

    ``shot_curve`` gives ``few_shot@4``; the arm's own number of shots is left out, since the arm itself is that
    point. An arm on a ``type: tuned`` model gives ``fine_tuned@0.25`` for each further fraction of the
    training rows and ``fine_tuned@1.0/seed2`` for each further seed (``TunedModelConfig.seeds_of``); with retrieval it
    does not, since each point is a whole run and the learning curve is read without it. Arms with ``role: curve`` stand
    alone.

    Raises:
        SuiteError: Two arms would have one name, a declared kind contradicts the model, or an arm with
            ``role: curve`` asks for a curve of its own.
    """
    if problems := list(_problems(suite)):
        raise SuiteError(*problems)
    by_name: dict[str, ArmFacts] = {}
    for name in suite.arms:
        for facts in (_facts_of(suite, name), *_points(suite, name)):
            if facts.name in by_name:
                at = ("arms", name, "shot_curve") if suite.arms[name].shot_curve else ("arms", name)
                raise SuiteError(suite.source.problem(at, f"two arms would be called {facts.name!r}"))
            by_name[facts.name] = facts
    return list(by_name.values())


def suite_arm(facts: ArmFacts) -> str:
    """The arm of the suite file that ``facts`` belong to; no suite arm's name holds an ``@``."""
    return facts.name.partition("@")[0]


def _points(suite: Suite, name: str) -> Iterator[ArmFacts]:
    arm, model = suite.arms[name], suite.models[suite.arms[name].model]
    if arm.role == "curve":
        return
    own = suite.prompt_of(name)[1].shots
    for shots in arm.shot_curve:
        if shots != own:
            yield _facts_of(suite, name, point=str(shots), shots=shots)
    if isinstance(model, TunedModelConfig) and arm.retrieval is None:
        for fraction in sorted(model.fractions):
            for seed in model.seeds_of(fraction):
                if (fraction, seed) != (1.0, 1):
                    point = f"{float(fraction)}" if seed == 1 else f"{float(fraction)}/seed{seed}"
                    yield _facts_of(suite, name, point=point, fraction=fraction, seed=seed)


def _facts_of(
    suite: Suite,
    name: str,
    *,
    point: str | None = None,
    shots: int | None = None,
    fraction: float = 1.0,
    seed: int = 1,
) -> ArmFacts:
    arm, model = suite.arms[name], suite.models[suite.arms[name].model]
    prompt_name, prompt = suite.prompt_of(name)
    shown = prompt.shots if shots is None else shots
    tuned_here = isinstance(model, TunedModelConfig)
    answers = suite.models[model.base] if isinstance(model, TunedModelConfig) else model
    return ArmFacts(
        name=name if point is None else f"{name}@{point}",
        kind=_kind(suite, name, shown),
        role=arm.role if point is None else "curve",
        parent=None if point is None else name,
        model=arm.model,
        base_model=model.tuned_from_name,
        model_type=answers.type,
        prompt=prompt_name,
        prompt_digest=prompt_digest(prompt),
        shots=shown,
        retrieval=arm.retrieval.method if arm.retrieval else None,
        top_k=arm.retrieval.top_k if arm.retrieval else None,
        embedder=suite.embedder_of(name),
        chunk=_chunk_words(arm.retrieval),
        fraction=fraction if tuned_here else None,
        seed=seed if tuned_here else None,
        prompt_source=prompt.source,
        optimised_on=prompt.optimised_on,
        settings=_settings(suite, model.base if isinstance(model, TunedModelConfig) else arm.model),
    )


def _chunk_words(retrieval: RetrievalConfig | None) -> str | None:
    if retrieval is None or (chunk := retrieval.chunk) is None:
        return None
    overlap = f", {chunk.overlap} of them again" if chunk.overlap else ""
    return f"{chunk.by}, up to {chunk.size} tokens{overlap}"


def prompt_digest(prompt: PromptConfig) -> str:
    """A digest that is the same for the same templates and source of examples.

    The number of shots is left out, so that all points of a shot curve are one prompt tried. Of a prompt that is read
    from a file the texts count, not the file's name.
    """
    dumped = prompt.model_dump(mode="json", exclude={"shots"})
    return digest_of({key: value for key, value in dumped.items() if key not in _OF_THE_FILE})


def _kind(suite: Suite, name: str, shots: int) -> ArmKind:
    """The declared kind, else the one that model, retrieval and shots make: a recorded answer does not show them."""
    arm = suite.arms[name]
    if declared := arm.kind or suite.models[arm.model].declared_kind:
        return ArmKind(declared)
    if suite.is_tuned(arm.model):
        return ArmKind.FINE_TUNED_RAG if arm.retrieval else ArmKind.FINE_TUNED
    if arm.retrieval:
        return ArmKind.RAG
    return ArmKind.FEW_SHOT if shots else ArmKind.ZERO_SHOT


def _settings(suite: Suite, model: str) -> dict[str, str]:
    """The request settings that the suite gives for the model, as text; those it does not give are left out."""
    options = suite.models[model].model_dump(mode="json", exclude_none=True)
    options = suite.source.variables.as_written(("models", model), options)
    return {
        key: value if isinstance(value := options[key], str) else json.dumps(value, ensure_ascii=False)
        for key in _SETTINGS
        if key in options
    }


def _problems(suite: Suite) -> Iterator[Problem]:
    for name, arm in suite.arms.items():
        if arm.role == "curve" and arm.shot_curve:
            yield suite.source.problem(
                ("arms", name, "shot_curve"),
                "belongs to a candidate; this arm has `role: curve`, so it is a point itself",
            )
        if arm.kind is None:
            continue
        if suite.models[arm.model].type == "tuned" and not ArmKind(arm.kind).tuned:
            yield suite.source.problem(
                ("arms", name, "kind"),
                f"is {arm.kind!r}, but {arm.model!r} is a tuned model; leave `kind` out",
            )
        elif ArmKind(arm.kind).tuned and not _may_be_tuned(suite.models[arm.model]):
            yield suite.source.problem(
                ("arms", name, "kind"),
                f"is {arm.kind!r}, but {arm.model!r} is not tuned; name its base with `tuned_from`",
            )


def _may_be_tuned(model: ModelConfig) -> bool:
    return model.type == "recorded" or model.tuned_from_name is not None
