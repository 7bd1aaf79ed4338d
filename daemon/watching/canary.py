"""Proof of sight: a hidden file dropped into the inbox that the watcher must report."""

from __future__ import annotations

import contextlib
import os
import threading

from daemon.clock import Clock
from daemon.files import display, environment_fault
from daemon.limits import Limits
from daemon.watching.names import CANARY_NAME


class Canary:
    """Drops a probe file now and then and knows when one was last seen.

    It has no thread: its owner calls `act` at the time that `due` names, and `seen` when a hint for
    the probe arrives, from whichever thread. The probe is empty and lies there until it is seen.
    """

    def __init__(self, folder: bytes, limits: Limits, clock: Clock) -> None:
        self._path = os.path.join(folder, CANARY_NAME)
        self._every = limits.canary_every
        self._within = limits.canary_within
        self._clock = clock
        self._lock = threading.Lock()
        self._due = clock.monotonic()
        self._dropped: float | None = None
        self._answered = False
        self._last_seen: float | None = None
        self._trouble: str | None = None

    def due(self) -> float:
        """When to act next, on the monotonic clock."""
        return self._due

    def last_seen(self) -> float | None:
        """When a probe was last seen, on the monotonic clock; None before the first."""
        return self._last_seen

    def trouble(self) -> str | None:
        """Why no probe can be dropped, such as a folder that we may not write to; else None."""
        return self._trouble

    def seen(self) -> None:
        """Note that a hint for the probe has arrived; it is now due to be taken away."""
        with self._lock:
            if self._dropped is not None and not self._answered:
                self._answered = True
                self._last_seen = self._due = self._clock.monotonic()

    def act(self) -> bool:
        """Drop a probe, or take away one that was seen or is overdue.

        Returns False when a probe was not seen in time: the watcher is blind.
        """
        now = self._clock.monotonic()
        with self._lock:
            if now < self._due:
                return True
            dropped, answered = self._dropped, self._answered
            self._dropped, self._answered = None, False
            if dropped is not None:
                self._due = max(now, dropped + self._every)
        if dropped is not None:
            self._remove()
            return answered
        self._drop(now)
        return True

    def reset(self) -> None:
        """Take the probe away and drop a new one next: the watcher was replaced."""
        with self._lock:
            self._dropped, self._answered = None, False
            self._due = self._clock.monotonic()
        self._remove()

    def _drop(self, now: float) -> None:
        with self._lock:
            # The watcher may report the probe before the file is even closed here.
            self._dropped = now
            self._due = now + self._within
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(self._path, flags, 0o600))
            self._trouble = None
        except OSError as error:
            with self._lock:
                self._dropped = None
                self._due = now + self._every
            self._trouble = environment_fault(error, f"write {display(self._path)}").message

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path)
