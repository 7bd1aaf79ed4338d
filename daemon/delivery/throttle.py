"""A bandwidth limit shared by all uploads to one destination."""

from __future__ import annotations

import threading
import time

from daemon.errors import StoppedError


class Throttle:
    """Grants bytes at a steady rate: a token bucket kept as the time at which it is full again.

    Args: `rate` in bytes a second. Idle time is not saved up, so a pause is followed by no burst.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0

    def reserve(self, size: int) -> float:
        """Take the next `size` bytes' turn; returns the seconds until it comes."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + size / self.rate
            return start - now

    def take(self, size: int, stop: threading.Event) -> None:
        """Wait for the turn of `size` bytes; raises StoppedError as soon as `stop` is set."""
        pause = self.reserve(size)
        if pause > 0 and stop.wait(pause):
            raise StoppedError
