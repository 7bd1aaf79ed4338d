"""The one thread that decides: it takes jobs from the ledger, starts steps and commits results.

Everything that blocks happens elsewhere and comes back as a message, so what a job does next is
always a plain function of facts that are durable.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from daemon import turns
from daemon.clock import Clock
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, Kind
from daemon.jobs.advance import advance
from daemon.jobs.changes import HELD, RELEASED, Change, Closed, Parked, Requeued
from daemon.jobs.decide import (
    PREPARE,
    READ,
    RECORD,
    FileAway,
    Park,
    Prepare,
    Record,
    Wait,
    Work,
    decide,
    deliver_step,
)
from daemon.jobs.model import ENDS, Ending, Job, State
from daemon.jobs.store import JobStore, Results
from daemon.limits import Limits
from daemon.pipeline.agenda import Agenda
from daemon.pipeline.environment import Environment
from daemon.pipeline.filing import Filer, Filing
from daemon.pipeline.flights import Flight, Flights
from daemon.pipeline.pausing import Pause
from daemon.pipeline.route import Route
from daemon.pipeline.step import COMMITTED, StepEnded, Steps
from daemon.pipeline.telling import Teller

_LOOK_AT_TWIN = 300.0
_TIMED = {PREPARE: "validate", READ: "read", "deliver": "deliver"}
_LEFT = ENDS | {State.QUEUED, State.PARKED}

Message = Callable[[], None]


class Coordinator:
    """Moves every job on until it ends, but for what `pause` holds up; for use by any thread."""

    def __init__(
        self,
        store: JobStore,
        routes: Mapping[str, Route],
        *,
        environment: Environment,
        teller: Teller,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._routes = dict(routes)
        self.pause = Pause(environment, teller, clock, lambda: self._post(self._look_again))
        self._teller = teller
        self._clock = clock
        self._limits = limits
        self._filer = Filer(store, clock, self.filed, self.unfiled)
        self._flights = Flights()
        self._agenda = Agenda(routes, clock)
        self._results: list[StepEnded] = []
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._draining = False
        self._answered = clock.monotonic()
        self.on_crash: Callable[[BaseException], None] = lambda _: None
        self.on_empty: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._supervise, name="coordinator", daemon=True)
        self.steps: Steps
        store.on_trouble = self.pause.ledger_troubled
        store.on_recovered = self.pause.ledger_recovered

    # -- from any thread ---------------------------------------------------------------------

    def start(self, steps: Steps) -> None:
        """Begin with what the ledger holds."""
        self.steps = steps
        self._filer.start()
        crashpoint("start.recovering")
        self._store.recover()
        crashpoint("start.recovered")
        self._agenda.wake_by(self._store.next_ready_at() or 0.0)
        self._thread.start()

    def wake(self, inbox: str) -> None:
        """There may be new jobs of an inbox."""
        self._post(partial(self._agenda.look_into, inbox))

    def nudge(self) -> None:
        """Someone else changed the ledger: look for jobs taken up again and jobs given up."""
        self._post(self._look_again)

    def destination_is_up(self, destination: str) -> None:
        """A destination that was down takes files again."""
        self._store.wake_parked(destination)
        self._post(self._look_again)

    def step_ended(self, ended: StepEnded) -> None:
        """A step hands back its result."""
        self._post(partial(self._take_result, ended))

    def reroute(self, routes: Mapping[str, Route], environment: Environment) -> None:
        """Go on under another configuration."""
        self._post(partial(self._reroute, dict(routes), environment))

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._post(self._pong)

    def answered(self) -> float:
        """The monotonic time of the last sign of life."""
        return self._answered

    def in_flight(self) -> int:
        """How many jobs are claimed and not yet filed."""
        return len(self._flights)

    def idle(self, timeout: float = 5.0) -> bool:
        """Whether nothing is under way and all that is ready was taken."""
        answer: Future[bool] = Future()
        self._post(lambda: answer.set_result(not self._flights and not self._fillable()))
        try:
            return answer.result(timeout)
        except TimeoutError:
            return False

    def drain(self) -> None:
        """Begin nothing new; what is under way ends as far as it can."""
        self._post(self._begin_drain)

    def join(self, timeout: float) -> bool:
        """Wait until the drain is over; tells whether it is."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def interrupt(self) -> None:
        """End what is under way at once; results so far are kept."""
        self._post(self._flights.interrupt)

    def close(self) -> None:
        """File what was recorded and end."""
        self._filer.close()
        self.pause.close()

    def filed(self, filings: Sequence[Filing]) -> None:
        """The filer closed these jobs."""
        self._post(partial(self._close_flights, filings))

    def unfiled(
        self, filings: Sequence[Filing], fault: Fault, retry_in: float | None = None, /
    ) -> None:
        """The filer could not go on with these jobs, or not for `retry_in` seconds."""
        for filing in filings:
            self.step_ended(StepEnded(filing.job.id, RECORD, fault=fault, retry_in=retry_in))

    def _post(self, message: Message) -> None:
        self._messages.put(message)

    # -- in the coordinator's thread ---------------------------------------------------------

    def _supervise(self) -> None:
        """A named supervisor: a fault of ours ends the daemon, whose next start goes on."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - it is told to who started us
            self.on_crash(error)

    def _run(self) -> None:
        while True:
            self._fill()
            self._commit()
            if self._draining and not self._flights:
                return
            try:
                message = self._messages.get(timeout=self._patience())
            except queue.Empty:
                self._look_at_clock()
                continue
            with turns.computing():
                message()
                for _ in range(self._messages.qsize()):
                    self._messages.get()()
                self._commit()
                self._look_at_clock()
                self._fill()

    def _patience(self) -> float | None:
        """Seconds until there is something to do without a message; None for ever."""
        waits = (self.pause.seconds_to_probe(), self._agenda.seconds_to_wake())
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def _look_at_clock(self) -> None:
        self._agenda.wake()
        if self.pause.seconds_to_probe() == 0.0 and self.pause.probe():
            self._agenda.look_into_all()

    def _fill(self) -> None:
        """Take jobs from the ledger while the window has room, each inbox in its turn."""
        if self._draining:
            return
        held = self.pause.of_judging is not None
        for inbox in self._fillable():
            room = self._limits.window - self._flights.of_inbox(inbox)
            if room < self._limits.window // 4:
                continue
            if self.pause.begin_if_short_of_space(inbox):
                continue
            with turns.waiting():
                jobs = self._store.take(inbox, room, only_prepared=held)
            if len(jobs) < room:
                beside = held or bool(self.pause.of_inboxes)
                self._agenda.emptied(inbox, self._store.next_ready_at(), held=beside)
            for job in jobs:
                self._take_off(job)

    def _take_off(self, job: Job) -> None:
        if (flight := self._flights.add(job)) is not None:
            self._teller.claimed(job, self._store.history)
            self._next(flight)

    def _fillable(self) -> list[str]:
        """The inboxes that may have ready jobs and that nothing stands in the way of."""
        return [inbox for inbox in self._agenda.open() if not self.pause.holds(inbox)]

    def _next(self, flight: Flight) -> None:
        """Do what is to be done next for a job."""
        route = self._routes.get(flight.job.inbox)
        action = decide(
            flight.job,
            frozenset(flight.running),
            self._clock.now(),
            duplicates=route.config.duplicates if route else "skip",
        )
        if isinstance(action, Wait):
            return
        idle = not flight.running
        paused = self.pause.holds(flight.job.inbox)
        if route is None or flight.postponed is not None or paused:
            if idle:
                self._send_back(flight)
            return
        match action:
            case Prepare() | Work() if self._draining:
                if idle:
                    self._send_back(flight)
            case Prepare() if self.pause.of_judging is not None:
                self._send_back(flight)
            case Prepare():
                flight.running.add(PREPARE)
                self.steps.prepare(flight, route)
            case Work():
                self._work(flight, route, action)
            case Record(ending=ending) | FileAway(ending=ending):
                self._record(flight, route, ending, recorded=isinstance(action, FileAway))
            case Park(until=until):
                self._leave(flight, Parked(flight.job.id, until, flight.why_parked()))

    def _work(self, flight: Flight, route: Route, action: Work) -> None:
        flight.running.update(map(deliver_step, action.deliver))
        if action.read:
            flight.running.add(READ)
            self.steps.read(flight, route)
        for destination in action.deliver:
            self.steps.deliver(flight, route, destination)

    def _record(self, flight: Flight, route: Route, ending: Ending, *, recorded: bool) -> None:
        flight.running.add(RECORD)
        delete = route.config.originals == "delete"
        if flight.job.cancel and not recorded:
            self.steps.abandon(flight.job)
        job = replace(flight.job, timings={**flight.job.timings, **flight.timings})
        self._filer.submit(Filing(job, route.places, ending, delete, recorded))

    def _take_result(self, ended: StepEnded) -> None:
        flight = self._flights.get(ended.job)
        if flight is None:
            return
        if ended.change is not None:
            self._results.append(ended)
            return
        flight.running.discard(ended.step)
        fault = ended.fault
        if fault is not None and fault.code != "stopped":
            until = self._clock.now() + (ended.retry_in or 0.0)
            flight.postpone(until, fault, reading=ended.step == READ)
            if ended.retry_in is None and fault.kind is Kind.ENVIRONMENT:
                self.pause.begin(fault, flight.job.inbox)
        elif not flight.job.cancel:
            flight.postponed = 0.0
        self._next(flight)

    def _commit(self) -> None:
        """Have the results that came in together made durable together."""
        if not self._results:
            return
        ended, self._results = self._results, []
        changes = [each.change for each in ended if each.change is not None]
        self._store.submit(
            changes,
            lambda results: self._post(partial(self._committed, ended, results)),
            lambda error: self._post(partial(_raise, error)),
        )

    def _committed(self, ended: Sequence[StepEnded], results: Results) -> None:
        for each, result in zip(ended, results, strict=True):
            flight = self._flights.get(each.job)
            assert flight is not None
            assert each.change is not None
            flight.running.discard(each.step)
            flight.job = advance(flight.job, each.change, result)
            crashpoint(COMMITTED[type(each.change)])
            kind = _TIMED.get(each.step.partition(":")[0])
            if kind is not None:
                flight.count_time(kind, each.seconds)
            self._teller.changed(flight.job, each.change, each.seconds)
            if result is not None:
                self._heed(flight, result)
            if flight.job.state in _LEFT:
                self._let_go(flight.job.id)
                self._agenda.wake_by(flight.job.ready_at)
            else:
                self._next(flight)

    def _heed(self, flight: Flight, result: str) -> None:
        """Let a copy wait while the job that has its content is under way."""
        if result.startswith(HELD):
            self._agenda.wait_for(result.removeprefix(HELD))
            flight.postponed = self._clock.now() + _LOOK_AT_TWIN
            flight.reason = f"it has the same content as job {result.removeprefix(HELD)}"
        elif result == RELEASED:
            self._agenda.look_into(flight.job.inbox)

    def _send_back(self, flight: Flight) -> None:
        """Give a job back to the queue, with its results, for now or for later."""
        if until := flight.parked_until(self._clock.now()):
            self._leave(flight, Parked(flight.job.id, until, flight.reason))
        else:
            self._leave(flight, Requeued(flight.job.id))
            self._agenda.look_into(flight.job.inbox)

    def _leave(self, flight: Flight, change: Change) -> None:
        flight.running.add("leave")
        self._take_result(StepEnded(flight.job.id, "leave", change))

    def _close_flights(self, filings: Sequence[Filing]) -> None:
        for filing in filings:
            flight = self._flights.get(filing.job.id)
            if flight is not None:
                self._teller.changed(flight.job, Closed(filing.job.id, filing.ending), 0.0)
                self._let_go(filing.job.id)
                self._agenda.ended(filing.job.id, filing.job.inbox)

    def _let_go(self, job: str) -> None:
        if (again := self._flights.remove(job)) is not None:
            self._take_off(again)
        if not self._flights:
            self.on_empty()

    def _look_again(self) -> None:
        self._agenda.look_into_all()
        for flight in self._flights.give_up(self._store.cancel_requested(self._flights.ids())):
            self._next(flight)

    def _reroute(self, routes: dict[str, Route], environment: Environment) -> None:
        self._routes = routes
        self.pause.environment = environment
        self._agenda.serve(routes)

    def _begin_drain(self) -> None:
        self._draining = True
        for flight in self._flights:
            flight.wake.set()
            self._next(flight)
        self.steps.drain()

    def _pong(self) -> None:
        self._answered = self._clock.monotonic()


def _raise(error: BaseException) -> None:
    raise error
