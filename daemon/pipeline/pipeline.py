"""The pipeline of one daemon, put together from a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable

from daemon.clock import Clock
from daemon.config.model import Config
from daemon.errors import Fault
from daemon.fetching.fetch import Fetcher
from daemon.jobs.model import ENDS
from daemon.jobs.store import JobStore
from daemon.limits import Limits
from daemon.pipeline.coordinator import Coordinator
from daemon.pipeline.delivering import Delivering
from daemon.pipeline.dispatch import Dispatch
from daemon.pipeline.environment import Environment
from daemon.pipeline.following import Following
from daemon.pipeline.ocr import answerer_for, engine_settings
from daemon.pipeline.outlets import Outlets
from daemon.pipeline.preparing import Preparing
from daemon.pipeline.progress import ProgressTable
from daemon.pipeline.reading import Reading, reading_pool
from daemon.pipeline.respite import Respite
from daemon.pipeline.route import Route
from daemon.pipeline.telling import Teller
from daemon.pipeline.workers import WorkerPool
from daemon.reading.engine import check_engine
from daemon.validation.clamd import ClamdScanner
from daemon.validation.scanning import Guard
from daemon.validation.validator import Validator, proving_pool

_PROVERS = 2


class Pipeline:
    """Takes jobs from the ledger and brings each to its end.

    Raises ConfigError where a destination cannot be opened, and ReadingError where what the OCR
    engine needs is not there.
    """

    def __init__(
        self,
        config: Config,
        store: JobStore,
        teller: Teller,
        *,
        clock: Clock,
        limits: Limits,
        fetcher: Fetcher | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._teller = teller
        self._pool = WorkerPool(config.workers)
        self._readers = WorkerPool(config.ocr.processes, "reader")
        self._proving = proving_pool(limits, min(_PROVERS, config.workers))
        self._validator = Validator(self._proving, limits, guard_of(config))
        self._reading = Reading(
            reading_pool(config.ocr, limits),
            config.ocr.timeout,
            answerer_for(config.ocr),
            Respite(clock, limits),
            clock,
            limits,
        )
        if any(inbox.read != "none" for inbox in config.inboxes.values()):
            check_engine(engine_settings(config.ocr))
        self._opening = Outlets(store, self._pool.submit, clock, limits)
        self._outlets = self._opening.open(config)
        self.progress = ProgressTable(clock)
        self._store = store
        self._routes = routes_of(config)
        self.coordinator = Coordinator(
            store,
            self._routes,
            environment=environment_of(config, limits),
            teller=teller,
            clock=clock,
            limits=limits,
        )
        self._dispatch = Dispatch(
            self.coordinator.step_ended,
            destination_is_up=self.coordinator.destination_is_up,
            pool=self._pool,
            readers=self._readers,
            preparing=Preparing(
                self._validator,
                Following(store, clock, self.coordinator.wake, fetcher or Fetcher()),
            ),
            delivering=Delivering(clock, limits, teller, self.progress, store),
            reading=self._reading,
            outlets=self._outlets,
            inboxes=self._routes,
            store=store,
            clock=clock,
        )

    def make_folders(self) -> None:
        """Make the folders that are ours, and clear what a crash left; files are never touched.

        Raises EnvironmentFaultError where a folder cannot be made or written.
        """
        for route in self._routes.values():
            route.places.make()
            route.places.tidy(self._is_over)

    def start(self, on_crash: Callable[[BaseException], None]) -> None:
        """Go on with what the ledger holds; `on_crash` is told when the pipeline itself fails."""
        self.coordinator.on_crash = on_crash
        self.coordinator.start(self._dispatch)

    def nudge(self) -> None:
        """Someone else changed the ledger; a job that was taken up again is tried at once."""
        for outlet in self._outlets.values():
            outlet.breaker.try_now()
        self.coordinator.nudge()

    def paused(self) -> Fault | None:
        """Why nothing new is begun, if so."""
        return self.coordinator.pause.fault

    def paused_inboxes(self) -> dict[str, str]:
        """Why nothing new of some inboxes is begun while the others go on, by inbox."""
        held = self.coordinator.pause.of_inboxes
        return {inbox: fault.message for inbox, fault in held.items()}

    def held_up(self) -> bool:
        """Whether our own machine stands in the way of anything."""
        return self.paused() is not None or bool(self.paused_inboxes())

    def lanes(self) -> dict[str, dict[str, object]]:
        """For each destination how many deliveries are under way and may be, and how it stands."""
        return {name: outlet.facts() for name, outlet in self._outlets.items()}

    def reload(self, config: Config) -> None:
        """Go on under another configuration; raises ConfigError or EnvironmentFaultError otherwise.

        The number of workers and the OCR engine stay until the next start.
        """
        routes = routes_of(config)
        for route in routes.values():
            route.places.make()
        outlets = self._opening.open(config)
        self._routes = routes
        self._validator.guard = guard_of(config)
        old, self._outlets = self._outlets, outlets
        self._dispatch.replace_outlets(outlets, routes)
        self.coordinator.reroute(self._routes, environment_of(config, self._limits))
        # Deliveries under way hold their destination; idle connections are all that closes here.
        for outlet in old.values():
            outlet.destination.close()

    def stop(self, timeout: float) -> bool:
        """Finish what is under way within `timeout` seconds, then end the rest, which stays queued.

        Tells whether all that was under way came to an end by itself.
        """
        self.coordinator.drain()
        drained = self.coordinator.join(timeout)
        if not drained:
            # A ledger that cannot be written must not keep us; what was not written is done again.
            self._store.stop_waiting()
            self.coordinator.interrupt()
            self.coordinator.join(self._limits.interrupt_timeout)
        self._proving.close()
        self._reading.pool.close()
        self._pool.stop(1.0)
        self._readers.stop(1.0)
        self.coordinator.close()
        for outlet in self._outlets.values():
            outlet.destination.close()
        return drained

    def hurry(self) -> None:
        """End what is under way at once, after `stop` began."""
        self.coordinator.interrupt()

    def _is_over(self, job: str) -> bool:
        found = self._store.get(job)
        return found is None or found.state in ENDS


def routes_of(config: Config) -> dict[str, Route]:
    """The inboxes of a configuration as the pipeline sees them."""
    return {name: Route.of(inbox) for name, inbox in config.inboxes.items()}


def guard_of(config: Config) -> Guard | None:
    """The virus scanner that a configuration names, if any."""
    wanted = config.virus_scan
    if wanted is None:
        return None
    return Guard(ClamdScanner(wanted.clamd, wanted.timeout), wanted.when_down)


def environment_of(config: Config, limits: Limits) -> Environment:
    """The folders whose disks must have room, and the scanner that must answer."""
    inboxes = {
        name: [
            os.fsencode(folder)
            for folder in (inbox.work_folder, inbox.done_folder, inbox.rejected_folder)
        ]
        for name, inbox in config.inboxes.items()
    }
    guard = guard_of(config)
    state = os.fsencode(config.state)
    return Environment(state, inboxes, limits, guard.scanner if guard else None)
