"""Which work folder each inbox had, so that another one does not leave files behind unnoticed."""

from __future__ import annotations

import os
from collections.abc import Mapping

from daemon.errors import EnvironmentFaultError
from daemon.jobs.model import ENDS
from daemon.jobs.store import JobStore
from daemon.pipeline.restoring import Routes, ids_in_work


def work_folders(routes: Routes) -> dict[str, str]:
    """The work folder of each inbox."""
    return {inbox: os.fsdecode(route.places.work) for inbox, route in routes.items()}


def refuse_leaving(store: JobStore, before: Mapping[str, str], routes: Routes) -> None:
    """Raise EnvironmentFaultError where files would stay in the folder that an inbox had before."""
    for inbox, work in work_folders(routes).items():
        old = before.get(inbox, work)
        if os.path.realpath(old) == os.path.realpath(work):
            continue
        if number := _waiting(store, inbox, os.fsencode(old)):
            raise EnvironmentFaultError(
                "work_moved",
                f"{number} files of inbox {inbox} are in {old}; let them come to their end before "
                "another folder takes its place, or keep it as `work`, or move them into the new",
            )


def _waiting(store: JobStore, inbox: str, work: bytes) -> int:
    """How many files in a folder belong to jobs of an inbox that have not ended."""
    found = (store.get(job) for job in ids_in_work(work))
    return sum(1 for job in found if job and job.inbox == inbox and job.state not in ENDS)
