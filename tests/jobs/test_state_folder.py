"""The lock of the state folder, beside those who only ask who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.errors import AlreadyRunningError
from daemon.jobs import state_folder
from daemon.jobs.state_folder import StateFolder


def _held(folder: Path) -> int:
    """A descriptor that holds the lock of a folder as another process does."""
    with StateFolder(folder).lock():
        pass
    descriptor = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_who_asks_for_the_holder_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` has the lock for a moment, and systemd does not start again what exits with 3."""
    descriptor = _held(tmp_path / "state")

    def wait(_: float) -> None:
        os.close(descriptor)

    monkeypatch.setattr(state_folder, "time", SimpleNamespace(sleep=wait))
    with StateFolder(tmp_path / "state").lock() as crashed:
        assert not crashed


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """It says who holds the folder."""
    descriptor = _held(tmp_path / "state")
    os.pwrite(descriptor, b"4711      \n", 0)
    with (
        pytest.raises(AlreadyRunningError, match="process 4711"),
        StateFolder(tmp_path / "state").lock(),
    ):
        pass
    os.close(descriptor)


@pytest.mark.parametrize(
    "noted",
    [
        b"",
        b'{"a": "/srv/wo',
        b"[]",
        b"[" * 100_000,
        b'{"a": null, "b": 5, "c": ["/srv"], "d": "work", "e": "/srv/\\u0000"}',
        b"\xff",
    ],
)
def test_a_damaged_note_of_the_work_folders_is_none(tmp_path: Path, noted: bytes) -> None:
    """It is written anew, and no start fails over it."""
    folder = StateFolder(tmp_path)
    (tmp_path / "work.json").write_bytes(noted)
    assert folder.work_folders() == {}
    folder.note_work_folders({"a": "/srv/work"})
    assert folder.work_folders() == {"a": "/srv/work"}
