"""Keeping a watcher on an inbox: armed anew when the folder changes, comes back, or goes unseen."""

from __future__ import annotations

import os
from collections.abc import Callable

from daemon.clock import Clock
from daemon.config.model import InboxConfig
from daemon.errors import EnvironmentFaultError
from daemon.limits import Limits
from daemon.watching.canary import Canary
from daemon.watching.choice import choose_watcher
from daemon.watching.names import CANARY_NAME, Selection
from daemon.watching.polling import PollingWatcher
from daemon.watching.report import Report
from daemon.watching.watcher import Hint, Sink, Watcher

_LONGEST_PAUSE = 30.0


class Sight:
    """The watcher of one inbox, its canary, and whether the folder is there at all.

    It has no thread: its owner calls `tend` whenever it wakes up and at the time that `due` names.
    `rescan` is called when hints may have been missed; `sink` and `rescan` come from any thread.
    """

    def __init__(
        self,
        inbox: str,
        config: InboxConfig,
        limits: Limits,
        clock: Clock,
        *,
        sink: Sink,
        rescan: Callable[[], None],
        report: Report,
    ) -> None:
        self._inbox = inbox
        self._config = config
        self._folder = os.fsencode(config.path)
        self._excludes = Selection(config.include, config.exclude).excludes
        self._limits = limits
        self._clock = clock
        self._sink = sink
        self._rescan = rescan
        self._report = report
        self._watcher: Watcher | None = None
        self._place: tuple[int, int] | None = None
        self._missing: str | None = None
        self._fault: EnvironmentFaultError | None = None
        self._polling: str | None = None
        self._next_try = clock.monotonic()
        self._pause = limits.poll_every
        self._canary = Canary(self._folder, limits, clock)

    def due(self) -> float:
        """When to tend next, on the monotonic clock."""
        return self._canary.due() if self._watcher is not None else self._next_try

    def last_seen(self) -> float | None:
        """When the watcher last proved that it sees, on the monotonic clock."""
        return self._canary.last_seen()

    def trouble(self) -> str | None:
        """What stands in the way of seeing, for people; None when all is well."""
        if self._missing is not None:
            return self._missing
        return None if self._fault is None else self._fault.message

    def missing(self) -> bool:
        """Whether the folder was not there at the last look."""
        return self._missing is not None

    def unprovable(self) -> str | None:
        """Why no probe file can be dropped, such as a read-only inbox; else None."""
        return self._canary.trouble()

    def polling(self) -> str | None:
        """Why the inbox is polled although events were wanted; else None."""
        return self._polling

    def tend(self) -> bool:
        """See to it that the folder is watched; False when it is not there."""
        status = self._stat()
        if status is None:
            return False
        place = (status.st_dev, status.st_ino)
        if self._watcher is not None and place != self._place:
            self._report(
                "inbox.restored", inbox=self._inbox, reason="another folder has taken its place"
            )
            self._release()
        elif self._watcher is not None and not self._watcher.alive():
            self._release()
        if self._watcher is None:
            self._arm(place)
        elif self._clock.monotonic() >= self._canary.due() and not self._canary.act():
            self._unseen(place)
        return True

    def stop(self) -> None:
        """Release the watcher and take the probe file away; may be called twice."""
        self._release()
        self._canary.reset()

    def _unseen(self, place: tuple[int, int]) -> None:
        """Events may have stopped coming, so ask for them anew; polling that is slow stays so."""
        self._report("inbox.overflow", inbox=self._inbox, reason="a probe file went unseen")
        if isinstance(self._watcher, PollingWatcher):
            self._rescan()
        else:
            self._release()
            self._arm(place)

    def _release(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()

    def _stat(self) -> os.stat_result | None:
        try:
            # The trailing slash makes anything but a folder an error.
            status = os.stat(os.path.join(self._folder, b""))
        except OSError as error:
            self._gone(error)
            return None
        if self._missing is not None:
            self._missing = None
            self._report("inbox.restored", inbox=self._inbox, path=str(self._config.path))
        return status

    def _gone(self, error: OSError) -> None:
        self._next_try = self._clock.monotonic() + self._limits.poll_every
        if self._missing is None:
            self._missing = f"{self._config.path}: {error.strerror or error}"
            self._report("inbox.missing", inbox=self._inbox, reason=self._missing)
        self._release()

    def _arm(self, place: tuple[int, int]) -> None:
        """Watch first, then have the folder scanned for what came before."""
        now = self._clock.monotonic()
        if now < self._next_try:
            return
        # A watcher that dies at once must not have us scan without pause.
        self._next_try = now + self._limits.poll_every
        try:
            chosen = choose_watcher(
                self._folder,
                self._take,
                watch=self._config.watch,
                recursive=self._config.recursive,
                skip=self._skip,
                poll_every=self._limits.poll_every,
                on_error=self._failed,
            )
        except EnvironmentFaultError as fault:
            self._could_not_arm(fault)
        else:
            self._watcher = chosen.watcher
            self._place = place
            self._armed(chosen.reason)
        self._rescan()

    def _armed(self, reason: str | None) -> None:
        self._pause = self._limits.poll_every
        if self._fault is not None:
            self._fault = None
            self._report("environment.resumed", inbox=self._inbox)
        if reason is not None and reason != self._polling:
            self._report("inbox.polling", inbox=self._inbox, reason=reason)
        self._polling = reason
        self._canary.reset()

    def _could_not_arm(self, fault: EnvironmentFaultError) -> None:
        """Without a watcher, each new try brings a scan, so files still get through."""
        if self._fault is None:
            self._report(
                "environment.paused", inbox=self._inbox, code=fault.code, message=fault.message
            )
        self._fault = fault
        self._next_try = self._clock.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _skip(self, name: bytes) -> bool:
        return name != CANARY_NAME and self._excludes(name)

    def _take(self, hint: Hint) -> None:
        if hint.path == CANARY_NAME:
            self._canary.seen()
        elif hint.lost == "overflow":
            self._report("inbox.overflow", inbox=self._inbox, reason="events came too fast")
        self._sink(hint)

    def _failed(self, error: Exception) -> None:
        self._report("inbox.overflow", inbox=self._inbox, reason=str(error))
        self._rescan()
