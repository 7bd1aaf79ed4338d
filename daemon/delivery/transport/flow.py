"""Whether an exchange goes on fast enough; decides, and waits for nothing itself."""

from __future__ import annotations

import threading
from typing import NamedTuple

from daemon.config.destinations import TimeoutConfig


class Times(NamedTuple):
    """How long the parts of an exchange may take, in seconds; `slowest` is in bytes a second."""

    connect: float
    read: float
    transfer: float
    slowest: float


def times_of(config: TimeoutConfig) -> Times:
    """The times that a configuration gives."""
    return Times(config.connect, config.read, config.transfer, float(config.slowest))


class SlowError(TimeoutError):
    """The server takes what it is sent, but fewer bytes a second than it must."""


class OverdueError(TimeoutError):
    """The whole exchange took longer than it may, for its size."""


class Flow:
    """The bounds of one exchange that sends `size` bytes and awaits an answer.

    Three of them: no silence longer than `read`, where a byte that the far side acknowledges ends a
    silence, and an answer must be there whole; no stretch of `read` seconds of waiting in which
    fewer than `slowest` bytes a second were taken; and `transfer` and a second for each `slowest`
    bytes for all of it, the answer apart. Seconds are monotonic and passed in; `left_at` is when
    the last wait was over.
    """

    def __init__(
        self, times: Times, size: int, now: float, stop: threading.Event | None = None
    ) -> None:
        self.stop = stop
        self._patience = times.read
        self._least = times.slowest * times.read
        self._over_at = now + times.transfer + size / times.slowest + times.read
        self._silent_at = now + times.read
        self._answering = False
        self._gone = 0
        self._window_gone = 0
        self._window_at = now
        self.left_at = now

    def hold(self, seconds: float) -> None:
        """We held ourselves back for so long, which the server cannot help."""
        self._over_at += seconds

    def asked(self, now: float) -> None:
        """All is handed to the kernel; the answer is awaited from here on."""
        self._answering = True
        self._silent_at = now + self._patience

    def enter(self, now: float) -> float:
        """A wait begins; returns for how long. Our own work since the last is not counted."""
        self._window_at += now - self.left_at
        if not self._answering:
            self._silent_at = now + self._patience
        return max(min(self._silent_at, self._over_at) - now, 0.0)

    def leave(self, now: float) -> bool:
        """A wait is over; tells whether it is time to `look`."""
        self.left_at = now
        return now - self._window_at >= self._patience or now >= self._over_at

    def look(self, gone: int, now: float, *, pending: bool) -> float:
        """Judge after `gone` acknowledged bytes; returns for how long to wait at most.

        `pending` tells that there are bytes which are not acknowledged. Raises TimeoutError.
        """
        if gone > self._gone:
            self._gone = gone
            self._silent_at = now + self._patience
        if now >= self._silent_at:
            raise TimeoutError("silent for too long")
        if now >= self._over_at:
            raise OverdueError("not done in time")
        if not pending or gone - self._window_gone >= self._least:
            self._window_gone, self._window_at = gone, now
        elif now - self._window_at >= self._patience:
            raise SlowError("too slow")
        self.left_at = now
        return min(self._silent_at, self._over_at) - now
