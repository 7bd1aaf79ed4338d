"""The running daemon: start, reload, drain and stop, and proof of life for systemd."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import __version__
from daemon.clock import Clock, SystemClock, iso
from daemon.config.load import load
from daemon.config.model import Config
from daemon.config.unsafe import unsafe
from daemon.crashpoints import crashpoint
from daemon.errors import AlreadyRunningError, ConfigError, EnvironmentFaultError, LedgerError
from daemon.inboxes import Inboxes
from daemon.jobs.model import ENDS, State
from daemon.jobs.state_folder import StateFolder
from daemon.jobs.store import JobStore
from daemon.limits import DEFAULT, Limits
from daemon.observing.events import Event
from daemon.observing.health import Health, Proof, assess
from daemon.observing.log import EventLog
from daemon.observing.metrics import Metrics
from daemon.observing.systemd import Notifier
from daemon.pipeline.pipeline import Pipeline, routes_of
from daemon.pipeline.rebuilding import open_ledger
from daemon.pipeline.telling import Teller
from daemon.pipeline.work_folders import WorkFolders
from daemon.signals import REQUESTS, Bell, Signals

if TYPE_CHECKING:
    from daemon.observing.endpoint import Endpoint

_SHOW_EVERY = 1.0
_SHOW_LONGER = 2 * _SHOW_EVERY
_SETTLE_LOOK = 0.05

EXIT_WELL = 0
EXIT_NOT_ALL_DONE = 1
EXIT_ENVIRONMENT = 4


class Service:
    """One daemon on one configuration; `run` serves until a signal, `once` until all is through."""

    def __init__(
        self,
        config: Config,
        log: EventLog,
        *,
        path: Path | None = None,
        clock: Clock | None = None,
        limits: Limits = DEFAULT,
        notifier: Notifier | None = None,
    ) -> None:
        self.config = config
        self._log = log
        self._path = path
        self._clock = clock or SystemClock()
        self._limits = limits
        self._notifier = notifier or Notifier()
        self._state = StateFolder(config.state)
        self._metrics = Metrics()
        self._awake = Bell()
        self._stops = 0
        self._reload_asked = False
        self._nudged = False
        self._held_up = False
        self._left_open = False
        self._crash: BaseException | None = None
        self._started = self._clock.monotonic()
        self._ledger_written: float | None = None
        self._last_noticed = self._started
        self._ends_before: dict[State, int] = {}
        self._store: JobStore
        self._pipeline: Pipeline
        self._inboxes: Inboxes

    # -- for those who start it ----------------------------------------------------------------

    def run(self, ready: Callable[[], None] = lambda: None) -> int:
        """Serve until SIGTERM or SIGINT and return the exit code; `ready` is called when up.

        SIGHUP reads the configuration again, SIGUSR1 looks at the ledger again. Raises
        AlreadyRunningError, ConfigError, LedgerError and EnvironmentFaultError at the start.
        """
        return self._serve(ready, self._until_stopped, lambda: EXIT_WELL)

    def once(self, watch: Callable[[Pipeline], None] = lambda _: None) -> int:
        """Bring all that is in the inboxes to its end and return the exit code.

        Files parked for a later attempt stay parked, and count as not done. `watch` is called now
        and then, for a progress bar.
        """
        return self._serve(lambda: None, lambda: self._until_idle(watch), self._verdict)

    def stop(self) -> None:
        """Ask the service to stop, as SIGTERM does; a second time, at once."""
        self._stops += 1
        if self._stops > 1:
            self._pipeline.hurry()
        self._awake.ring()

    def signalled(self, number: int) -> None:
        """Act on a signal; runs between two lines of the main thread, so it only notes."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self.stop()
        elif number == signal.SIGHUP:
            self._reload_asked = True
        else:
            self._nudged = True
        self._awake.ring()

    # -- the way of one run --------------------------------------------------------------------

    def _serve(
        self, ready: Callable[[], None], work: Callable[[], None], judge: Callable[[], int]
    ) -> int:
        self._log.emit(Event.DAEMON_STARTED, version=__version__, pid=os.getpid())
        # Who holds the folder may be nudged at once, which would end a process that is not ready.
        with Signals(self.signalled, REQUESTS), self._state.lock() as crashed:
            self._store, rebuilt = open_ledger(
                self._state, routes_of(self.config), self._clock, self._limits, crashed=crashed
            )
            try:
                self._store.on_damage = self._damaged
                if rebuilt is not None:
                    self._log.emit(Event.LEDGER_REBUILT, **rebuilt.facts)
                self._ends_before = _totals(self._store)
                self._work_folders = WorkFolders(self._state, self._store)
                self._work_folders.refuse(routes_of(self.config))
                self._make_pipeline()
                with Signals(self.signalled):
                    return self._work(ready, work, judge)
            finally:
                self._store.close()

    def _make_pipeline(self) -> None:
        teller = Teller(self._log, self._metrics, self._clock)
        self._pipeline = Pipeline(
            self.config, self._store, teller, clock=self._clock, limits=self._limits
        )
        self._inboxes = Inboxes(
            self._store,
            self._log,
            self._noticed,
            clock=self._clock,
            limits=self._limits,
        )
        self._metrics.watch_health(lambda: self.health().healthy)
        self._metrics.watch_lanes(self._pipeline.lanes)

    def _work(
        self, ready: Callable[[], None], work: Callable[[], None], judge: Callable[[], int]
    ) -> int:
        endpoint = self._open_endpoint()
        try:
            self._pipeline.make_folders()
            # Once more, as another daemon may have started beside this one.
            self._work_folders.refuse(routes_of(self.config))
            self._work_folders.keep(routes_of(self.config))
            self._pipeline.start(self._crashed)
            self._inboxes.follow(self.config)
            _spare_the_collector()
            self._tell_what_is_unsafe()
            self._inboxes.wait_watched(self._limits.first_look)
            self._log.emit(Event.DAEMON_READY, inboxes=sorted(self.config.inboxes))
            self._notifier.ready(self._status_line())
            self._tell_of_orphans()
            self._tend()
            ready()
            work()
        finally:
            self._wind_up()
            if endpoint is not None:
                endpoint.close()
        if self._crash is not None:
            raise self._crash
        code = judge()
        self._log.emit(Event.DAEMON_STOPPED, code=code)
        return code

    def _wind_up(self) -> None:
        """Take nothing in any more, finish what is under way, and leave a last word."""
        self._notifier.stopping()
        self._log.emit(Event.DAEMON_STOPPING, in_flight=self._pipeline.coordinator.in_flight())
        self._inboxes.stop()
        patience = 0.0 if self._stops > 1 or self._crash else self._limits.drain_timeout
        self._pipeline.stop(patience)
        crashpoint("stop.drained")
        self._show(running=False)

    def _open_endpoint(self) -> Endpoint | None:
        if self.config.metrics is None:
            return None
        from daemon.observing.endpoint import Endpoint  # noqa: PLC0415  # slow, and not for all

        return Endpoint(
            self.config.metrics.listen,
            lambda: self._metrics.render(self._store.counts()),
            self.health,
        )

    def _until_stopped(self) -> None:
        while not self._stops and self._crash is None:
            self._awake.wait(self._pause())
            self._tend()

    def _until_idle(self, watch: Callable[[Pipeline], None]) -> None:
        next_tending = 0.0
        self._pipeline.coordinator.on_empty = self._awake.ring
        while not self._stops and self._crash is None:
            taken = self._inboxes.wait_idle(_SETTLE_LOOK)
            if self._clock.monotonic() >= next_tending:
                next_tending = self._clock.monotonic() + _SHOW_EVERY
                self._tend()
            watch(self._pipeline)
            # A cron job must not wait for a person to mount a folder or to free a disk.
            self._held_up = self._pipeline.held_up() or bool(self._inboxes.trouble())
            if self._pipeline.paused() is not None:
                break
            self._left_open = not taken and self._inboxes.only_long_open(self._limits.once_waits)
            if self._is_over():
                break
            self._awake.wait(_SETTLE_LOOK)
        if self._stops:  # what a signal leaves in the inboxes did not end done either
            self._left_open = not self._inboxes.idle()

    def _is_over(self) -> bool:
        """Whether all is done that was noticed.

        The inboxes are asked first: what they hand over the coordinator knows when it is asked.
        """
        noticed, taken = self._last_noticed, self._inboxes.idle() or self._left_open
        return taken and self._pipeline.coordinator.idle() and noticed == self._last_noticed

    def _noticed(self, inbox: str) -> None:
        """Have new jobs taken up, and a loop that sleeps long show from now on what they do."""
        now = self._clock.monotonic()
        asleep = now - self._last_noticed > _SHOW_EVERY
        self._last_noticed = now
        self._pipeline.coordinator.wake(inbox)
        if asleep:
            self._awake.ring()

    def _verdict(self) -> int:
        if self._held_up:
            return EXIT_ENVIRONMENT
        before, now = self._ends_before, _totals(self._store)
        bad = (State.REJECTED, State.FAILED, State.CANCELLED)
        spoiled = any(now.get(state, 0) > before.get(state, 0) for state in bad)
        unfinished = any(now.get(state, 0) for state in State if state not in ENDS)
        well = not (spoiled or unfinished or self._left_open)
        return EXIT_WELL if well else EXIT_NOT_ALL_DONE

    # -- what the loop tends -------------------------------------------------------------------

    def _pause(self) -> float:
        """Seconds until the loop has something to do without a signal."""
        lately = self._clock.monotonic() - self._last_noticed < _SHOW_LONGER
        if lately or self._pipeline.coordinator.in_flight() or self._pipeline.progress.transfers():
            return _SHOW_EVERY
        pause = self._limits.canary_every / 2
        if self._notifier.watchdog_seconds is not None:
            pause = min(pause, self._notifier.watchdog_seconds / 3)
        return pause

    def _tend(self) -> None:
        if self._reload_asked:
            self._reload_asked = False
            self._reload()
        if self._nudged:
            self._nudged = False
            self._pipeline.nudge()
        self._store.beat(self._beaten)
        self._pipeline.coordinator.ping()
        if self.health().alive:
            self._notifier.alive()
        self._notifier.status(self._status_line())
        self._show(running=True)

    def _beaten(self) -> None:
        # What is written to a file that was taken away is lost with the process.
        if self._state.keeps_ledger():
            self._ledger_written = self._clock.monotonic()

    def _crashed(self, error: BaseException) -> None:
        self._crash = error
        self._awake.ring()

    def _damaged(self, error: LedgerError) -> None:
        """The next start looks at all of the ledger and makes a new one where that is needed."""
        self._state.suspect_ledger()
        self._crashed(error)

    def health(self) -> Health:
        """Whether the daemon is healthy, from what was last proven."""
        fault = self._pipeline.paused()
        proof = Proof(
            started=self._started,
            seen=self._inboxes.proofs(),
            ledger_written=self._ledger_written,
            steps_moved=self._pipeline.coordinator.answered(),
            missing=self._inboxes.missing(),
            paused=None if fault is None else fault.message,
            paused_inboxes=self._pipeline.paused_inboxes(),
        )
        within = self._limits.proof_within
        return assess(proof, self._clock.monotonic(), within=within, grace=within)

    def _status_line(self) -> str:
        fault = self._pipeline.paused()
        if fault is not None:
            return f"paused: {fault.message}"
        number = self._pipeline.coordinator.in_flight()
        return f"watching {len(self._inboxes)} inboxes, {number} files under way"

    def _show(self, *, running: bool) -> None:
        """Leave for `status` what only this process knows."""
        health = self.health()
        fault = self._pipeline.paused()
        self._state.write_runtime(
            {
                "pid": os.getpid() if running else None,
                "updated": iso(self._clock.now()),
                "healthy": health.healthy,
                "ready": health.ready,
                "reasons": list(health.reasons),
                "paused": None if fault is None else {"code": fault.code, "message": fault.message},
                "in_flight": self._pipeline.progress.tell(),
                "destinations": self._pipeline.lanes(),
                "inboxes": self._inboxes.facts(),
            }
        )

    def _tell_what_is_unsafe(self) -> None:
        for found in unsafe(self.config):
            self._log.emit(
                Event.DAEMON_UNSAFE,
                code=found.code,
                message=found.message,
                destination=found.destination,
            )

    def _tell_of_orphans(self) -> None:
        """Jobs whose inbox the configuration no longer has wait until it is there again."""
        for inbox, states in self._store.counts().items():
            waiting = sum(number for state, number in states.items() if State(state) not in ENDS)
            if waiting and inbox not in self.config.inboxes:
                reason = f"{waiting} files of it wait, and the configuration no longer has it"
                self._log.emit(Event.INBOX_MISSING, inbox=inbox, reason=reason)

    # -- reload --------------------------------------------------------------------

    def _reload(self) -> None:
        """Take up a changed configuration, or keep the old one and say why."""
        if self._path is None:
            return
        self._notifier.reloading()
        try:
            config = load(self._path)
            if config.state != self.config.state:
                raise LedgerError("state_moved", "`state` cannot change while running; restart")
            self._work_folders.refuse(routes_of(config))
            crashpoint("reload.loaded")
            self._pipeline.reload(config)
            crashpoint("reload.rerouted")
        except (ConfigError, EnvironmentFaultError, AlreadyRunningError) as error:
            self._log.emit(Event.DAEMON_RELOADED, ok=False, code=error.code, message=error.message)
        else:
            self.config = config
            self._work_folders.keep(routes_of(config))
            self._inboxes.follow(config)
            self._tell_what_is_unsafe()
            crashpoint("reload.followed")
            self._log.emit(Event.DAEMON_RELOADED, ok=True, inboxes=sorted(config.inboxes))
        self._notifier.ready(self._status_line())


def _spare_the_collector() -> None:
    """What was made at the start stays; looking through it for garbage again and again is waste.

    Even once: of 57,000 objects 200 were garbage, and finding them took a fifteenth of the start.
    """
    gc.freeze()


def _totals(store: JobStore) -> dict[State, int]:
    totals: dict[State, int] = {}
    for states in store.counts().values():
        for state, number in states.items():
            totals[State(state)] = totals.get(State(state), 0) + number
    return totals
