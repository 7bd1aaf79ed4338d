"""A destination that learns from its own answers how many deliveries it takes, and how fast."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Final

from daemon import turns
from daemon.clock import Clock, SystemClock
from daemon.config.destinations import ConcurrencyConfig
from daemon.delivery.destination import (
    JSON,
    Abandoning,
    Acknowledgement,
    Destination,
    Finding,
    Parcel,
    Progress,
    Resume,
)
from daemon.delivery.pacing.adaptive import AdaptiveLimit, Start
from daemon.delivery.pacing.spacing import Spacing
from daemon.errors import DeliveryError, StoppedError

TOO_MANY: Final = frozenset({420, 429, 503})
"""How servers say that they take no more for now; 420 is Cloudinary's way."""

_OUTAGE: Final = 503
"""A lone delivery is refused so where a server is away, rather than asked too often."""
_TOO_SLOW: Final = frozenset({408, 504})
_OUT_OF_TIME: Final = frozenset(
    {"connect_timeout", "tls_timeout", "transfer_timeout", "transfer_overdue", "transfer_slow"}
)

Remember = Callable[[Mapping[str, JSON]], None]
"""Called with what is to be `remembered` by the next start, each time that it changes; soon done.
"""


class PacedDestination:
    """Any destination, with the number of deliveries that it takes at once, and their spacing.

    Args: `remembered` is what an earlier run handed to `remember`. Without `adaptive` the number is
    `max`, always, and nothing is spaced.
    """

    def __init__(
        self,
        destination: Destination,
        concurrency: ConcurrencyConfig,
        *,
        remembered: Mapping[str, JSON] | None = None,
        remember: Remember = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self.name = destination.name
        self.maximum = concurrency.max
        self._destination = destination
        self._found = AdaptiveLimit(concurrency.max, remembered) if concurrency.adaptive else None
        self._spacing = Spacing(remembered)
        self._remember = remember
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._under_way = 0
        self._told = 0

    @property
    def limit(self) -> int:
        """How many deliveries may be under way."""
        return self.maximum if self._found is None else self._found.limit

    @property
    def interval(self) -> float:
        """Seconds between the beginnings of two deliveries at least, 0.0 where none are needed."""
        return self._spacing.interval

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; an error that our own number brought about is marked as `crowded`."""
        found = self._found
        if found is None:
            return self._destination.deliver(parcel, progress, stop)
        if self._spacing.interval:
            self._wait_for_turn(stop)
        with self._lock:
            self._under_way += 1
            start = found.begin(self._under_way)
        try:
            acknowledgement = self._destination.deliver(parcel, progress, stop)
        except DeliveryError as error:
            with self._lock:
                self._learn(found, start, error)
            raise
        else:
            with self._lock:
                found.succeeded(start, acknowledgement.round_trip, self._clock.now())
                self._spacing.succeeded(self._clock.monotonic())
        finally:
            with self._lock:
                self._under_way -= 1
                changes = found.changes + self._spacing.changes
                if changes != self._told:
                    self._told = changes
                    self._remember({**found.memory(), **self._spacing.memory()})
        return acknowledgement

    def _wait_for_turn(self, stop: threading.Event) -> None:
        with self._lock:
            pause = self._spacing.turn(self._clock.monotonic())
        with turns.waiting():
            if pause and stop.wait(pause):
                raise StoppedError

    def _learn(self, found: AdaptiveLimit, start: Start, error: DeliveryError) -> None:
        now = self._clock.now()
        if error.http_status in TOO_MANY:
            error.crowded = found.throttled(start, self._under_way, now)
            if found.limit == 1 and not error.crowded and error.http_status != _OUTAGE:
                error.crowded = self._spacing.refused(self._clock.monotonic())
        elif error.http_status in _TOO_SLOW or error.code in _OUT_OF_TIME:
            found.stalled(start, self._under_way, now)

    def check(self) -> list[Finding]:
        """Reach the destination without delivering anything; never raises."""
        return self._destination.check()

    def abandon(self, resume: Resume) -> None:
        """Take away what an unfinished delivery left there, where the destination can."""
        if isinstance(self._destination, Abandoning):
            self._destination.abandon(resume)

    def close(self) -> None:
        """Release connections; may be called twice."""
        with contextlib.suppress(Exception):  # nothing depends on it, least of all how we end
            self._destination.close()
