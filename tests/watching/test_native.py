"""What is particular to native events."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from daemon.errors import EnvironmentFaultError
from daemon.watching.inotify_limits import limit_fault
from daemon.watching.native import NativeWatcher
from daemon.watching.watcher import Hint
from tests.waiting import PATIENCE
from tests.watching.recorders import Hints


def watcher_on(folder: Path, hints: Hints, *, recursive: bool = False) -> NativeWatcher:
    return NativeWatcher(
        os.fsencode(folder),
        hints,
        recursive=recursive,
        skip=lambda name: name.startswith(b"."),
        on_error=hints.on_error,
    )


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def watcher(tmp_path: Path, hints: Hints) -> Iterator[NativeWatcher]:
    watching = watcher_on(tmp_path, hints, recursive=True)
    watching.start()
    yield watching
    watching.stop()


class TestClosed:
    def test_writing(self, tmp_path: Path, hints: Hints, watcher: NativeWatcher) -> None:
        """A file is announced when it appears and again, as closed, when its writer is done."""
        with (tmp_path / "a").open("wb"):
            assert hints.has(b"a")
            assert hints.hints == [Hint(b"a")]
        assert hints.until(lambda: Hint(b"a", closed=True) in hints.hints)

    def test_events_of_one_file_that_come_together_are_one(
        self, tmp_path: Path, hints: Hints, watcher: NativeWatcher
    ) -> None:
        """A file that was made, written and closed while we were busy is announced once."""
        with watcher._handling:
            (tmp_path / "first").write_bytes(b"x")  # the reader has it in hand and waits
            for number in range(10):
                (tmp_path / f"{number}").write_bytes(b"x")
                os.utime(tmp_path / f"{number}", (0, 0))
        assert hints.until(lambda: Hint(b"9", closed=True) in hints.hints)
        for number in range(1, 10):
            assert hints.hints.count(Hint(b"%d" % number, closed=True)) == 1

    def test_renaming(self, tmp_path: Path, hints: Hints, watcher: NativeWatcher) -> None:
        """A rename into the folder is as good as closing."""
        (tmp_path / ".a").write_bytes(b"x")
        (tmp_path / ".a").rename(tmp_path / "a")
        assert hints.until(lambda: hints.hints == [Hint(b"a", closed=True)])

    def test_moving_out_is_no_news(
        self, tmp_path: Path, hints: Hints, watcher: NativeWatcher
    ) -> None:
        """Taking files away, as we do all day, causes no hints."""
        (tmp_path / "a").write_bytes(b"x")
        (tmp_path / "b").write_bytes(b"x")
        assert hints.until(lambda: hints.hints.count(Hint(b"b", closed=True)) == 1)
        before = len(hints.hints)
        (tmp_path / "a").rename(tmp_path / ".a")
        (tmp_path / "b").unlink()
        (tmp_path / "c").write_bytes(b"x")
        assert hints.until(lambda: Hint(b"c", closed=True) in hints.hints)
        assert {hint.path for hint in hints.hints[before:]} == {b"c"}


class TestOverflow:
    def test_kernel_queue_overflows(self, tmp_path: Path, hints: Hints) -> None:
        """When the kernel drops events a scan is asked for, and folders made meanwhile are seen."""
        size = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        held, release = threading.Event(), threading.Event()

        def slow(hint: Hint) -> None:
            held.set()
            release.wait(PATIENCE)
            hints(hint)

        watching = NativeWatcher(
            os.fsencode(tmp_path),
            slow,
            recursive=True,
            skip=lambda name: False,
            on_error=hints.on_error,
        )
        watching.start()
        try:
            (tmp_path / "first").write_bytes(b"x")
            assert held.wait(PATIENCE)
            for number in range(size):  # each rename is one event, two files suffice
                os.rename(tmp_path / "first", tmp_path / "second") if number % 2 == 0 else (
                    os.rename(tmp_path / "second", tmp_path / "first")
                )
            (tmp_path / "folder").mkdir()
            release.set()
            assert hints.until(lambda: any(hint.lost == "overflow" for hint in hints.hints))
            (tmp_path / "folder" / "x").write_bytes(b"x")
            assert hints.has(b"folder/x")
        finally:
            release.set()
            watching.stop()

    def test_overflow_is_not_forgotten(self, tmp_path: Path, hints: Hints) -> None:
        """When the sink refuses to hear of an overflow, it hears of it before the next hint."""
        watching = watcher_on(tmp_path, hints)
        watching.start()
        try:
            hints.fail_next = True
            watching.on_queue_overflow()
            assert len(hints.errors) == 1
            (tmp_path / "a").write_bytes(b"x")
            assert hints.has(b"a")
            assert hints.hints[0] == Hint(None, lost="overflow")
        finally:
            watching.stop()


class TestReader:
    def test_reader_ends(
        self, tmp_path: Path, hints: Hints, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader that cannot go on says so, asks for a scan, and no longer counts as alive."""

        def broken(reader: InotifyFD, size: int) -> bytes:
            raise OSError(errno.EIO, "broken")

        monkeypatch.setattr(InotifyFD, "_read_event_buffer", broken)
        watching = watcher_on(tmp_path, hints)
        watching.start()
        assert hints.until(lambda: Hint(None, lost="error") in hints.hints)
        assert [type(error) for error in hints.errors] == [EnvironmentFaultError]
        assert not watching.alive()
        watching.stop()


class TestLimits:
    @pytest.mark.parametrize(
        ("code", "name"),
        [(errno.ENOSPC, "max_user_watches"), (errno.EMFILE, "max_user_instances")],
    )
    def test_named(self, code: int, name: str) -> None:
        """A limit is named with its sysctl and its number."""
        fault = limit_fault(OSError(code, "x"), "watch /inbox")
        number = Path(f"/proc/sys/fs/inotify/{name}").read_text().strip()
        assert fault.code == f"inotify_{name}"
        assert f"fs.inotify.{name} = {number}" in fault.message

    def test_descriptors(self, tmp_path: Path, hints: Hints) -> None:
        """Running out of descriptors is not blamed on inotify, and nothing is left open."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        # Room for inotify and not for the pipe that its reader needs.
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        try:
            for _ in range(3):
                with pytest.raises(EnvironmentFaultError, match="LimitNOFILE"):
                    watcher_on(tmp_path, hints).start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        after = os.dup(0)
        os.close(after)
        assert after == lowest

    @pytest.mark.system
    def test_reached(self, tmp_path: Path) -> None:
        """With the limit of watches reached for real, `native` says so and `auto` polls."""
        (tmp_path / "one" / "two").mkdir(parents=True)
        result = subprocess.run(
            ["unshare", "--user", "--map-root-user", sys.executable, "-c", _REACHED, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        native, auto, reason = result.stdout.splitlines()
        assert native == "inotify_max_user_watches"
        assert auto == "PollingWatcher"
        assert "user.max_inotify_watches = 2" in reason


_REACHED = """
import os, pathlib, sys
from daemon.errors import EnvironmentFaultError
from daemon.watching.choice import choose_watcher
pathlib.Path("/proc/sys/user/max_inotify_watches").write_text("2")
def choose(watch):
    return choose_watcher(os.fsencode(sys.argv[1]), print, watch=watch, recursive=True,
                          skip=lambda name: False, poll_every=1.0, on_error=print)
try:
    choose("native")
except EnvironmentFaultError as fault:
    print(fault.code)
chosen = choose("auto")
print(type(chosen.watcher).__name__)
print(chosen.reason)
chosen.watcher.stop()
"""
