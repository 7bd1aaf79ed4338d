"""Mending what `verify` finds, where that is safe: nothing that has no copy is ever removed.

The caller holds the state folder's lock, so that no daemon works on the same files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from daemon.errors import InboxdError
from daemon.files import (
    copy_durably,
    display,
    is_environment,
    is_same,
    make_folder,
    move_new,
    sync_folders,
    unlink_if_there,
    write_durably,
)
from daemon.jobs.changes import Noted, Restored
from daemon.jobs.model import Job, ReadingState
from daemon.jobs.store import JobStore
from daemon.pipeline.endplace import EndPlace
from daemon.pipeline.restoring import Routes, adopted, is_job_id, told_by
from daemon.pipeline.route import Route
from daemon.pipeline.verifying import MISSING, Disagreement, ends, verify
from daemon.sidecar.model import Sidecar
from daemon.sidecar.read import DamagedSidecarError, read
from daemon.sidecar.write import describe, render

_ROUNDS = 4  # a job that is restored may turn out to have lost its original, and so on


@dataclass(frozen=True, slots=True)
class Mended:
    """A disagreement and what was done about it; None where only a person can decide."""

    found: Disagreement
    done: str | None


def repair(store: JobStore, routes: Routes, kept: bytes) -> Iterator[Mended]:
    """Mend what can be mended, then name what is left.

    `kept` is a folder for sidecars that are replaced. Raises LedgerError, and OSErrors that are
    about our machine.
    """
    repairer = _Repairer(store, routes, kept)
    for _ in range(_ROUNDS):
        mended = [
            Mended(found, done)
            for found in list(verify(store, routes))
            if (done := repairer.mend(found)) is not None
        ]
        yield from mended
        if not mended:
            break
    for found in verify(store, routes):
        yield Mended(found, None)


class _Repairer:
    def __init__(self, store: JobStore, routes: Routes, kept: bytes) -> None:
        self._store = store
        self._routes = routes
        self._kept = kept
        self._mends: Mapping[str, Callable[[Disagreement], str | None]] = {
            "stranger_in_work": self._take_in,
            "left_in_work": self._put_away,
            "left_over": self._remove,
            "unknown_job": self._restore,
            "ledger_behind": self._restore,
            "sidecar_missing": self._rewrite,
            "sidecar_damaged": self._rewrite,
            "sidecar_differs": self._rewrite,
            "original_missing": self._rewrite,
        }

    def mend(self, found: Disagreement) -> str | None:
        """Mend one thing and say how; None where that is not safe, or no longer needed."""
        mend = self._mends.get(found.code)
        try:
            return None if mend is None else mend(found)
        except InboxdError:
            return None
        except OSError as error:
            if is_environment(error):
                raise
            return None  # such as a folder or a link where a sidecar should be

    def _take_in(self, found: Disagreement) -> str | None:
        """A file named by a job's id is a file that was claimed; what reading left is not."""
        folder, name = os.path.split(found.path)
        job, _, kind = name.lstrip(b".").partition(b".")
        if kind in (b"reading", b"reading.tmp", b"fetching") and is_job_id(job):
            os.unlink(found.path)
            return "removed: it belongs to a file that is not here"
        inbox = next(
            (key for key, route in self._routes.items() if route.places.work == folder), None
        )
        if inbox is None or not is_job_id(name):
            return None
        new = adopted(name.decode(), inbox, self._routes[inbox].places)
        self._store.write([Restored(new)])
        return f"taken in again as {new.name}; the daemon goes on with it"

    def _put_away(self, found: Disagreement) -> str | None:
        """A file that should have left work/ goes where its job's ending says."""
        job, route = self._job(found)
        if job is None or route is None or job.ending is None or not job.ending.name:
            return None
        end = _end(job, route)
        if os.path.lexists(end.original):
            if not is_same(found.path, end.original):
                return None
            os.unlink(found.path)
            return f"removed: the same file is at {display(end.original)}"
        make_folder(end.folder, 0o750)
        move_new(found.path, end.original, temporary=end.temporary)
        sync_folders([end.folder, route.places.work])
        self._note(job, "its original was put where it belongs")
        return f"moved to {display(end.original)}"

    def _remove(self, found: Disagreement) -> str | None:
        """What is under a temporary name is by its making a copy, or part of one."""
        return "removed" if unlink_if_there(found.path) else None

    def _restore(self, found: Disagreement) -> str | None:
        folders = ends(self._routes)
        root = next(
            (root for root in folders if found.path.startswith(os.path.join(root, b""))), None
        )
        if root is None:
            return None
        job = told_by(found.path, root, folders[root], self._store, self._routes)
        if job is None:
            return None
        self._store.write([Restored(job)])
        return f"job {job.id} is in the ledger again, as the sidecar tells it"

    def _rewrite(self, found: Disagreement) -> str | None:
        """The sidecar is written from the ledger; the text that the old one has is kept in it."""
        job, route = self._job(found)
        if job is None or route is None or job.ending is None:
            return None
        end = _end(job, route)
        notes = []
        if found.code == "original_missing":
            notes.append((*MISSING, "it was gone when `inboxd verify --repair` looked for it"))
        old = _facts_in(end.sidecar)
        ocr, receipt = _read_before(old, route.places.reading(job.id))
        if job.reading is ReadingState.DONE and ocr is None:
            notes.append(("text", False, "what was read is lost; `inboxd read` reads it again"))
        facts = describe(job, job.ending, ocr=ocr, receipt=receipt)
        facts["checks"] += [
            {"check": check, "detail": detail, "ok": ok} for check, ok, detail in notes
        ]
        replaced = self._keep(end.sidecar, job)
        make_folder(end.folder, 0o750)
        write_durably(end.sidecar, render(facts), temporary=end.temporary)
        self._note(job, f"{found.code}: its sidecar was written anew")
        return "the sidecar is written from the ledger" + replaced

    def _keep(self, sidecar: bytes, job: Job) -> str:
        """Put a copy of a sidecar aside, where there is one; returns where, to be told."""
        if not os.path.lexists(sidecar):
            return ""
        make_folder(self._kept, 0o700)
        number = sum(name.startswith(job.id.encode()) for name in os.listdir(self._kept))
        copy = os.path.join(self._kept, b"%s.%d.json" % (job.id.encode(), number))
        copy_durably(sidecar, copy)
        return f"; the old one is at {display(copy)}"

    def _job(self, found: Disagreement) -> tuple[Job | None, Route | None]:
        job = self._store.get(found.job) if found.job else None
        return job, None if job is None else self._routes.get(job.inbox)

    def _note(self, job: Job, detail: str) -> None:
        self._store.write([Noted(job.id, "repaired", detail)])


def _end(job: Job, route: Route) -> EndPlace:
    assert job.ending is not None
    return EndPlace.of(route.places.folder(job.ending.folder), job.ending.name, job.id)


def _facts_in(sidecar: bytes) -> Mapping[str, Any]:
    """What a sidecar says, where it is whole by its own schema; {} otherwise."""
    try:
        facts = read(sidecar)
        Sidecar.model_validate_json(json.dumps(facts))
    except (DamagedSidecarError, ValidationError, OSError):
        return {}
    return facts


def _read_before(old: Mapping[str, Any], reading: bytes) -> tuple[Any, Any]:
    """The text and the receipt, from the old sidecar or from what waits in work/."""
    if old.get("ocr"):
        return old["ocr"], old.get("receipt")
    try:
        with open(reading, "rb") as stream:
            waiting = json.load(stream)
    except (OSError, ValueError):
        return None, None
    return waiting.get("ocr"), waiting.get("receipt")
