"""The clock, as a value that can be passed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic seconds for durations, UTC for stamps.

    Attributes:
        monotonic: Seconds from an arbitrary start; only differences mean anything.
        now: The current moment in UTC.
    """

    monotonic: Callable[[], float] = field(default=time.perf_counter)
    now: Callable[[], datetime] = field(default=_utc_now)

    def today(self) -> date:
        """Today's date in UTC."""
        return self.now().date()
