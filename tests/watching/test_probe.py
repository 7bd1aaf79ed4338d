"""One look at one file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.errors import EnvironmentFaultError
from daemon.files import identity
from daemon.watching import probe
from daemon.watching.ending import Ending
from daemon.watching.probe import Look, observe
from daemon.watching.settle import FileKind, Lease

JPEG = b"\xff\xd8\xff\xe0" + bytes(3000) + b"\xff\xd9"


def look(path: Path, *, ask_lease: bool = True) -> Look:
    return observe(os.fsencode(path.parent), os.fsencode(path.name), ask_lease=ask_lease)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)
    return path


class TestObserve:
    def test_regular(self, file: Path) -> None:
        """A regular file is known by its identity and how it ends."""
        found = look(file)
        assert found.kind is FileKind.REGULAR
        assert found.identity == identity(file.stat())
        assert found.ending is Ending.COMPLETE

    def test_cut(self, file: Path) -> None:
        """A file without its end looks cut."""
        os.truncate(file, 100)
        assert look(file).ending is Ending.CUT

    def test_lease(self, file: Path) -> None:
        """The kernel tells whether anyone has the file open for writing, and none after closing."""
        assert look(file).lease is Lease.CLOSED
        with file.open("ab"):
            assert look(file).lease is Lease.OPEN
        assert look(file).lease is Lease.CLOSED

    def test_readers_do_not_matter(self, file: Path) -> None:
        """A file that others read is closed as far as writing goes."""
        with file.open("rb"):
            assert look(file).lease is Lease.CLOSED

    def test_writer_through_another_name(self, file: Path) -> None:
        """A writer that has the file open under another name is seen."""
        os.link(file, file.with_name("b.jpg"))
        with file.with_name("b.jpg").open("ab"):
            assert look(file).lease is Lease.OPEN

    def test_lease_is_given_back(self, file: Path) -> None:
        """After a look a writer opens the file without waiting for us."""
        look(file)
        os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))

    def test_writers_racing(self, file: Path) -> None:
        """Writers that open the file again and again while we look neither fail nor end us."""
        script = "import sys\nfor _ in range(2000): open(sys.argv[1], 'ab').close()"
        with subprocess.Popen([sys.executable, "-c", script, str(file)]) as writer:
            while writer.poll() is None:
                assert look(file).kind is FileKind.REGULAR
        assert writer.returncode == 0
        assert signal.getsignal(signal.SIGIO) == signal.SIG_DFL

    def test_not_asked(self, file: Path) -> None:
        """Without a lease to ask for, nothing is claimed about writers."""
        assert look(file, ask_lease=False).lease is Lease.UNKNOWN

    def test_special_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Links, FIFOs and sockets are told by name and never opened."""
        (tmp_path / "link").symlink_to("/etc/passwd")
        os.mkfifo(tmp_path / "fifo")
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
        for name in ("link", "fifo", "socket"):
            found = look(tmp_path / name)
            assert found.kind is FileKind.SPECIAL
            assert found.identity is not None

    def test_folder(self, tmp_path: Path) -> None:
        """A folder is no file."""
        assert look(tmp_path).kind is FileKind.FOLDER

    def test_gone(self, tmp_path: Path) -> None:
        """A file that is not there any more is gone, also when its folder is."""
        assert look(tmp_path / "none").kind is FileKind.GONE
        assert look(tmp_path / "none" / "none").kind is FileKind.GONE

    def test_no_rights(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that we may not open is forbidden to us, not gone."""
        fail_open(monkeypatch, 13)
        found = look(file)
        assert found.kind is FileKind.FORBIDDEN
        assert found.identity is not None

    def test_broken(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that the disk does not give is unreadable, which says nothing about the file."""
        fail_open(monkeypatch, 5)
        found = look(file)
        assert found.kind is FileKind.UNREADABLE
        assert found.identity is not None

    def test_out_of_descriptors(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without descriptors nothing is known of any file, which is our fault to report."""
        fail_open(monkeypatch, 24)
        with pytest.raises(EnvironmentFaultError):
            look(file)

    def test_descriptors_are_closed(self, file: Path, tmp_path: Path) -> None:
        """Looks leave no descriptor open."""
        before = os.dup(0)
        os.close(before)
        for name in ("a.jpg", "none", "."):
            look(tmp_path / name)
        after = os.dup(0)
        os.close(after)
        assert after == before


def fail_open(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let opening fail; root's rights cannot be taken away otherwise."""

    def failing(path: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(probe, "open_regular", failing)
