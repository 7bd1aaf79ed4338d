"""Where an original and its sidecar lie in the end, and how a free name for both is found."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from daemon.files import make_folder, sync_folder, unlink_if_there
from daemon.jobs.model import Ending, Job, State
from daemon.pipeline.places import Places
from daemon.sidecar.names import numbered, plain_name, sidecar_name, target_name
from daemon.sidecar.read import DamagedSidecarError, read

_LONGEST_PLACE = 4096 - 2 - 255
"""Bytes of a folder's path in which a name of any length can be opened (PATH_MAX of Linux)."""


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

    def clear_second(self) -> None:
        """Remove a second sidecar that was begun before the power was cut; the first is back.

        The removal of the first was not synced, and the ledger never ceased to rely on it.
        """
        with contextlib.suppress(OSError):  # a file may have the folder's name by now
            if unlink_if_there(self.temporary):
                sync_folder(self.folder)


@dataclass(frozen=True, slots=True)
class Filing:
    """A job that is to end like this; `recorded` when its sidecar is already durable.

    `plain` where its disk does not take the name that it has, as FAT takes no colon.
    """

    job: Job
    places: Places
    ending: Ending
    delete: bool = False
    recorded: bool = False
    plain: bool = False

    @property
    def deletes(self) -> bool:
        """Whether its original goes instead of being filed."""
        return self.delete and self.ending.state is State.DONE

    @property
    def end(self) -> EndPlace:
        """Where its original and its sidecar belong, once the name is chosen."""
        return EndPlace.of(self.places.folder(self.ending.folder), self.ending.name, self.job.id)


class NameChooser:
    """Chooses names for the jobs of one group, so that no two of them get the same."""

    def __init__(self) -> None:
        self._reserved: set[bytes] = set()
        self._parents: dict[tuple[bytes, bytes], bytes] = {}

    def choose(self, folder: bytes, job: Job, *, plain: bool = False) -> bytes:
        """A name, relative to `folder`, that neither the disk nor the group has taken.

        A `plain` one has nothing that disks of other systems do not take.
        """
        parent, base = os.path.split(plain_path(job.path) if plain else job.path)
        parent = self._parent(folder, parent)
        place = os.path.join(folder, parent) if parent else folder

        def taken(name: bytes) -> bool:
            path = place + b"/" + name
            if path in self._reserved:
                return True
            if not os.path.lexists(path):
                return False
            # A sidecar of this very job is a leftover of a crash; its name is still ours. What has
            # a sidecar of its own is an original, whatever it says of itself.
            own = os.path.join(place, sidecar_name(name, job.id))
            return _job_of(path) != job.id or os.path.lexists(own)

        chosen = target_name(base, job.id, taken)
        self._reserved.add(place + b"/" + chosen)
        self._reserved.add(place + b"/" + sidecar_name(chosen, job.id))
        return os.path.join(parent, chosen) if parent else chosen

    def _parent(self, folder: bytes, parent: bytes) -> bytes:
        """The folder below `folder` for files that lay in `parent`; it is made where it is missing.

        It has the same path, unless a file has the name of a folder on the way. Where a path would
        be too long to be opened, it is `folder` itself.
        """
        found = self._parents.get((folder, parent))
        if found is None:
            fits = len(folder) + 1 + len(parent) <= _LONGEST_PLACE
            found = self._beside_files(folder, parent) if fits else b""
            make_folder(os.path.join(folder, found) if found else folder, 0o750)
            self._parents[folder, parent] = found
        return found

    def _beside_files(self, folder: bytes, parent: bytes) -> bytes:
        """The path with a number after each name that a file has already."""
        found = b""
        for name in filter(None, parent.split(b"/")):
            found = next(
                path
                for path in (os.path.join(found, each) for each in _with_numbers(name))
                if not self._is_file(os.path.join(folder, path))
            )
        return found

    def _is_file(self, path: bytes) -> bool:
        return path in self._reserved or (os.path.lexists(path) and not os.path.isdir(path))


def apart(filings: Sequence[Filing]) -> tuple[list[Filing], list[Filing]]:
    """Those that can be named in one group, and those whose names only capitals tell apart.

    On a disk that ignores capitals the second is to find the name of the first taken.
    """
    firsts: dict[str, bytes] = {}
    group: list[Filing] = []
    twins: list[Filing] = []
    for filing in filings:
        path = filing.job.path
        is_first = firsts.setdefault(_folded(filing.job.name), path) == path
        (group if is_first else twins).append(filing)
    return group, twins


def _folded(name: str) -> str:
    """What names have in common that differ in capitals or in how accents are written."""
    return name.lower() if name.isascii() else normalize("NFC", name.casefold())


def plain_path(path: bytes) -> bytes:
    """A path below a folder of which each name is plain."""
    return b"/".join(map(plain_name, path.split(b"/")))


def _with_numbers(name: bytes) -> Iterator[bytes]:
    yield name
    for number in itertools.count(2):
        yield numbered(name, number)


def clear_attempt(places: Places, job: Job) -> None:
    """Remove the sidecar of a job that was begun for done/ before a crash, and then given up."""
    if not job.cancel:
        return
    with contextlib.suppress(OSError):  # a file may have the folder's name by now
        unlink_if_there(EndPlace.of(places.done, job.path, job.id).temporary)


def clear_origin(places: Places, job: Job, end: EndPlace) -> bytes | None:
    """Remove what the ending before a retry said of a job, where it is still there.

    A power failure can bring the old sidecar back, as its removal was not synced; so can a daemon
    that left the original in its inbox. Returns the folder, whose names are to be synced.
    """
    if job.origin is None or not job.origin.name:
        return None
    old = EndPlace.of(places.folder(job.origin.folder), job.origin.name, job.id)
    if old.sidecar != end.sidecar and _job_of(old.sidecar) == job.id:
        unlink_if_there(old.sidecar)
    return old.folder if os.path.isdir(old.folder) else None


def _job_of(path: bytes) -> str | None:
    """The job that a sidecar tells of; None for what is no sidecar."""
    try:
        return str(read(path).get("job"))
    except (OSError, DamagedSidecarError):
        return None
