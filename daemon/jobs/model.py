"""The facts of a job and the transitions that are legal; nothing here does I/O."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from daemon.errors import Fault, InboxdError
from daemon.files import Identity

JSON = Any


class State(StrEnum):
    """Where a job stands; the last five are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    PARKED = "parked"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"


ENDS = frozenset({State.DONE, State.REJECTED, State.FAILED, State.DUPLICATE, State.CANCELLED})

LEGAL: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING}),
    State.RUNNING: frozenset({State.QUEUED, State.PARKED}) | ENDS,
    State.PARKED: frozenset({State.QUEUED, State.RUNNING}),
    State.DONE: frozenset(),
    State.REJECTED: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.DUPLICATE: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}


LONGEST_WAIT = 7200.0
"""Seconds; twice the longest pause that a server can ask for."""


def is_due(at: float, now: float) -> bool:
    """Whether a wall-clock time has come, or lies further ahead than any wait is long.

    The latter was noted before the clock was set back; to wait for it could take a year.
    """
    return not now < at <= now + LONGEST_WAIT


RETRYABLE = ENDS - {State.DONE} | {State.PARKED}


class IllegalTransitionError(InboxdError):
    """A job was asked to go where its state does not lead."""


def check_transition(old: State, new: State) -> None:
    """Raise IllegalTransitionError unless `new` may follow `old`."""
    if new not in LEGAL[old]:
        raise IllegalTransitionError("illegal_transition", f"a {old} job cannot become {new}")


def check_active(state: State) -> None:
    """Raise IllegalTransitionError where a job has ended, so that it cannot be given up."""
    if state in ENDS:
        raise IllegalTransitionError("ended", f"the job is {state} already")


def check_retryable(state: State) -> None:
    """Raise IllegalTransitionError unless a person may have the job tried again."""
    if state not in RETRYABLE:
        raise IllegalTransitionError(
            "not_retryable",
            f"the job is {state}; only one that is parked or ended other than done is retried",
        )


class DeliveryState(StrEnum):
    """Where the delivery to one destination stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class ReadingState(StrEnum):
    """Where the reading of a file stands; the text itself is never in the ledger."""

    NONE = "none"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A settled file in an inbox; `path` is relative to it."""

    inbox: str
    path: bytes
    identity: Identity
    settle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Preparation:
    """What validation found, as it is kept in the ledger."""

    sha256: str | None
    media_type: str | None
    size: int
    checks: tuple[tuple[str, bool, str], ...]
    refusal: Fault | None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one job to one destination; times are wall-clock seconds."""

    destination: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    runs: int = 0
    first_attempt_at: float | None = None
    next_at: float = 0.0
    bytes: int | None = None
    http_status: int | None = None
    location: str | None = None
    delivered_at: float | None = None
    response: Mapping[str, JSON] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends: the state, why, and the name of its original in `folder`.

    `folder` is `done` or `rejected`; `name` is relative to it. Both are empty where no sidecar is
    written, because the file was gone before it was claimed. `sidecar_only` says that the original
    is not put there: it stays in its inbox, or goes.
    """

    state: State
    fault: Fault | None = None
    folder: str = ""
    name: bytes = b""
    sidecar_only: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One file on its way, as the ledger knows it; times are wall-clock seconds."""

    id: str
    inbox: str
    path: bytes
    name: str
    state: State
    identity: Identity
    received: float
    claimed: bool = False
    ready_at: float = 0.0
    preparation: Preparation | None = None
    deliveries: tuple[Delivery, ...] = ()
    reading: ReadingState = ReadingState.NONE
    reading_fault: Fault | None = None
    ending: Ending | None = None
    origin: Ending | None = None
    cancel: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)
    updated: float = 0.0

    @property
    def basename(self) -> bytes:
        """The file's own name, without folders."""
        return os.path.basename(self.path)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a file's history."""

    at: float
    event: str
    detail: str


_last_id = 0
_id_lock = threading.Lock()


def new_id() -> str:
    """A job id that sorts by the time of its making: UUID version 7 (RFC 9562, section 5.7).

    Ids made within one millisecond count up (section 6.2, method 2), so that order is kept.
    """
    global _last_id  # noqa: PLW0603 - the order holds for the whole process
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80
    value |= int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    with _id_lock:
        _last_id = value = max(value, _last_id + 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def id_after(job: str) -> str:
    """The id of the one job that another leads to: of the same time, the rest by digest.

    Asked again after a crash it is the same, so that nothing is made twice.
    """
    digest = hashlib.sha256(job.encode()).hexdigest()
    variant = "89ab"[int(digest[3], 16) % 4]
    return f"{job[:14]}7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"


def idempotency_key(job: str, destination: str) -> str:
    """The key that every attempt of a job at one destination carries."""
    return f"{job}.{destination}"
