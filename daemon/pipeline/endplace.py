"""Where an original and its sidecar lie in the end, and how a free name for both is found."""

from __future__ import annotations

import os
from dataclasses import dataclass

from daemon.files import make_folder, unlink_if_there
from daemon.jobs.model import Job
from daemon.sidecar.names import sidecar_name, target_name
from daemon.sidecar.read import DamagedSidecarError, read


@dataclass(frozen=True, slots=True)
class EndPlace:
    """The paths that belong to one ended job.

    `temporary` follows from the job alone, so that what a crash leaves there is written over.
    """

    folder: bytes
    original: bytes
    sidecar: bytes
    temporary: bytes

    @classmethod
    def of(cls, folder: bytes, name: bytes, job: str) -> EndPlace:
        """The paths for an original that is called `name`, relative to `folder`."""
        original = folder + b"/" + name
        parent, _, base = original.rpartition(b"/")
        return cls(
            folder=parent,
            original=original,
            sidecar=parent + b"/" + sidecar_name(base, job),
            temporary=b"%s/.inboxd-%s.tmp" % (parent, job.encode()),
        )


class NameChooser:
    """Chooses names for the jobs of one group, so that no two of them get the same."""

    def __init__(self) -> None:
        self._reserved: set[bytes] = set()
        self._made: set[bytes] = set()

    def choose(self, folder: bytes, job: Job) -> bytes:
        """A name, relative to `folder`, that neither the disk nor the group has taken."""
        parent, base = os.path.split(job.path)
        place = os.path.join(folder, parent) if parent else folder
        if place not in self._made:
            make_folder(place, 0o750)
            self._made.add(place)

        def taken(name: bytes) -> bool:
            path = place + b"/" + name
            if path in self._reserved:
                return True
            if not os.path.lexists(path):
                return False
            # A sidecar of this very job is a leftover of a crash; its name is still ours.
            return _job_of(path) != job.id

        chosen = target_name(base, job.id, taken)
        self._reserved.add(place + b"/" + chosen)
        self._reserved.add(place + b"/" + sidecar_name(chosen, job.id))
        return os.path.join(parent, chosen) if parent else chosen


def clear_origin(folder: bytes, job: Job, end: EndPlace) -> bytes | None:
    """Remove what the ending before a retry said of a job, where it is still there.

    A power failure can bring the old sidecar back, as its removal was not synced; so can a daemon
    that left the original in its inbox. Returns the folder, whose names are to be synced.
    """
    if job.origin is None or not job.origin.name:
        return None
    old = EndPlace.of(folder, job.origin.name, job.id)
    if old.sidecar != end.sidecar and _job_of(old.sidecar) == job.id:
        unlink_if_there(old.sidecar)
    return old.folder if os.path.isdir(old.folder) else None


def _job_of(path: bytes) -> str | None:
    """The job that a sidecar tells of; None for what is no sidecar."""
    try:
        return str(read(path).get("job"))
    except (OSError, DamagedSidecarError):
        return None
