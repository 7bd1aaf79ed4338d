"""Starting the steps of jobs where they can run: the pool, the lanes, the reading threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from daemon.clock import Clock
from daemon.delivery.pacing.lane import Lane
from daemon.errors import DeliveryError, Fault, InboxdError, Kind, StoppedError, escaped
from daemon.files import environment_fault, is_environment
from daemon.jobs.changes import Change, DeliveryChanged, ReadingEnded
from daemon.jobs.decide import PREPARE, READ, deliver_step
from daemon.jobs.model import DeliveryState, Job, ReadingState
from daemon.jobs.store import JobStore
from daemon.pipeline.delivering import Delivering
from daemon.pipeline.flights import Flight
from daemon.pipeline.outlets import Outlet
from daemon.pipeline.places import NotNowError
from daemon.pipeline.preparing import Preparing
from daemon.pipeline.reading import Reading
from daemon.pipeline.respite import PostponedError
from daemon.pipeline.resuming import resume_of
from daemon.pipeline.route import Route
from daemon.pipeline.step import StepEnded
from daemon.pipeline.workers import WorkerPool
from daemon.validation.scanning import ScannerTroubleError

_LOOK_AGAIN = 2.0
_NOT_NOW_AGAIN = 30.0
_FAULT_AGAIN = 60.0

Handback = Callable[[StepEnded], None]


class Dispatch:
    """The coordinator's Steps: each runs in a thread of a pool and is supervised there."""

    def __init__(
        self,
        handback: Handback,
        *,
        destination_is_up: Callable[[str], None],
        pool: WorkerPool,
        readers: WorkerPool,
        preparing: Preparing,
        delivering: Delivering,
        reading: Reading,
        outlets: Mapping[str, Outlet],
        inboxes: Container[str],
        store: JobStore,
        clock: Clock,
    ) -> None:
        self._handback = handback
        self._destination_is_up = destination_is_up
        self._pool = pool
        self._readers = readers
        self._preparing = preparing
        self._delivering = delivering
        self._reading = reading
        self._outlets = outlets
        self._inboxes = inboxes
        self._store = store
        self._clock = clock

    def replace_outlets(self, outlets: Mapping[str, Outlet], inboxes: Container[str]) -> None:
        """Deliver to these destinations from now on, also what waits for its turn or next attempt.

        What could not reach a destination before is tried at once: its address may be right now.
        `inboxes` are the names of those that there are now.
        """
        self._inboxes = inboxes  # first: who misses a destination asks next for the inbox
        old, self._outlets = self._outlets, outlets
        for name, outlet in old.items():
            if name in outlets:
                outlet.lane.hand_over(outlets[name].lane)
            outlet.lane.close()
            self._destination_is_up(name)

    def prepare(self, flight: Flight, route: Route) -> None:
        """Claim and judge the file in the pool."""
        job, stop = flight.job, flight.stop
        self._pool.submit(
            lambda: self._supervise(
                job,
                PREPARE,
                lambda: self._preparing.run(
                    job, route.config, route.places, stop=stop, now=self._clock.now()
                ),
            )
        )

    def read(self, flight: Flight, route: Route) -> None:
        """Read the file in a reading thread."""
        job, stop = flight.job, flight.stop
        self._readers.submit(
            lambda: self._supervise(
                job,
                READ,
                lambda: self._reading.run(job, route.config, route.places, stop),
            )
        )

    def deliver(self, flight: Flight, route: Route, destination: str) -> None:
        """Deliver in the pool, when the destination's lane lets it."""
        job, step = flight.job, deliver_step(destination)
        outlet = self._outlets.get(destination)
        if outlet is None:
            self._supervise(job, step, lambda: self._miss(job, destination))
            return
        outlet.lane.submit(
            lambda: self._supervise(job, step, lambda: self._deliver(flight, route, destination))
        )

    def drain(self) -> None:
        """Have what waits for its turn at a destination come back instead."""
        for outlet in self._outlets.values():
            outlet.lane.close()

    def abandon(self, job: Job) -> None:
        """Have the destinations take away what the deliveries of a job left there unfinished."""
        for delivery in job.deliveries:
            outlet = self._outlets.get(delivery.destination)
            if outlet is not None and delivery.state is not DeliveryState.DELIVERED:
                self._pool.submit(partial(self._abandon, job, outlet))

    def _abandon(self, job: Job, outlet: Outlet) -> None:
        """Nothing depends on it: servers clear away by themselves what nobody finishes."""
        resume = resume_of(job, outlet.destination.name, self._store)
        with contextlib.suppress(InboxdError):
            outlet.destination.abandon(resume)

    def _deliver(self, flight: Flight, route: Route, name: str) -> DeliveryChanged:
        """One run of attempts, unless the destination is known to be down."""
        if flight.wake.is_set():
            raise StoppedError
        job, outlet = flight.job, self._outlets.get(name)
        if outlet is None:
            return self._miss(job, name)
        was_down = outlet.breaker.down
        with outlet.breaker.admission() as admission:
            if admission.pause:
                return self._postpone(job, name, admission.pause, admission.error)
            change = self._delivering.run(
                job,
                route.places,
                outlet,
                sleep=lambda seconds: self._sleep(outlet.lane, seconds, flight.wake),
                stop=flight.stop,
                ended=admission.report,
            )
        if change.delivery.state is DeliveryState.FAILED:
            self._abandon(job, outlet)
        if was_down and not outlet.breaker.down:
            self._destination_is_up(name)
        elif not was_down and outlet.breaker.down and change.delivery.fault is not None:
            fault, seconds = change.delivery.fault, outlet.breaker.paused_for
            self._delivering.teller.lane_paused(name, fault, seconds)
        return change

    def _miss(self, job: Job, destination: str) -> DeliveryChanged:
        """The configuration no longer has a destination: the file fails by its name.

        Raises StoppedError where the inbox is gone too, for which all of its files wait.
        """
        if job.inbox not in self._inboxes:
            raise StoppedError
        message = f"the configuration no longer has a destination {destination}; add it and retry"
        return _failed(job, destination, Fault("unknown_destination", message, Kind.PERMANENT))

    def _postpone(
        self, job: Job, destination: str, pause: float, error: DeliveryError | None
    ) -> DeliveryChanged:
        delivery = next(d for d in job.deliveries if d.destination == destination)
        fault = error.fault if error is not None else delivery.fault
        later = self._clock.now() + pause
        return DeliveryChanged(job.id, replace(delivery, next_at=later, fault=fault))

    def _sleep(self, lane: Lane, seconds: float, wake: threading.Event) -> None:
        """Wait between attempts without holding a place in the lane or in the pool."""
        if self._pool.crowded():
            raise InboxdError("crowded", "too many deliveries wait", kind=Kind.TRANSIENT)
        with self._pool.waiting():
            lane.sleep(seconds, wake)
        if wake.is_set() or lane.closed:
            raise StoppedError

    def _supervise(self, job: Job, step: str, run: Callable[[], Change]) -> None:
        """A named supervisor: what a step raises becomes something the coordinator can act on."""
        began = time.monotonic()
        try:
            change = run()
            ended = StepEnded(job.id, step, change, time.monotonic() - began)
        except NotNowError as error:
            ended = StepEnded(job.id, step, fault=error.fault, retry_in=_NOT_NOW_AGAIN)
        except PostponedError as error:
            ended = StepEnded(job.id, step, fault=error.fault, retry_in=error.pause)
        except ScannerTroubleError as error:
            ended = StepEnded(job.id, step, fault=error.fault, retry_in=error.retry_in)
        except InboxdError as error:
            if error.code == "changed" and step != PREPARE:
                ended = StepEnded(job.id, step, **_unable(job, step, error.fault))
            else:
                again = None if error.kind is Kind.ENVIRONMENT else _LOOK_AGAIN
                ended = StepEnded(job.id, step, fault=error.fault, retry_in=again)
        except FileNotFoundError:
            fault = Fault("vanished", "the file was removed from work/", Kind.PERMANENT)
            ended = StepEnded(job.id, step, **_unable(job, step, fault))
        except OSError as error:
            fault = environment_fault(error, f"working on {job.name}").fault
            again = None if is_environment(error) else _FAULT_AGAIN
            ended = StepEnded(job.id, step, fault=fault, retry_in=again)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends the step, not the daemon
            message = escaped(f"{type(error).__name__}: {error}")
            fault = Fault("internal_error", message, Kind.PERMANENT)
            ended = StepEnded(job.id, step, **_unable(job, step, fault))
        self._handback(ended)


def _unable(job: Job, step: str, fault: Fault) -> dict[str, Any]:
    """How a step ends that can never succeed for this file."""
    if step == READ:
        return {"change": ReadingEnded(job.id, ReadingState.FAILED, fault)}
    if step == PREPARE:
        return {"fault": fault, "retry_in": _FAULT_AGAIN}
    return {"change": _failed(job, step.removeprefix("deliver:"), fault)}


def _failed(job: Job, destination: str, fault: Fault) -> DeliveryChanged:
    delivery = next(d for d in job.deliveries if d.destination == destination)
    return DeliveryChanged(job.id, replace(delivery, state=DeliveryState.FAILED, fault=fault))
