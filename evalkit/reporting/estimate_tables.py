"""What a run will take, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.estimate import ArmEstimate, EmbeddingEstimate, RunEstimate, TuningEstimate
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import NOT_APPLICABLE, count, data_size, money, seconds


def estimate_tables(estimate: RunEstimate) -> Iterator[Table]:
    """The arms with their sum; then the embedders and the trainings, where there are some."""
    yield _arms(estimate)
    if estimate.embedding:
        yield _embedding(estimate)
    if estimate.tuning:
        yield _tuning(estimate)


def _arms(estimate: RunEstimate) -> Table:
    with_cached = bool(estimate.cached)
    total = (
        "all",
        count(estimate.calls),
        *([count(estimate.cached)] if with_cached else []),
        _tokens(estimate.prompt_tokens),
        _tokens(estimate.output_tokens),
        money(estimate.money, estimate.currency),
        seconds(_answering_seconds(estimate)),
    )
    bases = ", ".join(dict.fromkeys(f"{arm.prompt_basis} and {arm.output_basis}" for arm in estimate.arms))
    return Table(
        name="arms",
        caption=f"{estimate.suite}: {count(estimate.cases)} cases",
        columns=(
            left("Arm"),
            right("Calls"),
            *([right("Cached")] if with_cached else []),
            right("Tokens in"),
            right("Tokens out"),
            right("Money"),
            right("Time"),
        ),
        rows=(
            *(Row(_arm_cells(arm, estimate.currency, with_cached=with_cached)) for arm in estimate.arms),
            Row(total, "total"),
        ),
        note="Calls are exact but for the isolated pass, which may end at its time limit. "
        f"Tokens in and out are from: {bases}.",
    )


def _arm_cells(arm: ArmEstimate, currency: str, *, with_cached: bool) -> tuple[str, ...]:
    return (
        arm.arm,
        count(arm.calls),
        *([count(arm.cached)] if with_cached else []),
        _tokens(arm.prompt_tokens),
        _tokens(arm.output_tokens),
        money(arm.cost, currency),
        seconds(arm.seconds),
    )


def _answering_seconds(estimate: RunEstimate) -> float | None:
    """Wall time without training; None where either is not known."""
    if estimate.seconds is None or estimate.tuning_seconds is None:
        return None
    return estimate.seconds - estimate.tuning_seconds


def _embedding(estimate: RunEstimate) -> Table:
    return Table(
        name="embedding",
        caption="Embedding",
        columns=(
            left("Embedder"),
            right("Passages"),
            right("Questions"),
            right("Tokens"),
            right("Money"),
        ),
        rows=tuple(Row(_embedder_cells(embedder, estimate.currency)) for embedder in estimate.embedding),
    )


def _embedder_cells(embedder: EmbeddingEstimate, currency: str) -> tuple[str, ...]:
    free = embedder.cost is not None and embedder.tokens is None  # priced although nothing counts its tokens
    return (
        embedder.embedder,
        count(embedder.chunks),
        count(embedder.questions),
        NOT_APPLICABLE if free else _tokens(embedder.tokens),
        money(embedder.cost, currency),
    )


def _tuning(estimate: RunEstimate) -> Table:
    held = estimate.tuning_memory_bytes
    memory = "" if held is None else f", in at most {data_size(held)} of memory at a time"
    one_core = all(training.threads == 1 for training in estimate.tuning)
    return Table(
        name="tuning",
        caption=f"Training: {seconds(estimate.tuning_seconds)} in all{memory}",
        columns=(
            left("Model"),
            right("Share"),
            right("Seed"),
            right("Rows"),
            right("Steps"),
            right("Tokens"),
            right("Time of one core" if one_core else "Time of all cores"),
        ),
        rows=tuple(Row(_training_cells(training)) for training in estimate.tuning),
    )


def _training_cells(training: TuningEstimate) -> tuple[str, ...]:
    return (
        training.model,
        f"{training.fraction:g}",
        str(training.seed),
        count(training.rows),
        count(training.steps),
        count(training.tokens),
        "kept already" if training.cached else seconds(training.seconds),
    )


def _tokens(number: float | None) -> str:
    return count(None if number is None else round(number))
