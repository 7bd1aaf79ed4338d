"""Threads that compute take turns, and no thread can hold up another for long."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from daemon import turns
from tests.waiting import PATIENCE

FOR_EVER = 1000.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn is taken away, save where a test asks for it: a busy machine must not matter."""
    monkeypatch.setattr(turns, "_TOO_LONG", FOR_EVER)


def in_thread(work: Callable[[], object]) -> Future[object]:
    """What some work in a thread of its own comes to."""
    future: Future[object] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
            raise

    threading.Thread(target=run, daemon=True).start()
    return future


def compute() -> bool:
    """Take a turn for a moment."""
    with turns.computing():
        return True


def is_free() -> bool:
    """Whether another thread gets its turn."""
    return in_thread(compute).result(PATIENCE) is True


def test_one_thread_computes_at_a_time() -> None:
    """Of many threads that compute never two do at once."""
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            with turns.computing():
                inside += 1
                most = max(most, inside)
                os.sched_yield()  # a system call lets other threads run
                inside -= 1

    for future in [in_thread(work) for _ in range(4)]:
        future.result(PATIENCE)
    assert most == 1


def test_a_thread_that_waits_lets_others_compute() -> None:
    """While one thread waits another has its turn, and the first goes on after it."""
    with turns.computing():
        with turns.waiting():
            assert is_free()
        other = in_thread(compute)
        assert not other.done()
    assert other.result(PATIENCE)


def test_waiting_within_waiting_gives_nothing_back_twice() -> None:
    """Who waits inside a wait has no turn to give, and has one again after the outer wait."""
    with turns.computing():
        with turns.waiting():
            with turns.waiting():
                assert is_free()
            assert is_free()
        assert not in_thread(compute).done()
    assert is_free()


def test_who_does_not_take_part_may_wait_too() -> None:
    """A thread that never took a turn waits as it is."""
    with turns.waiting():
        assert is_free()
    assert is_free()


def test_an_exception_gives_the_turn_back() -> None:
    """Whatever ends the computing or the waiting, the turn is not lost."""
    with pytest.raises(ValueError, match="while computing"), turns.computing():
        raise ValueError("while computing")
    assert is_free()
    with pytest.raises(ValueError, match="while waiting"), turns.computing(), turns.waiting():
        raise ValueError("while waiting")
    assert is_free()


def test_a_turn_kept_too_long_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits without saying so holds up others once, and spoils nothing by going on later."""
    monkeypatch.setattr(turns, "_TOO_LONG", 0.001)
    with turns.computing():
        assert [in_thread(compute).result(PATIENCE) for _ in range(3)] == [True, True, True]
    monkeypatch.setattr(turns, "_TOO_LONG", FOR_EVER)
    with turns.computing():
        other = in_thread(compute)
        assert not other.done()
    assert other.result(PATIENCE)
    assert is_free()
