"""The table of files that are not ready."""

from __future__ import annotations

from daemon.files import Identity
from daemon.watching.settling import SettlingTable

A = Identity(1, 1, 10, 0)
GROWN = Identity(1, 1, 20, 5)


def table(capacity: int = 10) -> SettlingTable:
    return SettlingTable(capacity)


class TestSettlingTable:
    def test_quiet(self) -> None:
        """Quiet time counts from the first look, and anew from each change."""
        waiting = table()
        assert waiting.quiet_for(b"a", A, 100.0) == 0.0
        waiting.put(b"a", A, now=100.0, wait=1.0, reason="r")
        assert waiting.quiet_for(b"a", A, 103.0) == 3.0
        assert waiting.quiet_for(b"a", GROWN, 104.0) == 0.0
        assert waiting.quiet_for(b"a", GROWN, 106.0) == 2.0

    def test_order(self) -> None:
        """Looks come in the order of their times, and none before its time."""
        waiting = table()
        waiting.put(b"late", A, now=0.0, wait=5.0, reason="r")
        waiting.put(b"soon", A, now=0.0, wait=1.0, reason="r")
        assert waiting.next_due() == 1.0
        assert waiting.take_due(0.5, 10) == []
        assert waiting.take_due(6.0, 10) == [b"soon", b"late"]

    def test_rescheduled(self) -> None:
        """Only the latest time of a file counts."""
        waiting = table()
        waiting.put(b"a", A, now=0.0, wait=1.0, reason="r")
        waiting.put(b"a", A, now=0.5, wait=3.0, reason="r")
        assert waiting.next_due() == 3.5
        assert waiting.take_due(2.0, 10) == []
        assert waiting.waits(b"a", 2.0)
        assert not waiting.waits(b"a", 3.5)

    def test_full(self) -> None:
        """A full table takes no new file and keeps those that it has."""
        waiting = table(1)
        assert waiting.put(b"a", A, now=0.0, wait=1.0, reason="r")
        assert not waiting.put(b"b", A, now=0.0, wait=1.0, reason="r")
        assert waiting.put(b"a", A, now=1.0, wait=1.0, reason="r")
        waiting.remove(b"a", 2.0)
        assert waiting.put(b"b", A, now=2.0, wait=1.0, reason="r")

    def test_removed(self) -> None:
        """A removed file says how long it was in, and has no further look."""
        waiting = table()
        waiting.put(b"a", A, now=1.0, wait=1.0, reason="r")
        assert waiting.remove(b"a", 4.0) == 3.0
        assert waiting.remove(b"a", 4.0) == 0.0
        assert waiting.next_due() is None
        assert len(waiting) == 0

    def test_listing(self) -> None:
        """The listing is bounded and begins with the longest wait."""
        waiting = table()
        for number in range(5):
            waiting.put(b"%d" % number, A, now=number, wait=100.0, reason="open")
        assert waiting.listing(10.0, 2) == [(b"0", "open", 10.0), (b"1", "open", 9.0)]
