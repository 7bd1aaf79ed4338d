"""What comes next for a job: a pure function of what is durably known about it."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import Fault, Kind
from daemon.jobs.model import DeliveryState, Ending, Job, ReadingState, State, is_due

# An original that stays in its inbox was written to: its new content is a job of its own.
_REPLACED = frozenset({"changed", "file_changed"})
PREPARE = "prepare"
READ = "read"
RECORD = "record"


def deliver_step(destination: str) -> str:
    """The name of the step that delivers to one destination."""
    return f"deliver:{destination}"


@dataclass(frozen=True, slots=True)
class Prepare:
    """Claim the file, hash it, and find out whether it is acceptable."""


@dataclass(frozen=True, slots=True)
class Work:
    """Start these deliveries, and the reading if `read`; they do not wait for each other."""

    deliver: tuple[str, ...]
    read: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Write the sidecar for this end and commit to it."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class FileAway:
    """The end is recorded; put the original in its place and close the job."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing can be done before this wall-clock time."""

    until: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Steps are under way; their results will bring the job back."""


Action = Prepare | Work | Record | FileAway | Park | Wait


def decide(job: Job, running: frozenset[str], now: float, *, duplicates: str = "skip") -> Action:
    """The next action for a job whose steps named in `running` are under way.

    `now` is wall-clock seconds; `duplicates` is the inbox's policy.
    """
    if running:
        return _beside(job, running, now)
    if job.ending is not None:
        return FileAway(job.ending)
    if job.cancel:
        return Record(_cancelled())
    if job.preparation is None:
        return Prepare()
    if job.preparation.refusal is not None:
        return Record(Ending(State.REJECTED, job.preparation.refusal, "rejected"))
    if job.preparation.duplicate_of is not None and duplicates != "process":
        return Record(_duplicate(job.preparation.duplicate_of, duplicates))
    due = _due(job, now)
    read = job.reading is ReadingState.PENDING
    if due or read:
        return Work(due, read)
    waiting = [d.next_at for d in job.deliveries if d.state is DeliveryState.PENDING]
    if waiting:
        return Park(min(waiting))
    return Record(_ending(job))


def _beside(job: Job, running: frozenset[str], now: float) -> Action:
    """While deliveries or the reading are under way, whatever else is due may start beside them."""
    side_by_side = all(step == READ or step.startswith("deliver:") for step in running)
    if not side_by_side or job.cancel or job.ending is not None:
        return Wait()
    due = tuple(d for d in _due(job, now) if deliver_step(d) not in running)
    read = job.reading is ReadingState.PENDING and READ not in running
    return Work(due, read) if due or read else Wait()


def _due(job: Job, now: float) -> tuple[str, ...]:
    return tuple(
        d.destination
        for d in job.deliveries
        if d.state is DeliveryState.PENDING and is_due(d.next_at, now)
    )


def _ending(job: Job) -> Ending:
    failed = next((d for d in job.deliveries if d.state is DeliveryState.FAILED), None)
    if failed is not None:
        replaced = failed.fault is not None and failed.fault.code in _REPLACED
        return Ending(State.CANCELLED if replaced else State.FAILED, failed.fault, "rejected")
    return Ending(State.DONE, None, "done")


def _duplicate(other: str, policy: str) -> Ending:
    fault = Fault("duplicate", f"the same content was taken before as job {other}", Kind.PERMANENT)
    if policy == "reject":
        return Ending(State.REJECTED, fault, "rejected")
    return Ending(State.DUPLICATE, fault, "done")


def _cancelled() -> Ending:
    fault = Fault("cancelled", "given up on request", Kind.PERMANENT)
    return Ending(State.CANCELLED, fault, "rejected")
