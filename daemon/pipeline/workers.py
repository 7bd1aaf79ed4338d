"""The bounded pool: so many steps at once, and a step that only waits frees its slot."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from daemon import turns

_SLEEPERS = 64
_SLICE = 0.004
"""Seconds for which a thread goes on with what waits before it lets another have its turn."""

Task = Callable[[], None]


class WorkerPool:
    """Runs tasks in at most `slots` threads; tasks must not raise.

    A task inside `waiting()` does not count, so that others run meanwhile; at most 64 may wait.
    """

    def __init__(self, slots: int, name: str = "worker") -> None:
        self._slots = slots
        self._name = name
        self._tasks: deque[Task] = deque()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._slot = threading.Condition(self._lock)
        self._threads: set[threading.Thread] = set()
        self._active = 0
        self._idle = 0
        self._sleeping = 0
        self._returning = 0
        self._stopping = False
        self._number = 0

    def submit(self, task: Task) -> None:
        """Have a task run when a slot is free; after `stop` it is dropped."""
        with self._lock:
            if self._stopping:
                return
            self._tasks.append(task)
            self._call_someone()

    def crowded(self) -> bool:
        """Whether so many tasks wait that one more should rather come back later."""
        return self._sleeping >= _SLEEPERS

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Free this task's slot while the block waits for something."""
        with self._lock:
            self._active -= 1
            self._sleeping += 1
            self._call_someone()
        try:
            with turns.waiting():
                yield
        finally:
            with self._lock:
                self._sleeping -= 1
                self._returning += 1
                while self._active >= self._slots:
                    self._slot.wait()
                self._returning -= 1
                self._active += 1

    def stop(self, timeout: float) -> bool:
        """Drop what has not begun and wait for what has; tells whether all ended in time."""
        with self._lock:
            self._stopping = True
            self._tasks.clear()
            self._work.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in threads)

    def _call_someone(self) -> None:
        if not self._tasks or self._active >= self._slots:
            return
        if self._idle:
            self._work.notify()
        elif len(self._threads) < self._slots + self._sleeping:
            self._number += 1
            name = f"{self._name}-{self._number}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.add(thread)
            thread.start()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            with turns.computing():
                self._work_off(task)

    def _work_off(self, first: Task) -> None:
        """Run a task, and for a moment those that wait behind it, all in one turn."""
        task: Task | None = first
        until = time.monotonic() + _SLICE
        while task is not None:
            task()
            with self._lock:
                if self._tasks and not self._returning and time.monotonic() < until:
                    task = self._tasks.popleft()
                    continue
                task = None
                self._active -= 1
                self._slot.notify()  # someone who waited may want the slot back

    def _next(self) -> Task | None:
        with self._lock:
            while True:
                if self._tasks and self._active < self._slots:
                    self._active += 1
                    task = self._tasks.popleft()
                    self._call_someone()  # one who is called twice before it wakes comes once
                    return task
                surplus = len(self._threads) > self._slots + self._sleeping
                if self._stopping or surplus:
                    self._threads.discard(threading.current_thread())
                    return None
                self._idle += 1
                self._work.wait()
                self._idle -= 1
