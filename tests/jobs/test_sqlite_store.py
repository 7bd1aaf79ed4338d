"""The ledger in SQLite: what is special about this adapter."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.clock import SystemClock
from daemon.errors import Fault, LedgerError
from daemon.jobs.advance import advance
from daemon.jobs.changes import TakenUp
from daemon.jobs.model import IllegalTransitionError, Job, State
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.jobs.statements import migrations
from tests.jobs.examples import changes_of, prepared, sighting


@given(st.data())
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_ledger_and_the_model_agree_about_every_change(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """`advance` in memory and `apply` in SQL are the same function."""
    store = SqliteJobStore(tmp_path_factory.mktemp("x") / "ledger.sqlite3", SystemClock())
    try:
        store.admit([sighting()], keep=False)
        (job,) = store.take("box", 1)
        store.write([prepared(job.id, destinations=("a", "b"))])
        known = _get(store, job.id)
        for change in data.draw(st.lists(changes_of(job.id), max_size=12)):
            try:
                expected = advance(known, change)
            except IllegalTransitionError:
                with pytest.raises(IllegalTransitionError):
                    store.write([change])
                continue
            try:
                (result,) = store.write([change])
            except IllegalTransitionError:
                assert known.state in (State.QUEUED, *_ended())
                continue
            assert result is None
            known = _get(store, job.id)
            assert _comparable(known) == _comparable(expected)
    finally:
        store.close()


def _ended() -> tuple[State, ...]:
    return (State.DONE, State.REJECTED, State.FAILED, State.DUPLICATE, State.CANCELLED)


def _get(store: SqliteJobStore, job: str) -> Job:
    found = store.get(job)
    assert found is not None
    return found


def _comparable(job: Job) -> object:
    facts = {name: getattr(job, name) for name in Job.__slots__ if name != "updated"}
    if facts["state"] not in (State.PARKED, State.QUEUED):
        facts.pop("ready_at")
    return facts


def test_a_ledger_of_a_newer_version_is_refused_with_advice(tmp_path: Path) -> None:
    """An old program must not guess at what a new one wrote."""
    path = tmp_path / "ledger.sqlite3"
    SqliteJobStore(path, SystemClock()).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match="newer inboxd"):
        SqliteJobStore(path, SystemClock())


def test_a_file_that_is_no_ledger_is_refused_with_advice(tmp_path: Path) -> None:
    """One clear error instead of a traceback."""
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"this is not a database at all, not even close" * 30)
    with pytest.raises(LedgerError, match="rebuilds it at its next start"):
        SqliteJobStore(path, SystemClock())


def test_migrations_run_one_after_the_other_and_only_once(tmp_path: Path) -> None:
    """The ledger's version is how many migrations it has."""
    path = tmp_path / "ledger.sqlite3"
    for _ in range(2):
        SqliteJobStore(path, SystemClock()).close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_ledger_that_several_open_at_once_is_made_by_one(tmp_path: Path) -> None:
    """`status` may look while the daemon starts for the first time."""
    for number in range(5):
        path = tmp_path / f"{number}.sqlite3"
        start = threading.Barrier(4)

        def look(path: Path = path, start: threading.Barrier = start) -> None:
            start.wait()
            SqliteJobStore(path, SystemClock()).close()

        with ThreadPoolExecutor(4) as openers:
            for opened in [openers.submit(look) for _ in range(4)]:
                opened.result()
        with contextlib.closing(sqlite3.connect(path)) as ledger:
            assert ledger.execute("PRAGMA user_version").fetchone()[0] == len(migrations())


def test_a_full_disk_holds_writes_back_until_there_is_room(tmp_path: Path) -> None:
    """Nothing is lost and nobody gets a wrong answer; trouble and its end are told."""
    store = SqliteJobStore(tmp_path / "ledger.sqlite3", SystemClock())
    troubled, recovered = threading.Event(), threading.Event()
    faults: list[Fault] = []

    def trouble(fault: Fault) -> None:
        faults.append(fault)
        store._connection.execute("PRAGMA max_page_count = 1000000")
        troubled.set()

    store.on_trouble = trouble
    store.on_recovered = recovered.set
    try:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        admitted = store.admit([sighting(b"%d" % n, n) for n in range(500)], keep=False)
        assert len(admitted) == 500
        assert troubled.is_set()
        assert recovered.wait(60)
        assert "free some space" in faults[0].message
        assert store.counts() == {"box": {"queued": 500}}
    finally:
        store.close()


def test_two_processes_may_have_the_ledger_open(tmp_path: Path) -> None:
    """`status` and `retry` work beside the daemon."""
    path = tmp_path / "ledger.sqlite3"
    ours, theirs = SqliteJobStore(path, SystemClock()), SqliteJobStore(path, SystemClock())
    try:
        ours.admit([sighting()], keep=False)
        assert theirs.counts() == {"box": {"queued": 1}}
        (job,) = theirs.take("box", 1)
        with pytest.raises(IllegalTransitionError):
            ours.write([TakenUp(job.id)])
    finally:
        ours.close()
        theirs.close()
