"""How the coordinator starts steps, and what they hand back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from daemon.errors import Fault
from daemon.jobs.changes import (
    Change,
    Closed,
    DeliveryChanged,
    Parked,
    Prepared,
    ReadingEnded,
    Requeued,
    Unclaimed,
)
from daemon.jobs.model import Job
from daemon.pipeline.flights import Flight
from daemon.pipeline.route import Route

COMMITTED: Mapping[type[Change], str] = {
    Prepared: "prepare.committed",
    DeliveryChanged: "deliver.committed",
    ReadingEnded: "read.committed",
    Parked: "park.committed",
    Requeued: "requeue.committed",
    Unclaimed: "unclaim.committed",
    Closed: "gone.committed",
}
"""The crash point behind each change that a step can ask for."""


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step of a job ended: with a change to make durable, or with a reason to come back later.

    `seconds` is how long it took. `retry_in` is in seconds; a fault of kind environment without it
    pauses the whole intake.
    """

    job: str
    step: str
    change: Change | None = None
    seconds: float = 0.0
    fault: Fault | None = None
    retry_in: float | None = None


class Steps(Protocol):
    """Starts steps elsewhere; each comes back through the coordinator's `step_ended`."""

    def prepare(self, flight: Flight, route: Route) -> None:
        """Claim and judge the file."""
        ...

    def deliver(self, flight: Flight, route: Route, destination: str) -> None:
        """Deliver to one destination."""
        ...

    def drain(self) -> None:
        """Have what waits for its turn come back, as the flights that are woken must."""
        ...

    def abandon(self, job: Job) -> None:
        """Take away, as far as can be, what a job that was given up left at its destinations."""
        ...

    def read(self, flight: Flight, route: Route) -> None:
        """Read the file."""
        ...
