"""Every attempt at a delivery sends what was judged, or nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.transport.body import open_parcel
from daemon.errors import DeliveryError
from daemon.jobs.model import State
from daemon.pipeline import outlets
from tests.running import Daemon

JUDGED, OTHER = b"content", b"CHANGED"


class Meddled:
    """A destination that fails until `takes` is set, after something was done to the file."""

    name = "a"

    def __init__(self, meddle: Callable[[], object], *, takes: bool) -> None:
        self.meddle = meddle
        self.takes = takes
        self.got: list[bytes] = []

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        descriptor = open_parcel(parcel)
        try:
            self.got.append(os.read(descriptor, 100))
        finally:
            os.close(descriptor)
        if self.takes and len(self.got) > 1:
            return Acknowledgement(parcel.size)
        self.meddle()
        raise DeliveryError("connection_reset", "cut")

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        return


def daemon_to(
    destination: Meddled, folder: Path, monkeypatch: pytest.MonkeyPatch, attempts: int = 3
) -> Daemon:
    """A daemon that delivers there."""
    monkeypatch.setattr(outlets, "open_destination", lambda *_: destination)
    retry = f"{{attempts: {attempts}, initial: 10ms, max: 20ms}}"
    section = f"destinations:\n  a: {{type: http, url: http://127.0.0.1:1/, retry: {retry}}}\n"
    return Daemon(folder, inbox="deliver: [a]", rest=section)


def in_work(folder: Path) -> Path:
    """The one file that is worked on."""
    (path,) = [path for path in (folder / "work").rglob("*") if path.is_file()]
    return path


def test_a_file_that_changes_between_two_attempts_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar would tell of another content than the destination has."""
    destination = Meddled(lambda: None, takes=True)
    destination.meddle = lambda: in_work(tmp_path).write_bytes(OTHER)
    with daemon_to(destination, tmp_path, monkeypatch) as daemon:
        daemon.drop("r.bin", JUDGED)
        daemon.wait_for(State.CANCELLED)
    assert destination.got == [JUDGED]
    assert daemon.sidecar("rejected", "r.bin")["error"]["code"] == "file_changed"


def test_a_file_that_changes_while_it_waits_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor after a restart, when nobody has seen the file change."""
    destination = Meddled(lambda: None, takes=False)
    with daemon_to(destination, tmp_path, monkeypatch, attempts=1) as daemon:
        daemon.drop("r.bin", JUDGED)
        daemon.wait_for(State.PARKED)
    in_work(tmp_path).write_bytes(OTHER)
    destination.takes = True
    with daemon:
        daemon.wait_for(State.CANCELLED)
    assert set(destination.got) == {JUDGED}


def test_a_file_that_is_only_touched_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the content that counts, as after a copy from a backup."""
    destination = Meddled(lambda: None, takes=True)
    destination.meddle = lambda: os.utime(in_work(tmp_path), (0, 0))
    with daemon_to(destination, tmp_path, monkeypatch) as daemon:
        daemon.drop("r.bin", JUDGED)
        daemon.wait_for(State.DONE)
    assert destination.got == [JUDGED, JUDGED]
