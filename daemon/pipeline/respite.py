"""Leaving an OCR service alone that takes nothing for now."""

from __future__ import annotations

import threading

from daemon.clock import Clock
from daemon.errors import Fault, InboxdError
from daemon.limits import Limits


class PostponedError(InboxdError):
    """What reads takes no file for now; this one waits for `pause` seconds."""

    def __init__(self, fault: Fault, pause: float) -> None:
        super().__init__(fault.code, fault.message, kind=fault.kind)
        self.pause = pause


class Respite:
    """For how long an engine that takes nothing for now is left alone; doubled each time."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._until = 0.0
        self._pause = 0.0
        self._fault: Fault | None = None

    def check(self) -> None:
        """Raise PostponedError while the engine is left alone."""
        with self._lock:
            left = self._until - self._clock.monotonic()
            if self._fault is not None and left > 0:
                raise PostponedError(self._fault, left)

    def refused(self, fault: Fault) -> PostponedError:
        """The engine took nothing; what is to be raised for the file."""
        with self._lock:
            now = self._clock.monotonic()
            if now >= self._until:  # what was under way beside the first does not count again
                pause = max(2 * self._pause, self._limits.read_again)
                self._pause = min(pause, max(self._limits.park_max, self._limits.read_again))
                self._until, self._fault = now + self._pause, fault
            return PostponedError(fault, self._until - now)

    def taken(self) -> None:
        """The engine took a file."""
        with self._lock:
            self._until, self._pause, self._fault = 0.0, 0.0, None
