"""The files that were seen and are not ready yet: a bounded table with a time for the next look."""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass

from daemon.files import Identity


@dataclass(slots=True)
class _Waiting:
    first_seen: float
    changed: float
    identity: Identity | None
    due: float
    reason: str


class SettlingTable:
    """At most `capacity` waiting files; times in seconds on the monotonic clock.

    One thread fills it, others may read it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: dict[bytes, _Waiting] = {}
        self._agenda: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def quiet_for(self, path: bytes, identity: Identity | None, now: float) -> float:
        """How long ago the file was last seen to change; 0 for one that is new or just changed."""
        entry = self._waiting.get(path)
        if entry is None:
            return 0.0
        if entry.identity != identity:
            entry.identity = identity
            entry.changed = now
        return now - entry.changed

    def put(
        self, path: bytes, identity: Identity | None, *, now: float, wait: float, reason: str
    ) -> bool:
        """Have a file looked at again in `wait` seconds; False if the table is full."""
        with self._lock:
            entry = self._waiting.get(path)
            if entry is None:
                if len(self._waiting) >= self._capacity:
                    return False
                entry = _Waiting(now, now, identity, now, reason)
                self._waiting[path] = entry
            entry.due = now + wait
            entry.reason = reason
            heapq.heappush(self._agenda, (entry.due, path))
            return True

    def remove(self, path: bytes, now: float) -> float:
        """Forget a file; returns the seconds since it was first seen."""
        with self._lock:
            entry = self._waiting.pop(path, None)
        return now - entry.first_seen if entry is not None else 0.0

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._waiting.clear()
            self._agenda.clear()

    def waits(self, path: bytes, now: float) -> bool:
        """Whether a file is waiting and its time has not come."""
        entry = self._waiting.get(path)
        return entry is not None and entry.due > now

    def next_due(self) -> float | None:
        """When the next file is to be looked at; None when none is."""
        with self._lock:
            self._drop_stale()
            return self._agenda[0][0] if self._agenda else None

    def take_due(self, now: float, most: int) -> list[bytes]:
        """Up to `most` files whose time has come, earliest first; they stay in the table."""
        taken: list[bytes] = []
        with self._lock:
            while len(taken) < most:
                self._drop_stale()
                if not self._agenda or self._agenda[0][0] > now:
                    break
                taken.append(heapq.heappop(self._agenda)[1])
        return taken

    def listing(self, now: float, most: int) -> list[tuple[bytes, str, float]]:
        """Path, reason and seconds waited of up to `most` files, longest wait first."""
        with self._lock:
            oldest = heapq.nsmallest(
                most, self._waiting.items(), key=lambda item: item[1].first_seen
            )
        return [(path, entry.reason, now - entry.first_seen) for path, entry in oldest]

    def _drop_stale(self) -> None:
        """Remove what was rescheduled or forgotten from the head of the agenda."""
        while self._agenda:
            due, path = self._agenda[0]
            entry = self._waiting.get(path)
            if entry is not None and entry.due == due:
                return
            heapq.heappop(self._agenda)
