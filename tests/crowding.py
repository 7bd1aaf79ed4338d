"""A reply for the receiver of tests: so many requests at once, and 429 to the rest."""

from __future__ import annotations

import threading
import time

from tests.exchange import Exchange, Reply


class Crowding:
    """Answers 201 after `seconds` to at most `allowed` at once, and 429 at once to those beyond."""

    def __init__(self, allowed: int, seconds: float, retry_after: str | None = None) -> None:
        self.allowed = allowed
        self.taken = 0
        self.refused = 0
        self._seconds = seconds
        self._headers = {} if retry_after is None else {"Retry-After": retry_after}
        self._lock = threading.Lock()
        self._under_way = 0

    @property
    def reply(self) -> Reply:
        """The reply to every request."""
        return self._reply

    def _reply(self, exchange: Exchange) -> None:
        exchange.read_body()
        with self._lock:
            fits = self._under_way < self.allowed
            self._under_way += fits
            self.taken += fits
            self.refused += not fits
        if not fits:
            exchange.answer(429, self._headers)
            return
        time.sleep(self._seconds)
        with self._lock:
            self._under_way -= 1
        exchange.answer(201)
