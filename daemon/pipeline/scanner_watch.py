"""While the virus scanner is away nothing new is judged; what was judged before goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from daemon.errors import Fault

_PROBE_EVERY = 2.0


class ScannerWatch:
    """Asks an absent scanner again and again, in a thread of its own, until it answers.

    `ask` returns what is still the matter, None when nothing is.
    """

    def __init__(self, ask: Callable[[], Fault | None], answers: Callable[[], None]) -> None:
        self._ask = ask
        self._answers = answers
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._closed = threading.Event()

    @property
    def fault(self) -> Fault | None:
        """Why no file can be scanned."""
        return self._fault

    def begin(self, fault: Fault) -> bool:
        """Note that the scanner is away; tells whether that is news."""
        with self._lock:
            news = self._fault is None
            self._fault = fault
        if news:
            threading.Thread(target=self._look, name="scanner", daemon=True).start()
        return news

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _look(self) -> None:
        while not self._closed.wait(_PROBE_EVERY):
            fault = self._ask()
            with self._lock:
                self._fault = fault
            if fault is None:
                self._answers()
                return
