"""Collectors that tests wait on instead of sleeping."""

from __future__ import annotations

import threading
from collections.abc import Callable

from daemon.errors import EnvironmentFaultError
from daemon.jobs.model import Sighting
from daemon.watching.watcher import Hint
from tests.waiting import PATIENCE


class Hints:
    """A sink that keeps what it is told; `fail_next` makes it raise once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.hints: list[Hint] = []
        self.errors: list[Exception] = []
        self.fail_next = False

    def __call__(self, hint: Hint) -> None:
        with self._changed:
            if self.fail_next:
                self.fail_next = False
                raise ValueError("the sink refuses")
            self.hints.append(hint)
            self._changed.notify_all()

    def on_error(self, error: Exception) -> None:
        with self._changed:
            self.errors.append(error)
            self._changed.notify_all()

    def paths(self) -> set[bytes]:
        with self._changed:
            return {hint.path for hint in self.hints if hint.path is not None}

    def until(self, holds: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(holds, PATIENCE)

    def has(self, *paths: bytes) -> bool:
        """Whether all of these were announced within a bounded time."""
        return self.until(lambda: set(paths) <= self.paths())


class Ledger:
    """An `admit` that keeps sightings; `refuse` makes it fail as a full disk would."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.sightings: list[Sighting] = []
        self.batches: list[int] = []
        self.refusals = 0
        self.refuse = False
        self.events: list[tuple[str, dict[str, object]]] = []

    def admit(self, batch: list[Sighting]) -> None:
        with self._changed:
            self._changed.notify_all()
            if self.refuse:
                self.refusals += 1
                raise EnvironmentFaultError("disk_full", "no space left")
            self.batches.append(len(batch))
            self.sightings.extend(batch)

    def report(self, event: str, /, **facts: object) -> None:
        with self._changed:
            self.events.append((event, facts))
            self._changed.notify_all()

    def paths(self) -> set[bytes]:
        with self._changed:
            return {sighting.path for sighting in self.sightings}

    def names_of_events(self) -> list[str]:
        with self._changed:
            return [event for event, _ in self.events]

    def until(self, holds: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(holds, PATIENCE)

    def has(self, *paths: bytes) -> bool:
        """Whether all of these were admitted within a bounded time."""
        return self.until(lambda: set(paths) <= self.paths())

    def was_told(self, event: str) -> bool:
        """Whether an event was reported within a bounded time."""
        return self.until(lambda: event in self.names_of_events())
