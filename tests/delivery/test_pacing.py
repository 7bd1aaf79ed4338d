"""A lane bounds what is under way; a breaker spares a destination that is down."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from daemon.delivery.destination import Acknowledgement
from daemon.delivery.pacing.attempts import Delivered, Failed, Parked
from daemon.delivery.pacing.lane import Breaker, Lane
from daemon.errors import DeliveryError, Kind
from tests.waiting import StoppedClock


def in_threads(threads: list[threading.Thread]) -> Callable[[Callable[[], None]], None]:
    def start(task: Callable[[], None]) -> None:
        thread = threading.Thread(target=task)
        threads.append(thread)
        thread.start()

    return start


def test_lane_bounds_and_keeps_order() -> None:
    """No more than the maximum run at once, and those beyond begin in the order they came."""
    held: list[Callable[[], None]] = []
    ran: list[int] = []
    lane = Lane(lambda: 2, held.append)
    for number in range(5):
        lane.submit(lambda number=number: ran.append(number))  # type: ignore[misc]
    assert (len(held), lane.in_flight, lane.waiting) == (2, 2, 3)
    while held:
        held.pop(0)()
    assert ran == [0, 1, 2, 3, 4]
    assert lane.in_flight == 0


def test_lane_frees_the_slot_of_a_task_that_fails() -> None:
    """A task that raises leaves its slot to the next."""
    held: list[Callable[[], None]] = []
    lane = Lane(lambda: 1, held.append)
    lane.submit(lambda: {}[0])
    lane.submit(lambda: None)
    with pytest.raises(KeyError):
        held.pop(0)()
    held.pop(0)()
    assert lane.in_flight == 0


def test_waiting_frees_the_slot() -> None:
    """While one task waits another runs, and the one that waited goes on after it."""
    threads: list[threading.Thread] = []
    order: list[str] = []
    lane = Lane(lambda: 1, in_threads(threads))
    stop, ran = threading.Event(), threading.Event()

    def waits() -> None:
        order.append("waits")
        lane.release()
        assert ran.wait(60)
        lane.acquire(stop)
        order.append("goes on")

    def quick() -> None:
        order.append("runs")
        ran.set()

    lane.submit(waits)
    lane.submit(quick)
    for thread in threads:
        thread.join(60)
    assert order == ["waits", "runs", "goes on"]
    assert lane.in_flight == 0


def test_stop_ends_a_wait() -> None:
    """Neither the sleep nor the wait for a slot outlasts a stop."""
    threads: list[threading.Thread] = []
    lane = Lane(lambda: 1, in_threads(threads))
    stop, slept = threading.Event(), threading.Event()
    blocking = threading.Event()

    def sleeps() -> None:
        lane.sleep(3600, stop)
        slept.set()

    lane.submit(sleeps)
    lane.submit(lambda: [blocking.wait(60)][0] and None)
    stop.set()
    assert slept.wait(60)
    blocking.set()
    for thread in threads:
        thread.join(60)
    assert lane.in_flight == 0


DOWN = Parked(DeliveryError("connection_refused", "nothing listens"), 5, 60.0)
BUSY = Parked(DeliveryError("too_many_requests", "slow down", http_status=429), 5, 60.0)
GOOD = Delivered(Acknowledgement(1), 1)


@pytest.mark.parametrize("outcome", [DOWN, BUSY])
def test_breaker_parks_the_others(outcome: Parked) -> None:
    """After a run that failed by the destination no other file is tried until the pause is over."""
    clock = StoppedClock()
    breaker = Breaker(clock)
    with breaker.admission() as first:
        first.report(outcome)
    assert breaker.down
    assert (breaker.paused_for, breaker.error) == (60, outcome.error)
    clock.time += 20
    with breaker.admission() as second:
        assert (second.pause, second.error) == (40, outcome.error)
    assert breaker.paused_for == 40


def test_whoever_asks_has_one_tried_before_the_pause_is_over() -> None:
    """One delivery is let through; where it fails, all wait for longer than before."""
    clock = StoppedClock()
    breaker = Breaker(clock)
    breaker.try_now()
    assert not breaker.down
    with breaker.admission() as first:
        first.report(DOWN)
    breaker.try_now()
    assert breaker.down
    with breaker.admission() as probe:
        assert probe.pause == 0
        with breaker.admission() as other:
            assert other.pause > 0
        probe.report(DOWN)
    assert breaker.paused_for == 120


def test_one_probe_goes_first() -> None:
    """When the pause ends one delivery is let through; its success lets the others go."""
    clock = StoppedClock()
    breaker = Breaker(clock)
    with breaker.admission() as first:
        first.report(DOWN)
    clock.time += 61
    with breaker.admission() as probe:
        assert probe.pause == 0
        with breaker.admission() as other:
            assert other.pause > 0
        probe.report(GOOD)
    assert not breaker.down
    with breaker.admission() as next_one:
        assert next_one.pause == 0


def test_failed_probe_waits_longer() -> None:
    """Each probe that fails doubles the pause, up to the longest."""
    clock = StoppedClock()
    breaker = Breaker(clock)
    pauses = []
    for _ in range(8):
        with breaker.admission() as probe:
            probe.report(DOWN)
        pauses.append(breaker.paused_for)
        clock.time += breaker.paused_for
    assert pauses == [60, 120, 240, 480, 900, 900, 900, 900]


def test_broken_off_probe_is_replaced() -> None:
    """A probe that ends without an outcome leaves the probing to the next."""
    clock = StoppedClock()
    breaker = Breaker(clock)
    with breaker.admission() as first:
        first.report(DOWN)
    clock.time += 61
    with breaker.admission():
        pass
    with breaker.admission() as probe:
        assert probe.pause == 0


@pytest.mark.parametrize(
    "outcome",
    [
        Parked(DeliveryError("server_error", "failed", http_status=500), 5, 60.0),
        Failed(DeliveryError("auth_refused", "no", kind=Kind.PERMANENT, http_status=401), 1),
    ],
)
def test_answers_about_one_file_do_not_pause(outcome: Parked | Failed) -> None:
    """What a server says about one file says nothing about the next."""
    breaker = Breaker(StoppedClock())
    with breaker.admission() as first:
        first.report(outcome)
    assert not breaker.down
    assert not breaker.paused_for


def test_lane_follows_its_limit() -> None:
    """A larger limit is used with the next task that ends; a smaller one as tasks end."""
    held: list[Callable[[], None]] = []
    limit = 1
    lane = Lane(lambda: limit, held.append)
    for _ in range(6):
        lane.submit(lambda: None)
    assert lane.in_flight == 1
    limit = 3
    held.pop(0)()
    assert lane.in_flight == 3
    limit = 1
    held.pop(0)()
    held.pop(0)()
    assert (lane.in_flight, lane.waiting) == (1, 2)


def test_a_pause_holds_up_all_and_ends_by_itself() -> None:
    """What a server asks for is granted by every file, and nothing has to end the pause."""
    began = threading.Event()
    lane = Lane(lambda: 4, lambda task: task())
    lane.pause(1.0)
    lane.submit(began.set)
    assert not began.is_set()
    assert lane.paused_for > 0
    assert began.wait(60)


def test_those_that_come_back_wait_for_the_end_of_a_pause_too() -> None:
    """A delivery whose own wait is over does not ask again before it may."""
    threads: list[threading.Thread] = []
    lane = Lane(lambda: 1, in_threads(threads))
    back = threading.Event()

    def sleeps() -> None:
        lane.pause(0.2)
        lane.sleep(0.001, threading.Event())
        assert not lane.paused_for
        back.set()

    lane.submit(sleeps)
    assert back.wait(60)


def test_a_closed_lane_pauses_no_more() -> None:
    """At the end of the daemon what waits comes to know it at once."""
    began: list[int] = []
    lane = Lane(lambda: 4, lambda task: task())
    lane.pause(3600)
    lane.submit(lambda: began.append(1))
    lane.close()
    assert began == [1]
    lane.pause(3600)
    lane.submit(lambda: began.append(2))
    assert began == [1, 2]


def test_a_lane_whose_limit_changes_all_the_time_loses_no_task() -> None:
    """Whatever is found out meanwhile, and however many wait between attempts."""
    luck = random.Random(5)
    stop, done = threading.Event(), threading.Event()
    limit, under_way, most, ran = 1, 0, 0, 0
    lock = threading.Lock()

    def start(task: Callable[[], None]) -> None:
        threading.Thread(target=task, daemon=True).start()

    lane = Lane(lambda: limit, start)

    def count(step: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += step
            most = max(most, under_way)

    def task() -> None:
        nonlocal limit, ran
        count(1)
        limit = luck.randint(1, 6)
        count(-1)
        if luck.random() < 0.3:
            lane.sleep(0.001, stop)
        if luck.random() < 0.02:
            lane.pause(0.005)
        with lock:
            ran += 1
            if ran == 300:
                done.set()

    for _ in range(300):
        lane.submit(task)
    assert done.wait(60)
    assert most <= 6
    assert lane.waiting == 0
