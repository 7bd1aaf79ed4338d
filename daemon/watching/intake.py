"""One inbox's way from hints and scans to settled sightings in the ledger."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Final

from daemon.clock import Clock
from daemon.config.model import InboxConfig
from daemon.errors import EnvironmentFaultError, StoppedError
from daemon.files import environment_fault
from daemon.jobs.model import Sighting
from daemon.limits import Limits
from daemon.watching.looking import Looking
from daemon.watching.names import CANARY_NAME, Selection
from daemon.watching.report import Report
from daemon.watching.scan import walk
from daemon.watching.sight import Sight
from daemon.watching.watcher import Hint

BATCH: Final = 512
"""Sightings handed over at once."""
_MOST_HINTS: Final = 16_384  # the kernel's own default queue; one scan replaces more than this
_MOST_LISTED: Final = 100
_SCAN_SHARE: Final = 10.0  # between two scans pass at least so many times the length of one
_LONGEST_PAUSE: Final = 30.0
_STOP_WITHIN: Final = 8.0  # a network mount that hangs must not keep us from stopping

Admit = Callable[[list[Sighting]], None]
"""Queues sightings durably; the same path and identity twice is one. Raises EnvironmentFaultError
when it cannot, and the same list comes again."""


class Intake:
    """Notices the files of one inbox and hands those that are settled to `admit`.

    One thread of its own. Memory does not grow with the inbox: hints are bounded and give way to a
    scan, a scan hands over as it goes, and of the files that are not ready a bounded number is
    remembered, the others being found by a later scan.
    """

    def __init__(
        self,
        inbox: str,
        config: InboxConfig,
        limits: Limits,
        clock: Clock,
        *,
        admit: Admit,
        report: Report,
    ) -> None:
        self._inbox = inbox
        self._config = config
        self._folder = os.fsencode(config.path)
        self._selection = Selection(config.include, config.exclude)
        self._limits = limits
        self._clock = clock
        self._admit = admit
        self._report = report
        self._looking = Looking(inbox, config, limits, clock)
        self._sight = Sight(
            inbox, config, limits, clock, sink=self._hint, rescan=self.rescan, report=report
        )
        self._changed = threading.Condition()
        self._hints: dict[bytes, bool] = {}
        self._scan_wanted = True
        self._next_scan = clock.monotonic()
        self._last_scan: float | None = None
        self._stopping = False
        self._busy = True
        self._looked = False
        self._fault: EnvironmentFaultError | None = None
        self._pause = 0.0
        self._unreadable: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"intake-{inbox}", daemon=True)

    def start(self) -> None:
        """Watch, scan, and go on until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """End at once; what was not handed over is found again by the next start's scan."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_WITHIN)

    def rescan(self) -> None:
        """Have the whole folder looked at soon."""
        with self._changed:
            self._scan_wanted = True
            self._changed.notify_all()

    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def last_seen(self) -> float | None:
        """When the watcher last proved that it sees new files, on the monotonic clock."""
        return self._sight.last_seen()

    def unprovable(self) -> str | None:
        """Why sight cannot be proven, such as an inbox that we may not write to; else None."""
        return self._sight.unprovable()

    def last_scan(self) -> float | None:
        """When the last whole scan ended, on the monotonic clock; None before the first."""
        return self._last_scan

    def trouble(self) -> str | None:
        """What keeps files from being noticed or queued, for people; None when all is well."""
        if self._fault is not None:
            return self._fault.message
        return self._sight.trouble() or self._unreadable

    def held_up(self) -> bool:
        """Whether no file is noticed or queued until something outside changes."""
        return self._fault is not None or self._sight.missing()

    def polling(self) -> str | None:
        """Why the inbox is polled although events were wanted; else None."""
        return self._sight.polling()

    def settling(self) -> list[tuple[str, str, float]]:
        """Name, reason and seconds waited of up to 100 files that are not ready, longest first."""
        return self._looking.listing(_MOST_LISTED)

    def idle(self) -> bool:
        """Whether all that was ever hinted or scanned is handed over and nothing is settling."""
        with self._changed:
            return self._is_idle()

    def wait_idle(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until idle; tells whether it is."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, timeout)

    def wait_watched(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until the folder is watched, or known not to be there."""
        with self._changed:
            return self._changed.wait_for(lambda: self._looked or self._stopping, timeout)

    def _is_idle(self) -> bool:
        return not (self._busy or self._hints or self._scan_wanted or self._looking.waiting())

    def _hint(self, hint: Hint) -> None:
        """Take a hint from a watcher's thread."""
        path = hint.path
        if path is not None and path != CANARY_NAME and not self._selection.takes(path):
            return
        with self._changed:
            known = bool(self._hints)  # who waits for hints was told of the first
            if path is None or len(self._hints) >= _MOST_HINTS:
                self._hints.clear()
                self._scan_wanted = True
            elif path != CANARY_NAME:
                self._hints[path] = hint.closed or self._hints.get(path, False)
                if known:
                    return
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while True:
                self._await_work()
                self._work()
        except StoppedError:
            pass
        finally:
            self._sight.stop()

    def _await_work(self) -> None:
        """Return when there is something to do; no sooner, so that an idle inbox costs nothing."""
        with self._changed:
            while not self._stopping:
                now = self._clock.monotonic()
                due = self._next_due(now)
                if due <= now:
                    self._busy = True
                    return
                if self._busy:
                    self._busy = False
                    self._changed.notify_all()
                self._changed.wait(due - now)
        raise StoppedError

    def _next_due(self, now: float) -> float:
        if self._hints or self._scan_wanted:
            return now
        return min(self._sight.due(), self._scan_due(), self._looking.next_due())

    def _scan_due(self) -> float:
        return min(self._next_scan, self._looking.scan_due())

    def _work(self) -> None:
        # A scan that is asked for from here on waits for the next look at the folder: it may be
        # asked for because another folder has taken its place.
        with self._changed:
            scan, self._scan_wanted = self._scan_wanted, False
        there = self._sight.tend()
        if not self._looked:
            with self._changed:
                self._looked = True
                self._changed.notify_all()
        if not there:
            self._looking.clear()
            self._await_folder()
            return
        if self._scan_wanted:
            return  # the watcher is a new one; one scan serves both
        try:
            with self._changed:
                hints, self._hints = self._hints, {}
            if scan or self._clock.monotonic() >= self._scan_due():
                self._scan()
            # That an unready file still changes is no news; that it was closed is.
            self._settle(
                (path, closed)
                for path, closed in hints.items()
                if closed or not (self._looking.waits(path) or self._looking.expect(path))
            )
            self._settle((path, False) for path in self._looking.take_due())
        except EnvironmentFaultError as fault:
            self._looking.clear()
            self.rescan()
            self._hold(fault)
        else:
            self._recovered()

    def _await_folder(self) -> None:
        """The folder is not there: nothing else is to be done until it is."""
        with self._changed:
            self._hints.clear()
            self._scan_wanted = True
        self._rest(self._limits.poll_every)

    def _scan(self) -> int:
        """Look at every file of the inbox; the truth that hints only hasten."""
        began = self._clock.monotonic()
        self._looking.begin_scan()
        unreadable: list[str] = []
        entries = walk(
            self._folder,
            recursive=self._config.recursive,
            skip=self._selection.excludes,
            on_unreadable=lambda fault: unreadable.append(fault.message),
        )
        try:
            count = self._settle(
                (path, False)
                for path, _ in entries
                if self._selection.takes(path) and not self._looking.waits(path)
            )
        except (FileNotFoundError, NotADirectoryError):
            return 0  # it went away under us, which the next look at the folder will report
        except OSError as error:
            raise environment_fault(error, f"scan {self._config.path}") from error
        self._note_unreadable(unreadable[0] if unreadable else None)
        self._last_scan = now = self._clock.monotonic()
        self._next_scan = now + max(self._limits.rescan_every, (now - began) * _SCAN_SHARE)
        return count

    def _settle(self, paths: Iterable[tuple[bytes, bool]]) -> int:
        """Look at each file and hand over those that are ready; returns their number.

        With each path comes whether a hint said that its writer is done.
        """
        batch: list[Sighting] = []
        count = 0
        for path, closed in paths:
            self._check_stop()
            sighting = self._looking.look(path, closed=closed)
            if sighting is None:
                continue
            batch.append(sighting)
            count += 1
            if len(batch) >= BATCH:
                self._hand_over(batch)
                self._sight.tend()
                batch = []
        if batch:
            self._hand_over(batch)
        return count

    def _hand_over(self, batch: list[Sighting]) -> None:
        """Give a batch to the ledger, again and again while the ledger cannot take it."""
        while True:
            try:
                self._admit(batch)
            except EnvironmentFaultError as fault:
                self._hold(fault)
            else:
                self._recovered()
                return

    def _hold(self, fault: EnvironmentFaultError) -> None:
        """Say once what stands in the way, and wait before the next try, longer each time."""
        if self._fault is None:
            self._report(
                "environment.paused", inbox=self._inbox, code=fault.code, message=fault.message
            )
        self._fault = fault
        self._pause = min(max(2 * self._pause, self._limits.poll_every), _LONGEST_PAUSE)
        self._rest(self._pause)

    def _recovered(self) -> None:
        if self._fault is not None:
            self._fault = None
            self._pause = 0.0
            self._report("environment.resumed", inbox=self._inbox)

    def _note_unreadable(self, reason: str | None) -> None:
        """Say of a folder in the inbox that it cannot be listed, once, and when it can again."""
        before, self._unreadable = self._unreadable, reason
        if reason is not None and reason != before:
            self._report("inbox.missing", inbox=self._inbox, reason=reason)
        elif reason is None and before is not None:
            self._report("inbox.restored", inbox=self._inbox, path=str(self._config.path))

    def _rest(self, seconds: float) -> None:
        """Wait for so long, with an eye on the folder all the while."""
        end = self._clock.monotonic() + seconds
        while True:
            pause = min(end, self._sight.due()) - self._clock.monotonic()
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, max(0.0, pause))
            self._check_stop()
            if self._clock.monotonic() >= end:
                return
            self._sight.tend()

    def _check_stop(self) -> None:
        if self._stopping:
            raise StoppedError
