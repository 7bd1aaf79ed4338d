"""Time, handed in so that tests can stop it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from: one clock for waiting, one for telling people."""

    def monotonic(self) -> float:
        """Seconds that never go back; for every wait and deadline within one run."""
        ...

    def now(self) -> float:
        """Seconds since 1970 (UTC) by the wall clock; for display and schedules that outlive us."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()


def iso(seconds: float) -> str:
    """Wall-clock seconds as ISO 8601 in UTC with a `Z`, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
