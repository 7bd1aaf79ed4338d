"""A file that comes while the ledger is being asked is taken at once, not at the next scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.config.load import load
from daemon.jobs.changes import Change
from daemon.jobs.model import State
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.observing.events import Event
from daemon.pipeline.coordinator import Coordinator
from daemon.pipeline.preparing import Preparing
from daemon.service import Service
from tests.running import QUICK, Daemon
from tests.waiting import eventually, wait_until


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


def test_a_file_that_comes_while_once_looks_whether_all_is_done_is_taken_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was noticed before the end, so it is not left behind."""
    rest = "destinations:\n  disk: {type: folder, path: archive}\n"
    (tmp_path / "archive").mkdir()
    daemon = Daemon(tmp_path, inbox="deliver: [disk]", rest=rest)
    idle = Coordinator.idle
    prepare = Preparing.run
    dropped: list[Path] = []

    def and_then_one_comes(coordinator: Coordinator, timeout: float = 5.0) -> bool:
        answer = idle(coordinator, timeout)
        if answer and not dropped:
            dropped.append(daemon.drop("late.bin", b"late"))
            wait_until(lambda: daemon.log.of(Event.JOB_QUEUED), "the file to be noticed")
            assert service._inboxes.wait_idle(20)
        return answer

    def prepare_slowly(*arguments: Any, **named: Any) -> Change:
        eventually(lambda: daemon.log.of(Event.DAEMON_STOPPING), 0.5)
        return prepare(*arguments, **named)

    monkeypatch.setattr(Coordinator, "idle", and_then_one_comes)
    monkeypatch.setattr(Preparing, "run", prepare_slowly)
    service = Service(load(daemon.config_path), daemon.log, limits=QUICK)
    assert service.once() == 0
    assert (daemon.done / "late.bin").read_bytes() == b"late"
