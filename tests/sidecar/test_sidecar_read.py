"""Reading a sidecar back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.sidecar.read import DamagedSidecarError, read
from daemon.sidecar.write import render


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Also when it comes from a later version."""
    path = tmp_path / "r.jpg.json"
    path.write_bytes(render({"schema": "inboxd/sidecar/2", "new": [1]}))
    assert read(os.fsencode(path))["new"] == [1]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"schema": "inboxd/sidecar/1"', b"[]", b"{}", b'"x"', b"\xff", b"[" * 9999],
)
def test_what_is_no_whole_sidecar_is_called_damaged(tmp_path: Path, data: bytes) -> None:
    """Whatever lies there."""
    path = tmp_path / "r.jpg.json"
    path.write_bytes(data)
    with pytest.raises(DamagedSidecarError):
        read(os.fsencode(path))


def test_a_missing_one_is_told_apart(tmp_path: Path) -> None:
    """Absent and damaged are different findings."""
    with pytest.raises(FileNotFoundError):
        read(os.fsencode(tmp_path / "none.json"))


@pytest.mark.parametrize(
    "make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)]
)
def test_what_is_no_file_is_called_damaged(tmp_path: Path, make: Callable[[str], None]) -> None:
    """A sidecar is a file of ours: no link is followed, no pipe waited for."""
    path = str(tmp_path / "r.jpg.json")
    make(path)
    with pytest.raises(DamagedSidecarError, match="no file"):
        read(os.fsencode(path))
