"""What a job is after a change: the ledger's verbs again, on the facts in memory."""

from __future__ import annotations

from dataclasses import replace

from daemon.jobs.changes import (
    HELD,
    CancelRequested,
    Change,
    Closed,
    DeliveryChanged,
    Noted,
    Parked,
    Prepared,
    ReadingEnded,
    Recorded,
    Requeued,
    Restored,
    ResumeKept,
    TakenUp,
    Unclaimed,
)
from daemon.jobs.model import (
    Delivery,
    DeliveryState,
    Job,
    ReadingState,
    State,
    check_active,
    check_retryable,
    check_transition,
)


def advance(job: Job, change: Change, result: str | None = None) -> Job:
    """The job once `change` is durable; `result` is what the ledger answered to it.

    Raises IllegalTransitionError where the job's state does not allow it.
    """
    match change:
        case Prepared():
            return _prepared(job, change, result)
        case DeliveryChanged(delivery=delivery):
            others = {known.destination: known for known in job.deliveries}
            others[delivery.destination] = delivery
            return replace(
                job,
                deliveries=tuple(others[name] for name in sorted(others)),
            )
        case ResumeKept() | Restored() | Noted():
            return job  # nothing that a running pipeline knows of
        case ReadingEnded():
            return replace(
                job,
                reading=change.reading,
                reading_fault=change.fault,
            )
        case Recorded():
            return replace(job, ending=change.ending, timings=change.timings)
        case Closed():
            return _moved(job, change.ending.state)
        case Parked():
            return replace(_moved(job, State.PARKED), ready_at=0.0 if result else change.until)
        case Requeued():
            return replace(_moved(job, State.QUEUED), ready_at=change.ready_at)
        case Unclaimed():
            return _unclaimed(job, change, replaced=result is not None)
        case TakenUp():
            return _taken_up(job)
        case CancelRequested():
            check_active(job.state)
            return replace(job, cancel=True)


def _moved(job: Job, new: State) -> Job:
    check_transition(job.state, new)
    return replace(job, state=new, ready_at=0.0)


def _prepared(job: Job, change: Prepared, duplicate_of: str | None) -> Job:
    if duplicate_of is not None and duplicate_of.startswith(HELD):
        return job
    preparation, deliveries = change.preparation, job.deliveries
    if duplicate_of != preparation.duplicate_of:
        preparation = replace(preparation, duplicate_of=duplicate_of)
    if duplicate_of is None and change.preparation.refusal is None:
        known = {delivery.destination for delivery in deliveries}
        new = (Delivery(name) for name in change.destinations if name not in known)
        deliveries = tuple(sorted((*deliveries, *new), key=lambda d: d.destination))
    return replace(
        job,
        preparation=preparation,
        deliveries=deliveries,
        reading=change.reading,
    )


def _unclaimed(job: Job, change: Unclaimed, *, replaced: bool) -> Job:
    if replaced:
        return _moved(job, State.CANCELLED)
    return replace(_moved(job, State.QUEUED), claimed=False, ready_at=change.ready_at)


def _taken_up(job: Job) -> Job:
    check_retryable(job.state)
    return replace(
        _moved(job, State.QUEUED),
        claimed=True,
        cancel=False,
        origin=job.ending or job.origin,
        ending=None,
        preparation=None,
        reading=ReadingState.NONE,
        reading_fault=None,
        deliveries=tuple(
            d if d.state is DeliveryState.DELIVERED else Delivery(d.destination)
            for d in job.deliveries
        ),
    )
