"""Health is judged from proof."""

from __future__ import annotations

from dataclasses import replace

from daemon.observing.health import Proof, assess

NOW = 1000.0
WELL = Proof(started=0.0, seen={"box": NOW - 5}, ledger_written=NOW - 5, steps_moved=NOW - 1)


def _assess(proof: Proof, now: float = NOW) -> tuple[bool, bool, bool]:
    health = assess(proof, now, within=40.0, grace=40.0)
    return health.alive, health.healthy, health.ready


def test_all_proofs_fresh_is_healthy() -> None:
    """The canary was seen, the ledger written, the pipeline answers."""
    assert _assess(WELL) == (True, True, True)


def test_a_blind_watcher_is_not_alive() -> None:
    """It may look healthy from outside; only a restart helps."""
    assert _assess(replace(WELL, seen={"box": NOW - 60})) == (False, False, False)


def test_a_stuck_pipeline_is_not_alive() -> None:
    """Whatever the threads do, nothing moves."""
    assert _assess(replace(WELL, steps_moved=NOW - 60)) == (False, False, False)


def test_a_full_disk_is_unhealthy_but_a_restart_would_not_help() -> None:
    """systemd must not restart what waits for room."""
    paused = replace(WELL, ledger_written=NOW - 60, paused="the disk is full")
    assert _assess(paused) == (True, False, False)


def test_a_missing_inbox_is_not_ready_but_alive() -> None:
    """A mount may be late."""
    missing = replace(WELL, seen={"box": "no such folder"}, missing=("box",))
    assert _assess(missing) == (True, True, False)


def test_the_first_moments_are_forgiven() -> None:
    """There is no proof yet right after the start."""
    young = Proof(started=NOW - 1, seen={"box": None}, ledger_written=None, steps_moved=NOW)
    assert _assess(young) == (True, True, True)
    assert _assess(replace(young, steps_moved=NOW + 50), NOW + 50) == (False, False, False)


def test_the_reasons_are_sentences() -> None:
    """/healthz and status show them."""
    health = assess(replace(WELL, seen={"box": NOW - 60}), NOW, within=40.0, grace=40.0)
    assert health.reasons == ("inbox box: no probe file was seen within 40 s",)
