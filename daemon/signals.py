"""Signals as requests: noted between two lines of the main thread, acted on elsewhere."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType

NUDGE = signal.SIGUSR1
"""Sent to whoever holds the state folder when a command has changed the ledger."""
REQUESTS = (signal.SIGHUP, NUDGE)
"""What must never end a process that only just begins."""
_HANDLED = (signal.SIGTERM, signal.SIGINT, *REQUESTS)


class Bell:
    """Wakes the thread that waits for it; may be rung in the handler of a signal too.

    `threading.Event` may not: its lock is not re-entrant, and may be held by the very thread that
    the signal interrupts, which then waits for itself for ever. `queue.SimpleQueue.put` is
    re-entrant by contract.
    """

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """Wake who waits, or who waits next."""
        self._rings.put(None)

    def wait(self, seconds: float) -> None:
        """Wait until it is rung, at most so long; all rings until now count as one."""
        with contextlib.suppress(queue.Empty):
            self._rings.get(timeout=max(0.0, seconds))
            while True:
                self._rings.get_nowait()


class Signals:
    """Tells `signalled` the number of each signal, in the main thread; elsewhere it does nothing.

    A context manager; what handled the signals before does so again afterwards.
    """

    def __init__(
        self, signalled: Callable[[int], None], numbers: Sequence[signal.Signals] = _HANDLED
    ) -> None:
        self._signalled = signalled
        self._numbers = numbers
        self._old: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self._numbers:
            self._old[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as it was found

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._signalled(number)
