"""The seam between a job and where its file goes: one attempt at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

from daemon.delivery.pacing.throttle import Throttle

JSON = Any


class Resume(Protocol):
    """What one delivery has to remember to go on where it was cut, durably, also over restarts."""

    def load(self) -> Mapping[str, JSON]:
        """What was kept last, {} for nothing."""
        ...

    def keep(self, state: Mapping[str, JSON]) -> None:
        """Replace what was kept; durable when it returns. At most a few kilobytes of JSON.

        Raises EnvironmentFaultError where it cannot be kept.
        """
        ...


class ForgetfulResume:
    """A memory that lasts as long as the parcel: for deliveries that no ledger knows."""

    def __init__(self) -> None:
        self._state: Mapping[str, JSON] = {}

    def load(self) -> Mapping[str, JSON]:
        """What was kept last."""
        return self._state

    def keep(self, state: Mapping[str, JSON]) -> None:
        """Replace what was kept."""
        self._state = dict(state)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is delivered: the facts of one file and a way to its content.

    `name` and `path` are as in the inbox, bytes that are no text as lone surrogates (PEP 383).
    `open` gives a fresh descriptor at offset 0, which the caller closes; every attempt opens anew.
    `idempotency_key` is the same for every attempt of a job at one destination, also after a crash.
    `throttle` is a limit that all destinations share, to be asked beside the destination's own.
    """

    job: str
    inbox: str
    name: str
    path: str
    size: int
    sha256: str
    media_type: str
    received: datetime
    idempotency_key: str
    open: Callable[[], int]
    resume: Resume = field(default_factory=ForgetfulResume, compare=False)
    throttle: Throttle | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the destination said when it took the file.

    `round_trip` is in seconds from the last byte sent to the status line, where that was measured.
    """

    bytes: int
    location: str | None = None
    http_status: int | None = None
    response: Mapping[str, JSON] = field(default_factory=dict)
    round_trip: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `inboxd check` found out about a destination, with advice where it failed.

    `subject` is one of SUBJECTS, in their order. Where nobody can know it without delivering a file
    it is not `known`, and no fault.
    """

    subject: str
    ok: bool
    message: str
    known: bool = True


SUBJECTS: Final = (
    "dns", "tcp", "tls", "answer", "clock", "auth", "place", "rights", "method", "quota",
)  # fmt: skip
"""What a check tells apart: the way to a server, whether it answers and agrees with us about the
time, who we are there, what files go to (a folder, a bucket, a service), whether we may write, by
the way that we want to, and whether there is room."""

Progress = Callable[[int], None]
"""Called with the number of bytes of the file sent so far in this attempt."""


class Destination(Protocol):
    """Takes files; used by several threads at once."""

    name: str

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt.

        Raises DeliveryError with a kind that says whether another attempt can help, StoppedError
        soon after `stop` is set, EnvironmentFaultError when our own machine is the obstacle.
        """
        ...

    def check(self) -> list[Finding]:
        """Reach the destination without delivering anything; never raises."""
        ...

    def close(self) -> None:
        """Release connections; may be called twice."""
        ...


@runtime_checkable
class Abandoning(Protocol):
    """A destination where a delivery that is given up leaves something that we can take away."""

    def abandon(self, resume: Resume) -> None:
        """Take away what an unfinished delivery left there, as `resume` knows it, and forget it.

        For a job that was cancelled or failed for good. Raises DeliveryError where the server did
        not do it; nothing depends on it, since servers clear away what nobody finishes.
        """
        ...
