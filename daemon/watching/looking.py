"""Looking at single files until they are ready: one probe, one decision, the next look arranged."""

from __future__ import annotations

import math
import os

from daemon.clock import Clock
from daemon.config.model import InboxConfig
from daemon.files import display
from daemon.jobs.model import Sighting
from daemon.limits import Limits
from daemon.watching.filesystem import file_system_of, is_remote
from daemon.watching.probe import observe
from daemon.watching.settle import Observation, Ready, Wait, settle
from daemon.watching.settling import SettlingTable

_MOST_SETTLING = 4096
_FIRST_LOOK = 0.05


class Looking:
    """Turns the paths of one inbox into sightings, and remembers those that are not ready.

    A file that finds no room in memory makes `next_due` name a time for another scan, at which
    there may be room. Used by one thread; `listing` and `waiting` by any.
    """

    def __init__(self, inbox: str, config: InboxConfig, limits: Limits, clock: Clock) -> None:
        self._inbox = inbox
        self._folder = os.fsencode(config.path)
        self._settle = config.settle
        self._patience = limits.patience
        self._clock = clock
        self._table = SettlingTable(_MOST_SETTLING)
        self._ask_lease = False
        self._scan_due = math.inf

    def begin_scan(self) -> None:
        """Learn anew what the folder lies on; all that had no room is about to be seen again."""
        self._ask_lease = not is_remote(file_system_of(self._folder))
        self._scan_due = math.inf

    def scan_due(self) -> float:
        """When a scan must find what had no room, on the monotonic clock; else infinity."""
        return self._scan_due

    def next_due(self) -> float:
        """When the next look is due, on the monotonic clock; infinity when none is."""
        due = self._table.next_due()
        return math.inf if due is None else due

    def take_due(self) -> list[bytes]:
        """The files whose next look is due."""
        return self._table.take_due(self._clock.monotonic(), _MOST_SETTLING)

    def waits(self, path: bytes) -> bool:
        """Whether the next look at a file is arranged and not due yet."""
        return self._table.waits(path, self._clock.monotonic())

    def waiting(self) -> int:
        """How many files are not ready yet."""
        return len(self._table)

    def listing(self, most: int) -> list[tuple[str, str, float]]:
        """Name, reason and seconds waited of up to `most` files, longest wait first."""
        listing = self._table.listing(self._clock.monotonic(), most)
        return [(display(path), reason, seconds) for path, reason, seconds in listing]

    def clear(self) -> None:
        """Forget all files: their folder is not there."""
        self._table.clear()

    def expect(self, path: bytes) -> bool:
        """Arrange a first look at a file that just appeared, soon but not at once.

        Most files are announced again, as closed, a moment later; a look before that is wasted.
        False where there is no room to remember it.
        """
        now = self._clock.monotonic()
        return self._table.put(path, None, now=now, wait=_FIRST_LOOK, reason="just appeared")

    def look(self, path: bytes, *, closed: bool) -> Sighting | None:
        """Look at one file: its sighting if it is ready, else None with the next look arranged.

        `closed` says that a hint has just reported a writer done with it. Raises
        EnvironmentFaultError where we have no descriptors or memory left.
        """
        found = observe(self._folder, path, ask_lease=self._ask_lease)
        now = self._clock.monotonic()
        decision = settle(
            Observation(
                kind=found.kind,
                lease=found.lease,
                ending=found.ending,
                closed=closed,
                quiet=self._table.quiet_for(path, found.identity, now),
                settle=self._settle,
                patience=self._patience,
            )
        )
        if isinstance(decision, Wait):
            wait, reason = decision.seconds, decision.reason
            if not self._table.put(path, found.identity, now=now, wait=wait, reason=reason):
                self._scan_due = min(self._scan_due, now + wait)
            return None
        waited = self._table.remove(path, now)
        if not isinstance(decision, Ready) or found.identity is None:
            return None
        return Sighting(self._inbox, path, found.identity, waited)
