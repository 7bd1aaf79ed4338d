"""A ledger made anew from what is left: the old one's rows, the sidecars, the files in work/.

What each source gives, and why nothing is sent twice, is in
docs/decisions/0020-a-ledger-made-anew.md.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from daemon.clock import Clock
from daemon.crashpoints import crashpoint
from daemon.files import environment_fault
from daemon.jobs.changes import Restored
from daemon.jobs.model import Job
from daemon.jobs.replacing import LEDGER, building_place, finish_replacing, replace_ledger
from daemon.jobs.salvage import salvage
from daemon.jobs.soundness import ledger_error
from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.jobs.state_folder import StateFolder
from daemon.jobs.store import JobStore
from daemon.limits import DEFAULT, Limits
from daemon.pipeline.restoring import Routes, ids_in_work, lying_in_work, told_by_sidecars

_BATCH = 500
_MARGIN = 120.0
"""Seconds by which a sidecar may be older than the last sign of life and still be looked at."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was wrong with the ledger and what it was made from; numbers are of jobs."""

    reason: str
    aside: Path | None
    salvaged: int
    from_sidecars: int
    from_work: int

    @property
    def sentence(self) -> str:
        """These facts for a person, without a full stop."""
        kept = "" if self.aside is None else f", the old one is kept as {self.aside}"
        return (
            f"The ledger was made good ({self.reason}{kept}): {self.salvaged} jobs from itself, "
            f"{self.from_sidecars} from sidecars, {self.from_work} from work/"
        )

    @property
    def facts(self) -> dict[str, object]:
        """These facts as an event tells them."""
        return {
            "reason": self.reason,
            "aside": None if self.aside is None else os.fspath(self.aside),
            "salvaged": self.salvaged,
            "from_sidecars": self.from_sidecars,
            "from_work": self.from_work,
        }


def open_ledger(
    state: StateFolder,
    routes: Routes,
    clock: Clock,
    limits: Limits = DEFAULT,
    *,
    crashed: bool,
) -> tuple[SqliteJobStore, Rebuilt | None]:
    """The ledger of a state folder whose lock is held, rebuilt where it is damaged or lost.

    After a crash the folders are compared with it too, as the last commits may be gone with
    SQLite's log. Raises LedgerError where it is of a newer version or held by another program,
    EnvironmentFaultError where there is no room for a new one.
    """
    try:
        finish_replacing(state.path)
        reason = state.damage(crashed=crashed)
        rebuilt = None
        if reason is not None:
            rebuilt = _rebuild(state.path, routes, clock, limits, reason)
        state.clear_suspicion()
        store = state.open_ledger(clock, limits)
    except OSError as error:
        raise environment_fault(error, f"rebuilding the ledger in {state.path}") from error
    if reason is None and crashed:
        rebuilt = _catch_up(store, routes)
    return store, rebuilt


def _rebuild(
    folder: Path, routes: Routes, clock: Clock, limits: Limits, reason: str
) -> Rebuilt | None:
    """Build a new ledger and put it in place; None where there was nothing to put into it."""
    place = building_place(folder)
    store = SqliteJobStore(place, clock, limits)
    store.close()
    try:
        ids = [job for route in routes.values() for job in ids_in_work(route.places.work)]
        salvaged = salvage(folder / LEDGER, place, ids) if (folder / LEDGER).exists() else 0
        crashpoint("rebuild.salvaged")
        store = SqliteJobStore(place, clock, limits)
        try:
            from_sidecars, from_work = _restore(store, routes)
        finally:
            store.close()
    except sqlite3.Error as error:
        raise ledger_error(error, os.fspath(place)) from error
    aside = replace_ledger(folder)
    if aside is None and not from_sidecars and not from_work:
        return None  # the very first start
    return Rebuilt(reason, aside, salvaged, from_sidecars, from_work)


def _catch_up(store: JobStore, routes: Routes) -> Rebuilt | None:
    """Take in what the folders know and a sound ledger does not, since it was written last."""
    last = store.last_beat()
    found = _restore(store, routes, since=0.0 if last is None else last - _MARGIN)
    if not any(found):
        return None
    return Rebuilt("its last commits were lost", None, 0, *found)


def _restore(store: JobStore, routes: Routes, since: float = 0.0) -> tuple[int, int]:
    """Restore jobs from sidecars and from work/; returns how many of each."""
    from_sidecars = _write(store, told_by_sidecars(store, routes, since))
    return from_sidecars, _write(store, lying_in_work(store, routes))


def _write(store: JobStore, jobs: Iterable[Job]) -> int:
    count = 0
    rest = iter(jobs)
    while batch := list(islice(rest, _BATCH)):
        store.write([Restored(job) for job in batch])
        crashpoint("rebuild.restored")
        count += len(batch)
    return count
