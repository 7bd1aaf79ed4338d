"""What a destination keeps about a delivery that was cut is there when the delivery goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.pipeline.resuming import LedgerResume
from tests.jobs.examples import prepared, sighting


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def test_memory_outlives_the_process(ledger: Path) -> None:
    """What `keep` has returned from is found by another process, by its destination alone."""
    store = SqliteJobStore(ledger, SystemClock())
    store.admit([sighting()], keep=False)
    (job,) = store.take("box", 1)
    store.write([prepared(job.id, destinations=("a", "b"))])
    LedgerResume(store, job.id, "a", "ab").keep({"offset": 8, "url": "https://example.com/ü"})
    other = SqliteJobStore(ledger, SystemClock())
    try:
        kept = LedgerResume(other, job.id, "a", "ab").load()
        assert kept == {"offset": 8, "url": "https://example.com/ü"}
        assert LedgerResume(other, job.id, "b", "ab").load() == {}
    finally:
        other.close()
        store.close()


def test_memory_is_of_one_content(ledger: Path) -> None:
    """A file that a person mended before `retry` does not go on in the middle of the old one."""
    store = SqliteJobStore(ledger, SystemClock())
    try:
        store.admit([sighting()], keep=False)
        (job,) = store.take("box", 1)
        store.write([prepared(job.id)])
        LedgerResume(store, job.id, "a", "ab").keep({"offset": 8})
        assert LedgerResume(store, job.id, "a", "cd").load() == {}
    finally:
        store.close()
