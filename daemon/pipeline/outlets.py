"""The destinations in use, each with what paces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from daemon.clock import Clock
from daemon.config.destinations import DestinationConfig, RetryConfig
from daemon.config.model import Config
from daemon.delivery.pacing.lane import Breaker, Lane, Task
from daemon.delivery.pacing.paced import TOO_MANY, PacedDestination
from daemon.delivery.pacing.throttle import Throttle
from daemon.delivery.registry import open_destination
from daemon.errors import DeliveryError
from daemon.jobs.store import JobStore
from daemon.limits import Limits


@dataclass(frozen=True, slots=True)
class Outlet:
    """A destination with its lane, its breaker, and how its attempts are spaced.

    `throttle` is the limit on bandwidth that all of them share.
    """

    destination: PacedDestination
    lane: Lane
    breaker: Breaker
    policy: RetryConfig
    throttle: Throttle | None

    @property
    def paused_for(self) -> float:
        """Seconds until the next delivery may begin, 0.0 where deliveries go on."""
        return max(self.breaker.paused_for, self.lane.paused_for)

    def heed(self, error: DeliveryError, pause: float | None) -> None:
        """Give the destination the rest that it asked for; the failed file itself takes `pause`."""
        alone = self.destination.limit == 1
        asked = error.retry_after and not error.crowded
        if pause and error.http_status in TOO_MANY and (alone or asked):
            self.lane.pause(pause)

    def facts(self) -> dict[str, object]:
        """How it stands, for `status` and the metrics; times are in seconds."""
        error = self.breaker.error
        return {
            "in_flight": self.lane.in_flight,
            "waiting": self.lane.waiting,
            "limit": self.destination.limit,
            "max": self.destination.maximum,
            "interval": round(self.destination.interval, 3),
            "down": self.breaker.down,
            "paused_for": round(self.paused_for, 1),
            "error": None if error is None else {"code": error.code, "message": error.message},
        }


class Outlets:
    """Opens the destinations that the inboxes of a configuration deliver to.

    Args: `start` hands a task to a thread.
    """

    def __init__(
        self, store: JobStore, start: Callable[[Task], None], clock: Clock, limits: Limits
    ) -> None:
        self._store = store
        self._start = start
        self._clock = clock
        self._limits = limits

    def open(self, config: Config) -> dict[str, Outlet]:
        """An outlet for each destination in use; raises ConfigError where one cannot be opened."""
        throttle = Throttle(config.bandwidth, self._clock.now) if config.bandwidth else None
        used = {name for inbox in config.inboxes.values() for name in inbox.deliver}
        return {
            name: self._open(name, section, throttle)
            for name, section in config.destinations.items()
            if name in used
        }

    def _open(self, name: str, section: DestinationConfig, throttle: Throttle | None) -> Outlet:
        destination = PacedDestination(
            open_destination(name, section),
            section.concurrency,
            remembered=self._store.pace(name),
            remember=partial(self._store.keep_pace, name),
            clock=self._clock,
        )
        return Outlet(
            destination,
            Lane(lambda: destination.limit, self._start, self._clock),
            Breaker(self._clock, self._limits),
            section.retry,
            throttle,
        )
