"""Whose work folders are: none is left with files in it unnoticed, none is used by two daemons.

A folder is marked by an extended attribute, so that no file of ours lies in it and nothing keeps
its disk from being unmounted. File systems that have none are let off.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from daemon.errors import AlreadyRunningError, EnvironmentFaultError
from daemon.jobs.model import ENDS
from daemon.jobs.state_folder import StateFolder
from daemon.jobs.store import JobStore
from daemon.pipeline.restoring import Routes, ids_in_work

_MARK = "user.inboxd.state"


class WorkFolders:
    """The work folders of one daemon, now and the last time it ran."""

    def __init__(self, state: StateFolder, store: JobStore) -> None:
        self._state = state
        self._store = store
        self._ours = os.fsencode(os.path.realpath(state.path))

    def refuse(self, routes: Routes) -> None:
        """Raise where these routes must not be followed.

        EnvironmentFaultError where files would stay in the folder that an inbox had before,
        AlreadyRunningError where another daemon that runs works in one.
        """
        before = self._state.work_folders()
        for inbox, work in _folders(routes).items():
            old = before.get(inbox, work)
            if os.path.realpath(old) != os.path.realpath(work):
                self._refuse_leaving(inbox, old)
            self._refuse_sharing(inbox, work)

    def keep(self, routes: Routes) -> None:
        """Note and mark the folders of these routes, which exist now; let go of others."""
        folders = _folders(routes)
        for gone in {*self._state.work_folders().values()} - {*folders.values()}:
            if _mark(gone) == self._ours:
                _set_mark(gone, None)
        for work in folders.values():
            if _mark(work) != self._ours:
                _set_mark(work, self._ours)
        self._state.note_work_folders(folders)

    def _refuse_leaving(self, inbox: str, old: str) -> None:
        jobs = (self._store.get(job) for job in ids_in_work(os.fsencode(old)))
        waiting = [job for job in jobs if job and job.inbox == inbox and job.state not in ENDS]
        if waiting:
            raise EnvironmentFaultError(
                "work_moved",
                f"{len(waiting)} files of inbox {inbox} are in {old}; let them come to their end "
                "before another folder takes its place, or keep it as `work`, or move them there",
            )

    def _refuse_sharing(self, inbox: str, work: str) -> None:
        mark = _mark(work)
        if mark is None or mark == self._ours:
            return
        if holder := StateFolder(Path(os.fsdecode(mark))).holder():
            raise AlreadyRunningError(
                "inbox_taken",
                f"another inboxd (process {holder}, its state folder is {os.fsdecode(mark)}) works "
                f"in {work}, the work folder of inbox {inbox}; stop it, or take the inbox from it",
            )


def _folders(routes: Routes) -> dict[str, str]:
    return {inbox: os.fsdecode(route.places.work) for inbox, route in routes.items()}


def _mark(work: str) -> bytes | None:
    """The state folder of the daemon that used a work folder last; None where none is noted."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.getxattr(work, _MARK)
    return None


def _set_mark(work: str, state: bytes | None) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            if state is None:
                os.removexattr(work, _MARK)
            else:
                os.setxattr(work, _MARK, state)
