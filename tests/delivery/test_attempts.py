"""Attempts are repeated while that can help, spaced as asked, and given up in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.destinations import RetryConfig
from daemon.delivery.destination import Acknowledgement, Destination, Finding, Parcel, Progress
from daemon.delivery.pacing.attempts import (
    BrokenOff,
    Delivered,
    Failed,
    Outcome,
    Parked,
    park_pause,
    run_attempts,
)
from daemon.errors import DeliveryError, EnvironmentFaultError, Kind, StoppedError
from tests.delivery.parcels import http_destination, parcel_of, write
from tests.receiver import Receiver, failing_at_random, lost_answer, ok, status

POLICY = RetryConfig.model_validate(
    {"attempts": 4, "initial": "1s", "max": "10s", "give_up_after": "1h"}
)
REFUSED = DeliveryError("connection_refused", "nothing listens")
NO = DeliveryError("refused_by_server", "no", kind=Kind.PERMANENT, http_status=400)


class Clock:
    """A clock that moves by the sleeps alone."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Scripted:
    """A destination that fails as told, then succeeds."""

    name = "scripted"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return Acknowledgement(parcel.size)

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        return


class Runner:
    """Runs attempts with a clock of its own and keeps what was told."""

    def __init__(self, folder: Path) -> None:
        self.parcel = parcel_of(write(folder, b"content"))
        self.clock = Clock()
        self.stop = threading.Event()
        self.sleep: Callable[[float], None] = self.clock.sleep
        self.told: list[tuple[int, str, bool]] = []

    def run(
        self,
        destination: Destination,
        policy: RetryConfig = POLICY,
        prior: int = 0,
        first: float | None = None,
    ) -> Outcome:
        def failed(attempt: int, error: DeliveryError, pause: float | None) -> None:
            self.told.append((attempt, error.code, pause is not None))

        return run_attempts(
            destination,
            self.parcel,
            policy,
            prior_attempts=prior,
            first_attempt_at=first,
            sleep=self.sleep,
            stop=self.stop,
            progress=lambda _: None,
            on_failed=failed,
            clock=self.clock,
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_first_success_ends_the_run(runner: Runner) -> None:
    """A success needs no pause, and earlier attempts are counted with it."""
    assert runner.run(Scripted(), prior=7) == Delivered(Acknowledgement(7), 8)
    assert (runner.clock.slept, runner.told) == ([], [])


def test_transient_errors_are_repeated(runner: Runner) -> None:
    """Each failed attempt is told, with whether another follows."""
    assert runner.run(Scripted(REFUSED, REFUSED)) == Delivered(Acknowledgement(7), 3)
    assert runner.told == [(1, "connection_refused", True), (2, "connection_refused", True)]


def test_pauses_grow(runner: Runner) -> None:
    """The pauses double, with jitter, up to the longest."""
    policy = POLICY.model_copy(update={"attempts": 8})
    runner.run(Scripted(*[REFUSED] * 8), policy)
    lows = [1, 2, 4, 8, 10, 10, 10]
    assert len(runner.clock.slept) == 7
    for pause, low in zip(runner.clock.slept, lows, strict=True):
        assert low <= pause <= min(low * 1.5, 10)


def test_used_up_run_is_parked(runner: Runner) -> None:
    """After the last attempt of a run the delivery waits for the next run."""
    outcome = runner.run(Scripted(*[REFUSED] * 9))
    assert isinstance(outcome, Parked)
    assert (outcome.error, outcome.attempts) == (REFUSED, 4)
    assert 10 <= outcome.pause <= 15
    assert runner.told[-1] == (4, "connection_refused", False)


def test_permanent_error_ends_at_once(runner: Runner) -> None:
    """What no attempt can mend is not tried again."""
    destination = Scripted(REFUSED, NO)
    assert runner.run(destination) == Failed(NO, 2)
    assert destination.attempts == 2


def test_retry_after_is_honoured(runner: Runner) -> None:
    """A pause that the server asks for is made, however short our own would be."""
    busy = DeliveryError("too_many_requests", "slow", http_status=429, retry_after=9.5)
    runner.run(Scripted(busy))
    assert runner.clock.slept == [9.5]


def test_retry_after_is_waited_for_though_our_pauses_are_short(runner: Runner) -> None:
    """`max` is about pauses of our own; those of a server are made up to ten seconds."""
    hasty = POLICY.model_copy(update={"max": 0.1, "initial": 0.01})
    busy = DeliveryError("too_many_requests", "slow", http_status=429, retry_after=9.5)
    assert isinstance(runner.run(Scripted(busy), hasty), Delivered)
    assert runner.clock.slept == [9.5]
    busy.retry_after = 10.5
    assert isinstance(runner.run(Scripted(busy), hasty), Parked)


def test_long_retry_after_parks(runner: Runner) -> None:
    """A pause longer than any of a run is spent parked, in full."""
    busy = DeliveryError("server_unavailable", "later", http_status=503, retry_after=1800.0)
    outcome = runner.run(Scripted(busy))
    assert isinstance(outcome, Parked)
    assert (outcome.pause, outcome.attempts) == (1800.0, 1)
    assert runner.clock.slept == []


def test_deadline_counts_from_the_first_attempt(runner: Runner) -> None:
    """Once the time over all runs is up the delivery fails, and says so."""
    first = runner.clock.now() - 3600
    outcome = runner.run(Scripted(REFUSED), prior=40, first=first)
    assert isinstance(outcome, Failed)
    assert outcome.attempts == 41
    assert outcome.error.code == "connection_refused"
    assert "given up after 41 attempts" in outcome.error.message
    assert outcome.error.kind is Kind.PERMANENT
    alone = runner.run(Scripted(REFUSED), prior=0, first=runner.clock.now() - 1e9)
    assert isinstance(alone, Failed)
    assert "given up after one attempt," in alone.error.message


def test_no_pause_passes_the_deadline(runner: Runner) -> None:
    """A parked delivery is taken up at the deadline at the latest."""
    outcome = runner.run(Scripted(*[REFUSED] * 9), first=runner.clock.now() - 3590)
    assert isinstance(outcome, Parked)
    assert runner.clock.time + outcome.pause <= 1_000_000 + 10


def test_stop_ends_a_pause(runner: Runner) -> None:
    """A stop while waiting makes no further attempt, and loses count of none."""
    destination = Scripted(REFUSED)
    runner.sleep = lambda _: runner.stop.set()
    assert runner.run(destination, prior=3) == BrokenOff(REFUSED, 4)
    assert destination.attempts == 1


def test_stop_within_a_later_attempt_keeps_the_count(runner: Runner) -> None:
    """What was broken off did not fail."""
    assert runner.run(Scripted(REFUSED, StoppedError())) == BrokenOff(REFUSED, 1)


def test_stop_within_the_first_attempt_leaves_nothing_to_count(runner: Runner) -> None:
    """It is as if the run had not begun."""
    with pytest.raises(StoppedError):
        runner.run(Scripted(StoppedError()))


def test_what_we_crowded_out_ourselves_is_not_counted(runner: Runner) -> None:
    """However often; the pause that the server asks for is made all the same."""
    crowded = [DeliveryError("too_many_requests", "slow", http_status=429) for _ in range(9)]
    for error in crowded:
        error.crowded = True
        error.retry_after = 2.0
    assert runner.run(Scripted(*crowded, REFUSED)) == Delivered(Acknowledgement(7), 2)
    assert runner.clock.slept[:9] == [2.0] * 9
    assert [number for number, _, _ in runner.told] == [1] * 10


def test_faults_of_our_own_are_not_repeated(runner: Runner) -> None:
    """An obstacle on our machine is handed up as it is."""
    with pytest.raises(EnvironmentFaultError):
        runner.run(Scripted(EnvironmentFaultError("disk_full", "full")))
    assert runner.told == []


@given(
    runs=st.integers(1, 10_000),
    asked=st.none() | st.floats(0, 3600),
    luck=st.floats(0, 1, exclude_max=True),
)
def test_park_pause(runs: int, asked: float | None, luck: float) -> None:
    """Pauses between runs lie within their bounds and never before what the server asked for."""
    pause = park_pause(runs, POLICY, asked=asked, luck=luck, longest=900)
    assert pause >= min(10 * 2 ** (min(runs, 30) - 1), 900)
    assert pause <= max(900, asked or 0)
    assert pause >= (asked or 0)


@given(runs=st.integers(1, 100), luck=st.floats(0, 1, exclude_max=True))
def test_park_pause_grows(runs: int, luck: float) -> None:
    """A later run never comes sooner than an earlier one would with the same luck."""
    one = park_pause(runs, POLICY, asked=None, luck=luck, longest=900)
    two = park_pause(runs + 1, POLICY, asked=None, luck=luck, longest=900)
    assert two >= one


def test_every_attempt_has_the_same_key(runner: Runner) -> None:
    """A repeated request carries the key of the first, the same bytes, and the whole file."""
    with Receiver(status(503), lost_answer(), ok()) as receiver:
        destination = http_destination(receiver.url)
        outcome = runner.run(destination)
        destination.close()
        requests = receiver.wait_for(3)
    assert isinstance(outcome, Delivered)
    assert {request.key for request in requests} == {"key-1"}
    assert len({request.headers["content-type"] for request in requests}) == 1
    assert {request.sha256 for request in requests} == {runner.parcel.sha256}


@pytest.mark.parametrize("seed", range(5))
def test_random_failures(runner: Runner, tmp_path: Path, seed: int) -> None:
    """A server that fails in many ways gets every file in the end, each under one key."""
    policy = POLICY.model_copy(update={"attempts": 30})
    with Receiver(otherwise=failing_at_random(seed, 0.5)) as receiver:
        destination = http_destination(receiver.url)
        for number in range(12):
            path = write(tmp_path, b"%d" % number * (1 + 9_000 * number), f"f{number}")
            runner.parcel = parcel_of(path, key=f"key-{number}")
            assert isinstance(runner.run(destination, policy), Delivered)
            assert runner.parcel.sha256 in receiver.contents
        destination.close()
        keys: dict[str | None, set[str | None]] = {}
        for request in receiver.requests:
            if request.complete:
                keys.setdefault(request.key, set()).add(request.sha256)
    assert all(len(contents) == 1 for contents in keys.values())
