"""A ledger that an older inboxd wrote is brought up to date with all that it holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.files import Identity
from daemon.jobs.changes import ResumeKept
from daemon.jobs.model import DeliveryState, State
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.jobs.statements import migrations
from tests.jobs.examples import DOWN

JOB = "0190f0aa-1111-7000-8000-00000000abcd"
FIRST_RELEASE = f"""
INSERT INTO jobs (id, inbox, path, name, state, device, inode, size, modified_ns, received,
                  claimed, ready_at, sha256, preparation, timings, updated)
VALUES ('{JOB}', 'box', x'722e6a7067', 'r.jpg', 'parked', 1, 7, 100, 5, 1000.0, 1, 2000.0, 'abab',
        '{{"sha256":"abab","media_type":"image/jpeg","size":100,"checks":[],"refusal":null}}',
        '{{"settle":0.5}}', 1500.0);
INSERT INTO deliveries (job, destination, state, attempts, runs, first_attempt_at, next_at, fault)
VALUES ('{JOB}', 'a', 'pending', 5, 1, 1200.0, 2000.0,
        '["connection_refused","nobody listens","transient"]');
INSERT INTO deliveries (job, destination, state, attempts, bytes, http_status, location,
                        delivered_at, response)
VALUES ('{JOB}', 'b', 'delivered', 1, 100, 201, 'https://example.com/1', 1300.0, '{{"id":1}}');
INSERT INTO history (job, at, event, detail) VALUES ('{JOB}', 1000.0, 'queued', '');
INSERT INTO heartbeat (only, at) VALUES (1, 1500.0);
"""
"""Rows as the first release wrote them."""


@pytest.fixture
def old_ledger(tmp_path: Path) -> Path:
    """A ledger of the first release with a parked job in it."""
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"{migrations()[0]}\nPRAGMA user_version = 1;\n{FIRST_RELEASE}")
    connection.close()
    return path


def test_jobs_of_the_first_release_go_on(old_ledger: Path) -> None:
    """Every fact is there after the migration, and what is new works on old rows."""
    store = SqliteJobStore(old_ledger, SystemClock())
    try:
        job = store.get(JOB)
        assert job is not None
        assert (job.state, job.path, job.ready_at) == (State.PARKED, b"r.jpg", 2000.0)
        assert job.identity == Identity(1, 7, 100, 5)
        assert job.preparation is not None
        assert job.preparation.sha256 == "abab"
        pending, delivered = job.deliveries
        assert (pending.destination, pending.attempts, pending.fault) == ("a", 5, DOWN)
        assert (delivered.state, delivered.response) == (DeliveryState.DELIVERED, {"id": 1})
        assert [entry.event for entry in store.history(JOB)] == ["queued"]
        assert store.resume(JOB, "a") == {}
        store.write([ResumeKept(JOB, "a", {"offset": 7})])
        assert store.resume(JOB, "a") == {"offset": 7}
        assert store.pace("a") == {}
        assert [ready.id for ready in store.take("box", 1)] == [JOB]
    finally:
        store.close()


def test_a_migrated_ledger_is_like_a_new_one(old_ledger: Path, tmp_path: Path) -> None:
    """Tables, indexes and version are the same, whichever way they came about."""
    SqliteJobStore(old_ledger, SystemClock()).close()
    SqliteJobStore(tmp_path / "new.sqlite3", SystemClock()).close()
    assert _shape(old_ledger) == _shape(tmp_path / "new.sqlite3")


def _shape(path: Path) -> object:
    connection = sqlite3.connect(path)
    try:
        return (
            connection.execute("PRAGMA user_version").fetchall(),
            connection.execute(
                "SELECT type, name, sql FROM sqlite_master ORDER BY name"
            ).fetchall(),
            connection.execute("PRAGMA integrity_check").fetchall(),
            connection.execute("PRAGMA foreign_key_check").fetchall(),
        )
    finally:
        connection.close()


def test_a_migration_that_is_cut_off_leaves_the_old_ledger(old_ledger: Path) -> None:
    """Each step is one transaction, so a crash within it is as if it had not begun."""
    connection = sqlite3.connect(old_ledger, isolation_level=None)
    before = _shape(old_ledger)
    connection.executescript(f"BEGIN IMMEDIATE;\n{migrations()[1]}\nPRAGMA user_version = 2;")
    connection.close()
    assert _shape(old_ledger) == before
    SqliteJobStore(old_ledger, SystemClock()).close()
