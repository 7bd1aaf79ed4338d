"""Faults of the process itself: a second one, a clock that is set, a stop, no memory."""

from __future__ import annotations

import calendar
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.jobs.model import State
from daemon.observing.events import Event
from tests.faults.conftest import Mount, fill
from tests.receiver import thinking
from tests.reliability import LONG_RUN
from tests.reliability.nursery import Programs
from tests.reliability.report import Outcome
from tests.running import QUICK, Daemon
from tests.validation import samples
from tests.waiting import wait_until
from tests.writers.arrivals import Arrivals
from tests.writers.conftest import Arrive, arrive, nursery

__all__ = ["arrive", "nursery"]
pytestmark = pytest.mark.system
YEAR = 365 * 86_400.0
_ALREADY_RUNNING = 3


@pytest.mark.reliability("Faults", "two daemons on one state folder", "the second ends with 3")
def test_two_daemons(tmp_path: Path, arrive: Arrive) -> None:
    """The first goes on undisturbed."""
    arrivals = arrive()
    (arrivals.inbox / "a.bin").write_bytes(b"one")
    arrivals.expect(b"one", b"two")
    second = Programs(tmp_path)
    code = second.run("run", "-c", str(arrivals.config), log=tmp_path / "second")
    assert code == _ALREADY_RUNNING, (tmp_path / "second").read_text()
    (arrivals.inbox / "b.bin").write_bytes(b"two")
    arrivals.check()


@pytest.mark.reliability(
    "Faults", "the disk of the log is full", "files go on; the log goes on when it can"
)
def test_a_full_log(tmp_path: Path, mount: Mount, nursery: Programs) -> None:
    """What cannot be told is not told; that is no reason to stop."""
    log = mount("logs") / "log"
    for name in ("inbox", "done"):
        (tmp_path / name).mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(
        "state: state\ninboxes:\n  box: {path: inbox, done: done, accept: ['*/*'], read: none}\n"
    )
    pid = nursery.start("run", "-c", str(config), log=log)
    try:
        wait_until(lambda: log.exists() and b"daemon.ready" in log.read_bytes(), "the start")
        filler = fill(log.parent)
        for number in range(100):
            (tmp_path / "inbox" / f"{number}.bin").write_bytes(b"%d" % number)
        wait_until(lambda: len(os.listdir(tmp_path / "done")) == 200, "all to be done")
        filler.unlink()
        (tmp_path / "inbox" / "after.bin").write_bytes(b"after")
        wait_until(lambda: b'"after.bin"' in log.read_bytes(), "the log to go on")
    finally:
        os.kill(pid, signal.SIGTERM)
        assert nursery.wait(pid) == 0


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose content sets the wall clock of daemons that start from here on."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    file = tmp_path / "clock"
    file.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return file


def _set(clock: Path, seconds: float) -> None:
    """Set the wall clock so far ahead; it is read all the time, so never half of it is there."""
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{seconds:+.0f}")
    fresh.rename(clock)


@pytest.mark.parametrize("way", ["ahead", "back", "ahead and back", "back and ahead"])
@pytest.mark.reliability(
    "Faults", "the clock is set by one year while files come: {way}", "taken whole, once"
)
def test_a_clock_that_is_set(way: str, tmp_path: Path, clock: Path) -> None:
    """Settling, retries and leases of time go by a clock that nobody sets."""
    steps = {
        "ahead": [YEAR],
        "back": [-YEAR],
        "ahead and back": [YEAR, 0],
        "back and ahead": [-YEAR, 0],
    }
    arrivals = Arrivals(tmp_path / "box", Programs(tmp_path))
    arrivals.receiver.script(*([thinking(0.2)] * 2))
    with arrivals:
        for number, step in enumerate([0.0, *steps[way]]):
            for each in range(5):
                (arrivals.inbox / f"{number} {each}.bin").write_bytes(b"%d %d" % (number, each))
                arrivals.expect(b"%d %d" % (number, each))
            _set(clock, step)
            for each in range(5, 10):
                (arrivals.inbox / f"{number} {each}.bin").write_bytes(b"%d %d" % (number, each))
                arrivals.expect(b"%d %d" % (number, each))
        arrivals.check()


@pytest.mark.parametrize(
    ("change", "zone"),
    [("2026-10-25 00:59:58", "Europe/Berlin"), ("2026-03-29 00:59:58", "Europe/Berlin")],
)
@pytest.mark.reliability(
    "Faults", "clocks are changed in {zone}, {change} UTC", "times are UTC, in order"
)
def test_summer_time(
    change: str, zone: str, tmp_path: Path, clock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour that comes twice or never changes nothing."""
    monkeypatch.setenv("TZ", zone)
    began = calendar.timegm(time.strptime(change, "%Y-%m-%d %H:%M:%S"))
    _set(clock, began - time.time())
    with Arrivals(tmp_path / "box", Programs(tmp_path)) as arrivals:
        for number in range(8):
            (arrivals.inbox / f"{number}.bin").write_bytes(b"%d" % number)
            arrivals.expect(b"%d" % number)
            time.sleep(0.5)
        arrivals.check()
    times = [
        json.loads(path.read_bytes())["file"]["received"]
        for path in sorted((arrivals.folder / "done").glob("*.json"))
    ]
    assert times == sorted(times)
    assert all(moment.startswith(change[:10]) and moment.endswith("Z") for moment in times)


@pytest.mark.reliability(
    "Faults", "SIGSTOP for ten minutes (3 s in CI) in the middle of uploads", "all delivered, once"
)
def test_a_daemon_that_is_stopped(arrive: Arrive) -> None:
    """What was under way goes on or is sent again under its key; what came meanwhile is found."""
    arrivals = arrive()
    arrivals.receiver.script(*([thinking(1.0)] * 4))
    for number in range(4):
        (arrivals.inbox / f"{number}.bin").write_bytes(b"before %d" % number)
        arrivals.expect(b"before %d" % number)
    wait_until(lambda: arrivals.logged("delivery.started") == 4, "uploads to be under way")
    os.kill(arrivals.pid, signal.SIGSTOP)
    for number in range(4):
        (arrivals.inbox / f"{number} during.bin").write_bytes(b"during %d" % number)
        arrivals.expect(b"during %d" % number)
    time.sleep(600 if LONG_RUN else 3)
    os.kill(arrivals.pid, signal.SIGCONT)
    arrivals.check(60)


@pytest.mark.reliability(
    "Faults", "a storm of SIGHUP and SIGUSR1 while files come", "all delivered, once"
)
def test_a_storm_of_signals(arrive: Arrive) -> None:
    """Reloads and looks at the ledger, asked for faster than they are done."""
    arrivals = arrive()
    for number in range(60):
        (arrivals.inbox / f"{number}.bin").write_bytes(b"file %d" % number)
        arrivals.expect(b"file %d" % number)
        for _ in range(5):
            os.kill(arrivals.pid, signal.SIGHUP)
            os.kill(arrivals.pid, signal.SIGUSR1)
            time.sleep(0.002)
    wait_until(lambda: arrivals.logged("daemon.reloaded"), "the first reload")
    reloads = arrivals.logged("daemon.reloaded")
    os.kill(arrivals.pid, signal.SIGHUP)
    wait_until(lambda: arrivals.logged("daemon.reloaded") > reloads, "another reload")
    arrivals.check(60)


@pytest.mark.reliability(
    "Faults", "a child is killed as when memory runs out", "its file is tried again"
)
def test_a_child_that_is_killed(tmp_path: Path, outcome: Outcome) -> None:
    """The kernel chooses a victim; it says nothing about the file in its hands."""
    limits = replace(QUICK, prove_timeout=5.0)
    others = _children()
    with Daemon(tmp_path, inbox='accept: ["image/*"]', limits=limits) as daemon:
        daemon.drop("slow.jpg", samples.endless_scans_jpeg(450, (5000, 5000)))
        wait_until(lambda: daemon.log.of(Event.JOB_CLAIMED), "it to be taken")
        wait_until(lambda: _busy(_children() - others), "a child to work on it")
        for pid in _busy(_children() - others):
            os.kill(pid, signal.SIGKILL)
        for number in range(3):
            daemon.drop(f"{number}.png", samples.png_of(8, 8 + number))
        daemon.wait_for(State.DONE, 3)
        wait_until(lambda: not daemon.jobs(State.RUNNING), "the slow one to end", 60)
        (ended,) = (job for job in daemon.jobs() if job.name == "slow.jpg")
        assert ended.ending is not None
        outcome(f"it ended {ended.state}")
        assert ended.state is State.DONE or ended.ending.fault is not None


def _children() -> set[int]:
    """The children of this process, of whichever thread."""
    pids: set[int] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with contextlib.suppress(OSError):
            pids |= {int(pid) for pid in (task / "children").read_text().split()}
    return pids


def _busy(pids: set[int]) -> list[int]:
    """Those that have computed for so long that they are at work on a file."""
    return [pid for pid in pids if _seconds_of(pid) > 0.7]


def _seconds_of(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@pytest.fixture
def cell() -> Iterator[Path]:
    """A control group of its own for memory, of version 1 or 2."""
    parent = Path("/sys/fs/cgroup/memory")
    if not parent.is_dir():
        parent = Path("/sys/fs/cgroup")
        with contextlib.suppress(OSError):
            (parent / "cgroup.subtree_control").write_text("+memory")
    folder = parent / f"inboxd-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    wait_until(lambda: not (folder / "cgroup.procs").read_text(), "the group to be empty")
    folder.rmdir()


def _limit(cell: Path, pid: int) -> None:
    """Let a process have less memory than it has."""
    (cell / "cgroup.procs").write_text(str(pid))
    name = "memory.max" if (cell / "memory.max").exists() else "memory.limit_in_bytes"
    (cell / name).write_text(str(2 << 20))


@pytest.mark.reliability("Faults", "the kernel kills the daemon for want of memory", "as kill -9")
def test_a_daemon_without_memory(arrive: Arrive, nursery: Programs, cell: Path) -> None:
    """A control group allows it two megabytes; the next start goes on."""
    arrivals = arrive()
    _limit(cell, arrivals.pid)
    for number in range(50):
        content = os.urandom(500_000)
        (arrivals.inbox / f"{number}.bin").write_bytes(content)
        arrivals.expect(content)
    wait_until(lambda: _is_over(arrivals.pid), "the daemon to be killed")
    assert nursery.wait(arrivals.pid) == -signal.SIGKILL
    arrivals.start()
    arrivals.check(60)


def _is_over(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
