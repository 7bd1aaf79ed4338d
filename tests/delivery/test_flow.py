"""When an exchange is ended because it does not go on fast enough; in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.transport.flow import Flow, OverdueError, SlowError, Times

TIMES = Times(connect=5.0, read=30.0, transfer=60.0, slowest=1000.0)
SIZE = 10_000_000


def drive(flow: Flow, size: int, rate: float, *, start: float = 0.0, step: float = 0.1) -> float:
    """Wait in steps while a server takes `rate` bytes a second; returns when all was taken."""
    now, gone = start, 0.0
    flow.enter(now)
    while gone < size:
        now += step
        gone = min(gone + rate * step, size)
        flow.look(int(gone), now, pending=gone < size)
    return now


def test_a_steady_line_is_left_alone_however_slow_it_may_be() -> None:
    """The whole grows with the size, so a large file has its time."""
    assert drive(Flow(TIMES, SIZE, 0.0), SIZE, 1100.0, step=1.0) == pytest.approx(9091, abs=2)


def test_a_trickle_is_ended_after_one_stretch() -> None:
    """A byte now and then is no silence, and still too little."""
    with pytest.raises(SlowError):
        drive(Flow(TIMES, SIZE, 0.0), SIZE, 10.0)


def test_a_line_that_becomes_a_trickle_is_ended() -> None:
    """What was sent before does not count for what follows."""
    flow = Flow(TIMES, SIZE, 0.0)
    flow.enter(0.0)
    flow.look(5_000_000, 1.0, pending=True)
    for second in range(2, 31):
        flow.look(5_000_000 + second * 10, float(second), pending=True)
    with pytest.raises(SlowError):
        flow.look(5_000_310, 31.0, pending=True)


def test_silence_is_told_from_slowness() -> None:
    """Nothing at all for the time of `read` is a silence."""
    flow = Flow(TIMES, SIZE, 0.0)
    assert flow.enter(0.0) == 30.0
    with pytest.raises(TimeoutError) as caught:
        flow.look(0, 30.0, pending=True)
    assert type(caught.value) is TimeoutError


def test_the_last_bytes_of_a_large_file_may_take_their_time_to_leave() -> None:
    """The kernel took them at once; the answer is awaited from when the far side has them."""
    flow = Flow(TIMES, SIZE, 0.0)
    flow.asked(1.0)
    flow.enter(1.0)
    for second in range(2, 100):
        flow.look(second * 2000, float(second), pending=second < 99)
    assert flow.look(198_000, 100.0, pending=False) > 28


def test_a_server_may_think_while_nothing_is_to_be_sent() -> None:
    """No throughput is asked of it then, and its answer has its time once."""
    flow = Flow(TIMES, 1000, 0.0)
    flow.asked(0.0)
    flow.enter(0.0)
    flow.look(1000, 0.5, pending=False)
    flow.look(1000, 30.0, pending=False)
    flow.enter(30.2)  # a byte of the answer came; that is no new patience
    with pytest.raises(TimeoutError):
        flow.look(1000, 30.6, pending=False)


def test_the_whole_has_its_time() -> None:
    """It is `transfer`, a second for each `slowest` bytes, and the time for the answer."""
    flow = Flow(TIMES, 5000, 0.0)
    flow.enter(0.0)
    for second in range(95):
        flow.look(1 + second, float(second), pending=False)
    with pytest.raises(OverdueError):
        flow.look(96, 95.0, pending=False)


def test_holding_back_is_not_the_servers_fault() -> None:
    """Under a bandwidth limit of ours the whole takes as much longer."""
    flow = Flow(TIMES, 5000, 0.0)
    flow.hold(1000.0)
    flow.leave(0.0)
    flow.enter(1000.0)
    flow.look(2500, 1094.0, pending=False)
    with pytest.raises(OverdueError):
        flow.look(2600, 1095.0, pending=False)


def test_our_own_work_between_waits_counts_for_no_stretch() -> None:
    """A disk that reads slowly makes no server slow."""
    flow = Flow(TIMES, SIZE, 0.0)
    now = 0.0
    for turn in range(40):
        flow.enter(now)
        now += 0.2
        flow.look(turn + 1, now, pending=True)
        flow.leave(now)
        now += 10.0


@given(
    rate=st.floats(200, 20_000),
    size=st.integers(1, 300_000),
    read=st.floats(1, 60),
    slowest=st.floats(500, 5000),
)
def test_what_is_fast_enough_is_never_ended_and_what_crawls_always_is(
    rate: float, size: int, read: float, slowest: float
) -> None:
    """The bound is where the configuration says, give or take a look."""
    flow = Flow(Times(1.0, read, 60.0, slowest), size, 0.0)
    try:
        took = drive(flow, size, rate)
    except TimeoutError:
        assert rate <= slowest * 1.3
    else:
        assert rate >= slowest or took <= read + 0.2
