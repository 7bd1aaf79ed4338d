"""The step that delivers a file to one destination: one run of attempts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from daemon.clock import Clock
from daemon.crashpoints import crashpoint
from daemon.delivery.destination import Parcel
from daemon.delivery.hashing import hash_of
from daemon.delivery.pacing import attempts
from daemon.delivery.transport.body import file_changed
from daemon.errors import DeliveryError, escaped
from daemon.files import Identity, identity
from daemon.jobs.changes import DeliveryChanged
from daemon.jobs.model import Delivery, DeliveryState, Job, idempotency_key
from daemon.jobs.store import JobStore
from daemon.limits import Limits
from daemon.pipeline.outlets import Outlet
from daemon.pipeline.places import Places
from daemon.pipeline.progress import ProgressTable, Transfer
from daemon.pipeline.resuming import resume_of
from daemon.pipeline.telling import Teller


@dataclass(frozen=True, slots=True)
class Delivering:
    """Makes runs of attempts for all destinations; used by several threads."""

    clock: Clock
    limits: Limits
    teller: Teller
    progress: ProgressTable
    store: JobStore

    def run(
        self,
        job: Job,
        places: Places,
        outlet: Outlet,
        *,
        sleep: Callable[[float], None],
        stop: threading.Event,
        ended: Callable[[attempts.Outcome], None],
    ) -> DeliveryChanged:
        """Deliver, and say what came of it; to `ended` too, unless it was broken off.

        `sleep` waits between attempts. Raises StoppedError, EnvironmentFaultError, OSError when our
        copy of the file cannot be opened, and TypeError for an answer that no ledger can hold.
        """
        destination = outlet.destination
        delivery = next(d for d in job.deliveries if d.destination == destination.name)
        first = delivery.first_attempt_at or self.clock.now()
        original = _Original(job, places, stop, trusted=delivery.attempts == 0)
        parcel = parcel_of(job, original.open, outlet, self.store)
        transfer = self.progress.begin(job.id, job.inbox, job.name, destination.name, parcel.size)
        self.teller.started(job, destination.name)
        crashpoint("deliver.begun")

        def attempt_failed(attempt: int, error: DeliveryError, pause: float | None) -> None:
            transfer.failed(None if pause is None else self.clock.monotonic() + pause)
            outlet.heed(error, pause)
            self.teller.attempt_failed(job, destination.name, attempt, error, pause)

        try:
            outcome = attempts.run_attempts(
                destination,
                parcel,
                outlet.policy,
                prior_attempts=delivery.attempts,
                first_attempt_at=first,
                sleep=sleep,
                stop=stop,
                progress=self._counter(job, transfer),
                on_failed=attempt_failed,
                clock=self.clock,
                limits=self.limits,
            )
        finally:
            self.progress.end(transfer)
        crashpoint("deliver.answered")
        if not isinstance(outcome, attempts.BrokenOff):
            ended(outcome)
        known = replace(delivery, first_attempt_at=first)
        return DeliveryChanged(job.id, storable(after(known, outcome, self.clock.now())))

    def _counter(self, job: Job, transfer: Transfer) -> Callable[[int], None]:
        def count(sent: int) -> None:
            now = self.clock.monotonic()
            transfer.reached(sent, now)
            if now - transfer.told >= self.limits.progress_every:
                transfer.told = now
                self.teller.progress(job, transfer.destination, sent, transfer.total)

        return count


class _Original:
    """The file of a job, opened for each attempt of a run while it is what was judged.

    It lies in a folder of ours between attempts, for days maybe, and whoever may write there could
    change it: the sidecar would tell of one content, and the destination have another.

    Args: `trusted` where it was judged just now, and no attempt was made yet.
    """

    def __init__(self, job: Job, places: Places, stop: threading.Event, *, trusted: bool) -> None:
        self._job = job
        self._places = places
        self._stop = stop
        self._trusted = trusted
        self._known: Identity | None = None

    def open(self) -> int:
        """A fresh descriptor.

        Raises what Places.open raises, DeliveryError `file_changed`, and StoppedError.
        """
        descriptor = self._places.open(self._job)
        try:
            found = identity(os.fstat(descriptor))
            if not self._trusted and found != self._known:
                self._judge(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._known, self._trusted = found, False
        return descriptor

    def _judge(self, descriptor: int) -> None:
        preparation = self._job.preparation
        assert preparation is not None
        if not preparation.sha256:
            return
        content = hash_of(descriptor, preparation.size, "sha256", self._stop)
        if content.hex() != preparation.sha256:
            raise file_changed()


def parcel_of(job: Job, opening: Callable[[], int], outlet: Outlet, store: JobStore) -> Parcel:
    """What is delivered of a validated job; `opening` gives a fresh descriptor of its file."""
    preparation, destination = job.preparation, outlet.destination.name
    assert preparation is not None
    return Parcel(
        job=job.id,
        inbox=job.inbox,
        name=os.fsdecode(job.basename),
        path=os.fsdecode(job.path),
        size=preparation.size,
        sha256=preparation.sha256 or "",
        media_type=preparation.media_type or "application/octet-stream",
        received=datetime.fromtimestamp(job.received, UTC),
        idempotency_key=idempotency_key(job.id, destination),
        open=opening,
        resume=resume_of(job, destination, store),
        throttle=outlet.throttle,
    )


def storable(delivery: Delivery) -> Delivery:
    """A delivery as a ledger can hold it, whatever a destination of another package said.

    Raises TypeError for what is no text, no number or no JSON.
    """
    for said, kind in ((delivery.location, str), (delivery.bytes, int)):
        if said is not None and not isinstance(said, kind):
            raise TypeError(f"{delivery.destination} answered {said!r} for a {kind.__name__}")
    if delivery.response:
        json.dumps(dict(delivery.response))
    if delivery.location is None or delivery.location.isascii():
        return delivery
    return replace(delivery, location=escaped(delivery.location))


def after(delivery: Delivery, outcome: attempts.Outcome, now: float) -> Delivery:
    """The delivery once a run of attempts came to this outcome at wall-clock time `now`."""
    match outcome:
        case attempts.Delivered(acknowledgement=got, attempts=count):
            return replace(
                delivery,
                state=DeliveryState.DELIVERED,
                attempts=count,
                bytes=got.bytes,
                http_status=got.http_status,
                location=got.location,
                delivered_at=now,
                response=got.response,
                fault=None,
            )
        case attempts.Parked(error=error, attempts=count, pause=pause):
            return replace(
                delivery,
                attempts=count,
                runs=delivery.runs + 1,
                next_at=now + pause,
                http_status=error.http_status,
                response=error.response,
                fault=error.fault,
            )
        case attempts.BrokenOff(error=error, attempts=count):
            return replace(delivery, attempts=count, next_at=0.0, fault=error.fault)
        case attempts.Failed(error=error, attempts=count):
            return replace(
                delivery,
                state=DeliveryState.FAILED,
                attempts=count,
                runs=delivery.runs + 1,
                http_status=error.http_status,
                response=error.response,
                fault=error.fault,
            )
