"""Waiting in tests: on a condition, with a bound, and on a clock that a test moves."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds that are never needed, save where something hangs: the machine may be busy."""


class StoppedClock:
    """A clock that moves when told; its two times are the same."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time


def eventually(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether something that announces itself to nobody comes to hold within so long."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def wait_until(
    holds: Callable[[], object], what: str | Callable[[], str], seconds: float = PATIENCE
) -> None:
    """Return as soon as something holds; fail with `what` when it does not in time."""
    if not eventually(holds, seconds):
        raise AssertionError(
            f"waited {seconds:g} s for {what if isinstance(what, str) else what()}"
        )
