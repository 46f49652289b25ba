"""Arms of made-up cost, so that each test shows only the numbers it is about."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from evalkit.economics.ledger import ArmCosts, Renewal
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.net_benefit import PricedArm

Amount = str | int


def _line(name: str, amount: Amount | None) -> LineItem:
    return LineItem(name, (Factor.exact(None if amount is None else Decimal(amount), "once"),))


@pytest.fixture(scope="session")
def make_arm() -> Callable[..., PricedArm]:
    """Build an arm from its amounts; None is an unknown amount, leaving an argument out means no such cost."""

    def make(
        name: str = "arm",
        *,
        unit: Amount | None = "0",
        once: Amount | None = "0",
        monthly: Amount | None = "0",
        renewal: Amount | None = "0",
        every: Amount | None = None,
        quality: str = "0",
        wrong: str = "0",
        currency: str = "USD",
    ) -> PricedArm:
        costs = ArmCosts(
            arm=name,
            currency=currency,
            prices_as_of=None,
            per_request={"observed": (_line("request", unit),)},
            one_off=(_line("training", once),),
            standing=(_line("hosting", monthly),),
            renewals=() if every is None else (Renewal(Decimal(every), (_line("retune", renewal),)),),
        )
        return PricedArm(costs, Decimal(quality), Decimal(wrong))

    return make
