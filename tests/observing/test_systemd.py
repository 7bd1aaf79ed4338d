"""What systemd hears, over a real socket."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.observing.systemd import Notifier


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening,
    ):
        listening.bind(str(Path(folder) / "notify"))
        listening.settimeout(60)
        yield listening


def test_ready_comes_with_a_status(listener: socket.socket) -> None:
    """`systemctl status` shows the line."""
    Notifier({"NOTIFY_SOCKET": listener.getsockname()}).ready("watching\n2 inboxes")
    assert listener.recv(1000) == b"READY=1\nSTATUS=watching 2 inboxes"


def test_a_reload_is_announced_with_the_time(listener: socket.socket) -> None:
    """Type=notify-reload needs it."""
    Notifier({"NOTIFY_SOCKET": listener.getsockname()}).reloading()
    first, second = listener.recv(1000).decode().split("\n")
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0


def test_the_watchdog_is_for_this_process_alone() -> None:
    """A child must not think that it is watched."""
    ours = {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(ours).watchdog_seconds == 60.0
    assert Notifier({**ours, "WATCHDOG_PID": "1"}).watchdog_seconds is None
    assert Notifier({}).watchdog_seconds is None


def test_without_systemd_nothing_happens() -> None:
    """In a terminal nobody listens."""
    Notifier({}).alive()
    Notifier({"NOTIFY_SOCKET": "/nonexistent/notify"}).stopping()
