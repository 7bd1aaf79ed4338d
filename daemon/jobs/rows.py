"""Between the rows of the ledger and the facts of the model."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from daemon.errors import Fault, Kind
from daemon.files import Identity
from daemon.jobs.model import (
    Delivery,
    DeliveryState,
    Ending,
    Job,
    Preparation,
    ReadingState,
    State,
)

_SIGN = 1 << 63
_WRAP = 1 << 64
_dump = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def signed(number: int) -> int:
    """An unsigned 64 bit number as SQLite can hold it."""
    return number - _WRAP if number >= _SIGN else number


def _unsigned(number: int) -> int:
    return number + _WRAP if number < 0 else number


def identity_columns(identity: Identity) -> dict[str, int]:
    """The columns of a file's identity."""
    return {
        "device": signed(identity.device),
        "inode": signed(identity.inode),
        "size": identity.size,
        "modified_ns": identity.modified_ns,
    }


def fault_json(fault: Fault | None) -> str | None:
    """A fault as it is kept, or null."""
    return None if fault is None else _dump([fault.code, fault.message, fault.kind])


def _fault(text: str | None) -> Fault | None:
    if text is None:
        return None
    code, message, kind = json.loads(text)
    return Fault(code, message, Kind(kind))


def timings_json(timings: Mapping[str, float]) -> str:
    """Timings in seconds, to the microsecond."""
    return _dump({key: round(value, 6) for key, value in timings.items()})


def preparation_json(preparation: Preparation) -> str:
    """A preparation as it is kept."""
    return _dump(
        {
            "sha256": preparation.sha256,
            "media_type": preparation.media_type,
            "size": preparation.size,
            "checks": preparation.checks,
            "refusal": fault_json(preparation.refusal),
        }
    )


def _preparation(row: sqlite3.Row) -> Preparation | None:
    if row["preparation"] is None:
        return None
    kept = json.loads(row["preparation"])
    return Preparation(
        sha256=kept["sha256"],
        media_type=kept["media_type"],
        size=kept["size"],
        checks=tuple((check, ok, detail) for check, ok, detail in kept["checks"]),
        refusal=_fault(kept["refusal"]),
        duplicate_of=row["duplicate_of"],
    )


def ending_json(ending: Ending) -> str:
    """An ending as it is kept; the name is bytes and goes in as hexadecimal digits."""
    facts = [ending.state, fault_json(ending.fault), ending.folder, ending.name.hex()]
    return _dump([*facts, ending.sidecar_only])


def ending_from(text: str | None) -> Ending | None:
    """The ending in a column, or None."""
    if text is None:
        return None
    state, fault, folder, name, *more = json.loads(text)
    sidecar_only = bool(more and more[0])  # earlier versions did not say
    return Ending(State(state), _fault(fault), folder, bytes.fromhex(name), sidecar_only)


def delivery_columns(job: str, delivery: Delivery) -> dict[str, Any]:
    """The columns of one delivery."""
    return {
        "job": job,
        "destination": delivery.destination,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "runs": delivery.runs,
        "first_attempt_at": delivery.first_attempt_at,
        "next_at": delivery.next_at,
        "bytes": delivery.bytes,
        "http_status": delivery.http_status,
        "location": delivery.location,
        "delivered_at": delivery.delivered_at,
        "response": _dump(dict(delivery.response)),
        "fault": fault_json(delivery.fault),
    }


def resume_json(state: Mapping[str, Any]) -> str | None:
    """What a delivery has to remember, as it is kept; null for nothing."""
    return _dump(dict(state)) if state else None


def delivery_from(row: sqlite3.Row) -> Delivery:
    """The delivery in a row."""
    return Delivery(
        destination=row["destination"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        runs=row["runs"],
        first_attempt_at=row["first_attempt_at"],
        next_at=row["next_at"],
        bytes=row["bytes"],
        http_status=row["http_status"],
        location=row["location"],
        delivered_at=row["delivered_at"],
        response=json.loads(row["response"]),
        fault=_fault(row["fault"]),
    )


def job_from(row: sqlite3.Row, deliveries: Iterable[Delivery]) -> Job:
    """The job in a row, with its deliveries."""
    return Job(
        id=row["id"],
        inbox=row["inbox"],
        path=row["path"],
        name=row["name"],
        state=State(row["state"]),
        identity=Identity(
            _unsigned(row["device"]), _unsigned(row["inode"]), row["size"], row["modified_ns"]
        ),
        received=row["received"],
        claimed=bool(row["claimed"]),
        ready_at=row["ready_at"],
        preparation=_preparation(row),
        deliveries=tuple(deliveries),
        reading=ReadingState(row["reading"]),
        reading_fault=_fault(row["reading_fault"]),
        ending=ending_from(row["ending"]),
        origin=ending_from(row["origin"]),
        cancel=bool(row["cancel"]),
        timings=json.loads(row["timings"]),
        updated=row["updated"],
    )
