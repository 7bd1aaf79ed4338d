"""The daemon is killed inside of SQLite: at each write of its log, and of a checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability import LONG_RUN
from tests.reliability.nursery import ROOT, Programs
from tests.reliability.report import Outcome
from tests.reliability.world import Fate, World, install_engine

pytestmark = pytest.mark.system

STEP, MOST = (1, 30) if LONG_RUN else (5, 16)
"""Every STEPth write is killed at, up to number MOST."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A daemon without a ledger yet, and a file for it."""
    engine = tmp_path / "engine"
    engine.mkdir()
    install_engine(engine)
    with World(tmp_path / "world", Programs(engine), inbox="deliver: [sure]") as world:
        yield world


def _once_killed_at(world: World, call: str, path: Path, number: int) -> bool:
    """Run `once` until it makes a system call on a file for the Nth time; tells whether it did."""
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(path), "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:signal=SIGKILL:when={number}"]
    command += [sys.executable, "-m", "daemon", "once", "-c", str(world.config)]
    with world.log.open("ab") as log:
        environment = {**os.environ, "PYTHONPATH": f"{world.folder.parent / 'engine'}:{ROOT}"}
        ended = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)
    assert ended.returncode in (0, -signal.SIGKILL), world.log.read_text("utf-8")[-2000:]
    return ended.returncode != 0


@pytest.mark.reliability(
    "Crash points",
    "{what}: killed inside of SQLite at {call}",
    "SQLite's: a commit is there as a whole or not at all",
)
@pytest.mark.parametrize(
    ("what", "name", "call"),
    [
        ("write-ahead log", "ledger.sqlite3-wal", "pwrite64"),
        ("checkpoint", "ledger.sqlite3", "pwrite64"),
        ("checkpoint", "ledger.sqlite3", "fdatasync"),
    ],
)
def test_a_kill_inside_of_the_ledger_leaves_it_whole(
    world: World, what: str, name: str, call: str, outcome: Outcome
) -> None:
    """A checkpoint is made when the daemon ends, and another when the next one does."""
    kills = 0
    for number in range(1, MOST, STEP):
        world.drop(Fate(f"{number}.bin", b"%d" % number))
        if not _once_killed_at(world, call, world.folder / "state" / name, number):
            break
        kills += 1
        assert world.faults_now() == []
    assert kills
    assert world.once() == 0
    assert world.faults_at_the_end() == []
    outcome(f"held after {kills} kills")
