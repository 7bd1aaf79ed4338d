"""The jobs that are claimed and not yet filed, and what is under way for each."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from daemon.errors import Fault
from daemon.jobs.model import DeliveryState, Job


@dataclass(slots=True)
class Flight:
    """One job in the pipeline: its durable facts and the steps under way.

    `timings` are the seconds of its steps so far, by step.
    `wake` ends its waits between attempts, `stop` ends all that is under way for it.
    `postponed` is the wall-clock time before which it is not looked at again, once it is set;
    where `only_reading` waits for it, a delivery may be tried before.
    """

    job: Job
    running: set[str] = field(default_factory=set)
    wake: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    timings: dict[str, float] = field(default_factory=dict)
    postponed: float | None = None
    only_reading: bool = False
    reason: str = ""

    def count_time(self, kind: str, seconds: float) -> None:
        """Add a step's seconds to what the sidecar tells; destinations count side by side."""
        self.timings[kind] = max(seconds, self.timings.get(kind, 0.0))

    def why_parked(self) -> str:
        """What the destinations said that are to be tried again."""
        faults = [
            f"{delivery.destination}: {delivery.fault.code}: {delivery.fault.message}"
            for delivery in self.job.deliveries
            if delivery.state is DeliveryState.PENDING and delivery.fault is not None
        ]
        return "; ".join(faults)

    def postpone(self, until: float, fault: Fault, *, reading: bool) -> None:
        """Leave the job until a wall-clock time, for a step could not be taken: maybe `reading`."""
        self.only_reading = reading and (self.postponed is None or self.only_reading)
        self.postponed = until
        self.reason = f"{fault.code}: {fault.message}"

    def parked_until(self, now: float) -> float | None:
        """When a postponed job is looked at again; None where that is not later than now."""
        if not self.postponed or self.postponed <= now:
            return None
        pending = (d for d in self.job.deliveries if d.state is DeliveryState.PENDING)
        sooner = [max(d.next_at, now) for d in pending] if self.only_reading else []
        return min([self.postponed, *sooner])

    def interrupt(self) -> None:
        """End what is under way at once."""
        self.wake.set()
        self.stop.set()


class Flights:
    """All flights; only the coordinator's thread changes them."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._next: dict[str, Job] = {}
        self._by_inbox: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(list(self._flights.values()))

    def get(self, job: str) -> Flight | None:
        """The flight of a job, or None if it is not in the pipeline."""
        return self._flights.get(job)

    def add(self, job: Job) -> Flight | None:
        """Take a job in; None where it is here still, and `remove` returns it when that is over.

        The ledger has it ready again as soon as its last flight's end is committed, and what it
        then answers may reach us before the word of that end.
        """
        if job.id in self._flights:
            self._next[job.id] = job
            return None
        flight = self._flights[job.id] = Flight(job)
        self._by_inbox[job.inbox] += 1
        return flight

    def remove(self, job: str) -> Job | None:
        """Let a job go; returns it where it is to be taken in again."""
        flight = self._flights.pop(job, None)
        if flight is not None:
            self._by_inbox[flight.job.inbox] -= 1
        return self._next.pop(job, None)

    def give_up(self, jobs: Iterable[str]) -> Iterator[Flight]:
        """End what is under way for jobs that a person gave up; each flight that this is new to."""
        for job in jobs:
            flight = self._flights.get(job)
            if flight is not None and not flight.job.cancel:
                flight.job = replace(flight.job, cancel=True)
                flight.interrupt()
                yield flight

    def interrupt(self) -> None:
        """End all that is under way at once."""
        for flight in self:
            flight.interrupt()

    def of_inbox(self, inbox: str) -> int:
        """How many jobs of an inbox are in the pipeline."""
        return self._by_inbox[inbox]

    def ids(self) -> list[str]:
        """The ids of all jobs in the pipeline."""
        return list(self._flights)
