"""The one writer of the ledger: whatever waits at a moment shares a transaction and its sync."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from daemon import turns
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, Kind, LedgerError
from daemon.jobs.soundness import is_damage, is_full, ledger_error
from daemon.jobs.statements import statements

SQL = statements()
_RETRY_AFTER = 1.0


@dataclass(slots=True)
class Transaction:
    """What an operation works on: the ledger's connection, and lines of history to be added."""

    connection: sqlite3.Connection
    notes: list[tuple[str, float, str, str]] = field(default_factory=list)

    def note(self, job: str, at: float, event: str, detail: str = "") -> None:
        """Add a line to a job's history; all lines of a group are written at once."""
        self.notes.append((job, at, event, detail))


Work = Callable[[Transaction], Any]


@dataclass(slots=True)
class Operation:
    """Something to do in a transaction, and who wants to know."""

    work: Work
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None


class GroupWriter:
    """Runs operations in one thread, a group to a commit; a lone one waits for nobody.

    An operation that raises leaves nothing behind and fails alone. While the ledger cannot be
    written, the group is kept and tried again; `on_trouble` and `on_recovered` tell. A damaged
    ledger is written no more: everything fails from then on, and `on_damage` tells.
    """

    def __init__(self, connection: sqlite3.Connection, group: int, path: str) -> None:
        self.on_trouble: Callable[[Fault], None] = lambda _: None
        self.on_recovered: Callable[[], None] = lambda: None
        self.on_damage: Callable[[LedgerError], None] = lambda _: None
        self._path = path
        self._connection = connection
        self._group = group
        self._waiting: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        self._impatient = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> Future[Any]:
        """Have something done; the future answers after the commit."""
        operation = Operation(work)
        self._waiting.put(operation)
        return operation.future

    def stop_waiting(self) -> None:
        """From now on a write that meets trouble fails instead of being kept."""
        self._impatient.set()

    def close(self) -> None:
        """Write what waits, once more if the ledger is in trouble, and end the thread."""
        self.stop_waiting()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            group = [first]
            last = False
            while len(group) < self._group:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                group.append(more)
            with turns.computing():
                self._commit_until_done(group)
            if last:
                return

    def _commit_until_done(self, group: list[Operation]) -> None:
        troubled = shrunk = False
        while True:
            try:
                self._commit(group)
            except sqlite3.Error as error:
                if is_damage(error):
                    self._impatient.set()
                    found = ledger_error(error, self._path)
                    self.on_damage(found)
                    self._refuse(group, found)
                    return
                if is_full(error) and not shrunk:
                    shrunk = True
                    self._shrink()  # on a small disk our own log may be all that is in the way
                    continue
                fault = Fault("ledger_unwritable", _advice(error), Kind.ENVIRONMENT)
                if self._impatient.is_set():
                    self._refuse(group, LedgerError(fault.code, fault.message))
                    return
                if not troubled:
                    troubled = True
                    self.on_trouble(fault)
                self._impatient.wait(_RETRY_AFTER)
                self._shrink()
                continue
            break
        if troubled:
            self.on_recovered()
        for operation in group:
            if operation.error is not None:
                operation.future.set_exception(operation.error)
            else:
                operation.future.set_result(operation.result)

    def _shrink(self) -> None:
        """Give back what the log of commits takes, which may be just what the disk lacks."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _commit(self, group: list[Operation]) -> None:
        connection = self._connection
        transaction = Transaction(connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
            for operation in group:
                self._operate(operation, transaction)
            connection.executemany(SQL["add_history"], transaction.notes)
            crashpoint("ledger.writing")
            with turns.waiting():
                connection.execute("COMMIT")
            crashpoint("ledger.written")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _operate(self, operation: Operation, transaction: Transaction) -> None:
        """Do one operation; one that fails leaves nothing behind and spoils no other."""
        connection = transaction.connection
        noted = len(transaction.notes)
        connection.execute("SAVEPOINT operation")
        try:
            operation.result = operation.work(transaction)
            operation.error = None
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise
            operation.error = error
            self._undo(noted, transaction)
        except Exception as error:  # noqa: BLE001 - it is handed to the one who asked
            operation.error = error
            self._undo(noted, transaction)
        connection.execute("RELEASE operation")

    def _undo(self, noted: int, transaction: Transaction) -> None:
        del transaction.notes[noted:]
        transaction.connection.execute("ROLLBACK TO operation")

    def _refuse(self, group: list[Operation], error: LedgerError) -> None:
        for operation in group:
            operation.future.set_exception(error)


def _advice(error: sqlite3.Error) -> str:
    text = str(error)
    if "full" in text:
        return f"the ledger cannot be written ({text}); free some space, work goes on by itself"
    if "locked" in text or "busy" in text:
        return f"the ledger cannot be written ({text}); another program holds it"
    return f"the ledger cannot be written ({text}); see to the state folder's disk and rights"
