"""Walking an inbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.errors import EnvironmentFaultError
from daemon.watching.scan import folders_below, walk


def hidden(name: bytes) -> bool:
    return name.startswith(b".")


def found(folder: Path, *, recursive: bool = True) -> set[bytes]:
    entries = walk(os.fsencode(folder), recursive=recursive, skip=hidden)
    return {path for path, _ in entries}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name in ("a", "sub/b", "sub/deep/c", ".git/d", ".e"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


class TestWalk:
    def test_recursive(self, inbox: Path) -> None:
        """Files are found at every depth, without what is skipped."""
        assert found(inbox) == {b"a", b"sub/b", b"sub/deep/c"}

    def test_flat(self, inbox: Path) -> None:
        """Folders below are not entered unless asked for."""
        assert found(inbox, recursive=False) == {b"a"}

    def test_links(self, inbox: Path) -> None:
        """A link is an entry, also one to a folder above; it is not followed."""
        (inbox / "up").symlink_to("..")
        (inbox / "nowhere").symlink_to("/nowhere")
        assert found(inbox) == {b"a", b"sub/b", b"sub/deep/c", b"up", b"nowhere"}

    def test_odd_names(self, inbox: Path) -> None:
        """Names are the bytes that they are."""
        with open(os.path.join(os.fsencode(inbox), b"\xff\n"), "wb"):
            pass
        assert b"\xff\n" in found(inbox)

    def test_missing(self, tmp_path: Path) -> None:
        """A folder that is not there is told from an empty one."""
        with pytest.raises(FileNotFoundError):
            found(tmp_path / "missing")

    def test_not_a_folder(self, inbox: Path) -> None:
        """A file is not an empty folder."""
        with pytest.raises(NotADirectoryError):
            found(inbox / "a")

    def test_vanishing_folder(self, inbox: Path) -> None:
        """A folder that goes away during the walk ends its own branch only."""
        entries = walk(os.fsencode(inbox), recursive=True, skip=hidden)
        seen = []
        for path, _ in entries:
            seen.append(path)
            if path == b"a":
                (inbox / "sub" / "deep" / "c").unlink()
                (inbox / "sub" / "deep").rmdir()
        assert set(seen) == {b"a", b"sub/b"}

    def test_out_of_descriptors(self, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder that cannot be listed for lack of descriptors is our fault, not an empty one."""
        fail_scandir(monkeypatch, b"sub", 24)
        with pytest.raises(EnvironmentFaultError, match="LimitNOFILE") as caught:
            found(inbox)
        assert caught.value.code == "emfile"

    def test_no_rights_below(self, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder below that we may not list is reported, and the rest is still walked."""
        fail_scandir(monkeypatch, b"deep", 13)
        faults: list[EnvironmentFaultError] = []
        entries = walk(os.fsencode(inbox), recursive=True, skip=hidden, on_unreadable=faults.append)
        assert {path for path, _ in entries} == {b"a", b"sub/b"}
        assert [fault.code for fault in faults] == ["no_rights"]

    def test_no_rights_at_all(self, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An inbox that we may not list is our surroundings' fault."""
        fail_scandir(monkeypatch, os.path.basename(os.fsencode(inbox)), 13)
        with pytest.raises(EnvironmentFaultError):
            found(inbox)


class TestFoldersBelow:
    def test_parents_first(self, inbox: Path) -> None:
        """Each folder comes after the one that it is in, without what is skipped."""
        assert list(folders_below(os.fsencode(inbox), skip=hidden)) == [b"sub", b"sub/deep"]


def fail_scandir(monkeypatch: pytest.MonkeyPatch, name: bytes, code: int) -> None:
    """Let listing folders of this name fail; root's rights cannot be taken away otherwise."""
    real = os.scandir

    def failing(path: bytes) -> object:
        if os.path.basename(path.rstrip(b"/")) == name:
            raise OSError(code, os.strerror(code))
        return real(path)

    monkeypatch.setattr("daemon.watching.scan.os.scandir", failing)
