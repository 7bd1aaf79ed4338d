"""Promises 1, 2, 4, 6 and 7 under kill -9."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.killing import KillRun, Outcome


def _assert_nothing_lost(outcome: Outcome) -> None:
    assert outcome.misplaced == []
    assert outcome.not_done == []
    assert outcome.bad_sidecars == []
    assert outcome.not_received == []
    assert outcome.several_keys == []
    assert outcome.left_over == []
    assert outcome.disagreements == ""


@pytest.mark.reliability(
    "Random kills",
    "6 kills, 24 files",
    "0 lost, 0 delivered under two keys, 0 half sidecars",
)
def test_a_few_kills_lose_nothing_and_send_nothing_under_two_keys(tmp_path: Path) -> None:
    """Killed at random moments, the daemon still brings every file to its end, once."""
    outcome = KillRun(tmp_path, files=24, kills=6, seed=5).run()
    _assert_nothing_lost(outcome)


@pytest.mark.system
def test_two_hundred_kills_lose_nothing_and_send_nothing_under_two_keys(tmp_path: Path) -> None:
    """The same with 300 files and 200 kills."""
    outcome = KillRun(tmp_path, files=300, kills=200, seed=20261120).run()
    assert outcome.kills == 200
    _assert_nothing_lost(outcome)
