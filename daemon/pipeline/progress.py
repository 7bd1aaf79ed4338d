"""How far each delivery under way has come, and how fast it goes."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

from daemon.clock import Clock

_REMEMBERED = 5.0
"""Seconds after which what a rate was hardly counts for what it is."""
_SAMPLE = 0.25
"""Seconds between two samples of a rate; blocks come too unevenly to be samples each."""
_STALLED = 5.0
"""Seconds without a byte after which no time left is told, but that nothing moves."""


@dataclass(slots=True)
class Transfer:
    """One delivery under way; `sent` counts this attempt's bytes, times are monotonic seconds.

    An attempt that goes on where an earlier one was cut begins with what that one sent. `moved` is
    when a byte was sent last, or an attempt began; `again_at` is when the next one begins.
    """

    job: str
    inbox: str
    file: str
    destination: str
    total: int
    began: float
    sent: int = 0
    told: float = 0.0
    moved: float = 0.0
    again_at: float | None = None
    _rate: float | None = field(default=None, repr=False)
    _sampled: tuple[float, int] | None = field(default=None, repr=False)

    @property
    def percent(self) -> float:
        """Share of the file that was sent, from 0 to 100."""
        return 100.0 if not self.total else min(100.0, 100.0 * self.sent / self.total)

    def reached(self, sent: int, now: float) -> None:
        """So many bytes of the file are sent."""
        if sent != self.sent:
            self.moved = now
        self.sent = sent
        self.again_at = None
        if self._sampled is None:
            self._sampled = now, sent
            return
        when, before = self._sampled
        seconds = now - when
        if seconds < _SAMPLE:
            return
        rate = max(sent - before, 0) / seconds
        if self._rate is not None:
            rate += math.exp(-seconds / _REMEMBERED) * (self._rate - rate)
        self._rate, self._sampled = rate, (now, sent)

    def failed(self, again_at: float | None) -> None:
        """An attempt failed; the next begins from the start, or from where it is then taken up."""
        self.sent = 0
        self.again_at = again_at
        if again_at is not None:
            self.moved = again_at
        self._rate = self._sampled = None

    def rate(self, now: float) -> float | None:
        """Bytes a second of late; None where it is too early to say."""
        if self._sampled is None:
            return None
        when, before = self._sampled
        seconds = now - when
        if self._rate is None:
            return (self.sent - before) / seconds if seconds >= _SAMPLE else None
        # What stands still gets slower in the telling, although nothing is sampled.
        return self._rate * math.exp(-max(seconds - 1.0, 0.0) / _REMEMBERED)

    def again_in(self, now: float) -> float | None:
        """Seconds until the next attempt, None while one is being made."""
        if self.again_at is None or self.again_at <= now:
            return None
        return self.again_at - now

    def stalled_for(self, now: float) -> float | None:
        """Seconds since the last byte was sent, None where that is no while or all are sent."""
        still = now - self.moved
        return still if still >= _STALLED and self.sent < self.total else None


class ProgressTable:
    """All transfers under way; updated by the threads that send, read by whoever shows them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._transfers: dict[tuple[str, str], Transfer] = {}

    def begin(self, job: str, inbox: str, file: str, destination: str, total: int) -> Transfer:
        """Enter a transfer; the caller tells it what it reaches, and ends it."""
        now = self._clock.monotonic()
        transfer = Transfer(job, inbox, file, destination, total, now, told=now, moved=now)
        with self._lock:
            self._transfers[job, destination] = transfer
        return transfer

    def end(self, transfer: Transfer) -> None:
        """Take a transfer out."""
        with self._lock:
            self._transfers.pop((transfer.job, transfer.destination), None)

    def transfers(self) -> list[Transfer]:
        """The transfers under way, oldest first."""
        with self._lock:
            return list(self._transfers.values())

    def tell(self) -> list[dict[str, object]]:
        """The same for `status` and the runtime file, with bytes, percent, rate and time left."""
        now = self._clock.monotonic()
        return [_told(transfer, now) for transfer in self.transfers()]


def _told(transfer: Transfer, now: float) -> dict[str, object]:
    stalled = transfer.stalled_for(now)
    rate = None if stalled else transfer.rate(now)
    left = (transfer.total - transfer.sent) / rate if rate else None
    again_in = transfer.again_in(now)
    return {
        "job": transfer.job,
        "inbox": transfer.inbox,
        "file": transfer.file,
        "destination": transfer.destination,
        "bytes": transfer.sent,
        "total": transfer.total,
        "percent": round(transfer.percent, 1),
        "rate": round(rate or 0.0),
        "seconds_left": None if left is None else round(left, 1),
        "stalled_for": None if stalled is None else round(stalled, 1),
        "again_in": None if again_in is None else round(again_in, 1),
    }
