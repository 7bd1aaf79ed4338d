"""Whether the ledger's file is sound, and what is to be said where it is not."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from daemon.errors import LedgerError
from daemon.jobs.holders import holders
from daemon.jobs.statements import migrations

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_TABLES = tuple(
    f"SELECT 1 FROM {table} LIMIT 1"  # noqa: S608 - names of ours
    for table in ("jobs", "deliveries", "history")
)
_REBUILT = "the daemon rebuilds it at its next start, `inboxd verify --repair` does so at once"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file itself to be wrong, which no waiting mends.

    The lowest byte of an extended result code is the code itself (sqlite.org/rescode.html).
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds what is needed."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _BUSY


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk had no room for a commit."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_FULL


def ledger_error(error: sqlite3.Error, path: str) -> LedgerError:
    """What an error of SQLite says about the ledger, with advice."""
    text = str(error)
    if is_damage(error):
        return damaged(path, text)
    if is_busy(error):
        who = holders(path)
        held = f"by {who}" if who else "by another program"
        return LedgerError(
            "ledger_locked", f"the ledger {path} is held {held}; end that one and try again"
        )
    # SQLite says `disk I/O error` where it has no room for its shared memory.
    if "full" in text or "disk I/O" in text:
        return LedgerError(
            "disk_full",
            f"the ledger {path} cannot be used: {text}; "
            "free some space on its disk; nothing in it is lost",
        )
    return LedgerError(
        "ledger_unreadable",
        f"the ledger {path} cannot be used: {text}; see to its folder, disk and rights",
    )


def damaged(path: str, what: str) -> LedgerError:
    """What is to be said of a ledger that cannot be used as it is."""
    return LedgerError("ledger_damaged", f"the ledger {path} is damaged ({what}); {_REBUILT}")


def newer(path: str, version: int) -> LedgerError:
    """The refusal of a ledger that a later inboxd has written to."""
    return LedgerError(
        "ledger_newer",
        f"{path} was written by a newer inboxd (version {version}, this one knows "
        f"{len(migrations())}); install that version again, nothing was changed",
    )


def damage(path: Path, *, whole: bool) -> str | None:
    """What is wrong with a ledger's file, or None; changes nothing in it.

    Without `whole` only the head of the file is looked at, so that a large ledger costs no more
    than a small one; with it every page is. Raises LedgerError where it cannot be looked at now,
    and for a ledger of a newer version.
    """
    if not path.exists():
        return "it is missing"
    if not path.stat().st_size and not _has_frames(path):
        return "it is empty"
    try:
        with contextlib.closing(read_only(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(migrations()):
                raise newer(os.fspath(path), version)
            if not version:
                return "it is empty"
            for statement in _TABLES:
                connection.execute(statement).fetchone()
            if whole:
                verdict: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                return None if verdict == "ok" else verdict.replace("\n", " ")
    except sqlite3.Error as error:
        if is_damage(error) or "no such table" in str(error):
            return str(error)
        raise ledger_error(error, os.fspath(path)) from error
    return None


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing to the file and moves nothing into it from its log."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
    connection.row_factory = sqlite3.Row
    return connection


def _has_frames(path: Path) -> bool:
    """Whether commits wait in the log; until the first checkpoint they are all that there is."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
