"""Bandwidth limits, shared by all uploads to one destination or by all there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from daemon.config.bandwidth import Bandwidth
from daemon.errors import StoppedError
from daemon.limits import KIB

_SMALLEST_PIECE: Final = KIB
_PIECES_A_SECOND: Final = 10


class Throttle:
    """Grants bytes at the rate of the hour: a token bucket kept as the time at which it is full.

    Args: `now` gives seconds since 1970, which the hours go by. Idle time is not saved up, so a
    pause is followed by no burst. Used by several threads at once.
    """

    def __init__(self, bandwidth: Bandwidth, now: Callable[[], float] = time.time) -> None:
        self._bandwidth = bandwidth
        self._now = now
        self._lock = threading.Lock()
        self._free_at = 0.0

    def reserve(self, size: int) -> float:
        """Take the next `size` bytes' turn; returns the seconds until it comes."""
        rate = self._bandwidth.rate(self._now())
        with self._lock:
            now = time.monotonic()
            if rate is None:
                self._free_at = now
                return 0.0
            start = max(now, self._free_at)
            self._free_at = start + size / rate
            return start - now

    def piece(self, block: int) -> int:
        """Bytes to ask for at once, at most `block`, so that an upload flows rather than bursts."""
        return max(min(block, self._bandwidth.slowest // _PIECES_A_SECOND), _SMALLEST_PIECE)


class Throttles:
    """Several limits that must all grant what is sent."""

    def __init__(self, *throttles: Throttle | None) -> None:
        self._throttles = tuple(each for each in throttles if each is not None)

    def __bool__(self) -> bool:
        return bool(self._throttles)

    def piece(self, block: int) -> int:
        """Bytes to ask for at once, at most `block`."""
        for throttle in self._throttles:
            block = throttle.piece(block)
        return block

    def take(self, size: int, stop: threading.Event) -> float:
        """Wait for the turn of `size` bytes; returns how long, in seconds.

        Raises StoppedError as soon as `stop` is set.
        """
        pause = 0.0
        for throttle in self._throttles:
            pause = max(pause, throttle.reserve(size))
        if pause and stop.wait(pause):
            raise StoppedError
        return pause


UNLIMITED: Final = Throttles()
