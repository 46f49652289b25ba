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


class Strict(BaseModel):
    """Base of the schema: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class TrainingBill(Strict):
    """What a tuned model that was made elsewhere took to train.

    Give ``cost`` (money), or what it can be computed from: ``tokens`` and ``epochs`` with a ``train`` price,
    or ``device_hours``.
    """

    tokens: Annotated[int, Field(ge=0)] | None = None
    epochs: PositiveFloat | None = None
    device_hours: Annotated[float, Field(ge=0)] | None = None
    cost: Annotated[Decimal, Field(ge=0)] | None = None


class _Model(Strict):
    price: str | None = Field(None, description="Price row to use; default: the model's own id.")
    tuned_from: str | None = Field(
        None, description="Name of the base model in this suite, for tuned models."
    )
    training: TrainingBill | None = Field(None, description="What training cost, with tuned_from.")


class _Local(_Model):
    device_hour: Annotated[Decimal, Field(ge=0)] | None = Field(
        None, description="Money for one hour of the machine that answers."
    )
    max_tokens: PositiveInt = 64
    stop: list[str] = Field(default_factory=lambda: ["\n"])
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_batch: PositiveInt = 32


class EmbeddedModelConfig(_Local):
    """The small model that ships with evalkit: shows the method, its advice does not transfer."""

    type: Literal["embedded"]
    adapter: str | None = Field(None, description="LoRA folder, relative to the suite.")


class TransformersModelConfig(_Local):
    """A causal language model folder or hub id, run on this machine."""

    type: Literal["transformers"]
    model: str = Field(description="Folder (relative to the suite) or hub id.")
    revision: str | None = None
    adapter: str | None = Field(None, description="LoRA folder, relative to the suite.")
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    trust_remote_code: bool = False


class AzureConfig(Strict):
    """Where an Azure OpenAI deployment is."""

    endpoint: str = Field(description="https://<resource>.openai.azure.com")
    api_version: str
    deployment: str | None = Field(None, description="Default: the model's name.")


class OpenAIModelConfig(_Model):
    """An OpenAI-compatible endpoint: OpenAI, Azure, vLLM, SGLang, Ollama, llama.cpp, Together, ... by base_url."""

    type: Literal["openai"]
    model: str
    base_url: str | None = None
    azure: AzureConfig | None = None
    endpoint: Literal["chat", "completions"] = Field(
        "chat", description="`completions` is for base models: it continues the prompt as plain text."
    )
    api_key_env: str | None = Field(
        None,
        description="Name of the environment variable with the key. Default: OPENAI_API_KEY, with azure "
        "AZURE_OPENAI_API_KEY.",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        0.0, description="null sends none; reasoning models refuse it."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: PositiveInt | None = 256
    max_completion_tokens: PositiveInt | None = Field(
        None, description="Sent instead of max_tokens: OpenAI's reasoning models want it."
    )
    reasoning_effort: str | None = Field(None, description="none, minimal, low, medium, high, ...")
    response_format: dict[str, Any] | None = Field(
        None,
        description="Structured output: {type: json_object}, or {type: json_schema, json_schema: {...}}.",
    )
    stop: list[str] | None = None
    stream: bool = False
    seed: bool = Field(True, description="Send the run's seed to the provider.")
    timeout_s: PositiveFloat = Field(120.0, description="For one attempt, connecting included.")
    idle_timeout_s: PositiveFloat | None = Field(
        None, description="Seconds without a byte after which an attempt is given up; for streams."
    )
    max_concurrency: PositiveInt = 8
    max_attempts: PositiveInt = 5
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the key."""
        return self.api_key_env or ("AZURE_OPENAI_API_KEY" if self.azure else "OPENAI_API_KEY")

    @model_validator(mode="after")
    def _one_meaning(self) -> OpenAIModelConfig:
        if self.azure and self.base_url:
            raise ValueError("give azure or base_url, not both")
        if self.endpoint == "completions" and (self.response_format or self.reasoning_effort):
            raise ValueError("response_format and reasoning_effort belong to the chat endpoint")
        return self


class RecordedModelConfig(_Model):
    """Answers made elsewhere, read from a file of rows ``case_id, output``."""

    type: Literal["recorded"]
    path: str
    kind: Literal["zero_shot", "few_shot", "rag", "fine_tuned", "fine_tuned_rag"] | None = Field(
        None, description="What kind of arm made these answers, where the suite cannot tell."
    )


class TunedModelConfig(Strict):
    """A pilot tune of another model of this suite, made by evalkit before the arms are built."""

    type: Literal["tuned"]
    base: str = Field(description="Name of the model in this suite to start from.")
    train: str = Field(description="Training rows, relative to the suite; read with the fields of the cases.")
    prompt: str | None = Field(
        None, description="Prompt to train with; default: that of the arm that uses the model."
    )
    method: str = "lora"
    fractions: list[Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=lambda: [1.0], min_length=1)
    seeds: PositiveInt = 1
    validation_share: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    rank: PositiveInt = 16
    lora_alpha: PositiveInt = 32
    target_modules: str | list[str] = "all-linear"
    learning_rate: PositiveFloat = 4e-3
    batch_size: PositiveInt = 32
    epochs: PositiveFloat = Field(
        40.0, description="Steps are in proportion to rows: rows x epochs / batch_size."
    )
    min_steps: PositiveInt = Field(
        20,
        description="Fewest steps of a run; a higher one lets small fractions converge, so that the learning curve "
        "compares rows and not steps.",
    )
    device_hour: Annotated[Decimal, Field(ge=0)] | None = Field(
        None, description="Money for one hour of the machine that trains; default: the base's."
    )
    price: str | None = None

    @model_validator(mode="after")
    def _whole_data_is_a_fraction(self) -> TunedModelConfig:
        if 1.0 not in self.fractions:
            raise ValueError("fractions must include 1.0: the candidate is trained on all rows")
        if len(set(self.fractions)) != len(self.fractions):
            raise ValueError("fractions repeats a value")
        return self


class PluginModelConfig(BaseModel):
    """A third party's model: ``type`` is its registered name or ``my_pkg.mod:Class``; it checks its own options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str
    price: str | None = None
    tuned_from: str | None = None
    training: TrainingBill | None = None
    device_hour: Annotated[Decimal, Field(ge=0)] | None = None


BUILT_IN_TYPES = ("embedded", "transformers", "openai", "recorded", "tuned")


def _type_of(value: Any) -> str:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return name if name in BUILT_IN_TYPES else "plugin"


ModelConfig = Annotated[
    Annotated[EmbeddedModelConfig, Tag("embedded")]
    | Annotated[TransformersModelConfig, Tag("transformers")]
    | Annotated[OpenAIModelConfig, Tag("openai")]
    | Annotated[RecordedModelConfig, Tag("recorded")]
    | Annotated[TunedModelConfig, Tag("tuned")]
    | Annotated[PluginModelConfig, Tag("plugin")],
    Discriminator(_type_of),
]
