"""What a run will take, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from evalkit.records.estimate import RunEstimate
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import NOT_APPLICABLE, count, money, seconds


def estimate_tables(found: RunEstimate) -> Iterator[Table]:
    """The arms with their sum, and the trainings where there are some."""
    rows = [
        Row(
            (
                arm.arm,
                count(arm.calls),
                *([count(arm.cached)] if found.cached else []),
                _tokens(arm.prompt_tokens),
                _tokens(arm.output_tokens),
                _amount(arm.cost, found.currency),
                seconds(arm.seconds),
            )
        )
        for arm in found.arms
    ]
    answering = (
        None
        if found.seconds is None or found.tuning_seconds is None
        else found.seconds - found.tuning_seconds
    )
    total = (
        "all",
        count(found.calls),
        *([count(found.cached)] if found.cached else []),
        _tokens(found.prompt_tokens),
        _tokens(found.output_tokens),
        _amount(found.money, found.currency),
        seconds(answering),
    )
    bases = ", ".join(dict.fromkeys(f"{arm.prompt_basis} and {arm.output_basis}" for arm in found.arms))
    yield Table(
        name="arms",
        caption=f"{found.suite}: {count(found.cases)} cases",
        columns=(
            left("Arm"),
            right("Calls"),
            *([right("Cached")] if found.cached else []),
            right("Tokens in"),
            right("Tokens out"),
            right("Money"),
            right("Time"),
        ),
        rows=(*rows, Row(total, "total")),
        note=f"Calls are exact, the isolated pass included. Tokens in and out are from: {bases}.",
    )
    if found.embedding:
        yield Table(
            name="embedding",
            caption="Embedding",
            columns=(
                left("Embedder"),
                right("Passages"),
                right("Questions"),
                right("Tokens"),
                right("Money"),
            ),
            rows=tuple(
                Row(
                    (
                        one.embedder,
                        count(one.chunks),
                        count(one.questions),
                        NOT_APPLICABLE
                        if one.cost is not None and one.tokens is None
                        else _tokens(one.tokens),
                        _amount(one.cost, found.currency),
                    )
                )
                for one in found.embedding
            ),
        )
    if found.tuning:
        yield Table(
            name="tuning",
            caption=f"Training: {seconds(found.tuning_seconds)} in all",
            columns=(
                left("Model"),
                right("Share"),
                right("Seed"),
                right("Rows"),
                right("Steps"),
                right("Tokens"),
                right("Time of one core"),
            ),
            rows=tuple(
                Row(
                    (
                        one.model,
                        f"{one.fraction:g}",
                        str(one.seed),
                        count(one.rows),
                        count(one.steps),
                        count(one.tokens),
                        "kept already" if one.cached else seconds(one.seconds),
                    )
                )
                for one in found.tuning
            ),
        )


def _tokens(number: float | None) -> str:
    return count(None if number is None else round(number))


def _amount(amount: str | None, currency: str) -> str:
    return money(None if amount is None else Decimal(amount), currency)
