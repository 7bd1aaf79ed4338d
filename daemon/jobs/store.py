"""The seam to the ledger: what is durable about every job, and the queue that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.errors import Fault, LedgerError
from daemon.jobs.changes import Change
from daemon.jobs.model import JSON, HistoryEntry, Job, Sighting, State


@dataclass(frozen=True, slots=True)
class Admitted:
    """A sighting that became a job, or gave an unclaimed job its new identity."""

    job: str
    inbox: str
    name: str
    new: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job that has waited longest."""

    job: str
    inbox: str
    name: str
    received: float


Results = Sequence[str | None]
Committed = Callable[[Results], None]
"""Called in the writer's thread after the commit with one result for each change."""


Failed = Callable[[BaseException], None]
"""Called in the writer's thread where nothing was written."""


class JobStore(Protocol):
    """A durable queue of jobs; every method may be called from any thread.

    Methods that write return only when what they wrote is durable, except `submit`, which calls
    back. While the ledger cannot be written they wait and `on_trouble` tells why. Where the ledger
    turns out to be damaged, `on_damage` is called once or more, in any thread, and whatever has to
    be read or written raises LedgerError.
    """

    on_trouble: Callable[[Fault], None]
    on_recovered: Callable[[], None]
    on_damage: Callable[[LedgerError], None]

    def admit(self, sightings: Sequence[Sighting], *, keep: bool) -> list[Admitted]:
        """Queue settled files, each at most once; `keep` also remembers those that have ended."""
        ...

    def take(self, inbox: str, limit: int, *, only_prepared: bool = False) -> list[Job]:
        """Mark the oldest ready jobs of an inbox as running and return them.

        The mark lasts before a file moves: of a job that was never taken, whatever lies at its path
        counts as its file.
        `only_prepared` leaves those alone that were not judged yet.
        """
        ...

    def submit(self, changes: Sequence[Change], committed: Committed, failed: Failed) -> None:
        """Write changes together, with whatever else waits; call back once they are durable.

        Where one of them is illegal none is written, and `failed` is called instead.
        """
        ...

    def write(self, changes: Sequence[Change]) -> Results:
        """Write changes and wait; raises IllegalTransitionError with nothing written."""
        ...

    def recover(self) -> int:
        """Put back what was running when the last instance ended; returns how many."""
        ...

    def wake_parked(self, destination: str) -> int:
        """Make jobs ready now that a destination gave no answer to; returns how many."""
        ...

    def resume(self, job: str, destination: str) -> Mapping[str, JSON]:
        """What a delivery has to remember to go on where it was cut, {} for nothing."""
        ...

    def keep_pace(self, destination: str, pace: Mapping[str, JSON]) -> None:
        """Remember what was found out about a destination, with the next commit."""
        ...

    def pace(self, destination: str) -> Mapping[str, JSON]:
        """What was found out about a destination, {} for nothing."""
        ...

    def beat(self, beaten: Callable[[], None]) -> None:
        """Write a sign of life; call back once it is durable."""
        ...

    def last_beat(self) -> float | None:
        """The wall-clock time of the last sign of life, None if there was none."""
        ...

    def next_ready_at(self) -> float | None:
        """The wall-clock time at which the next waiting job becomes ready."""
        ...

    def get(self, job: str) -> Job | None:
        """One job with its deliveries."""
        ...

    def find(self, text: str) -> list[str]:
        """Ids that a person may mean by an id, the start of one, a path or a name.

        A name without a folder is also that of a file in a folder of the inbox.
        """
        ...

    def at(self, inbox: str, path: bytes) -> list[str]:
        """Ids of what came from a path of an inbox, newest first."""
        ...

    def jobs(self, state: State | None, limit: int) -> list[Job]:
        """The newest jobs, of one state or of all."""
        ...

    def unfinished(self) -> Iterator[Job]:
        """All jobs that have not ended, oldest first."""
        ...

    def ended(self) -> Iterator[Job]:
        """All jobs that have ended, oldest first."""
        ...

    def history(self, job: str) -> list[HistoryEntry]:
        """What happened to a job, in order."""
        ...

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of jobs by inbox and state."""
        ...

    def oldest_waiting(self) -> Waiting | None:
        """The job that has waited longest without being under way."""
        ...

    def cancel_requested(self, jobs: Sequence[str]) -> list[str]:
        """Which of these jobs a person gave up."""
        ...

    def stop_waiting(self) -> None:
        """From now on a write that meets trouble raises LedgerError instead of waiting."""
        ...

    def close(self) -> None:
        """Write what waits and release the ledger."""
        ...
