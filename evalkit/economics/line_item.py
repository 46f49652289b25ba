"""One line of a ledger: a product of named factors that a person can multiply out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

import numpy as np

from evalkit.economics.triangular import FloatArray, TriangularRange

MILLION = Decimal(1_000_000)
SHOWN_DIGITS = 8


def in_words(value: Decimal) -> str:
    """A number as a person checks it: exact up to twelve digits, else to eight, with thousands commas.

    Zeros that a computation left at the end are left out; two decimals stay, as a price list writes them.

    >>> [in_words(value) for value in (Decimal(244763), Decimal("3.00"), Decimal("0.150000"), Decimal(2) / 3)]
    ['244,763', '3.00', '0.15', '0.66666667']
    """
    if len(value.normalize().as_tuple().digits) > 12:
        value = value.quantize(Decimal(1).scaleb(value.adjusted() - SHOWN_DIGITS + 1))
    text = f"{value:,f}"
    whole, _, decimals = text.partition(".")
    if len(decimals) != 2:
        decimals = decimals[:2] + decimals[2:].rstrip("0") if decimals.strip("0") else ""
    return f"{whole}.{decimals}" if decimals else whole


@dataclass(frozen=True, slots=True)
class Factor:
    """One number of a product.

    Attributes:
        value: The number, or None when nobody knows it.
        unit: What it counts, in words ("tokens", "per million", "hours").
        source: Name of the uncertain input it comes from ("labour_hours", "ft:gpt-4o-mini train"), shared by
            every line that uses it so that one draw serves them all; "" for a number that is never varied.
        per: Divisor that belongs to the unit, 1,000,000 for prices per million tokens.
    """

    value: TriangularRange | None
    unit: str
    source: str = ""
    per: Decimal = Decimal(1)

    @classmethod
    def exact(
        cls, value: Decimal | int | None, unit: str, *, source: str = "", per: Decimal = Decimal(1)
    ) -> Self:
        """A factor known exactly, or not at all."""
        return cls(None if value is None else TriangularRange.point(value), unit, source, per)

    def draws(self, drawn: Mapping[str, FloatArray]) -> FloatArray | float:
        """The factor in every draw: from ``drawn`` where its source is there, else its exact value.

        Raises:
            ValueError: The value is unknown, or is a range that was not drawn.
        """
        if self.source in drawn:
            return drawn[self.source] / float(self.per)
        if self.value is None:
            raise ValueError(f"the number of {self.unit!r} is not known")
        if not self.value.is_point:
            raise ValueError(f"{self.source or self.unit!r} is a range and was not drawn: see draw_inputs")
        return float(self.value.mode) / float(self.per)

    def __str__(self) -> str:
        if self.value is None:
            return f"unknown {self.unit}"
        text = f"{in_words(self.value.mode)} {self.unit}"
        return text if self.value.is_point else f"{text} (mean {in_words(self.value.mean)})"


@dataclass(frozen=True, slots=True)
class LineItem:
    """What one thing costs, and how that was computed.

    Attributes:
        name: What is paid for ("training", "hosting", "cached input").
        factors: Their product is the amount, in the currency of the ledger it stands in.

    >>> tokens = Factor.exact(244763, "tokens")
    >>> price = Factor.exact(Decimal("3.00"), "per million", per=MILLION)
    >>> item = LineItem("training", (tokens, Factor.exact(3, "epochs"), price))
    >>> item.amount, item.basis
    (Decimal('2.202867'), '244,763 tokens x 3 epochs x 3.00 per million')
    """

    name: str
    factors: tuple[Factor, ...]

    @property
    def amount(self) -> Decimal | None:
        """The amount at the mode of every factor; None as soon as one factor is unknown, never 0."""
        return self._product(lambda value: value.mode)

    @property
    def mean(self) -> Decimal | None:
        """The expected amount: factors are drawn independently, so it is the product of their means."""
        return self._product(lambda value: value.mean)

    @property
    def basis(self) -> str:
        """The computation in words."""
        return " x ".join(str(factor) for factor in self.factors)

    def times(self, *factors: Factor) -> LineItem:
        """The same item taken several times, for instance over the months of the horizon."""
        return replace(self, factors=self.factors + factors)

    def with_input(self, name: str, value: Decimal) -> LineItem:
        """The same item with the factors that come from one input put at a value known exactly."""
        point = TriangularRange.point(value)
        factors = (
            replace(factor, value=point) if factor.source == name else factor for factor in self.factors
        )
        return replace(self, factors=tuple(factors))

    def draws(self, drawn: Mapping[str, FloatArray]) -> FloatArray | float:
        """The amount in every draw, or one number when no factor is drawn.

        Raises:
            ValueError: A factor is unknown, or is a range that was not drawn.
        """
        try:
            amount: FloatArray | float = 1.0
            for factor in self.factors:
                amount = amount * factor.draws(drawn)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        return amount

    def _product(self, at: Callable[[TriangularRange], Decimal]) -> Decimal | None:
        amount = Decimal(1)
        for factor in self.factors:
            if factor.value is None:
                return None
            amount *= at(factor.value) if factor.per == 1 else at(factor.value) / factor.per
        return amount


def total(items: Iterable[LineItem]) -> Decimal | None:
    """The sum at the mode; None when one amount is unknown. No items cost 0."""
    return _sum(item.amount for item in items)


def mean_total(items: Iterable[LineItem]) -> Decimal | None:
    """The expected sum; None when one amount is unknown. No items cost 0."""
    return _sum(item.mean for item in items)


def total_draws(items: Iterable[LineItem], drawn: Mapping[str, FloatArray]) -> FloatArray | float:
    """The sum in every draw.

    Raises:
        ValueError: An amount is unknown, or a range was not drawn.
    """
    amount: FloatArray | float = 0.0
    for item in items:
        amount = amount + item.draws(drawn)
    return amount


def draw_inputs(
    items: Iterable[LineItem], inputs: Mapping[str, TriangularRange], rng: np.random.Generator, n_draws: int
) -> dict[str, FloatArray]:
    """One set of draws of every uncertain input, to be shared by all arms so that they stay comparable.

    Args:
        items: The line items of all arms; their factors hold the ranges.
        inputs: Further ranges by name (``Terms.inputs``).
        rng: The source of chance. Inputs are drawn in the order of their names.
        n_draws: How many draws.

    Returns:
        Input name to shape (n_draws,). Inputs known exactly are left out.

    Raises:
        ValueError: One name stands for two different ranges.
    """
    ranges = dict(inputs)
    for factor in (factor for item in items for factor in item.factors):
        if factor.value is None or factor.value.is_point:
            continue
        if not factor.source:
            raise ValueError(f"a range of {factor.unit!r} needs the name of its input")
        if ranges.setdefault(factor.source, factor.value) != factor.value:
            raise ValueError(f"the input {factor.source!r} stands for two different ranges")
    return {name: ranges[name].draw(rng, n_draws) for name in sorted(ranges) if not ranges[name].is_point}


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    whole = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        whole += amount
    return whole
