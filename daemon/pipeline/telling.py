"""What the pipeline tells the log and the metrics about durable changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daemon.clock import Clock
from daemon.errors import DeliveryError, Fault, Kind
from daemon.jobs.changes import (
    Change,
    Closed,
    DeliveryChanged,
    Parked,
    Prepared,
    ReadingEnded,
    Unclaimed,
)
from daemon.jobs.model import DeliveryState, HistoryEntry, Job, Preparation, ReadingState, State
from daemon.observing.events import Event
from daemon.observing.log import EventLog
from daemon.observing.metrics import Metrics

_ENDS = {
    State.DONE: Event.JOB_DONE,
    State.REJECTED: Event.JOB_REJECTED,
    State.FAILED: Event.JOB_FAILED,
    State.DUPLICATE: Event.JOB_DUPLICATE,
    State.CANCELLED: Event.JOB_CANCELLED,
}
_REPLACED = Fault(
    "changed",
    "another file took its place before it was claimed; that one has a job of its own",
    Kind.PERMANENT,
)


class Teller:
    """Turns changes of jobs into events and counts."""

    def __init__(self, log: EventLog, metrics: Metrics, clock: Clock) -> None:
        self.log = log
        self.metrics = metrics
        self._clock = clock

    def claimed(self, job: Job, history: Callable[[str], Sequence[HistoryEntry]]) -> None:
        """A job was taken from the queue; its `history` is asked for where it may be a retry."""
        if job.claimed and job.preparation is None and _is_retried(history(job.id)):
            self._job(Event.JOB_RETRIED, job)
        self._job(Event.JOB_CLAIMED, job, size=job.identity.size)

    def changed(self, job: Job, change: Change, seconds: float) -> None:
        """A change of a job is durable; the step that made it took so many seconds."""
        match change:
            case Prepared(preparation=Preparation(refusal=None, checks=checks)):
                for name, ok, detail in checks:
                    if name == "virus" and not ok:
                        self._job(Event.VIRUS_SCAN_SKIPPED, job, message=detail)
            case DeliveryChanged():
                self._delivery(job, change, seconds)
            case ReadingEnded(reading=ReadingState.DONE):
                self._job(Event.READING_DONE, job, seconds=_round(seconds))
                self.metrics.reading_ended("done")
            case ReadingEnded():
                self._job(Event.READING_FAILED, job, change.fault)
                self.metrics.reading_ended("failed")
            case Parked():
                self._job(Event.JOB_PARKED, job, reason=change.reason, until=change.until)
            case Closed(ending=ending):
                age = max(0.0, self._clock.now() - job.received)
                self._job(_ENDS[ending.state], job, ending.fault, seconds=_round(age))
                self.metrics.job_ended(job.inbox, ending.state, age)
            case Unclaimed() if job.state is State.CANCELLED:
                age = max(0.0, self._clock.now() - job.received)
                self._job(Event.JOB_CANCELLED, job, _REPLACED, seconds=_round(age))
                self.metrics.job_ended(job.inbox, job.state, age)
            case _:
                pass

    def started(self, job: Job, destination: str) -> None:
        """A delivery began."""
        self._job(Event.DELIVERY_STARTED, job, destination=destination)

    def progress(self, job: Job, destination: str, sent: int, total: int) -> None:
        """A delivery is under way and has come this far."""
        percent = round(100 * sent / total, 1) if total else 100.0
        self._job(
            Event.DELIVERY_PROGRESS,
            job,
            destination=destination,
            bytes=sent,
            total=total,
            percent=percent,
        )

    def attempt_failed(
        self, job: Job, destination: str, attempt: int, error: DeliveryError, pause: float | None
    ) -> None:
        """One attempt failed; `pause` in seconds comes before the next of this run, if any."""
        crowded = {"crowded": True} if error.crowded else {}
        self._job(
            Event.DELIVERY_ATTEMPT_FAILED,
            job,
            error.fault,
            destination=destination,
            attempt=attempt,
            next_in=_round(pause),
            **crowded,
        )
        self.metrics.attempt_failed(destination, crowded=error.crowded)

    def paused(self, fault: Fault, inbox: str | None = None) -> None:
        """The intake of an inbox, or of all, pauses because of our own machine."""
        held = {} if inbox is None else {"inbox": inbox}
        self.log.emit(Event.ENVIRONMENT_PAUSED, code=fault.code, message=fault.message, **held)

    def resumed(self, inbox: str | None = None) -> None:
        """The intake of an inbox, or of all, goes on."""
        self.log.emit(Event.ENVIRONMENT_RESUMED, **({} if inbox is None else {"inbox": inbox}))

    def lane_paused(self, destination: str, fault: Fault, seconds: float) -> None:
        """A destination does not answer; nothing is sent there for a while."""
        self.log.emit(
            Event.DELIVERY_PAUSED,
            destination=destination,
            code=fault.code,
            message=fault.message,
            seconds=_round(seconds),
        )

    def _delivery(self, job: Job, change: DeliveryChanged, seconds: float) -> None:
        delivery = change.delivery
        if delivery.state is not DeliveryState.DELIVERED:
            return
        self._job(
            Event.DELIVERY_DELIVERED,
            job,
            destination=delivery.destination,
            bytes=delivery.bytes,
            http_status=delivery.http_status,
            attempts=delivery.attempts,
            seconds=_round(seconds),
        )
        self.metrics.delivered(delivery.destination, delivery.bytes or 0)

    def _job(self, event: Event, job: Job, fault: Fault | None = None, **fields: object) -> None:
        if fault is not None:
            fields = {"code": fault.code, "message": fault.message, **fields}
        self.log.emit(event, job=job.id, inbox=job.inbox, file=job.name, **fields)


def _is_retried(history: Sequence[HistoryEntry]) -> bool:
    """Whether a person asked for what was just claimed; jobs that were parked have no end."""
    return any(entry.event == "retried" for entry in history[-2:])


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
