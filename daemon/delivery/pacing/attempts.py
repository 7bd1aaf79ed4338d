"""One run of attempts at one destination: retried while that can help, then parked or given up."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_any,
    stop_when_event_set,
)
from tenacity.stop import stop_base

from daemon.clock import Clock, SystemClock
from daemon.config.destinations import RetryConfig
from daemon.delivery.destination import Acknowledgement, Destination, Parcel, Progress
from daemon.errors import DeliveryError, Kind, StoppedError
from daemon.limits import DEFAULT, Limits

_JITTER: Final = 0.5
"""Up to this part of a pause is added at random, so that many do not come back at once."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has the file; `attempts` counts those of earlier runs too."""

    acknowledgement: Acknowledgement
    attempts: int


@dataclass(frozen=True, slots=True)
class Parked:
    """Another run may help, after `pause` seconds."""

    error: DeliveryError
    attempts: int
    pause: float


@dataclass(frozen=True, slots=True)
class Failed:
    """No further attempt helps, or the time for them is over."""

    error: DeliveryError
    attempts: int


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The run was stopped after an attempt had failed; the next run goes on counting from here."""

    error: DeliveryError
    attempts: int


Outcome = Delivered | Parked | Failed | BrokenOff
OnFailed = Callable[[int, DeliveryError, float | None], None]
"""Called after each failed attempt with its number, its error and the pause that follows in this
run, in seconds; None where none follows."""


def run_attempts(
    destination: Destination,
    parcel: Parcel,
    policy: RetryConfig,
    *,
    prior_attempts: int,
    first_attempt_at: float | None,
    sleep: Callable[[float], None],
    stop: threading.Event,
    progress: Progress,
    on_failed: OnFailed,
    clock: Clock | None = None,
    limits: Limits = DEFAULT,
) -> Outcome:
    """Make up to `policy.attempts` attempts, pausing between them with `sleep`.

    An attempt that failed because we had too much under way does not count.
    `first_attempt_at` is in seconds since 1970, None where this is the first; `give_up_after`
    counts from there over all runs. Raises StoppedError where the first attempt is stopped, and
    whatever the destination raises that is about our own machine.
    """
    run = _Run(policy, prior_attempts, first_attempt_at, clock or SystemClock(), limits)

    def attempt() -> Acknowledgement:
        if stop.is_set():
            raise StoppedError
        try:
            acknowledgement = destination.deliver(parcel, progress, stop)
        except DeliveryError as error:
            run.failed(error)
            raise
        run.attempts += 1
        return acknowledgement

    try:
        # Most deliveries succeed at once; setting up for retries costs more than sending 4 KB.
        return Delivered(attempt(), run.attempts)
    except DeliveryError as error:
        first: DeliveryError | None = error

    def first_or_next() -> Acknowledgement:
        """The attempt that was made, as it ended, then further ones."""
        nonlocal first
        if first is not None:
            made, first = first, None
            raise made
        return attempt()

    def before_sleep(state: RetryCallState) -> None:
        error = _error_of(state)
        on_failed(run.number(error), error, state.upcoming_sleep)

    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        wait=run.pause,
        stop=stop_any(stop_when_event_set(stop), _StopBeforeNextRun(run)),
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    try:
        acknowledgement = retrying(first_or_next)
    except DeliveryError as error:
        on_failed(run.number(error), error, None)
        if stop.is_set() and is_transient(error):
            return BrokenOff(error, run.attempts)
        return run.outcome(error)
    except StoppedError:
        return BrokenOff(run.last, run.attempts)
    return Delivered(acknowledgement, run.attempts)


def is_transient(error: BaseException) -> bool:
    """Whether another attempt at the same delivery can help."""
    return isinstance(error, DeliveryError) and error.kind is Kind.TRANSIENT


def park_pause(
    runs: int,
    policy: RetryConfig,
    *,
    asked: float | None,
    luck: float,
    longest: float,
) -> float:
    """Seconds between two runs of attempts: doubled with each run, jittered, capped; pure.

    Args: `runs` made so far, from 1; `asked` is the server's Retry-After; `luck` lies in [0, 1).
    The result is never under `asked`, and otherwise never over `longest`.
    """
    base = min(policy.max * 2.0 ** min(runs - 1, 32), longest)
    pause = min(base * (1 + _JITTER * luck), longest)
    return max(pause, asked or 0.0)


class _Run:
    """The facts of one run, as tenacity's strategies need them."""

    def __init__(
        self,
        policy: RetryConfig,
        prior_attempts: int,
        first_attempt_at: float | None,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self.attempts = prior_attempts
        self.last: DeliveryError
        self._failures = 0
        self._policy = policy
        self._clock = clock
        self._limits = limits
        first = clock.now() if first_attempt_at is None else first_attempt_at
        self._over_at = first + policy.give_up_after

    def failed(self, error: DeliveryError) -> None:
        """Count an attempt that failed, unless that was our own doing."""
        self.last = error
        if not error.crowded:
            self.attempts += 1
            self._failures += 1

    def number(self, error: DeliveryError) -> int:
        """Which attempt it was that failed; the next one is the same where it was not counted."""
        return self.attempts + error.crowded

    def pause(self, state: RetryCallState) -> float:
        """The pause before the next attempt: grown and jittered, or what the server asked for."""
        grown = min(self._policy.initial * 2.0 ** min(self._failures - 1, 32), self._policy.max)
        jittered = min(grown * (1 + _JITTER * random.random()), self._policy.max)  # noqa: S311 - no secret
        return max(jittered, _error_of(state).retry_after or 0.0)

    def is_over(self, state: RetryCallState) -> bool:
        """Whether the next attempt belongs to a later run, or to none."""
        pause = state.upcoming_sleep
        used_up = self._failures >= self._policy.attempts
        longest = max(self._policy.max, self._limits.wait_in_run)
        return used_up or pause > longest or self._clock.now() + pause >= self._over_at

    def outcome(self, error: DeliveryError) -> Parked | Failed:
        """What follows from the last error of this run."""
        if error.kind is not Kind.TRANSIENT:
            return Failed(error, self.attempts)
        runs = max(-(-self.attempts // self._policy.attempts), 1)
        pause = park_pause(
            runs,
            self._policy,
            asked=error.retry_after,
            luck=random.random(),  # noqa: S311 - no secret
            longest=self._limits.park_max,
        )
        left = self._over_at - self._clock.now()
        if left <= 0:
            return Failed(_given_up(error, self.attempts), self.attempts)
        return Parked(error, self.attempts, min(pause, left))


class _StopBeforeNextRun(stop_base):
    """Ends a run whose next attempt would come too late for it."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._run.is_over(retry_state)


def _given_up(error: DeliveryError, attempts: int) -> DeliveryError:
    tried = "one attempt" if attempts == 1 else f"{attempts} attempts"
    last = DeliveryError(
        error.code,
        f"{error.message}; given up after {tried}, as give_up_after says",
        kind=Kind.PERMANENT,
        http_status=error.http_status,
    )
    last.response = error.response
    return last


def _error_of(state: RetryCallState) -> DeliveryError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, DeliveryError)
    return error
