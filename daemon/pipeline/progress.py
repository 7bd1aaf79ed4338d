"""How far each delivery under way has come."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from daemon.clock import Clock


@dataclass(slots=True)
class Transfer:
    """One delivery under way; `sent` counts this attempt's bytes, times are monotonic seconds."""

    job: str
    inbox: str
    file: str
    destination: str
    total: int
    began: float
    sent: int = 0
    told: float = 0.0

    @property
    def percent(self) -> float:
        """Share of the file that was sent, from 0 to 100."""
        return 100.0 if not self.total else min(100.0, 100.0 * self.sent / self.total)


class ProgressTable:
    """All transfers under way; updated by the threads that send, read by whoever shows them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._transfers: dict[tuple[str, str], Transfer] = {}

    def begin(self, job: str, inbox: str, file: str, destination: str, total: int) -> Transfer:
        """Enter a transfer; the caller sets its `sent` and ends it."""
        now = self._clock.monotonic()
        transfer = Transfer(job, inbox, file, destination, total, now, told=now)
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
        told: list[dict[str, object]] = []
        for transfer in self.transfers():
            seconds = max(now - transfer.began, 1e-3)
            rate = transfer.sent / seconds
            left = (transfer.total - transfer.sent) / rate if rate else None
            told.append(
                {
                    "job": transfer.job,
                    "inbox": transfer.inbox,
                    "file": transfer.file,
                    "destination": transfer.destination,
                    "bytes": transfer.sent,
                    "total": transfer.total,
                    "percent": round(transfer.percent, 1),
                    "rate": round(rate),
                    "seconds_left": None if left is None else round(left, 1),
                }
            )
        return told
