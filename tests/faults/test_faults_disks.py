"""Disks that are full, have no inodes left, become read-only or break."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.jobs.model import State
from daemon.observing.events import Event
from tests.faults.conftest import Mount, fill
from tests.running import Daemon
from tests.waiting import wait_until

pytestmark = pytest.mark.system
RESUMES = "pauses, blames no file, resumes by itself"


def on_disk(tmp_path: Path, disk: Path, place: str) -> Daemon:
    """A daemon that has `place` on a disk of its own, and the rest elsewhere."""
    inbox = {
        "done/": f"done: {disk}/done",
        "rejected/": f"rejected: {disk}/rejected\nallow_empty: false",
        "the inbox and work/": f"work: {disk}/work",
    }
    daemon = Daemon(tmp_path, inbox=inbox.get(place, ""))

    def elsewhere(before: str, after: str) -> None:
        text = daemon.config_path.read_text()
        daemon.config_path.write_text(text.replace(before, after))

    if place == "the inbox and work/":
        daemon.inbox = disk / "inbox"
        daemon.inbox.mkdir()
        elsewhere("path: inbox", f"path: {disk}/inbox")
    if place == "the ledger":
        elsewhere("state: state", f"state: {disk}/state")
    return daemon


def drop(daemon: Daemon, name: str, place: str) -> None:
    """Drop a file, by a rename that needs no room; for rejected/ one that is refused."""
    content = b"" if place == "rejected/" else name.encode()
    waiting = daemon.inbox / f".{name}"
    if not waiting.exists():
        waiting.write_bytes(content)
    waiting.rename(daemon.inbox / name)


def blamed(daemon: Daemon) -> list[str]:
    """The names of files that ended otherwise than done."""
    ends = (Event.JOB_REJECTED, Event.JOB_FAILED, Event.JOB_CANCELLED)
    return [entry["file"] for end in ends for entry in daemon.log.of(end)]


def check(daemon: Daemon, place: str, codes: set[str]) -> None:
    """Both files came to their end after a pause that was told with one of these codes."""
    end = Event.JOB_REJECTED if place == "rejected/" else Event.JOB_DONE
    wait_until(lambda: len(daemon.log.of(end)) == 2, "the second file")
    assert {entry["code"] for entry in daemon.log.of(Event.ENVIRONMENT_PAUSED)} <= codes
    assert daemon.log.of(Event.ENVIRONMENT_RESUMED)
    assert blamed(daemon) == (["before.bin", "during.bin"] if place == "rejected/" else [])


def begin(daemon: Daemon, place: str) -> None:
    """The first file comes through, and a second one lies ready."""
    drop(daemon, "before.bin", place)
    end = Event.JOB_REJECTED if place == "rejected/" else Event.JOB_DONE
    wait_until(lambda: daemon.log.of(end), "the first file")
    (daemon.inbox / ".during.bin").write_bytes(b"" if place == "rejected/" else b"during.bin")


def wait_for_pause(daemon: Daemon) -> None:
    """Wait until it is told that something stands in the way."""
    wait_until(lambda: daemon.log.of(Event.ENVIRONMENT_PAUSED), "the pause")


@pytest.mark.reliability("Faults", "the disk of {place} is full", RESUMES)
@pytest.mark.parametrize("place", ["done/", "rejected/", "the inbox and work/", "the ledger"])
def test_a_full_disk(place: str, tmp_path: Path, mount: Mount) -> None:
    """The file waits where it is until there is room."""
    disk = mount("small", "size=16m")
    with on_disk(tmp_path, disk, place) as daemon:
        begin(daemon, place)
        filler = fill(disk)
        drop(daemon, "during.bin", place)
        if place == "the ledger":  # its log may still have room for one file
            for number in range(200):
                daemon.drop(f"{number}.bin", b"%d" % number)
        wait_for_pause(daemon)
        filler.unlink()
        if place == "the ledger":
            wait_until(lambda: len(daemon.log.of(Event.JOB_DONE)) == 202, "all files", 60)
            assert blamed(daemon) == []
        else:
            check(daemon, place, {"disk_full"})


@pytest.mark.reliability("Faults", "the disk of {place} has no inodes left", RESUMES)
@pytest.mark.parametrize("place", ["done/", "the inbox and work/"])
def test_no_inodes(place: str, tmp_path: Path, mount: Mount) -> None:
    """There are bytes left, and not one name more can be made."""
    disk = mount("small", "size=4m,nr_inodes=40")
    with on_disk(tmp_path, disk, place) as daemon:
        begin(daemon, place)
        fillers = []
        with contextlib.suppress(OSError):
            for number in range(100):
                (disk / f"filler {number}").touch()
                fillers.append(disk / f"filler {number}")
        drop(daemon, "during.bin", place)
        wait_for_pause(daemon)
        for filler in fillers:
            filler.unlink()
        check(daemon, place, {"no_inodes", "disk_full"})


@pytest.mark.reliability("Faults", "the disk of {place} becomes read-only", RESUMES)
@pytest.mark.parametrize("place", ["done/", "rejected/"])
def test_read_only(place: str, tmp_path: Path, mount: Mount) -> None:
    """As the kernel makes a disk that has errors."""
    disk = mount("small", "size=16m")
    with on_disk(tmp_path, disk, place) as daemon:
        begin(daemon, place)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        drop(daemon, "during.bin", place)
        wait_for_pause(daemon)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        check(daemon, place, {"erofs"})


@pytest.mark.reliability("Faults", "the disk of the inbox and work/ becomes read-only", RESUMES)
def test_a_read_only_inbox(tmp_path: Path, mount: Mount) -> None:
    """What lies there is seen and cannot be claimed."""
    disk = mount("small", "size=16m")
    view = tmp_path / "view"  # the same disk, which the daemon alone may come to be denied
    view.mkdir()
    daemon = on_disk(tmp_path, disk, "the inbox and work/")
    text = daemon.config_path.read_text()
    daemon.config_path.write_text(text.replace(str(disk), str(view)))
    subprocess.run(["mount", "--bind", disk, view], check=True)
    try:
        with daemon:
            subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
            (daemon.inbox / "during.bin").write_bytes(b"during")
            wait_for_pause(daemon)
            subprocess.run(["mount", "-o", "remount,bind,rw", view], check=True)
            wait_until(lambda: daemon.log.of(Event.JOB_DONE), "the file")
    finally:
        subprocess.run(["umount", "-l", view], check=False)
    assert {entry["code"] for entry in daemon.log.of(Event.ENVIRONMENT_PAUSED)} == {"erofs"}
    assert blamed(daemon) == []


@contextlib.contextmanager
def injected(thread: str, calls: str, code: str) -> Iterator[None]:
    """System calls of the threads of this process that are named so fail, while the block runs."""
    numbers = [one.native_id for one in threading.enumerate() if one.name.startswith(thread)]
    chosen = [word for number in numbers for word in ("-p", str(number))]
    command = ["strace", "-qq", "-o", os.devnull, "-e", f"inject={calls}:error={code}", *chosen]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: all(map(_traced, numbers)), "strace to attach")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _traced(number: int | None) -> bool:
    status = Path(f"/proc/self/task/{number}/status").read_text()
    return "TracerPid:\t0\n" not in status


@pytest.mark.reliability("Faults", "{code} {what}", RESUMES)
@pytest.mark.parametrize(
    ("thread", "calls", "code", "what"),
    [
        ("filer", "fsync", "EIO", "when a sidecar is synced"),
        ("filer", "rename,renameat2", "EIO", "when an original is filed"),
        ("filer", "fsync", "EDQUOT", "when a sidecar is synced"),
        ("ledger", "pwrite64,fdatasync,fsync", "EIO", "when the ledger is written"),
        ("worker", "read,pread64,readv,preadv", "EIO", "when a file is read"),
        ("worker", "renameat2", "ESTALE", "when a file is claimed"),
        ("intake", "getdents64", "EIO", "when the inbox is listed"),
        ("intake", "openat", "ESTALE", "when a file is looked at"),
    ],
)
def test_a_broken_disk(thread: str, calls: str, code: str, what: str, tmp_path: Path) -> None:
    """One system call fails for a while, as strace makes it."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("before.bin", b"before")
        daemon.wait_for(State.DONE)
        with injected(thread, calls, code):
            daemon.drop("during.bin", b"during")
            daemon.service._inboxes.rescan()
            if calls != "openat":  # a file that cannot be opened is one that waits
                wait_for_pause(daemon)
            if thread != "intake":  # what is not listed or opened may have been hinted at before
                assert not (daemon.done / "during.bin").exists()
        wait_until(lambda: len(daemon.log.of(Event.JOB_DONE)) == 2, "the second file", 60)
        assert blamed(daemon) == []


@pytest.mark.reliability(
    "Faults", "the disk of done/ of one inbox is full, beside another inbox", "only that one pauses"
)
def test_the_disk_of_one_inbox_holds_up_no_other(tmp_path: Path, mount: Mount) -> None:
    """While one waits for room, the other is delivered; the log names the one that waits."""
    disk = mount("small")
    daemon = Daemon(tmp_path, inbox=f"done: {disk}/done")
    (tmp_path / "other" / "inbox").mkdir(parents=True)
    text = daemon.config_path.read_text()
    other = '  other: {path: other/inbox, settle: 50ms, accept: ["*/*"], read: none}\n'
    daemon.config_path.write_text(text.replace("inboxes:\n", f"inboxes:\n{other}"))
    with daemon:
        filler = fill(disk)
        daemon.drop("held.bin", b"held")
        wait_for_pause(daemon)
        assert {pause.get("inbox") for pause in daemon.log.of(Event.ENVIRONMENT_PAUSED)} == {"box"}
        for number in range(20):
            (tmp_path / "other" / "inbox" / f"{number}.bin").write_bytes(b"%d" % number)
        wait_until(lambda: len(daemon.log.of(Event.JOB_DONE)) == 20, "the other inbox")
        health = daemon.service.health()
        assert not health.ready
        assert health.alive
        assert any(reason.startswith("inbox box: paused") for reason in health.reasons)
        filler.unlink()
        wait_until(lambda: len(daemon.log.of(Event.JOB_DONE)) == 21, "the one that waited")
        wait_until(lambda: daemon.service.health().ready, "health")
