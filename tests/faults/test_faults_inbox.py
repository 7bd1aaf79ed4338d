"""Inboxes that go away, come back, cannot be watched, or lie on another machine's disk."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.jobs.model import State
from daemon.observing.events import Event
from tests.faults.conftest import Mount, remove
from tests.reliability.nursery import ROOT
from tests.running import QUICK, Daemon
from tests.waiting import wait_until
from tests.writers.arrivals import Arrivals
from tests.writers.conftest import Arrive, arrive, nursery
from tests.writers.servers import Ssh, sshd

__all__ = ["arrive", "nursery"]
pytestmark = pytest.mark.system
FINDS = "says so; nothing is taken for deleted; finds all when it is back"


def _missed(daemon: Daemon) -> None:
    wait_until(lambda: daemon.log.of(Event.INBOX_MISSING), "the inbox to be missed")
    assert daemon.log.of(Event.JOB_CANCELLED) == []
    assert not daemon.service.health().ready


def _back(daemon: Daemon, done: int) -> None:
    daemon.wait_for(State.DONE, done)
    wait_until(lambda: daemon.log.of(Event.INBOX_RESTORED), "the inbox to be found again")
    (daemon.inbox / "and one more.bin").write_bytes(b"one more")
    daemon.wait_for(State.DONE, done + 1)
    assert {job.state for job in daemon.jobs()} == {State.DONE}
    wait_until(lambda: daemon.service.health().ready, "it to be ready")


@pytest.mark.reliability("Faults", "the inbox is removed and made anew", FINDS)
def test_an_inbox_that_is_removed(tmp_path: Path) -> None:
    """A new folder of the same name is watched like the old one."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("before.bin", b"before")
        daemon.wait_for(State.DONE)
        remove(daemon.inbox)
        _missed(daemon)
        daemon.inbox.mkdir()
        daemon.drop("after.bin", b"after")
        _back(daemon, 2)


@pytest.mark.reliability("Faults", "the inbox is renamed away and another put in its place", FINDS)
def test_an_inbox_that_is_replaced(tmp_path: Path) -> None:
    """Between two looks of ours."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("before.bin", b"before")
        daemon.wait_for(State.DONE)
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "after.bin").write_bytes(b"after")
        daemon.inbox.rename(tmp_path / "old")
        (tmp_path / "new").rename(daemon.inbox)
        _back(daemon, 2)


@pytest.mark.reliability("Faults", "the inbox's disk is unmounted and mounted again", FINDS)
def test_an_inbox_that_is_unmounted(tmp_path: Path, mount: Mount) -> None:
    """Below the mount lies an empty folder, with another identity; nothing is written there."""
    disk = tmp_path / "disk"
    (tmp_path / "image").write_bytes(bytes(8_000_000))
    subprocess.run(["mkfs.ext4", "-q", tmp_path / "image"], check=True)
    disk.mkdir()
    there = ["mount", "-o", "loop", str(tmp_path / "image"), str(disk)]
    subprocess.run(there, check=True)
    try:
        (disk / "inbox").mkdir()
        daemon = Daemon(tmp_path, inbox=f"work: {disk}/work")
        daemon.inbox = disk / "inbox"
        text = daemon.config_path.read_text()
        daemon.config_path.write_text(text.replace("path: inbox", f"path: {disk}/inbox"))
        with daemon:
            (daemon.inbox / "before.bin").write_bytes(b"before")
            daemon.wait_for(State.DONE)
            (daemon.inbox / "waiting.part").write_bytes(b"after")
            subprocess.run(["umount", "-l", disk], check=True)
            _missed(daemon)
            subprocess.run(there, check=True)
            (daemon.inbox / "waiting.part").rename(daemon.inbox / "after.bin")
            _back(daemon, 2)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
    assert list(disk.iterdir()) == []


@pytest.mark.reliability("Faults", "an empty disk is mounted over the inbox, then unmounted", FINDS)
def test_an_inbox_that_is_mounted_over(tmp_path: Path, mount: Mount) -> None:
    """Files under the mount are not gone, only hidden; files on the mount are not claimed
    across disks but waited for with the reason said."""
    with Daemon(tmp_path) as daemon:
        daemon.drop("before.bin", b"before")
        daemon.wait_for(State.DONE)
        (daemon.inbox / "hidden.part").write_bytes(b"hidden")
        mount("inbox")
        wait_until(lambda: daemon.log.of(Event.INBOX_RESTORED), "the other folder to be noticed")
        assert {job.state for job in daemon.jobs()} == {State.DONE}
        subprocess.run(["umount", "-l", daemon.inbox], check=True)
        (daemon.inbox / "hidden.part").rename(daemon.inbox / "hidden.bin")
        daemon.wait_for(State.DONE, 2)
        assert {job.state for job in daemon.jobs()} == {State.DONE}


@pytest.mark.reliability(
    "Faults", "out of descriptors", "unreadable is not deleted; goes on by itself"
)
def test_out_of_descriptors(arrive: Arrive) -> None:
    """A hundred files come while not one more file can be opened."""
    arrivals = arrive()
    opened = len(os.listdir(f"/proc/{arrivals.pid}/fd"))
    before = resource.prlimit(arrivals.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(arrivals.pid, resource.RLIMIT_NOFILE, (opened, before[1]))
    for number in range(100):
        (arrivals.inbox / f"{number}.bin").write_bytes(b"file %d" % number)
        arrivals.expect(b"file %d" % number)
    wait_until(lambda: arrivals.logged("environment.paused"), "the pause")
    assert arrivals.logged("job.cancelled") == 0
    resource.prlimit(arrivals.pid, resource.RLIMIT_NOFILE, before)
    arrivals.check(60)


@pytest.mark.reliability("Faults", "inotify's queue overflows", "told; every file found by a scan")
def test_an_overflow(arrive: Arrive) -> None:
    """More events come than the kernel keeps, while nobody reads them."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    arrivals = arrive()
    os.kill(arrivals.pid, signal.SIGSTOP)
    for number in range(most + 10):
        os.close(os.open(arrivals.inbox / f".noise {number}", os.O_CREAT | os.O_WRONLY))
    for number in range(50):
        (arrivals.inbox / f"{number}.bin").write_bytes(b"file %d" % number)
        arrivals.expect(b"file %d" % number)
    os.kill(arrivals.pid, signal.SIGCONT)
    wait_until(lambda: arrivals.logged("inbox.overflow"), "the overflow to be told")
    for path in arrivals.inbox.glob(".noise*"):
        path.unlink()
    arrivals.check()


class Fenced:
    """Starts commands in a user namespace of their own, with so many inotify watches."""

    def __init__(self, watches: int) -> None:
        self._watches = watches
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def run(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Run a command to its end and return its exit code."""
        return self.wait(self.start(*arguments, log=log, crash=crash))

    def start(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Start a command and return its process; what it prints is added to `log`."""
        script = f'echo {self._watches} > /proc/sys/user/max_inotify_watches && exec "$@"'
        command = ["unshare", "-Ur", "sh", "-c", script, "sh", sys.executable, "-m", "daemon"]
        with log.open("ab") as target:
            process = subprocess.Popen(
                [*command, *arguments], cwd=ROOT, stdout=target, stderr=target
            )
        self._processes[process.pid] = process
        return process.pid

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; returns its exit code."""
        return self._processes.pop(pid).wait(60)


@pytest.mark.reliability(
    "Faults", "the limit of inotify watches is reached", "polls, and names the limit"
)
def test_too_few_watches(tmp_path: Path) -> None:
    """One watch is allowed, and a tree needs more."""
    inbox = "recursive: true\n    settle: 200ms"
    with Arrivals(tmp_path / "box", Fenced(2), inbox=inbox) as arrivals:
        for number in range(5):
            folder = arrivals.inbox / f"folder {number}"
            folder.mkdir()
            (folder / "a.bin").write_bytes(b"file %d" % number)
            arrivals.expect(b"file %d" % number)
        wait_until(lambda: arrivals.logged("inbox.polling"), "polling")
        assert "max_inotify_watches = 2" in arrivals.log()
        (arrivals.inbox / "folder 0" / "later.bin").write_bytes(b"later")
        arrivals.expect(b"later")
        arrivals.check()


@contextlib.contextmanager
def sshfs(server: Ssh, folder: Path, point: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Mount a folder by way of an ssh server, as a file system of another machine is."""
    options = [f"IdentityFile={server.key}", "StrictHostKeyChecking=no", "cache=no"]
    options += ["UserKnownHostsFile=/dev/null", f"port={server.port}"]
    chosen = [word for option in options for word in ("-o", option)]
    command = ["sshfs", "-f", f"root@127.0.0.1:{folder}", str(point), *chosen]
    with subprocess.Popen(command) as process:
        try:
            wait_until(lambda: os.path.ismount(point), "the mount")
            yield process
        finally:
            subprocess.run(["umount", "-l", point], check=False)
            process.kill()


def remote_daemon(tmp_path: Path, settle: str) -> Daemon:
    """A daemon on `mounted/inbox`, where the folder `remote` is to be mounted."""
    (tmp_path / "remote" / "inbox").mkdir(parents=True)
    (tmp_path / "mounted").mkdir()
    limits = replace(QUICK, poll_every=0.1)
    daemon = Daemon(tmp_path, inbox=f"settle: {settle}\ndone: {tmp_path}/done", limits=limits)
    daemon.inbox = tmp_path / "mounted" / "inbox"
    text = daemon.config_path.read_text()
    daemon.config_path.write_text(text.replace("path: inbox", f"path: {daemon.inbox}"))
    return daemon


@pytest.mark.reliability(
    "Faults",
    "a network mount: no events, no leases, times in whole seconds",
    "polls; taken whole, once",
)
def test_a_network_mount(tmp_path: Path) -> None:
    """Another machine writes in bursts, closes in between, and its times say nothing."""
    daemon = remote_daemon(tmp_path, "3s")
    with (
        sshd(tmp_path / "ssh") as server,
        sshfs(server, tmp_path / "remote", tmp_path / "mounted"),
        daemon,
    ):
        wait_until(lambda: daemon.log.of(Event.INBOX_POLLING), "polling")
        assert daemon.log.of(Event.INBOX_POLLING)[0]["reason"] == "fuse.sshfs sends no events"
        there = tmp_path / "remote" / "inbox" / "slow.bin"
        for number in range(10):
            with there.open("ab") as file:
                file.write(b"part %d" % number)
            os.utime(there, (1e9, 1e9))
            time.sleep(0.2)
        daemon.wait_for(State.DONE)
        content = b"".join(b"part %d" % number for number in range(10))
        assert (daemon.done / "slow.bin").read_bytes() == content


@pytest.mark.reliability("Faults", "a network mount that is lost and mounted again", FINDS)
def test_a_network_mount_that_is_lost(tmp_path: Path) -> None:
    """Every look at it fails meanwhile, which says nothing about the files."""
    daemon = remote_daemon(tmp_path, "50ms")
    with sshd(tmp_path / "ssh") as server:
        with sshfs(server, tmp_path / "remote", tmp_path / "mounted") as mounted:
            daemon.start()
            (daemon.inbox / "before.bin").write_bytes(b"before")
            daemon.wait_for(State.DONE)
            mounted.kill()
            _missed(daemon)
        (tmp_path / "remote" / "inbox" / "after.bin").write_bytes(b"after")
        with sshfs(server, tmp_path / "remote", tmp_path / "mounted"):
            _back(daemon, 2)
            assert daemon.stop() == 0
