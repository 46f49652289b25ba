"""The suite file as typed data. Each class is one section of ``suite.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from evalkit.errors import SuiteError
from evalkit.registry import Registry
from evalkit.suite.amounts import Money, Quantity
from evalkit.suite.economics import Economics, PriceConfig, Range, Share
from evalkit.suite.gate import GateConfig
from evalkit.suite.models import ModelConfig, Strict
from evalkit.suite.names import FolderName, Name
from evalkit.suite.retrieval import WITHOUT_EMBEDDER, EmbedderConfig, RetrievalConfig
from evalkit.suite.source import Source
from evalkit.suite.trust import Trust, lies_inside, outside_words
from evalkit.suite.yaml_data import Location

MOST_SHOTS = 200
"""Demonstrations that a prompt may show."""


class UseCase(Strict):
    """What should get better, measured how, and how good is good enough."""

    improve: str = ""
    primary_metric: str | None = None
    target: Share | None = None
    citations_required: bool = False


class CasesConfig(Strict):
    """Where the cases are. ``fields`` maps the fields of a case to the file's columns."""

    path: str
    format: str | None = Field(None, description="Default: by the file's ending.")
    fields: dict[
        Literal["id", "input", "reference", "messages", "tags", "cluster", "gold_passages"], str | list[str]
    ] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class ExtraCasesConfig(CasesConfig):
    """Another task set that the reference arm and the tuned candidates answer: what tuning does beyond its task."""

    margin: Annotated[float, Field(gt=0, lt=1)] = Field(0.03, description="The drop that would not matter.")
    kind: Literal["transfer", "forgetting"] = Field(
        "forgetting",
        description="A neighbouring task (transfer), or what the base could do before (forgetting).",
    )
    metric: str | None = Field(
        None, description="Name of one of the suite's metrics; default: the primary one."
    )


class ExamplesConfig(Strict):
    """Where demonstrations come from and how they are chosen."""

    path: str
    choose: Literal["fixed", "random", "nearest"] = "fixed"


class PromptConfig(Strict):
    """Text around a case. ``{{fields}}`` are the case's own; unknown ones are refused."""

    system: str | None = None
    user: str = "{{input}}"
    passages: str = Field(
        "{{passages}}", description="Put before the user text once per passage, when there are any."
    )
    answer: str = Field("{{output}}", description="How a demonstration's answer is written.")
    shots: Annotated[int, Field(ge=0, le=MOST_SHOTS)] = Field(
        0, description="Demonstrations shown; default: none, and all of an optimised prompt's own."
    )
    examples: ExamplesConfig | None = None
    source: Literal["dspy", "file"] | None = Field(
        None,
        alias="from",
        description="The prompt is read from `path`. dspy: a compiled program's JSON, as program.save writes it. file: "
        "YAML or JSON with `instructions` and `examples`.",
    )
    path: str | None = Field(None, description="With `from`: the file, relative to the suite.")
    predictor: str | None = Field(None, description="With `from: dspy`: which of several predictors.")
    inputs: list[Name] = Field(
        default_factory=list,
        description="With `from: dspy`: the input fields of its signature, which the saved program does not tell apart "
        "from the outputs; default: all but the last, and but a reasoning before it.",
    )
    optimised_on: Literal["train", "cases"] | None = Field(
        None,
        description="With `from`: the questions that the prompt was optimised on: others than the cases (train), or "
        "the cases that judge it here (cases), with which no verdict can be confident.",
    )

    @model_validator(mode="after")
    def _from_a_file(self) -> PromptConfig:
        if self.source is None:
            given = sorted(self.model_fields_set & {"path", "predictor", "inputs", "optimised_on"})
            if given:
                raise ValueError(f"{given[0]} belongs to a prompt that is read `from: dspy` or `from: file`")
            return self
        if self.path is None:
            raise ValueError("`from` needs the `path` of the file")
        if self.system is not None or self.examples is not None:
            raise ValueError(
                "the file has the instructions and the examples: leave `system` and `examples` out"
            )
        if self.source == "file" and (self.predictor is not None or self.inputs):
            raise ValueError("predictor and inputs belong to `from: dspy`")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As before there were optimised prompts where this is none, so that digests of older runs hold."""
        dumped: dict[str, Any] = handler(self)
        unused = () if self.source is not None else ("source", "path", "predictor", "inputs", "optimised_on")
        return {key: value for key, value in dumped.items() if key not in unused}


class Demonstration(Strict):
    """A solved question of an optimised prompt, with all fields that it has there."""

    input: str
    output: str
    fields: dict[str, str] = Field(default_factory=dict)


class OptimisedPrompt(PromptConfig):
    """A prompt as read from the file that its section of the suite names: templates, and demonstrations in order."""

    demonstrations: tuple[Demonstration, ...] = ()

    @model_validator(mode="after")
    def _from_a_file(self) -> OptimisedPrompt:
        """Its section of the suite was checked; here the file's own texts stand beside ``from``."""
        return self


class PromptUse(Strict):
    """An arm's prompt: a prompt by name, with what this arm changes."""

    base: str
    system: str | None = None
    user: str | None = None
    passages: str | None = None
    answer: str | None = None
    shots: Annotated[int, Field(ge=0, le=MOST_SHOTS)] | None = None
    examples: ExamplesConfig | None = None


class ArmConfig(Strict):
    """One way of answering: model x prompt x optional retrieval."""

    model: str
    prompt: str | PromptUse | None = None
    retrieval: RetrievalConfig | None = None
    shot_curve: list[Annotated[int, Field(ge=0, le=MOST_SHOTS)]] = Field(default_factory=list)
    role: Literal["candidate", "curve"] = "candidate"
    kind: Literal["zero_shot", "few_shot", "rag", "fine_tuned", "fine_tuned_rag"] | None = None
    prefix_tokens: Quantity | None = Field(
        None,
        description="Tokens at the start of the prompt that all requests of the arm share, for the prompt cache; "
        "default: measured, where it can be.",
    )


class MetricConfig(Strict):
    """A metric with its options, written ``- token_f1`` or ``- regex: {name: ..., pattern: ...}``."""

    type: str
    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value, "name": value}
        if isinstance(value, dict) and len(value) == 1 and not {"type", "name"} & value.keys():
            ((kind, options),) = value.items()
            if not isinstance(options, dict | None):
                raise ValueError(f"the options of {kind!r} must be keys and values, such as {{name: mine}}")
            options = dict(options or {})
            return {"type": kind, "name": options.pop("name", kind), "options": options}
        return value


class LatencyConfig(Strict):
    """How latency is timed apart from the run: so many cases of each candidate, one request at a time.

    Attributes:
        max_s: No further case of an arm is timed once its answers took so many seconds together.
    """

    isolated: Annotated[int, Field(ge=0)] = 30
    max_s: Annotated[float, Field(gt=0, le=86_400)] = 120.0


class RunConfig(Strict):
    """How the cells are run."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    max_concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    latency: LatencyConfig = LatencyConfig()
    cost_limit: Money | None = None


class Pilot(Strict):
    """What a pilot tune is believed to reach and cost, where no tuned arm was measured."""

    quality: Range
    cost: Money


class Limit(Strict):
    """Bounds of one figure; a candidate outside them is removed before the decision."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Limit:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        return self


class DecisionConfig(Strict):
    """The margin, error rate and confidence of the decision, its limits, and the assumed pilot."""

    margin: Annotated[float, Field(gt=0, lt=1)] = 0.03
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.90
    reference_arm: str | None = None
    limits: dict[str, Limit] = Field(default_factory=dict)
    pilot: Pilot | None = None
    draws: Annotated[int, Field(ge=500, le=200_000)] = 4000
    seed_sd: Annotated[float, Field(ge=0, le=0.5)] | None = Field(
        None,
        description="Standard deviation of the score between trainings of one recipe, before any was measured; "
        "default: 0.02, or 0.03 where one training was measured.",
    )
    deploy: Literal["fresh", "measured"] = Field(
        "fresh",
        description="fresh: the models of production are trained anew. measured: the training that `deploy_seed` "
        "names, chosen before it was scored, serves until the first retune.",
    )
    deploy_seed: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The training that serves, with `deploy: measured`."
    )
    mix: dict[Name, dict[str, Share]] = Field(
        default_factory=dict,
        description="Shares of production: {type: {a: 0.7, b: 0.3}} where cases are tagged `a` and `b`, or `type:a` "
        "and `type:b`; default: as among the cases.",
    )

    @model_validator(mode="after")
    def _one_training_is_named(self) -> DecisionConfig:
        if (self.deploy == "measured") != (self.deploy_seed is not None):
            raise ValueError("`deploy: measured` and `deploy_seed` go together: which training serves?")
        return self

    @field_validator("mix")
    @classmethod
    def _shares_of_a_whole(cls, mix: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for tag, shares in mix.items():
            if abs(sum(shares.values()) - 1.0) > 1e-6:
                raise ValueError(f"the shares of {tag!r} sum to {sum(shares.values()):g}, not to 1")
        return mix


IMPORTED_FROM = "imported_from"
"""Key of a suite's ``metadata`` that names the table that its scores were read from."""
LATENCY_LIMITS = ("p50_latency_s", "p90_latency_s", "p95_latency_s", "p99_latency_s")
OTHER_LIMITS = ("cost_per_request",)


class Suite(Strict):
    """A whole experiment, loaded by ``evalkit.load_suite``."""

    name: FolderName
    description: str = ""
    use_case: UseCase = UseCase()
    cases: CasesConfig
    extra_cases: dict[Name, ExtraCasesConfig] = Field(default_factory=dict)
    prompts: dict[Name, PromptConfig] = Field(default_factory=dict)
    models: dict[Name, ModelConfig] = Field(min_length=1)
    embedders: dict[Name, EmbedderConfig] = Field(default_factory=dict)
    arms: dict[Name, ArmConfig] = Field(min_length=1)
    metrics: list[MetricConfig] = Field(min_length=1)
    run: RunConfig = RunConfig()
    economics: Economics | None = None
    prices: dict[str, PriceConfig] = Field(default_factory=dict)
    decision: DecisionConfig = DecisionConfig()
    gate: GateConfig | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)

    _source: Source = PrivateAttr()
    _optimised: dict[str, OptimisedPrompt] = PrivateAttr(default_factory=dict)

    @field_validator("metrics")
    @classmethod
    def _metric_names_differ(cls, metrics: list[MetricConfig]) -> list[MetricConfig]:
        names = [metric.name for metric in metrics]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two metrics are called {sorted(repeated)[0]!r}; give one a `name:`")
        return metrics

    @property
    def source(self) -> Source:
        """The file that the suite was read from, with the line of every key."""
        return self._source

    @property
    def folder(self) -> Path:
        """The folder to which paths in the suite are relative."""
        return self._source.folder

    def with_env_files(self, files: Iterable[Path]) -> Suite:
        """The same suite; the command that goes on with a run of it names these files of environment variables."""
        suite = self.model_copy()
        suite._source = replace(self._source, env_files=tuple(files))
        return suite

    @property
    def trust(self) -> Trust:
        """What the suite may do beyond its own folder."""
        return self._source.trust

    def left_alone(self, registry: Registry, name: str) -> bool:
        """Whether a name stands for code of the suite's own that is not loaded here."""
        return not self.trust.loads_plugins and registry.names_code(name)

    def path(self, relative: str, at: Location = ()) -> Path:
        """A path of an input file that the suite gives, joined to the suite's folder.

        Args:
            relative: As the suite writes it.
            at: The key that gives it, for the message.

        Raises:
            SuiteError: It leads out of the suite's folder, and that was not allowed.
        """
        path = self.folder / relative
        if not self.trust.outside and not lies_inside(path, self.folder):
            message = outside_words(relative, self.folder)
            raise SuiteError(self._source.problem(at, message) if at else message)
        return path

    def line(self, *location: str | int) -> int | None:
        """The 1-based line of a key in ``suite.yaml``, or of its nearest enclosing key; None for none."""
        return self._source.line(tuple(location))

    @property
    def primary_metric(self) -> str:
        """The metric that carries the decision: the declared one, else the first."""
        return self.use_case.primary_metric or self.metrics[0].name

    @property
    def reference_arm(self) -> str:
        """The arm that the others are compared with: as declared, else the first untuned candidate, else the first."""
        if self.decision.reference_arm is not None:
            return self.decision.reference_arm
        candidates = [name for name, arm in self.arms.items() if arm.role == "candidate"] or list(self.arms)
        untuned = [name for name in candidates if not self.is_tuned(self.arms[name].model)]
        return (untuned or candidates)[0]

    def is_tuned(self, model: str) -> bool:
        """Whether a model of this suite is tuned, by evalkit or elsewhere."""
        config = self.models[model]
        return config.tuned_from_name is not None or config.declared_kind in ("fine_tuned", "fine_tuned_rag")

    def embedder_of(self, arm: str) -> str | None:
        """Name of the embedder that an arm searches with: the named one, else the suite's only one.

        None where the arm does not retrieve or compares no vectors, or where the suite has several and none is named.
        """
        retrieval = self.arms[arm].retrieval
        if retrieval is None or retrieval.method in WITHOUT_EMBEDDER:
            return None
        return retrieval.embedder or (next(iter(self.embedders)) if len(self.embedders) == 1 else None)

    @property
    def embedders_used(self) -> tuple[str, ...]:
        """Names of the embedders that some arm searches with, in the order of the suite."""
        used = {self.embedder_of(arm) for arm in self.arms}
        return tuple(name for name in self.embedders if name in used)

    def extra_metric(self, name: str) -> str:
        """Name of the metric that scores an extra task set: its own, else the primary metric."""
        return self.extra_cases[name].metric or self.primary_metric

    @property
    def optimised_prompts(self) -> dict[str, OptimisedPrompt]:
        """The prompts that are read from a file, by name, as the file has them."""
        return dict(self._optimised)

    def prompt(self, name: str) -> PromptConfig:
        """A prompt by its name; one that is read from a file as the file has it."""
        return self._optimised.get(name) or self.prompts[name]

    def prompt_of(self, arm: str) -> tuple[str, PromptConfig]:
        """Name of an arm's prompt, and the prompt with the arm's own changes applied.

        An arm without a prompt uses the suite's only one, or a bare ``{{input}}`` where there is none.
        """
        use = self.arms[arm].prompt
        if use is None:
            name = next(iter(self.prompts), None)
            return ("default", PromptConfig()) if name is None else (name, self.prompt(name))
        if isinstance(use, str):
            return use, self.prompt(use)
        changes = use.model_dump(exclude={"base"}, exclude_none=True)
        if use.examples is not None:
            changes["examples"] = use.examples
        return use.base, self.prompt(use.base).model_copy(update=changes)


__all__ = ["Location", "RetrievalConfig", "Suite"]
