"""How many deliveries to one destination are under way, and none while it is down."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from daemon.clock import Clock, SystemClock
from daemon.delivery.pacing.attempts import Outcome, Parked
from daemon.delivery.verdict import blames_destination
from daemon.errors import DeliveryError
from daemon.limits import DEFAULT, Limits

Task = Callable[[], None]

_BEHIND_PROBE: Final = 5.0
"""Seconds for which the others stay parked while one delivery tries a destination again."""
_NOTICE: Final = 0.1
_LOOK: Final = 0.5
"""Seconds between two looks of one who sleeps at whether the lane is closed."""
_AFTERWARDS: Final = 0.001


class Lane:
    """Starts tasks in the order they came, at most `limit()` at once.

    Args: `start` hands a task to a thread; `limit` may change at any time, and a smaller one is
    reached as tasks end. A task that waits gives its slot back for that time; those that come back
    from a wait go before those that have not begun.
    """

    def __init__(
        self,
        limit: Callable[[], int],
        start: Callable[[Task], None],
        clock: Clock | None = None,
    ) -> None:
        self._limit = limit
        self._start = start
        self._clock = clock or SystemClock()
        self._paused_until = 0.0
        self._closed = False
        self._lock = threading.Lock()
        self._waiting: collections.deque[Task] = collections.deque()
        self._returning: collections.deque[threading.Event] = collections.deque()
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Tasks that hold a slot."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Tasks that have not begun."""
        return len(self._waiting)

    @property
    def paused_for(self) -> float:
        """Seconds for which no task begins, because the destination asked for that."""
        until = self._paused_until
        return max(until - self._clock.monotonic(), 0.0) if until else 0.0

    def pause(self, seconds: float) -> None:
        """Begin nothing for so long."""
        with self._lock:
            if self.closed:
                return
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)
        timer = threading.Timer(seconds + _AFTERWARDS, self._go_on)
        timer.daemon = True
        timer.start()

    @property
    def closed(self) -> bool:
        """Whether what comes back from a wait has no more business here."""
        return self._closed

    def close(self) -> None:
        """Have nothing wait here from now on; it is for the tasks to know better."""
        with self._lock:
            self._closed, self._paused_until = True, 0.0
        self._go_on()

    def hand_over(self, other: Lane) -> None:
        """Leave what has not begun to another lane."""
        with self._lock:
            tasks = list(self._waiting)
            self._waiting.clear()
        for task in tasks:
            other.submit(task)

    def submit(self, task: Task) -> None:
        """Start a task as soon as there is a slot for it, which it holds until it returns."""
        with self._lock:
            self._waiting.append(task)
        self._go_on()

    def release(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._in_flight -= 1
        self._go_on()

    def acquire(self, stop: threading.Event) -> None:
        """Take a slot, waiting for one; once `stop` is set, take it whether it is free or not."""
        turn = threading.Event()
        with self._lock:
            self._returning.append(turn)
            self._call_back()
        while not turn.is_set():
            with self._lock:
                if stop.is_set() and not turn.is_set():
                    self._returning.remove(turn)
                    self._in_flight += 1
                    break
            turn.wait(_NOTICE)

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Wait without holding a slot; ends at once when `stop` is set, or soon after `close`."""
        self.release()
        left = seconds
        try:
            while left > 0 and not self.closed and not stop.wait(min(left, _LOOK)):
                left -= _LOOK
        finally:
            self.acquire(stop)

    def _is_free(self) -> bool:
        """Whether there is a slot, and leave to use it; the lock is held."""
        return self._in_flight < self._limit() and not self.paused_for

    def _call_back(self) -> None:
        """Give free slots to those that come back from a wait; the lock is held."""
        while self._returning and self._is_free():
            self._in_flight += 1
            self._returning.popleft().set()

    def _go_on(self) -> None:
        """Use all slots that are free."""
        while True:
            with self._lock:
                self._call_back()
                if not self._waiting or not self._is_free():
                    return
                task = self._waiting.popleft()
                self._in_flight += 1
            self._start(lambda task=task: self._run(task))  # type: ignore[misc]  # mypy and defaults

    def _run(self, task: Task) -> None:
        try:
            task()
        finally:
            self.release()


class Breaker:
    """Lets no delivery start while a destination is down, then one, and the rest if it succeeds.

    A destination is down once a whole run of attempts failed for reasons that any other file would
    meet too. Each delivery passes through `admission`.
    """

    def __init__(self, clock: Clock | None = None, limits: Limits = DEFAULT) -> None:
        self._clock = clock or SystemClock()
        self._limits = limits
        self._lock = threading.Lock()
        self._until: float | None = None
        self._pause = 0.0
        self._probing = False
        self._error: DeliveryError | None = None

    @property
    def down(self) -> bool:
        """Whether the destination was found down and has not taken a file since."""
        return self._until is not None

    @property
    def error(self) -> DeliveryError | None:
        """What the destination was found to be down with."""
        return self._error

    @property
    def paused_for(self) -> float:
        """Seconds until a delivery is tried again, 0.0 where deliveries go on."""
        until = self._until
        return 0.0 if until is None else max(until - self._clock.monotonic(), 0.0)

    def try_now(self) -> None:
        """Let the next delivery try a destination that is down, as somebody asks for."""
        with self._lock:
            if self._until is not None:
                self._until = self._clock.monotonic()

    def admission(self) -> Admission:
        """Ask to deliver; to be used as a context around the run."""
        with self._lock:
            if self._until is None:
                return Admission(self, 0.0, None, probe=False)
            left = self._until - self._clock.monotonic()
            if left > 0:
                return Admission(self, left, self._error, probe=False)
            if self._probing:
                return Admission(self, _BEHIND_PROBE, self._error, probe=False)
            self._probing = True
            return Admission(self, 0.0, None, probe=True)

    def settle(self, outcome: Outcome | None, *, probe: bool) -> None:
        """Take in how an admitted run ended; None where it was broken off."""
        with self._lock:
            if probe:
                self._probing = False
            if outcome is None:
                return
            if not (isinstance(outcome, Parked) and blames_destination(outcome.error)):
                self._until, self._pause, self._error = None, 0.0, None
            elif probe or self._until is None:
                longest = max(outcome.pause, self._limits.park_max)
                self._pause = min(max(outcome.pause, 2 * self._pause), longest)
                self._until = self._clock.monotonic() + self._pause
                self._error = outcome.error


class Admission:
    """A breaker's answer: go ahead where `pause` is 0.0, else park for that many seconds.

    `error` is what the destination was found to be down with.
    """

    def __init__(
        self, breaker: Breaker, pause: float, error: DeliveryError | None, *, probe: bool
    ) -> None:
        self.pause = pause
        self.error = error
        self._breaker = breaker
        self._probe = probe
        self._outcome: Outcome | None = None

    def report(self, outcome: Outcome) -> None:
        """Say how the run ended."""
        self._outcome = outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._breaker.settle(self._outcome, probe=self._probe)
