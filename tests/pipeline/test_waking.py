"""A file that comes while the ledger is being asked is taken at once, not at the next scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.jobs.model import State
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.observing.events import Event
from tests.running import QUICK, Daemon
from tests.waiting import wait_until


def test_a_file_that_is_queued_while_jobs_are_taken_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the word of its inbox tells of it: the next scan is an hour away."""
    limits = replace(QUICK, rescan_every=3600.0)
    daemon = Daemon(tmp_path, limits=limits)
    next_ready_at = SqliteJobStore.next_ready_at

    def and_then_another_comes(store: SqliteJobStore) -> float | None:
        known = next_ready_at(store)
        if len(daemon.log.of(Event.JOB_QUEUED)) == 1:
            daemon.drop("second.bin", b"second")
            wait_until(lambda: len(daemon.log.of(Event.JOB_QUEUED)) == 2, "the second")
            assert daemon.service._inboxes.wait_idle(20)
        return known

    monkeypatch.setattr(SqliteJobStore, "next_ready_at", and_then_another_comes)
    with daemon:
        daemon.drop("first.bin", b"first")
        daemon.wait_for(State.DONE, 2)
