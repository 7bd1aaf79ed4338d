"""The ledger in SQLite: WAL, synchronous=FULL, strict tables, one writer with group commit."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from daemon.clock import Clock
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, LedgerError
from daemon.files import display
from daemon.jobs.apply import apply
from daemon.jobs.changes import Change
from daemon.jobs.model import (
    JSON,
    LONGEST_WAIT,
    HistoryEntry,
    Job,
    Sighting,
    State,
    new_id,
)
from daemon.jobs.rows import delivery_from, identity_columns, job_from, timings_json
from daemon.jobs.soundness import is_busy, is_damage, ledger_error, newer
from daemon.jobs.statements import migrations
from daemon.jobs.store import Admitted, Committed, Failed, Results, Waiting
from daemon.jobs.writer import SQL, GroupWriter, Transaction
from daemon.limits import DEFAULT, Limits

_BUSY_SECONDS = 10.0
_BUSY_AGAIN = 0.01
_PAGE = 500


class SqliteJobStore:
    """A JobStore in one file; several processes may open it, one daemon runs its jobs."""

    def __init__(
        self, path: str | os.PathLike[str], clock: Clock, limits: Limits = DEFAULT
    ) -> None:
        self._clock = clock
        self._path = os.fspath(path)
        connection = _open(self._path)
        crashpoint("ledger.open")
        try:
            _migrate(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._writer = GroupWriter(connection, limits.commit_group, self._path)
        self._reading = threading.Lock()
        self._reader = _open(self._path)

    @property
    def on_trouble(self) -> Callable[[Fault], None]:
        """Called in the writer's thread when the ledger cannot be written."""
        return self._writer.on_trouble

    @on_trouble.setter
    def on_trouble(self, call: Callable[[Fault], None]) -> None:
        self._writer.on_trouble = call

    @property
    def on_recovered(self) -> Callable[[], None]:
        """Called in the writer's thread when it can be written again."""
        return self._writer.on_recovered

    @on_recovered.setter
    def on_recovered(self, call: Callable[[], None]) -> None:
        self._writer.on_recovered = call

    @property
    def on_damage(self) -> Callable[[LedgerError], None]:
        """Called in any thread when the ledger's file turns out to be damaged."""
        return self._writer.on_damage

    @on_damage.setter
    def on_damage(self, call: Callable[[LedgerError], None]) -> None:
        self._writer.on_damage = call

    def admit(self, sightings: Sequence[Sighting], *, keep: bool) -> list[Admitted]:
        """Queue settled files, each at most once, and return those that are new or changed."""
        now = self._clock.now()
        rows = [_sighting_columns(sighting, keep, now) for sighting in sightings]

        def work(transaction: Transaction) -> list[Admitted]:
            admitted = []
            for columns in rows:
                row = transaction.connection.execute(SQL["admit"], columns).fetchone()
                if row is not None:
                    new = row[0] == columns["id"]
                    admitted.append(Admitted(row[0], row[1], row[2], new))
                    transaction.note(row[0], now, "queued" if new else "changed")
            return admitted

        result: list[Admitted] = self._writer.submit(work).result()
        return result

    def take(self, inbox: str, limit: int, *, only_prepared: bool = False) -> list[Job]:
        """Mark the oldest ready jobs of an inbox as running and return them."""
        now = self._clock.now()
        wanted = {
            "inbox": inbox,
            "now": now,
            "horizon": now + LONGEST_WAIT,
            "limit": limit,
            "only_prepared": only_prepared,
        }

        def work(transaction: Transaction) -> list[Job]:
            connection = transaction.connection
            ids = [row[0] for row in connection.execute(SQL["ready"], wanted)]
            connection.executemany(SQL["run"], [{"id": job, "now": now} for job in ids])
            for job in ids:
                transaction.note(job, now, "claimed")
            return _jobs(connection, ids)

        result: list[Job] = self._writer.submit(work).result()
        return result

    def submit(self, changes: Sequence[Change], committed: Committed, failed: Failed) -> None:
        """Write changes with whatever else waits; call back in the writer's thread."""

        def report(future: Future[Any]) -> None:
            error = future.exception()
            if error is None:
                committed(future.result())
            else:
                failed(error)

        self._writer.submit(self._work(changes)).add_done_callback(report)

    def write(self, changes: Sequence[Change]) -> Results:
        """Write changes and wait until they are durable."""
        results: Results = self._writer.submit(self._work(changes)).result()
        return results

    def _work(self, changes: Sequence[Change]) -> Callable[[Transaction], Results]:
        now = self._clock.now()
        return lambda transaction: [apply(change, transaction, now) for change in changes]

    def recover(self) -> int:
        """Put back in the queue what was running when the last instance ended."""
        return self._count("recover")

    def wake_parked(self, destination: str) -> int:
        """Make jobs ready now that are parked because a destination gave no answer."""
        self._count("wake_deliveries", destination=destination)
        return self._count("wake_parked", destination=destination)

    def resume(self, job: str, destination: str) -> Mapping[str, JSON]:
        """What a delivery has to remember to go on where it was cut, {} for nothing."""
        return _first_object(self._rows("resume", job=job, destination=destination))

    def keep_pace(self, destination: str, pace: Mapping[str, JSON]) -> None:
        """Remember what was found out about a destination, with the next commit."""
        row = {"destination": destination, "pace": json.dumps(pace), "now": self._clock.now()}
        self._writer.submit(
            lambda transaction: transaction.connection.execute(SQL["set_pace"], row)
        )

    def pace(self, destination: str) -> Mapping[str, JSON]:
        """What was found out about a destination, {} for nothing."""
        return _first_object(self._rows("pace", destination=destination))

    def beat(self, beaten: Callable[[], None]) -> None:
        """Write a sign of life and call back in the writer's thread once it is durable."""
        now = self._clock.now()
        future = self._writer.submit(
            lambda transaction: transaction.connection.execute(SQL["beat"], {"now": now})
        )
        future.add_done_callback(lambda done: None if done.exception() else beaten())

    def last_beat(self) -> float | None:
        """The wall-clock time of the last sign of life."""
        when: float | None = self._rows("last_beat")[0][0]
        return when

    def try_writing(self) -> None:
        """See that no other program keeps us from writing; raises LedgerError after ten seconds."""
        with _as_ledger_error(self._path), self._reading:
            self._reader.execute("BEGIN IMMEDIATE")
            self._reader.execute("ROLLBACK")

    def _count(self, statement: str, **values: object) -> int:
        values["now"] = self._clock.now()

        def work(transaction: Transaction) -> int:
            return transaction.connection.execute(SQL[statement], values).rowcount

        count: int = self._writer.submit(work).result()
        return count

    def next_ready_at(self) -> float | None:
        """The wall-clock time at which the next waiting job becomes ready."""
        when: float | None = self._rows("next_ready_at")[0][0]
        return when

    def get(self, job: str) -> Job | None:
        """One job with its deliveries."""
        with self._reading, self._watching():
            found = _jobs(self._reader, [job])
        return found[0] if found else None

    def find(self, text: str) -> list[str]:
        """Ids that a person may mean by an id, the start of one, a path or a name."""
        if len(text) >= 4 and set(text) <= set("0123456789abcdef-"):
            ids = [row[0] for row in self._rows("by_id_prefix", prefix=text)]
            if ids:
                return ids
        rows = self._rows("by_path", path=os.fsencode(text)) or self._rows("by_name", name=text)
        if not rows and text and "/" not in text:
            rows = self._rows("by_name_in_folder", ending=f"/{text}")
        return [row[0] for row in rows]

    def at(self, inbox: str, path: bytes) -> list[str]:
        """Ids of what came from a path of an inbox, newest first."""
        return [row[0] for row in self._rows("by_place", inbox=inbox, path=path)]

    def jobs(self, state: State | None, limit: int) -> list[Job]:
        """The newest jobs, of one state or of all."""
        return self._with_deliveries(self._rows("list", state=state, limit=limit))

    def unfinished(self) -> Iterator[Job]:
        """All jobs that have not ended, oldest first."""
        return self._pages("unfinished")

    def ended(self) -> Iterator[Job]:
        """All jobs that have ended, oldest first."""
        return self._pages("ended")

    def history(self, job: str) -> list[HistoryEntry]:
        """What happened to a job, in order."""
        return [HistoryEntry(*row) for row in self._rows("history", job=job)]

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of jobs by inbox and state."""
        counts: dict[str, dict[str, int]] = {}
        for inbox, state, number in self._rows("counts"):
            counts.setdefault(inbox, {})[state] = number
        return counts

    def oldest_waiting(self) -> Waiting | None:
        """The job that has waited longest without being under way."""
        rows = self._rows("oldest_waiting")
        return Waiting(*rows[0]) if rows else None

    def cancel_requested(self, jobs: Sequence[str]) -> list[str]:
        """Which of these jobs a person gave up."""
        rows = self._rows("jobs_by_ids", ids=json.dumps(list(jobs)))
        return [row["id"] for row in rows if row["cancel"]]

    def stop_waiting(self) -> None:
        """From now on a write that meets trouble raises LedgerError instead of waiting."""
        self._writer.stop_waiting()

    def close(self) -> None:
        """Write what waits and release the ledger."""
        self._writer.close()
        self._connection.close()
        with self._reading:
            self._reader.close()

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """Reading; damage that is met is told to whoever has to stop the daemon."""
        try:
            yield
        except sqlite3.Error as error:
            told = ledger_error(error, self._path)
            if is_damage(error):
                self._writer.on_damage(told)
            raise told from error

    def _rows(self, statement: str, **values: object) -> list[sqlite3.Row]:
        with self._reading, self._watching():
            return self._reader.execute(SQL[statement], values).fetchall()

    def _with_deliveries(self, rows: list[sqlite3.Row]) -> list[Job]:
        with self._reading, self._watching():
            return _attach(self._reader, rows)

    def _pages(self, statement: str) -> Iterator[Job]:
        after = ""
        while page := self._with_deliveries(self._rows(statement, after=after, limit=_PAGE)):
            yield from page
            after = page[-1].id


def _open(path: str) -> sqlite3.Connection:
    with _as_ledger_error(path):
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        _use_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait by itself where another connection does so just now."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(_BUSY_AGAIN)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the ledger to this version, a transaction to a step; refuse one that is newer."""
    scripts = migrations()
    with _as_ledger_error(path):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(scripts):
            raise newer(path, version)
        for number in range(version, len(scripts)):
            _take_step(connection, scripts[number], number + 1)


def _take_step(connection: sqlite3.Connection, script: str, version: int) -> None:
    """Bring the ledger to a version, unless another process has done so by now."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] < version:
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
            crashpoint("ledger.migrating")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    crashpoint("ledger.migrated")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one at a time: run as a whole it would end our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextlib.contextmanager
def _as_ledger_error(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ledger_error(error, path) from error


def _sighting_columns(sighting: Sighting, keep: bool, now: float) -> dict[str, Any]:
    return {
        "id": new_id(),
        "inbox": sighting.inbox,
        "path": sighting.path,
        "name": display(sighting.path),
        "timings": timings_json({"settle": sighting.settle_seconds}),
        "keep": keep,
        "now": now,
        **identity_columns(sighting.identity),
    }


def _first_object(rows: Sequence[sqlite3.Row]) -> Mapping[str, JSON]:
    """The JSON object in the only column of the first row, {} where there is none."""
    found: Mapping[str, JSON] = json.loads(rows[0][0]) if rows and rows[0][0] else {}
    return found


def _jobs(connection: sqlite3.Connection, ids: Sequence[str]) -> list[Job]:
    return _attach(
        connection, connection.execute(SQL["jobs_by_ids"], {"ids": json.dumps(ids)}).fetchall()
    )


def _attach(connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> list[Job]:
    by_job: dict[str, list[sqlite3.Row]] = {}
    ids = json.dumps([row["id"] for row in rows])
    for row in connection.execute(SQL["deliveries_by_ids"], {"ids": ids}):
        by_job.setdefault(row["job"], []).append(row)
    return [job_from(row, map(delivery_from, by_job.get(row["id"], ()))) for row in rows]
