"""Types of amounts with an upper bound: far above real figures, far below where sums overflow or loops never end."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

Money = Annotated[Decimal, Field(ge=0, le=10**15)]
Figure = Annotated[float, Field(le=1e15)]
Quantity = Annotated[float, Field(ge=0, le=1e15)]
Months = Annotated[int, Field(ge=1, le=1200)]
