"""The ``models`` section: what answers. One class per built-in type; a plugin's options pass through."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

from evalkit.suite.amounts import Money, Quantity
from evalkit.suite.model_facts import ModelFacts


class Strict(BaseModel):
    """Base of the schema: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class TrainingBill(Strict):
    """What a tuned model that was made elsewhere took to train.

    Give ``cost`` (money), or what it can be computed from: ``tokens`` and ``epochs`` with a ``train`` price,
    or ``device_hours``.
    """

    tokens: Annotated[int, Field(ge=0, le=10**15)] | None = None
    epochs: Annotated[float, Field(gt=0, le=10**6)] | None = None
    device_hours: Quantity | None = None
    cost: Money | None = None


class _Model(ModelFacts, Strict):
    price: str | None = Field(None, description="Price row to use; default: the model's own id.")
    tuned_from: str | None = Field(
        None, description="Name of the base model in this suite, for tuned models."
    )
    training: TrainingBill | None = Field(None, description="What training cost, with tuned_from.")
    successor: str | None = Field(
        None,
        description="What takes its place, as good and at the same price, when its provider shuts it; default: "
        "nothing, and the arm is worth nothing from then on.",
    )

    @property
    def price_id(self) -> str | None:
        """The id under which this model's tokens are priced; None where nothing names one."""
        return self.price

    @property
    def tuned_from_name(self) -> str | None:
        """Name of the model of this suite that this one was tuned from; None where it names none."""
        return self.tuned_from

    @property
    def replaced_by(self) -> str | None:
        """What takes the model's place once it is shut; None where nothing is declared."""
        return self.successor


class _Local(_Model):
    device_hour: Money | None = Field(None, description="Money for one hour of the machine that answers.")
    max_tokens: PositiveInt = 64
    stop: list[str] | None = Field(
        default_factory=lambda: ["\n"],
        description="Strings that end an answer; null for none but the model's own end. Default: a line's end where "
        "every reference and every training answer is one line, else null.",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_batch: PositiveInt = 32

    @property
    def device_hour_price(self) -> Decimal | None:
        """Money for one hour of the machine that answers; None where it is not declared."""
        return self.device_hour

    @property
    def output_limit(self) -> int | None:
        """Tokens at which one answer stops."""
        return self.max_tokens


class EmbeddedModelConfig(_Local):
    """The small model that ships with evalkit: shows the method, its advice does not transfer."""

    type: Literal["embedded"]
    adapter: str | None = Field(None, description="LoRA folder, relative to the suite.")


class TransformersModelConfig(_Local):
    """A causal language model from a folder, the hub or a GGUF file, run on this machine."""

    type: Literal["transformers"]
    model: str = Field(
        description="Folder or .gguf file (relative to the suite), hub id, or `package:NAME/FILE` for a file that an "
        "installed package ships."
    )
    revision: str | None = None
    adapter: str | None = Field(None, description="LoRA folder, relative to the suite.")
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    trust_remote_code: bool = False

    @property
    def model_id(self) -> str:
        """The model as the suite names it: a folder, a file or a hub id."""
        return self.model


class AzureConfig(Strict):
    """Where an Azure OpenAI deployment is."""

    endpoint: str = Field(description="https://<resource>.openai.azure.com")
    api_version: str
    deployment: str | None = Field(None, description="Default: the model's name.")


class HostedModelConfig(_Model):
    """What every hosted model has: an id by which it is priced, sampling settings, and limits on its requests."""

    model: str
    base_url: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        0.0, description="null sends none; reasoning models refuse it."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: PositiveInt | None = 256
    stop: list[str] | None = None
    stream: bool = False
    seed: bool = Field(True, description="Send the run's seed to the provider.")
    timeout_s: PositiveFloat = Field(120.0, description="For one attempt, connecting included.")
    idle_timeout_s: PositiveFloat | None = Field(
        None, description="Seconds without a byte after which an attempt is given up; for streams."
    )
    max_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 8
    max_attempts: PositiveInt = 5
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @property
    def price_id(self) -> str:
        """The id under which this model's tokens are priced: the declared row, else the model's own id."""
        return self.model if self.price is None else self.price

    @property
    def model_id(self) -> str:
        """The provider's id of the model."""
        return self.model

    @property
    def request_rate_limit(self) -> int | None:
        """Most requests in one minute; None where the section sets no limit."""
        return self.requests_per_minute

    @property
    def output_limit(self) -> int | None:
        """Tokens at which one answer stops; None where the section does not say."""
        return self.max_tokens


class OpenAIModelConfig(HostedModelConfig):
    """An OpenAI-compatible endpoint: OpenAI, Azure, vLLM, SGLang, Ollama, llama.cpp, Together, ... by base_url."""

    type: Literal["openai"]
    azure: AzureConfig | None = None
    endpoint: Literal["chat", "completions"] = Field(
        "chat", description="`completions` is for base models: it continues the prompt as plain text."
    )
    api_key_env: str | None = Field(
        None,
        description="Name of the environment variable with the key. Default: OPENAI_API_KEY, with azure "
        "AZURE_OPENAI_API_KEY.",
    )
    max_completion_tokens: PositiveInt | None = Field(
        None, description="Sent instead of max_tokens: OpenAI's reasoning models want it."
    )
    reasoning_effort: str | None = Field(None, description="none, minimal, low, medium, high, ...")
    response_format: dict[str, Any] | None = Field(
        None,
        description="Structured output: {type: json_object}, or {type: json_schema, json_schema: {...}}.",
    )

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the key."""
        return self.api_key_env or ("AZURE_OPENAI_API_KEY" if self.azure else "OPENAI_API_KEY")

    @property
    def output_limit(self) -> int | None:
        """Tokens at which one answer stops, its reasoning included."""
        return self.max_completion_tokens or self.max_tokens

    @model_validator(mode="after")
    def _one_meaning(self) -> OpenAIModelConfig:
        if self.azure and self.base_url:
            raise ValueError("give azure or base_url, not both")
        if self.endpoint == "completions" and (self.response_format or self.reasoning_effort):
            raise ValueError("response_format and reasoning_effort belong to the chat endpoint")
        return self


class VertexConfig(Strict):
    """Where a Gemini model of Vertex AI is. Google's application default credentials give access to it."""

    project: str | None = Field(
        None, description="Default: that of the endpoint's name, else GOOGLE_CLOUD_PROJECT."
    )
    location: str | None = Field(
        None, description="Default: that of the endpoint's name, else GOOGLE_CLOUD_LOCATION, else global."
    )


class GeminiModelConfig(HostedModelConfig):
    """A Gemini model: of the Developer API, or with `vertex` of Vertex AI, tuned endpoints included."""

    type: Literal["gemini"]
    model: str = Field(
        description="`gemini-...`, or a tuned model's endpoint: `projects/P/locations/L/endpoints/E` or `endpoints/E`."
    )
    vertex: VertexConfig | None = None
    api_key_env: str | None = Field(
        None,
        description="Name of the environment variable with the key. Default: GOOGLE_API_KEY, else GEMINI_API_KEY; "
        "with vertex no key is used unless one is named.",
    )
    max_tokens: PositiveInt | None = Field(
        2048, description="Thoughts count too: a model that thinks may spend it all before its answer."
    )
    top_k: PositiveInt | None = None
    thinking_budget: Annotated[int, Field(ge=-1)] | None = Field(
        None, description="Tokens of thinking (2.5 models): 0 for none, -1 for as many as the model likes."
    )
    thinking_level: str | None = Field(
        None, description="minimal, low, medium, high (from Gemini 3 models on)."
    )
    response_mime_type: str | None = Field(
        None, description="application/json for structured output, text/x.enum for one of a list."
    )
    response_schema: dict[str, Any] | None = Field(
        None, description="In Google's subset of OpenAPI's schemas."
    )
    response_json_schema: dict[str, Any] | None = Field(
        None, description="In JSON Schema, instead of response_schema."
    )

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that may hold the key; the first that is set counts."""
        if self.api_key_env is not None:
            return (self.api_key_env,)
        return () if self.vertex else ("GOOGLE_API_KEY", "GEMINI_API_KEY")

    @model_validator(mode="after")
    def _one_meaning(self) -> GeminiModelConfig:
        if self.thinking_budget is not None and self.thinking_level is not None:
            raise ValueError("give thinking_budget or thinking_level, not both")
        if self.response_schema is not None and self.response_json_schema is not None:
            raise ValueError("give response_schema or response_json_schema, not both")
        if self.vertex is None and self.model.startswith(("projects/", "endpoints/")):
            raise ValueError("an endpoint of Vertex AI needs `vertex: {}` beside it")
        return self


class RecordedModelConfig(_Model):
    """Answers made elsewhere, read from a file of rows ``case_id, output``."""

    type: Literal["recorded"]
    path: str
    kind: Literal["zero_shot", "few_shot", "rag", "fine_tuned", "fine_tuned_rag"] | None = Field(
        None, description="What kind of arm made these answers, where the suite cannot tell."
    )

    @property
    def declared_kind(self) -> str | None:
        """The kind of arm that made these answers; None where the section does not say."""
        return self.kind


class Every(Strict):
    """How often: by optimiser steps or by seconds."""

    steps: PositiveInt | None = None
    seconds: PositiveFloat | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Every:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("give steps or seconds, one of them")
        return self


class LastLayers(Strict):
    """Some layers of a model, counted from its end."""

    last: PositiveInt


# What belongs to one method of tuning; a plugin may use any of them.
_OF_METHOD = {
    "lora": ("rank", "lora_alpha", "lora_dropout", "target_modules"),
    "partial": ("layers", "modules"),
}
_TUNED_HERE = ("lora", "full", "partial")
_LEARNING_RATES = {"full": 1e-3, "partial": 2e-3}
_LORA_RATE = 4e-3


DEFAULT_MEMORY_GB = 3.0
"""Memory of a training, in 1e9 bytes, where a suite says nothing."""


class TunedModelConfig(ModelFacts, Strict):
    """A pilot tune of another model of this suite, made by evalkit before the arms are built."""

    type: Literal["tuned"]
    base: str = Field(description="Name of the model in this suite to start from.")
    train: str = Field(description="Training rows, relative to the suite; read with the fields of the cases.")
    prompt: str | None = Field(
        None, description="Prompt to train with; default: that of the arm that uses the model."
    )
    method: str = Field(
        "lora",
        description="lora: low-rank matrices beside frozen weights. full: every parameter. partial: those that "
        "`layers` and `modules` name, the rest frozen. Or a plugin's.",
    )
    fractions: list[Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=lambda: [1.0], min_length=1)
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(
        1,
        description="Trainings on all rows, whose mean is the candidate; smaller fractions are trained at most twice.",
    )
    validation_share: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    rank: PositiveInt = 16
    lora_alpha: PositiveInt = 32
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | list[str] = Field(
        "all-linear", description="As peft reads it. all-linear: every linear layer but the output's."
    )
    layers: LastLayers | None = Field(
        None,
        description="For partial: {last: 2} trains the last two layers whole. Embeddings, final norm and head stay "
        "frozen unless `modules` names them.",
    )
    modules: list[str] = Field(
        default_factory=list,
        description="For partial: parts of parameter names between dots, `*` for any letters but dots: `lm_head`, "
        "`self_attn`, `layers.3`, `*norm*`. A head tied to the embeddings is one parameter with them.",
    )
    learning_rate: PositiveFloat | None = Field(
        None,
        description="Default: 0.004 for lora, 0.002 for partial, 0.001 for full: right for the embedded model. Models "
        "of a billion parameters want about 0.0002 for lora and 0.00002 for full.",
    )
    batch_size: PositiveInt = Field(
        32,
        description="Rows of a step, and the most that are computed at a time; fewer are where memory_gb asks for it: "
        "the same step in parts.",
    )
    memory_gb: PositiveFloat = Field(
        DEFAULT_MEMORY_GB,
        description="Memory of a training on the CPU, in 1e9 bytes. Bases under 64 MB are trained as they are.",
    )
    gradient_accumulation_steps: PositiveInt = Field(
        1, description="Batches whose gradients make one step: the same step in less memory."
    )
    epochs: Annotated[float, Field(gt=0, le=10**6)] = Field(
        40.0, description="Steps are in proportion to rows: rows x epochs / rows a step."
    )
    min_steps: Annotated[int, Field(ge=1, le=10**7)] = Field(
        20,
        description="Fewest steps of a run; a higher one lets small fractions converge, so that the learning curve "
        "compares rows and not steps.",
    )
    evaluate_every: PositiveInt | None = Field(
        None, description="Steps between two looks at the validation loss; default: ten looks."
    )
    patience: PositiveInt | None = Field(
        None, description="Stop after so many looks without a lower validation loss; default: never."
    )
    keep: Literal["last", "best"] | None = Field(
        None,
        description="Weights of the last step, or of the lowest validation loss; default: best with patience, "
        "else last.",
    )
    checkpoint_every: Every = Field(
        default_factory=lambda: Every(seconds=30.0),
        description="How often training is kept so that a killed one goes on from there.",
    )
    device: str | None = Field(None, description="cpu, cuda, cuda:1, auto; default: that of the base.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="What matrix products are computed in; auto: bfloat16 where the device is quicker with it. Trained "
        "weights and optimiser stay float32.",
    )
    device_hour: Money | None = Field(
        None, description="Money for one hour of the machine that trains; default: the base's."
    )
    price: str | None = None
    successor: str | None = Field(
        None,
        description="What takes its place, as good and at the same price, when its provider shuts it; default: "
        "nothing, and the arm is worth nothing from then on.",
    )

    @property
    def price_id(self) -> str | None:
        """The id under which this model's tokens are priced; None where nothing names one."""
        return self.price

    @property
    def replaced_by(self) -> str | None:
        """What takes the model's place once it is shut; None where nothing is declared."""
        return self.successor

    @property
    def device_hour_price(self) -> Decimal | None:
        """Money for one hour of the machine that trains; None where the base's price is to be used."""
        return self.device_hour

    @property
    def tuned_from_name(self) -> str:
        """Name of the model of this suite that this one is tuned from."""
        return self.base

    def seeds_of(self, fraction: float) -> range:
        """The training seeds of one fraction, counted from 1: all of them on all rows, at most two on fewer.

        The trainings on all rows are the candidate, and its quality is their mean; two of every smaller fraction are
        what a learning curve needs.
        """
        return range(1, (self.seeds if fraction == 1.0 else min(self.seeds, 2)) + 1)

    @property
    def rate(self) -> float:
        """The peak learning rate: the one the suite gives, else the default of the method."""
        return self.learning_rate or _LEARNING_RATES.get(self.method, _LORA_RATE)

    @property
    def rows_a_step(self) -> int:
        """Rows whose gradients make one optimiser step."""
        return self.batch_size * self.gradient_accumulation_steps

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the lowest validation loss are kept, not those of the last step."""
        return self.keep == "best" or (self.keep is None and self.patience is not None)

    @model_validator(mode="after")
    def _whole_data_is_a_fraction(self) -> TunedModelConfig:
        if 1.0 not in self.fractions:
            raise ValueError("fractions must include 1.0: the candidate is trained on all rows")
        if len(set(self.fractions)) != len(self.fractions):
            raise ValueError("fractions repeats a value")
        return self

    @model_validator(mode="after")
    def _settings_of_the_method(self) -> TunedModelConfig:
        for method, settings in _OF_METHOD.items():
            given = sorted(self.model_fields_set.intersection(settings))
            if given and self.method in _TUNED_HERE and self.method != method:
                raise ValueError(f"{given[0]} belongs to `method: {method}`, and this is `{self.method}`")
        if self.method == "partial" and self.layers is None and not self.modules:
            raise ValueError("partial needs `layers: {last: 2}` or `modules: [...]`: what is to be trained?")
        if self.validation_share == 0 and (self.patience is not None or self.keep == "best"):
            raise ValueError("patience and `keep: best` look at the validation loss: validation_share is 0")
        return self


class PluginModelConfig(ModelFacts, BaseModel):
    """A third party's model: ``type`` is its registered name or ``my_pkg.mod:Class``; it checks its own options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str
    price: str | None = None
    tuned_from: str | None = None
    training: TrainingBill | None = None
    device_hour: Money | None = None
    successor: str | None = None

    @property
    def price_id(self) -> str | None:
        """The id under which this model's tokens are priced; None where nothing names one."""
        return self.price

    @property
    def replaced_by(self) -> str | None:
        """What takes the model's place once it is shut; None where nothing is declared."""
        return self.successor

    @property
    def device_hour_price(self) -> Decimal | None:
        """Money for one hour of the machine that answers; None where it is not declared."""
        return self.device_hour

    @property
    def tuned_from_name(self) -> str | None:
        """Name of the model of this suite that this one was tuned from; None where it names none."""
        return self.tuned_from

    @property
    def declared_kind(self) -> str | None:
        """The plugin's option ``kind``; None without one."""
        return self._text_option("kind")

    @property
    def model_id(self) -> str | None:
        """The plugin's option ``model``; None without one."""
        return self._text_option("model")

    @property
    def output_limit(self) -> int | None:
        """The plugin's option ``max_tokens``: tokens at which one answer stops; None without one."""
        return self._whole_option("max_tokens")

    @property
    def request_rate_limit(self) -> int | None:
        """The plugin's option ``requests_per_minute``; None without one."""
        return self._whole_option("requests_per_minute")

    def _text_option(self, name: str) -> str | None:
        value = (self.model_extra or {}).get(name)
        return None if value is None else str(value)

    def _whole_option(self, name: str) -> int | None:
        value = (self.model_extra or {}).get(name)
        return value if isinstance(value, int) else None


BUILT_IN_TYPES = ("embedded", "transformers", "openai", "gemini", "recorded", "tuned")


def _type_of(value: Any) -> str:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return name if name in BUILT_IN_TYPES else "plugin"


ModelConfig = Annotated[
    Annotated[EmbeddedModelConfig, Tag("embedded")]
    | Annotated[TransformersModelConfig, Tag("transformers")]
    | Annotated[OpenAIModelConfig, Tag("openai")]
    | Annotated[GeminiModelConfig, Tag("gemini")]
    | Annotated[RecordedModelConfig, Tag("recorded")]
    | Annotated[TunedModelConfig, Tag("tuned")]
    | Annotated[PluginModelConfig, Tag("plugin")],
    Discriminator(_type_of),
]
