"""Signals as requests: noted between two lines of the main thread, acted on elsewhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType

NUDGE = signal.SIGUSR1
"""Sent to whoever holds the state folder when a command has changed the ledger."""
REQUESTS = (signal.SIGHUP, NUDGE)
"""What must never end a process that only just begins."""
_HANDLED = (signal.SIGTERM, signal.SIGINT, *REQUESTS)


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
