"""What a run will take, before anything is spent."""

from __future__ import annotations

from typing import Literal

from evalkit.records.record import Money, Record

Basis = Literal["own tokenizer", "characters", "recorded", "probe", "references", "max_tokens", "unknown"]


class ArmEstimate(Record, frozen=True, kw_only=True):
    """What answering by one arm will take.

    Attributes:
        calls: Answers that the run will request, those of the isolated pass included.
        isolated: Of these, answers timed one at a time.
        cached: Answers that the response cache has, and that ``calls`` does not count.
        prompt_tokens, output_tokens: Tokens of all calls; None where no basis for a count exists.
        prompt_basis, output_basis: What the count rests on.
        cost: In the run's ``currency``; None where the price is not known. Prompt caches are left out.
        seconds: Wall time of its calls; None where it cannot be estimated.
    """

    arm: str
    model: str
    calls: int
    isolated: int = 0
    cached: int = 0
    prompt_tokens: float | None
    output_tokens: float | None
    prompt_basis: Basis
    output_basis: Basis
    cost: Money | None
    seconds: float | None


class EmbeddingEstimate(Record, frozen=True, kw_only=True):
    """What one embedder will embed.

    Attributes:
        chunks: Passages to embed, of all corpora that are searched with it.
        questions: Questions to embed.
        tokens: Embedding tokens of passages and questions; None for an embedder that counts none.
        cost: In the run's ``currency``; None where it is not known.
        seconds: Of embedding on this machine; None where it was not measured, or is done elsewhere.
    """

    embedder: str
    chunks: int
    questions: int
    tokens: float | None
    cost: Money | None
    seconds: float | None = None


class TuningEstimate(Record, frozen=True, kw_only=True):
    """One training. ``tokens`` are those of its batches; seconds are of one process on ``threads`` cores.

    Attributes:
        peak_memory_bytes: Of that process; None where it was not measured, or nothing is trained.
    """

    model: str
    fraction: float
    seed: int
    rows: int
    steps: int
    tokens: int
    seconds: float | None
    cached: bool = False
    threads: int = 1
    peak_memory_bytes: int | None = None


class RunEstimate(Record, frozen=True, kw_only=True):
    """The forecast of a run: the result of ``evalkit estimate``.

    Attributes:
        money: Cost of all arms and embedders, in ``currency``; None where that of one is not known.
        seconds: Wall time of answering and training; None where that of one is not known.
        tuning_memory_bytes: Most memory that the training processes hold together; None where it was not measured.
        notes: Sentences on what the figures rest on.
    """

    format_version: int = 1
    suite: str
    cases: int
    calls: int
    cached: int
    prompt_tokens: float | None
    output_tokens: float | None
    money: Money | None
    currency: str
    seconds: float | None
    tuning_seconds: float | None
    tuning_memory_bytes: int | None = None
    arms: tuple[ArmEstimate, ...]
    tuning: tuple[TuningEstimate, ...] = ()
    embedding: tuple[EmbeddingEstimate, ...] = ()
    notes: tuple[str, ...] = ()
