"""Which inboxes to take jobs from, and when to look again; the coordinator's own, of one thread."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.clock import Clock
from daemon.jobs.model import is_due

_LOOK_AT_CLOCK = 60.0
_LOOK_BESIDE_HELD = 2.0


class Agenda:
    """The inboxes that may have ready jobs, and the wall-clock time when waiting ones are ready."""

    def __init__(self, inboxes: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._inboxes = tuple(inboxes)
        self._open = set(self._inboxes)
        self._wake_at: float | None = None
        self._waited_for: set[str] = set()

    def serve(self, inboxes: Iterable[str]) -> None:
        """Take from these inboxes from now on, beginning with all of them."""
        self._inboxes = tuple(inboxes)
        self.look_into_all()

    def look_into(self, inbox: str) -> None:
        """There may be ready jobs of an inbox; one that is not served is passed over."""
        if inbox in self._inboxes:
            self._open.add(inbox)

    def look_into_all(self) -> None:
        """There may be ready jobs anywhere."""
        self._open = set(self._inboxes)

    def emptied(self, inbox: str, next_ready_at: float | None, *, held: bool = False) -> None:
        """All that was ready in an inbox is taken; the first that waits is ready at that time.

        While some are `held` back the first may be one of them: looking for it at once would spin.
        """
        self._open.discard(inbox)
        if held and next_ready_at is not None:
            next_ready_at = max(next_ready_at, self._clock.now() + _LOOK_BESIDE_HELD)
        self._wake_at = next_ready_at

    def open(self) -> list[str]:
        """The inboxes to take from, in the order of the configuration."""
        return [inbox for inbox in self._inboxes if inbox in self._open]

    def wake_by(self, ready_at: float) -> None:
        """Look again when a job that went back to the queue is ready; 0 is at once."""
        if ready_at:
            self._wake_at = min(ready_at, self._wake_at or ready_at)

    def seconds_to_wake(self) -> float | None:
        """How long nothing becomes ready by itself; None for ever."""
        if self._wake_at is None:
            return None
        now = self._clock.now()
        if is_due(self._wake_at, now):
            return 0.0
        # The wall clock can be set; look at it now and then.
        return min(self._wake_at - now, _LOOK_AT_CLOCK)

    def wake(self) -> None:
        """Look into all inboxes if a waiting job is ready by now."""
        if self._wake_at is not None and is_due(self._wake_at, self._clock.now()):
            self._wake_at = None
            self.look_into_all()

    def wait_for(self, job: str) -> None:
        """A copy waits for what becomes of this job."""
        self._waited_for.add(job)

    def ended(self, job: str, inbox: str) -> None:
        """A job has ended; a copy that waited for it is ready now."""
        if job in self._waited_for:
            self._waited_for.discard(job)
            self.look_into(inbox)
