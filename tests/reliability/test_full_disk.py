"""Our own disk is full: the intake pauses, says so, and goes on by itself; no file is blamed."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.errors import LedgerError
from daemon.jobs.model import State
from daemon.observing.events import Event
from tests.running import QUICK, Daemon
from tests.waiting import wait_until

pytestmark = pytest.mark.system
FILES = 40  # the log of the ledger, a commit for each step of each, is smaller than the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path) -> Path:
    """Leave not a byte."""
    filler = folder / ".filler"
    with filler.open("wb", buffering=0) as stream:
        while True:
            try:
                stream.write(bytes(4096))
            except OSError:
                return filler


@pytest.mark.reliability(
    "Faults", "a disk of 4 MB fills up under done/", "pauses, blames no file, goes on by itself"
)
def test_a_full_disk_under_done_pauses_and_resumes(tmp_path: Path, small_disk: Path) -> None:
    """Nothing leaves work/ while its sidecar cannot be written."""
    with Daemon(tmp_path, inbox=f"done: {small_disk}/done") as daemon:
        daemon.drop("before.bin", b"before")
        daemon.wait_for(State.DONE)
        filler = _fill(small_disk)
        daemon.drop("during.bin", b"during")
        wait_until(lambda: daemon.log.of(Event.ENVIRONMENT_PAUSED), "the pause")
        assert daemon.jobs(State.REJECTED) == daemon.jobs(State.FAILED) == []
        filler.unlink()
        daemon.wait_for(State.DONE, 2)
        assert daemon.log.of(Event.ENVIRONMENT_RESUMED)
        assert (small_disk / "done" / "during.bin").read_bytes() == b"during"


@pytest.mark.reliability(
    "Faults",
    "a disk of 4 MB fills up under the ledger",
    "pauses, blames no file, goes on by itself",
)
def test_a_full_disk_under_the_ledger_pauses_and_resumes(tmp_path: Path, small_disk: Path) -> None:
    """Files wait in the inbox, untouched, until the ledger can be written again."""
    daemon = Daemon(tmp_path)
    text = daemon.config_path.read_text()
    daemon.config_path.write_text(text.replace("state: state", f"state: {small_disk}/state"))
    with daemon:
        filler = _fill(small_disk)
        for number in range(FILES):
            daemon.drop(f"{number}.bin", b"%d" % number)
        wait_until(lambda: daemon.log.of(Event.ENVIRONMENT_PAUSED), "the pause")
        filler.unlink()
        wait_until(lambda: len(os.listdir(daemon.done)) == 2 * FILES, "all files to be done", 60)
        assert daemon.lying_there() == []


@pytest.mark.reliability(
    "Faults",
    "a disk of 4 MB fills up under the ledger, at a stop",
    "stops in time; the next start loses nothing",
)
def test_a_daemon_whose_ledger_cannot_be_written_still_stops_when_told(
    tmp_path: Path, small_disk: Path
) -> None:
    """What could not be written is done again by the next start; nothing is lost."""
    limits = replace(QUICK, drain_timeout=0.5)
    daemon = Daemon(tmp_path, limits=limits)
    text = daemon.config_path.read_text()
    daemon.config_path.write_text(text.replace("state: state", f"state: {small_disk}/state"))
    daemon.start()
    filler = _fill(small_disk)
    for number in range(FILES):
        daemon.drop(f"{number}.bin", b"%d" % number)
    wait_until(lambda: daemon.log.of(Event.ENVIRONMENT_PAUSED), "the pause")
    with contextlib.suppress(LedgerError):
        daemon.stop()
    filler.unlink()
    with daemon:
        wait_until(lambda: len(os.listdir(daemon.done)) == 2 * FILES, "all files to be done", 60)
