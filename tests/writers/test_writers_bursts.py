"""Very many files at once: in CI 1,000, in the long run 50,000."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.reliability import LONG_RUN
from tests.reliability.report import Outcome
from tests.waiting import wait_until
from tests.writers.arrivals import Arrivals
from tests.writers.conftest import Arrive

pytestmark = pytest.mark.system
COUNT = 50_000 if LONG_RUN else 1_000
_LONGEST = 900.0
_BURST = "settle: 200ms"
_TREE = "recursive: true\n    settle: 200ms"


def _burst(folder: Path, *, folders: int = 1) -> None:
    """Write COUNT different files as fast as can be."""
    target = os.fsencode(folder)
    for number in range(folders):
        os.makedirs(os.path.join(target, b"%d" % number) if folders > 1 else target, exist_ok=True)
    for number in range(COUNT):
        name = b"%d/%d.bin" % (number % folders, number) if folders > 1 else b"%d.bin" % number
        descriptor = os.open(os.path.join(target, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, b"file number %d\n" % number)
        os.close(descriptor)


def _check(arrivals: Arrivals, outcome: Outcome) -> None:
    arrivals.expect(*(b"file number %d\n" % number for number in range(COUNT)))
    arrivals.check(_LONGEST)
    outcome(f"{COUNT:,} of {COUNT:,}")


@pytest.mark.reliability("Real writers", "50,000 files in one burst", "each taken, once")
def test_a_burst(arrive: Arrive, outcome: Outcome) -> None:
    """Faster than the daemon can take them."""
    arrivals = arrive(_BURST, deliver=False)
    _burst(arrivals.inbox)
    _check(arrivals, outcome)


@pytest.mark.reliability(
    "Real writers", "50,000 files in a tree of 500 folders", "each taken, once"
)
def test_a_burst_into_a_tree(arrive: Arrive, outcome: Outcome) -> None:
    """Folders appear while files are written into them."""
    arrivals = arrive(_TREE, deliver=False)
    _burst(arrivals.inbox, folders=COUNT // 100)
    _check(arrivals, outcome)


@pytest.mark.reliability("Real writers", "50,000 files in a tree by cp -r", "each taken, once")
def test_a_burst_by_cp(arrive: Arrive, outcome: Outcome, tmp_path: Path) -> None:
    """A folder is filled by another process the moment it is made."""
    _burst(tmp_path / "tree", folders=COUNT // 100)
    arrivals = arrive(_TREE, deliver=False)
    subprocess.run(["cp", "-r", tmp_path / "tree", arrivals.inbox], check=True)
    _check(arrivals, outcome)


@pytest.mark.reliability("Real writers", "50,000 files in a tree by mv", "each taken, once")
def test_a_burst_by_mv(arrive: Arrive, outcome: Outcome, tmp_path: Path) -> None:
    """One event for all of them."""
    _burst(tmp_path / "tree", folders=COUNT // 100)
    arrivals = arrive(_TREE, deliver=False)
    (tmp_path / "tree").rename(arrivals.inbox / "tree")
    _check(arrivals, outcome)


@pytest.mark.parametrize("where", ["one folder", "a tree of 500 folders"])
@pytest.mark.reliability(
    "Real writers",
    "50,000 files in {where} while it is stopped by SIGSTOP",
    "each taken, once",
)
def test_a_burst_while_the_daemon_is_stopped(where: str, arrive: Arrive, outcome: Outcome) -> None:
    """The kernel's queue overflows, and nobody is there to hear of it."""
    folders = 1 if where == "one folder" else COUNT // 100
    arrivals = arrive(_TREE if folders > 1 else _BURST, deliver=False)
    os.kill(arrivals.pid, signal.SIGSTOP)
    _burst(arrivals.inbox, folders=folders)
    os.kill(arrivals.pid, signal.SIGCONT)
    if LONG_RUN and folders == 1:  # of a tree it has one event for each folder
        wait_until(lambda: arrivals.logged("inbox.overflow"), "the overflow to be told")
    _check(arrivals, outcome)
