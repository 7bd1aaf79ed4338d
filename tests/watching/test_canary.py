"""The proof of sight."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.limits import Limits
from daemon.watching.canary import Canary
from daemon.watching.names import CANARY_NAME
from tests.waiting import StoppedClock

LIMITS = Limits(canary_every=20.0, canary_within=10.0)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


def canary_in(folder: Path, clock: StoppedClock) -> Canary:
    return Canary(os.fsencode(folder), LIMITS, clock)


def probes(folder: Path) -> list[bytes]:
    return os.listdir(os.fsencode(folder))


class TestCanary:
    def test_seen(self, tmp_path: Path, clock: StoppedClock) -> None:
        """A probe lies there until it is seen, is then taken away, and the next comes in time."""
        canary = canary_in(tmp_path, clock)
        assert canary.last_seen() is None
        assert canary.act()
        assert probes(tmp_path) == [CANARY_NAME]
        assert canary.due() == 1010.0
        clock.time = 1001.0
        canary.seen()
        assert canary.last_seen() == 1001.0
        assert canary.due() == 1001.0
        assert canary.act()
        assert probes(tmp_path) == []
        assert canary.due() == 1020.0

    def test_unseen(self, tmp_path: Path, clock: StoppedClock) -> None:
        """A probe that is not seen in time means that the watcher is blind."""
        canary = canary_in(tmp_path, clock)
        canary.act()
        clock.time = 1010.0
        assert not canary.act()
        assert probes(tmp_path) == []
        assert canary.last_seen() is None

    def test_not_yet_due(self, tmp_path: Path, clock: StoppedClock) -> None:
        """Acting too early does nothing."""
        canary = canary_in(tmp_path, clock)
        canary.act()
        clock.time = 1005.0
        assert canary.act()
        assert probes(tmp_path) == [CANARY_NAME]

    def test_nothing_to_see(self, tmp_path: Path, clock: StoppedClock) -> None:
        """A hint without a probe under way proves nothing."""
        canary = canary_in(tmp_path, clock)
        canary.seen()
        assert canary.last_seen() is None

    def test_left_over(self, tmp_path: Path, clock: StoppedClock) -> None:
        """A probe that a killed daemon left behind is no hindrance."""
        (tmp_path / os.fsdecode(CANARY_NAME)).write_bytes(b"")
        canary = canary_in(tmp_path, clock)
        assert canary.act()
        canary.seen()
        canary.act()
        assert probes(tmp_path) == []

    def test_cannot_write(self, tmp_path: Path, clock: StoppedClock) -> None:
        """Where no probe can be written it says so, and claims neither sight nor blindness."""
        canary = canary_in(tmp_path / "none", clock)
        assert canary.act()
        assert canary.trouble() is not None
        assert canary.last_seen() is None
        assert canary.due() == 1020.0
        (tmp_path / "none").mkdir()
        clock.time = 1020.0
        assert canary.act()
        assert canary.trouble() is None

    def test_reset(self, tmp_path: Path, clock: StoppedClock) -> None:
        """With a new watcher the probe under way no longer counts and a new one is due."""
        canary = canary_in(tmp_path, clock)
        canary.act()
        canary.reset()
        assert probes(tmp_path) == []
        assert canary.due() == 1000.0
        canary.seen()
        assert canary.last_seen() is None
