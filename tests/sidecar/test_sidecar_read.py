"""Reading a sidecar back."""

from __future__ import annotations

import os
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


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A sidecar is a file of ours."""
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic"):
        read(os.fsencode(tmp_path / "link.json"))
