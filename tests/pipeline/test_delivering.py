"""Every attempt at a delivery sends what was judged, or nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.transport.body import open_parcel
from daemon.errors import DeliveryError, Kind
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


class Foreign:
    """A destination of another package, which says `answer` of a file, or raises it."""

    name = "a"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        if parcel.name == "next.bin":
            return Acknowledgement(parcel.size)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return cast("Acknowledgement", self.answer)

    def check(self) -> list[Finding]:
        return []

    def close(self) -> None:
        return


def daemon_to(
    destination: Meddled | Foreign, folder: Path, monkeypatch: pytest.MonkeyPatch, attempts: int = 3
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


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "internal_error"),
        (Acknowledgement(1, location=cast("str", b"x")), "internal_error"),
        (Acknowledgement(cast("int", "many")), "internal_error"),
        (Acknowledgement(1, response={"x": object()}), "internal_error"),
        (Acknowledgement(1, response={"x": "\udcff"}), None),
        (Acknowledgement(1, location="shelf:\udcff"), None),
        (DeliveryError("no_room", "no room for \udcff", kind=Kind.PERMANENT), "no_room"),
        (RuntimeError("no \udcff"), "internal_error"),
        (SystemExit(3), "internal_error"),
    ],
)
def test_a_destination_of_others_that_misbehaves_costs_its_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object, code: str | None
) -> None:
    """The daemon goes on, and says of that file what was the matter."""
    with daemon_to(Foreign(answer), tmp_path, monkeypatch) as daemon:
        daemon.drop("r.bin", JUDGED)
        daemon.wait_for(State.FAILED if code else State.DONE)
        daemon.drop("next.bin", OTHER)
        daemon.wait_for(State.DONE, 1 if code else 2)
    error = daemon.sidecar("rejected" if code else "done", "r.bin")["error"]
    assert (error and error["code"]) == code
