"""The inboxes of one daemon, as a daemon starts with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.limits import Limits
from daemon.observing.events import Event
from tests.running import Daemon, ListLog
from tests.waiting import PATIENCE

FOLDERS = 200


class WatchingLog(ListLog):
    """Knows how many folders this process had under watch when the daemon said it was ready."""

    watches = 0

    def emit(self, event: Event, **fields: object) -> None:
        super().emit(event, **fields)
        if event is Event.DAEMON_READY:
            self.watches = _watches()


def _watches() -> int:
    """The kernel's own count of inotify watches, see proc(5)."""
    count = 0
    for descriptor in os.listdir("/proc/self/fdinfo"):
        try:
            lines = Path("/proc/self/fdinfo", descriptor).read_text().splitlines()
        except OSError:
            continue
        count += sum(line.startswith("inotify wd:") for line in lines)
    return count


class TestReady:
    @pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="Linux tells of watches")
    def test_watched(self, tmp_path: Path) -> None:
        """A daemon that says it is ready has every folder of its inbox under watch."""
        for number in range(FOLDERS):
            (tmp_path / "inbox" / f"folder {number}").mkdir(parents=True)
        daemon = Daemon(tmp_path, inbox="recursive: true\nwatch: native")
        daemon.log = log = WatchingLog()
        before = _watches()
        with daemon:
            assert log.watches - before == FOLDERS + 1

    def test_a_missing_inbox(self, tmp_path: Path) -> None:
        """An inbox that is not there does not keep a daemon from being ready."""
        daemon = Daemon(tmp_path, limits=Limits(first_look=10 * PATIENCE))
        daemon.inbox.rmdir()
        with daemon:
            assert daemon.log.of(Event.INBOX_MISSING)
