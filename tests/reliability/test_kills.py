"""Promises 1, 2, 4, 6 and 7 under kill -9."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability import LONG_RUN
from tests.reliability.killing import KillRun
from tests.reliability.nursery import Nursery, Programs
from tests.reliability.report import Outcome
from tests.reliability.world import install_engine

HELD = "0 lost, 0 delivered under two keys, 0 half sidecars"


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A folder from which daemons import the stand-in engine."""
    folder = tmp_path / "engine"
    folder.mkdir()
    install_engine(folder)
    return folder


@pytest.mark.reliability("Random kills", "a fresh process, 9 files", HELD)
def test_a_few_kills_lose_nothing_and_send_nothing_under_two_keys(
    tmp_path: Path, engine: Path, outcome: Outcome
) -> None:
    """Killed at random moments, the daemon still brings every file to its end, once."""
    run = KillRun(tmp_path / "world", Programs(engine), files=9, kills=4, seed=5, longest=2.0)
    found = run.run()
    assert found.faults == []
    outcome(f"{found.kills} kills, {found.requests} requests, {HELD}")


@pytest.mark.system
@pytest.mark.reliability("Random kills", "2,000 in the long run, 100 in CI, a mixed load", HELD)
def test_many_kills_lose_nothing_and_send_nothing_under_two_keys(
    tmp_path: Path, engine: Path, outcome: Outcome
) -> None:
    """`INBOXD_LONG_RUN=1 pytest -m system -k many_kills` makes it two thousand."""
    kills = 2000 if LONG_RUN else 100
    with Nursery(engine) as nursery:
        world = tmp_path / "world"
        run = KillRun(world, nursery, files=3 * kills // 2, kills=kills, seed=20261120, longest=0.8)
        found = run.run()
    assert found.faults == []
    assert found.kills == kills
    outcome(f"{kills:,} kills, {found.files:,} files, {found.requests:,} requests: {HELD}")
