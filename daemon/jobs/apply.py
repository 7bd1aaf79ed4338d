"""What each verb of the ledger does to its rows; runs inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from daemon.jobs.changes import (
    HELD,
    RELEASED,
    REPLACED,
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
    DeliveryState,
    Ending,
    State,
    check_active,
    check_retryable,
    check_transition,
)
from daemon.jobs.rows import (
    delivery_columns,
    ending_json,
    fault_json,
    identity_columns,
    preparation_json,
    resume_json,
    timings_json,
)
from daemon.jobs.writer import SQL, Transaction


def apply(change: Change, transaction: Transaction, now: float) -> str | None:
    """Write one change; raises IllegalTransitionError where the job's state forbids it."""
    return _VERBS[type(change)](change, transaction, now)


def _state(transaction: Transaction, job: str) -> State:
    row = transaction.connection.execute("SELECT state FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None:
        raise LookupError(f"the ledger has no job {job}")
    return State(row[0])


def _move(
    transaction: Transaction, job: str, new: State, now: float, ready_at: float = 0.0
) -> None:
    check_transition(_state(transaction, job), new)
    transaction.connection.execute(
        SQL["set_state"], {"id": job, "state": new, "ready_at": ready_at, "now": now}
    )


def _prepared(change: Prepared, transaction: Transaction, now: float) -> str | None:
    preparation = change.preparation
    other = None
    if change.find_duplicate and preparation.refusal is None and preparation.sha256:
        row = transaction.connection.execute(
            SQL["same_content"],
            {"inbox": change.inbox, "sha256": preparation.sha256, "id": change.job},
        ).fetchone()
        if row is not None and row[1] != State.DONE:
            return _hold(change.job, row[0], transaction, now)
        other = None if row is None else row[0]
    transaction.connection.execute(
        SQL["prepared"],
        {
            "id": change.job,
            "preparation": preparation_json(preparation),
            # Only what may be delivered counts as content that was taken before.
            "sha256": None if preparation.refusal else preparation.sha256,
            "duplicate_of": other,
            "reading": change.reading,
            "now": now,
        },
    )
    if other is None and preparation.refusal is None:
        transaction.connection.executemany(
            SQL["add_delivery"],
            [{"job": change.job, "destination": name} for name in change.destinations],
        )
    refusal = preparation.refusal
    detail = f"refused: {refusal.code}" if refusal else preparation.media_type or ""
    transaction.note(change.job, now, "validated", detail)
    return other


def _hold(job: str, other: str, transaction: Transaction, now: float) -> str:
    """Let a copy wait for what becomes of a job with the same content that is under way."""
    transaction.connection.execute(SQL["hold"], {"id": job, "other": other, "now": now})
    transaction.note(job, now, "held", f"job {other} has the same content and is under way")
    return HELD + other


def _delivery(change: DeliveryChanged, transaction: Transaction, now: float) -> None:
    delivery = change.delivery
    transaction.connection.execute(SQL["set_delivery"], delivery_columns(change.job, delivery))
    event = {
        DeliveryState.PENDING: "delivery parked",
        DeliveryState.DELIVERED: "delivered",
        DeliveryState.FAILED: "delivery failed",
    }[delivery.state]
    fault = f": {delivery.fault.code}: {delivery.fault.message}" if delivery.fault else ""
    transaction.note(change.job, now, event, delivery.destination + fault)


def _resume(change: ResumeKept, transaction: Transaction, _now: float) -> None:
    values = {"job": change.job, "destination": change.destination}
    transaction.connection.execute(
        SQL["set_resume"], {**values, "resume": resume_json(change.state)}
    )


def _reading(change: ReadingEnded, transaction: Transaction, now: float) -> None:
    transaction.connection.execute(
        SQL["set_reading"],
        {
            "id": change.job,
            "reading": change.reading,
            "fault": fault_json(change.fault),
            "now": now,
        },
    )
    detail = f"{change.fault.code}: {change.fault.message}" if change.fault else ""
    transaction.note(change.job, now, f"reading {change.reading}", detail)


def _recorded(change: Recorded, transaction: Transaction, now: float) -> None:
    transaction.connection.execute(
        SQL["set_ending"],
        {
            "id": change.job,
            "ending": ending_json(change.ending),
            "timings": timings_json(change.timings),
            "now": now,
        },
    )
    transaction.note(change.job, now, "recorded", _ending_detail(change.ending))


def _closed(change: Closed, transaction: Transaction, now: float) -> None:
    state = change.ending.state
    values = {"id": change.job, "state": state, "now": now}
    if not transaction.connection.execute(SQL["close"], values).rowcount:
        check_transition(_state(transaction, change.job), state)
    transaction.connection.execute(SQL["release_held"], {"id": change.job, "now": now})
    transaction.note(change.job, now, state.value, _ending_detail(change.ending))


def _ending_detail(ending: Ending) -> str:
    return "" if ending.fault is None else f"{ending.fault.code}: {ending.fault.message}"


def _parked(change: Parked, transaction: Transaction, now: float) -> str | None:
    """Park a job; one that was held for a job which has ended meanwhile is ready at once."""
    released = transaction.connection.execute(SQL["released"], {"id": change.job}).fetchone()
    until = change.until if released is None else now
    _move(transaction, change.job, State.PARKED, now, until)
    transaction.note(change.job, now, "parked", change.reason)
    return None if released is None else RELEASED


def _requeued(change: Requeued, transaction: Transaction, now: float) -> None:
    _move(transaction, change.job, State.QUEUED, now, change.ready_at)


def _unclaimed(change: Unclaimed, transaction: Transaction, now: float) -> str | None:
    """Go back to the inbox; where the changed file already has a job, that one goes on."""
    row = transaction.connection.execute(
        "SELECT inbox, path FROM jobs WHERE id = ?", (change.job,)
    ).fetchone()
    rival = transaction.connection.execute(
        SQL["unclaimed_rival"], {"inbox": row[0], "path": row[1], "id": change.job}
    ).fetchone()
    if rival is not None:
        _move(transaction, change.job, State.CANCELLED, now)
        transaction.note(change.job, now, "cancelled", f"replaced; job {rival[0]} has the file")
        return f"{REPLACED}{rival[0]}"
    check_transition(_state(transaction, change.job), State.QUEUED)
    transaction.connection.execute(
        SQL["unclaim"], {"id": change.job, "ready_at": change.ready_at, "now": now}
    )
    transaction.note(change.job, now, "unclaimed", "the file changed before it was claimed")
    return None


def _taken_up(change: TakenUp, transaction: Transaction, now: float) -> None:
    check_retryable(_state(transaction, change.job))
    transaction.connection.execute(SQL["take_up"], {"id": change.job, "now": now})
    transaction.connection.execute(SQL["reset_deliveries"], {"job": change.job})
    transaction.note(change.job, now, "retried", "")


def _cancel(change: CancelRequested, transaction: Transaction, now: float) -> None:
    check_active(_state(transaction, change.job))
    transaction.connection.execute(SQL["request_cancel"], {"id": change.job, "now": now})
    transaction.note(change.job, now, "cancel requested", "")


def _restored(change: Restored, transaction: Transaction, now: float) -> None:
    job = change.job
    preparation = job.preparation
    accepted = preparation is not None and preparation.refusal is None
    columns = {
        "id": job.id,
        "inbox": job.inbox,
        "path": job.path,
        "name": job.name,
        "state": job.state,
        **identity_columns(job.identity),
        "received": job.received,
        "sha256": preparation.sha256 if preparation and accepted else None,
        "preparation": None if preparation is None else preparation_json(preparation),
        "reading": job.reading,
        "reading_fault": fault_json(job.reading_fault),
        "ending": None if job.ending is None else ending_json(job.ending),
        "timings": timings_json(job.timings),
        "now": now,
    }
    connection = transaction.connection
    if not connection.execute(SQL["restore"], columns).rowcount:
        return
    for delivery in job.deliveries:
        row = delivery_columns(job.id, delivery)
        connection.execute(SQL["add_delivery"], {"job": job.id, "destination": row["destination"]})
        connection.execute(SQL["set_delivery"], row)
    transaction.note(job.id, now, change.event, change.detail)


def _noted(change: Noted, transaction: Transaction, now: float) -> None:
    transaction.note(change.job, now, change.event, change.detail)


_VERBS: Mapping[type, Callable[[Any, Transaction, float], str | None]] = {
    Prepared: _prepared,
    DeliveryChanged: _delivery,
    ResumeKept: _resume,
    ReadingEnded: _reading,
    Recorded: _recorded,
    Closed: _closed,
    Parked: _parked,
    Requeued: _requeued,
    Unclaimed: _unclaimed,
    TakenUp: _taken_up,
    CancelRequested: _cancel,
    Restored: _restored,
    Noted: _noted,
}
