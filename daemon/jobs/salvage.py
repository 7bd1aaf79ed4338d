"""What can still be read in a damaged ledger, copied row by row into a sound one."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from daemon.jobs.rows import job_from
from daemon.jobs.soundness import read_only
from daemon.jobs.writer import SQL

JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""A job's id as it is written (RFC 9562, section 5.7)."""

_NAME = re.compile(r"[a-z0-9_]+")
_KEYS = {"jobs": "id", "deliveries": "job", "history": "id", "destinations": "name"}


def salvage(damaged: Path, target: Path, ids: Iterable[str]) -> int:
    """Copy all rows that can be read and are sound; returns how many jobs that gave.

    `ids` are jobs that are known to exist, looked for one by one where a part of the table cannot
    be read. Jobs that have not ended are to be judged anew: which of their facts are missing
    nobody can tell, and what was delivered is known from its own rows.
    """
    wanted = set(ids)
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        with contextlib.suppress(sqlite3.Error), contextlib.closing(read_only(damaged)) as source:
            source.text_factory = lambda text: text.decode("utf-8", "replace")
            wanted |= set(_indexed_ids(source))
            for table in _KEYS:
                for row in _readable(source, table, wanted):
                    _keep(connection, table, row)
        connection.execute(SQL["judge_anew"])
        connection.execute("COMMIT")
        jobs: int = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
    return jobs


def _rows_of(table: str) -> str:
    return f"SELECT * FROM {table}"  # noqa: S608 - one of four names of ours


def _indexed_ids(source: sqlite3.Connection) -> Iterator[str]:
    """Ids as an index has them, whose pages may be sound where those of the table are not."""
    with contextlib.suppress(sqlite3.Error):
        for row in source.execute("SELECT id FROM jobs INDEXED BY jobs_by_state ORDER BY state"):
            if isinstance(row[0], str):
                yield row[0]


def _readable(source: sqlite3.Connection, table: str, ids: set[str]) -> Iterator[sqlite3.Row]:
    """Rows from the front up to the damage, then from the back, then one by one."""
    key = _KEYS[table]
    for order in ("ASC", "DESC"):
        try:
            yield from source.execute(_rows_of(table) + f" ORDER BY {key} {order}")
        except sqlite3.Error:
            continue
        return
    for each in ids if table in ("jobs", "deliveries") else ():
        with contextlib.suppress(sqlite3.Error):
            yield from source.execute(_rows_of(table) + f" WHERE {key} = ?", (each,))


def _keep(connection: sqlite3.Connection, table: str, row: sqlite3.Row) -> None:
    """Copy a row, unless it breaks a rule of its table or says what no job can be."""
    if table == "jobs" and not _is_job(row):
        return
    facts: Mapping[str, object] = dict(row)
    if not all(map(_NAME.fullmatch, facts)):
        return
    marks = ", ".join("?" for _ in facts)
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(facts)}) VALUES ({marks})"  # noqa: S608 - names of ours
    with contextlib.suppress(sqlite3.Error):
        connection.execute(insert, tuple(facts.values()))


def _is_job(row: sqlite3.Row) -> bool:
    try:
        return JOB_ID.fullmatch(job_from(row, ()).id) is not None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return False
