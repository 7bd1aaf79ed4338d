"""The step that delivers a file to one destination: one run of attempts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from daemon.clock import Clock
from daemon.crashpoints import crashpoint
from daemon.delivery.destination import Parcel
from daemon.delivery.pacing import attempts
from daemon.errors import DeliveryError
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

        `sleep` waits between attempts. Raises StoppedError, EnvironmentFaultError, and OSError when
        our copy of the file cannot be opened.
        """
        destination = outlet.destination
        delivery = next(d for d in job.deliveries if d.destination == destination.name)
        first = delivery.first_attempt_at or self.clock.now()
        parcel = parcel_of(job, places, outlet, self.store)
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
        return DeliveryChanged(job.id, after(known, outcome, self.clock.now()))

    def _counter(self, job: Job, transfer: Transfer) -> Callable[[int], None]:
        def count(sent: int) -> None:
            now = self.clock.monotonic()
            transfer.reached(sent, now)
            if now - transfer.told >= self.limits.progress_every:
                transfer.told = now
                self.teller.progress(job, transfer.destination, sent, transfer.total)

        return count


def parcel_of(job: Job, places: Places, outlet: Outlet, store: JobStore) -> Parcel:
    """What is delivered of a validated job."""
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
        open=lambda: places.open(job),
        resume=resume_of(job, destination, store),
        throttle=outlet.throttle,
    )


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
