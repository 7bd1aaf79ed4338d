"""How soon, how surely and how cheaply files are noticed.

Latency: from a writer's close to the claim (the rename into work/), in a daemon that files what it
claims all the while. Bursts: how many of so many files an intake hands over, and the processor time
that it takes for them.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import facts
from watchdog.observers.inotify_c import InotifyConstants, inotify_add_watch, inotify_init

from daemon.clock import SystemClock
from daemon.config.model import InboxConfig
from daemon.jobs.model import Sighting
from daemon.limits import DEFAULT
from daemon.watching.intake import Intake
from daemon.watching.names import Selection
from daemon.watching.native import NativeWatcher

P50_GATE = 0.002
P99_GATE = 0.020
"""Seconds from close to claim."""
CPU_GATE = 0.1
"""Seconds of processor time for 10,000 files noticed."""
_CONTENT = b"a small receipt\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="files for latency (2,000)")
    parser.add_argument("--burst", type=int, default=50_000, help="files of a burst (50,000)")
    parser.add_argument("--rate", type=float, default=50, help="files a second for latency (50)")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="the disk to measure")
    options = parser.parse_args()
    print("\n".join(facts()))
    missed = False
    with tempfile.TemporaryDirectory(prefix="inboxd-watching-", dir=options.folder) as name:
        folder = Path(name)
        missed |= not latency(folder / "latency", options.files, options.rate)
        missed |= not noticing(folder / "noticing", options.burst)
        for kind, write in BURSTS.items():
            place = folder / kind.replace(" ", "-")
            place.mkdir()
            missed |= not burst(kind, place, options.burst, write)
    return int(missed)


# -- latency ---------------------------------------------------------------------------------


def latency(folder: Path, count: int, rate: float) -> bool:
    """Print the delay between close and claim; tells whether it is within the gates."""
    inbox, work = folder / "inbox", folder / "work"
    inbox.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        f"state: {folder}/state\ninboxes:\n  box:\n    path: {inbox}\n"
        '    accept: ["*/*"]\n    read: none\n'
    )
    claims = _Claims(inbox)
    command = [sys.executable, "-m", "daemon", "run", "-c", str(folder / "config.yaml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        _wait(lambda: b"daemon.ready" in (folder / "log").read_bytes(), "the start")
        _wait(lambda: not list(inbox.iterdir()) and work.is_dir(), "the first probe")
        claims.start()
        for number in range(count):
            path = inbox / f"{number}.txt"
            path.write_bytes(_CONTENT + b"%d" % number)
            claims.closed[os.fsencode(path.name)] = time.monotonic()
            time.sleep(1 / rate)
        _wait(lambda: len(claims.taken) >= count, "all to be claimed")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    delays = sorted(claims.taken[name] - when for name, when in claims.closed.items())
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    well = p50 < P50_GATE and p99 < P99_GATE
    print(f"close to claim, {count} files at {rate:g} a second, each filed before the next:")
    print(f"  p50 {1000 * p50:.2f} ms, p99 {1000 * p99:.2f} ms, longest {1000 * delays[-1]:.1f} ms")
    print(f"  gates: p50 < 2 ms, p99 < 20 ms: {_met(well)}")
    return well


class _Claims(threading.Thread):
    """Notes when each name leaves the inbox, as inotify tells it to another reader."""

    def __init__(self, inbox: Path) -> None:
        super().__init__(daemon=True)
        self.closed: dict[bytes, float] = {}
        self.taken: dict[bytes, float] = {}
        self._inbox = inbox

    def run(self) -> None:
        """Read until the process ends."""
        descriptor = inotify_init()
        inotify_add_watch(descriptor, os.fsencode(self._inbox), InotifyConstants.IN_MOVED_FROM)
        while True:
            events = os.read(descriptor, 65536)
            now = time.monotonic()
            while events:
                length = int.from_bytes(events[12:16], sys.byteorder)
                self.taken[events[16 : 16 + length].rstrip(b"\0")] = now
                events = events[16 + length :]


# -- bursts ----------------------------------------------------------------------------------


@dataclass
class _Counter:
    """An `admit` that counts different paths, and knows when it was last called."""

    paths: set[bytes]
    last: float = math.inf

    def __call__(self, sightings: list[Sighting]) -> None:
        self.paths.update(sighting.path for sighting in sightings)
        self.last = time.monotonic()


def burst(kind: str, folder: Path, count: int, write: Callable[[Path, int], None]) -> bool:
    """Print how many files of a burst were noticed and what that took; tells whether all is well.

    The files are written by another process, and the intake is alone in this one.
    """
    inbox = folder / "inbox"
    inbox.mkdir()
    counter = _Counter(set())
    config = InboxConfig.model_validate({"path": inbox, "recursive": True, "settle": "200ms"})
    intake = Intake(
        "box",
        config,
        DEFAULT,
        SystemClock(),
        admit=counter,
        report=_tell,
    )
    intake.start()
    intake.wait_idle(20)
    began, cpu = time.monotonic(), time.process_time()
    writer = os.fork()
    if writer == 0:
        write(inbox, count)
        os._exit(0)
    stopped = kind.endswith("stopped")
    if stopped:
        # The intake's thread cannot be stopped alone: holding its lock has the same effect.
        with intake._changed:
            os.waitpid(writer, 0)
    else:
        os.waitpid(writer, 0)
    written = time.monotonic() - began
    _wait(lambda: len(counter.paths) >= count or time.monotonic() - counter.last > 5, "the end")
    taken = time.monotonic() - began
    used = time.process_time() - cpu
    intake.stop()
    each = used / count * 10_000
    well = len(counter.paths) == count
    print(f"{kind}: {len(counter.paths):,} of {count:,} handed over; gate: {_met(well)}")
    print(f"  written in {written:.1f} s, all handed over after {taken:.1f} s")
    print(f"  {each:.3f} s of processor time for 10,000 files, looked into and asked for a lease")
    return well


def noticing(folder: Path, count: int) -> bool:
    """Print what the watcher alone takes for a burst; tells whether it is within the gate."""
    folder.mkdir()
    seen: set[bytes | None] = set()
    watcher = NativeWatcher(
        os.fsencode(folder),
        lambda hint: seen.add(hint.path) if hint.closed else None,
        recursive=False,
        skip=Selection(("*",), (".*", "*.tmp")).excludes,
        on_error=print,
    )
    watcher.start()
    cpu = time.process_time()
    writer = os.fork()
    if writer == 0:
        write_flat(folder, count)
        os._exit(0)
    os.waitpid(writer, 0)
    _wait(lambda: len(seen) >= count, "all to be noticed")
    each = (time.process_time() - cpu) / count * 10_000
    watcher.stop()
    well = each < CPU_GATE
    print(f"noticing alone: {each:.3f} s of processor time for 10,000 files; gate: {_met(well)}")
    return well


def _tell(event: str, /, **facts: object) -> None:
    """Say of an intake's events only what belongs to a burst."""
    del facts
    if event == "inbox.overflow":
        print("  the kernel's queue overflowed, and a scan was made")


def _met(well: bool) -> str:
    return "met" if well else "MISSED"


def write_flat(inbox: Path, count: int) -> None:
    """Write files as fast as can be."""
    target = os.fsencode(inbox)
    for number in range(count):
        _write(os.path.join(target, b"%d.txt" % number), number)


def write_tree(inbox: Path, count: int) -> None:
    """The same into folders of a hundred files each, made on the way."""
    for folder in range(count // 100):
        path = os.path.join(os.fsencode(inbox), b"%d" % folder)
        os.mkdir(path)
        for number in range(100):
            _write(os.path.join(path, b"%d.txt" % number), number)


def _write(path: bytes, number: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, _CONTENT + b"%d" % number)
    os.close(descriptor)


BURSTS: dict[str, Callable[[Path, int], None]] = {
    "flat": write_flat,
    "tree": write_tree,
    "flat while stopped": write_flat,
}


def _wait(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"waited too long for {what}")
        time.sleep(0.002)


if __name__ == "__main__":
    sys.exit(main())
