"""The bounded pool: so many tasks at once, each of them run, none kept from its slot."""

from __future__ import annotations

import threading

from daemon.pipeline.workers import WorkerPool
from tests.waiting import PATIENCE


def test_every_task_runs() -> None:
    """Whatever is submitted runs once, in the order it came where there is one slot."""
    pool = WorkerPool(1)
    ran: list[int] = []
    done = threading.Event()
    for number in range(500):
        pool.submit(lambda number=number: ran.append(number))  # type: ignore[misc]
    pool.submit(done.set)
    assert done.wait(PATIENCE)
    assert ran == list(range(500))
    assert pool.stop(PATIENCE)


def test_no_more_tasks_than_slots_run_at_once() -> None:
    """All slots are used, and no task begins beyond them."""
    pool = WorkerPool(2)
    both = threading.Barrier(3)
    third = threading.Event()
    hold = threading.Event()

    def held() -> None:
        both.wait(PATIENCE)
        hold.wait(PATIENCE)

    pool.submit(held)
    pool.submit(held)
    pool.submit(third.set)
    both.wait(PATIENCE)
    assert not third.is_set()
    hold.set()
    assert third.wait(PATIENCE)
    assert pool.stop(PATIENCE)


def test_a_free_slot_takes_a_task_at_once() -> None:
    """Of tasks that come together none waits behind another while a slot is free."""
    for _ in range(20):
        pool = WorkerPool(4)
        warm = threading.Event()
        pool.submit(warm.set)
        assert warm.wait(PATIENCE)
        together = threading.Barrier(5)
        for _ in range(4):
            pool.submit(lambda together=together: together.wait(PATIENCE))  # type: ignore[misc]
        together.wait(PATIENCE)
        assert pool.stop(PATIENCE)


def test_a_task_that_waits_frees_its_slot_and_gets_one_back() -> None:
    """Others run while it waits, and many that wait to run do not keep it from going on."""
    pool = WorkerPool(1)
    other = threading.Event()
    back = threading.Event()
    busy = threading.Event()

    def waits() -> None:
        with pool.waiting():
            other.wait(PATIENCE)
        back.set()

    def again() -> None:
        if not back.is_set() and not busy.is_set():
            pool.submit(again)

    pool.submit(waits)
    pool.submit(other.set)
    pool.submit(again)
    assert back.wait(PATIENCE)
    busy.set()
    assert pool.stop(PATIENCE)
