"""Amounts in records: digits without an exponent on disk, exact decimals in memory."""

from decimal import Decimal

import msgspec
import pytest

from evalkit.records.estimate import EmbeddingEstimate
from evalkit.records.record import Money, Record, from_json, to_json
from evalkit.records.sample import Cost

# What was written while these fields were text: ``f"{amount:f}"``.
WRITTEN = {
    "0E-8": "0.00000000",
    "0.00000000": "0.00000000",
    "0": "0",
    "1.53527E-7": "0.000000153527",
    "0.000220": "0.000220",
    "12.50": "12.50",
    "1E+3": "1000",
    "-0.10": "-0.10",
}


def embedding(cost):
    return EmbeddingEstimate(embedder="e", chunks=1, questions=0, tokens=None, cost=cost)


@pytest.mark.parametrize(("amount", "written"), WRITTEN.items())
def test_an_amount_is_written_as_it_was_while_it_was_text(amount, written):
    assert f"{Decimal(amount):f}" == written
    content = to_json(embedding(Money(amount)))
    assert content == (
        b'{"embedder":"e","chunks":1,"questions":0,"tokens":null,"cost":"'
        + written.encode()
        + b'","seconds":null}'
    )
    again = from_json(content, EmbeddingEstimate)
    assert again.cost == Decimal(amount)
    assert to_json(again) == content


def test_an_unknown_amount_stays_unknown():
    assert from_json(to_json(embedding(None)), EmbeddingEstimate).cost is None


def test_other_decimals_keep_the_form_they_had():
    assert to_json(Cost(model=Decimal("3E-7"), currency="USD")) == (
        b'{"model":"3E-7","retrieval":null,"judge":null,"currency":"USD"}'
    )


def test_arithmetic_gives_plain_decimals():
    """An amount that is computed from one is written as any other decimal is."""
    assert type(Money("0.1") + Money("0.2")) is Decimal
    assert type(Decimal(Money("0.1"))) is Decimal


@pytest.mark.parametrize("given", ['"cheap"', '"NaN"', '"Infinity"', "0.5", '""'])
def test_what_is_no_amount_is_refused_with_its_place(given):
    with pytest.raises(msgspec.ValidationError, match=r"amount of money .* at `\$\.cost`"):
        from_json(
            f'{{"embedder":"e","chunks":1,"questions":0,"tokens":null,"cost":{given}}}', EmbeddingEstimate
        )


class Odd(Record, frozen=True, kw_only=True):
    """A record of a type that has no JSON."""

    value: complex


def test_a_type_that_has_no_json_is_refused():
    with pytest.raises(TypeError, match="cannot hold a object"):
        to_json({"value": object()})
    with pytest.raises(NotImplementedError, match="cannot hold a complex"):
        from_json('{"value":"1"}', Odd)
