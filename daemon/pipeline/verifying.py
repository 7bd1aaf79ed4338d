"""Whether ledger, folders and sidecars tell the same story; looks, and changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.files import display
from daemon.jobs.model import ENDS, Ending, Job, State
from daemon.jobs.store import JobStore
from daemon.pipeline.environment import PROBES
from daemon.pipeline.places import Places
from daemon.pipeline.restoring import has_sidecar, is_awaited, told_by
from daemon.pipeline.route import Route
from daemon.sidecar.names import SUFFIX, sidecar_name
from daemon.sidecar.read import DamagedSidecarError, read

MISSING = ("original", False)
"""The check in a sidecar that says that its original was gone when it was looked for."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that does not fit: a stable code, where it was seen, and how to mend it.

    `path` is the file that it is about, `job` the job, where there is one.
    """

    code: str
    where: str
    message: str
    mend: str
    path: bytes = b""
    job: str = ""


def verify(store: JobStore, routes: Mapping[str, Route]) -> Iterator[Disagreement]:
    """Everything that does not fit together; nothing when all does.

    What a crash leaves and the next start takes up is no disagreement. An original and its sidecar
    that are both gone were put away by a person, which is their right.
    """
    moving: set[bytes] = set()
    absent: set[str] = set()
    for job in store.unfinished():
        route = routes.get(job.inbox)
        if route is None:
            yield _unknown_inbox(job)
            continue
        moving.update(_end_paths(job, route.places))
        if not _lies_somewhere(job, route):
            if not _is_there(route.places):
                absent.add(job.inbox)
            elif job.claimed:
                yield _lost(job)
    yield from (_absent(inbox, routes[inbox].places) for inbox in sorted(absent))
    for job in store.ended():
        route = routes.get(job.inbox)
        if route is not None and job.ending is not None and job.ending.name:
            yield from _ended(job, job.ending, route)
    for places in {route.places for route in routes.values()}:
        yield from _work(store, places)
    for root, label in ends(routes).items():
        yield from _Folder(store, routes, root, label, moving).disagreements()


def ends(routes: Mapping[str, Route]) -> dict[bytes, str]:
    """The folders in which originals end, and what an ending calls them."""
    found: dict[bytes, str] = {}
    for route in routes.values():
        found.setdefault(route.places.done, "done")
        found.setdefault(route.places.rejected, "rejected")
    return found


def _lost(job: Job) -> Disagreement:
    return Disagreement(
        "file_missing",
        f"job {job.id}",
        f"{job.name} is neither in the inbox nor in work/",
        f"find the file and drop it anew, then: inboxd cancel {job.id}",
        job=job.id,
    )


def _absent(inbox: str, places: Places) -> Disagreement:
    return Disagreement(
        "inbox_missing",
        display(places.inbox),
        f"inbox {inbox} or its work folder is not there, so its files cannot be looked for",
        "mount or make it, then ask again",
    )


def _is_there(places: Places) -> bool:
    return os.path.isdir(places.inbox) and (places.keep or os.path.isdir(places.work))


def _end_paths(job: Job, places: Places) -> list[bytes]:
    """Where the original of an unfinished job may lie without its sidecar, or beside an old one."""
    found = (job.ending, job.origin)
    return [os.path.join(places.folder(e.folder), e.name) for e in found if e and e.name]


def _unknown_inbox(job: Job) -> Disagreement:
    return Disagreement(
        "unknown_inbox",
        f"job {job.id}",
        f"{job.name} belongs to inbox {job.inbox}, which the configuration no longer has",
        "add the inbox to the configuration again; the file lies in it or in its work folder",
    )


def _lies_somewhere(job: Job, route: Route) -> bool:
    places = route.places
    if job.ending is not None and (job.ending.sidecar_only or _is_deleted(job.ending, route)):
        return True  # recorded, so that all that was to be kept of it is kept
    candidates = [places.original(job), os.path.join(places.inbox, job.path)]
    return any(os.path.lexists(path) for path in (*candidates, *_end_paths(job, places)))


def _is_deleted(ending: Ending, route: Route) -> bool:
    return route.config.originals == "delete" and ending.state is State.DONE


def _ended(job: Job, ending: Ending, route: Route) -> Iterator[Disagreement]:
    """A finished job against its original and its sidecar."""
    places = route.places
    original = os.path.join(places.folder(ending.folder), ending.name)
    folder, name = os.path.split(original)
    sidecar = os.path.join(folder, sidecar_name(name, job.id))
    where = display(original)
    has_sidecar = os.path.lexists(sidecar)
    if has_sidecar and _job_of(sidecar) not in (job.id, None):
        return  # a person put this one away, and another job has its name now
    size = None if ending.sidecar_only else _size(original)
    elsewhere = ending.sidecar_only or places.keep or _is_deleted(ending, route)
    gone = size is None and not elsewhere
    if gone and has_sidecar and not _says_missing(sidecar):
        yield Disagreement(
            "original_missing",
            where,
            f"job {job.id} is {job.state}, and its original is not there, but its sidecar is",
            "bring the original back, or remove the sidecar too",
            sidecar,
            job.id,
        )
    if size is not None and not has_sidecar:
        yield Disagreement(
            "sidecar_missing",
            where,
            f"job {job.id} is {job.state}, and its sidecar is not there",
            f"drop the file into the inbox again, or: inboxd show {job.id}",
            original,
            job.id,
        )
    preparation = job.preparation
    if size is not None and preparation is not None and size != preparation.size:
        yield Disagreement(
            "original_changed",
            where,
            f"it has {size} bytes, job {job.id} took {preparation.size}",
            "find out who changed it; the ledger has the sha256 of what was taken",
            original,
            job.id,
        )
    if has_sidecar:
        yield from _sidecar(job, sidecar, gone=gone)


def _size(path: bytes) -> int | None:
    """Bytes of a regular file; 0 for what is none, None for a folder and what is not there."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _job_of(sidecar: bytes) -> object:
    """The job that a sidecar names; None where it cannot be read."""
    try:
        return read(sidecar).get("job")
    except (DamagedSidecarError, OSError):
        return None


def _says_missing(sidecar: bytes) -> bool:
    """Whether a sidecar tells that its original was gone."""
    try:
        return _notes_missing(read(sidecar))
    except (DamagedSidecarError, OSError):
        return False


def _notes_missing(facts: Mapping[str, Any]) -> bool:
    checks = facts.get("checks")
    told = checks if isinstance(checks, list) else []
    return any((c.get("check"), c.get("ok")) == MISSING for c in told if isinstance(c, dict))


def _sidecar(job: Job, path: bytes, *, gone: bool) -> Iterator[Disagreement]:
    where = display(path)
    try:
        facts = read(path)
    except (DamagedSidecarError, OSError) as error:
        mend = f"the facts are in: inboxd show {job.id}"
        yield Disagreement("sidecar_damaged", where, str(error), mend, path, job.id)
        return
    told, known = _told(facts), _known(job)
    if _notes_missing(facts) and not gone:
        told["original"], known["original"] = "missing", "there"
    differing = sorted(fact for fact in known if told[fact] != known[fact])
    if differing:
        says = ", ".join(f"{fact} {told[fact]}, not {known[fact]}" for fact in differing)
        mend = f"believe the ledger: inboxd show {job.id}"
        yield Disagreement("sidecar_differs", where, f"it says {says}", mend, path, job.id)


def _told(facts: Mapping[str, Any]) -> dict[str, object]:
    """What a sidecar says of the things that the ledger knows too."""
    file = facts.get("file")
    deliveries = facts.get("deliveries")
    states = [each for each in deliveries if isinstance(each, dict)] if deliveries else []
    return {
        "status": facts.get("status"),
        "sha256": file.get("sha256") if isinstance(file, dict) else None,
        "deliveries": [(each.get("destination"), each.get("state")) for each in states],
    }


def _known(job: Job) -> dict[str, object]:
    return {
        "status": str(job.state),
        "sha256": job.preparation.sha256 if job.preparation else None,
        "deliveries": [(each.destination, str(each.state)) for each in job.deliveries],
    }


def _work(store: JobStore, places: Places) -> Iterator[Disagreement]:
    """What lies in work/ belongs to a job that has not ended."""
    for name in _names(places.work):
        if name in PROBES:
            continue
        job_id, _, kind = name.lstrip(b".").partition(b".")
        job = store.get(job_id.decode("ascii", "replace"))
        path = os.path.join(places.work, name)
        if job is None and is_awaited(store, job_id):
            continue
        if job is None:
            yield Disagreement(
                "stranger_in_work",
                display(path),
                "no job of the ledger has this file",
                "if it is one of yours, move it into the inbox",
                path,
            )
        elif job.state in ENDS and not kind:
            yield Disagreement(
                "left_in_work",
                display(path),
                f"job {job.id} is {job.state}, but its file is still here",
                "move it into the inbox to have it taken again",
                path,
                job.id,
            )


class _Folder:
    """A folder in which originals end: each sidecar has a job, each original a sidecar."""

    def __init__(
        self,
        store: JobStore,
        routes: Mapping[str, Route],
        root: bytes,
        label: str,
        moving: set[bytes],
    ) -> None:
        self._store = store
        self._routes = routes
        self._root = root
        self._label = label
        self._moving = moving

    def disagreements(self) -> Iterator[Disagreement]:
        """What does not fit in it."""
        for parent, _, names in os.walk(self._root):
            known = set(names)
            for name in names:
                path = os.path.join(parent, name)
                if name in PROBES:
                    pass  # the daemon looks whether the disk is mended; the next start clears it
                elif name.startswith(b".inboxd-"):
                    yield from self._left_over(path, name)
                elif has_sidecar(name, known) or path in self._moving:
                    pass  # an original; its sidecar is looked at in its turn
                elif name.endswith(SUFFIX):
                    yield from self._sidecar(path, alone=name.removesuffix(SUFFIX) not in known)
                else:
                    yield Disagreement(
                        "no_sidecar",
                        display(path),
                        "it has no sidecar, so it did not come through an inbox",
                        "move it elsewhere, or into the inbox",
                        path,
                    )

    def _left_over(self, path: bytes, name: bytes) -> Iterator[Disagreement]:
        job = self._store.get(name.removeprefix(b".inboxd-")[:36].decode("ascii", "replace"))
        if job is None or job.state in ENDS:
            yield Disagreement("left_over", display(path), "a crash left it", "remove it", path)

    def _sidecar(self, path: bytes, *, alone: bool) -> Iterator[Disagreement]:
        """A sidecar tells of a job in the ledger; one that has ended is compared elsewhere."""
        try:
            job_id = read(path).get("job")
        except (DamagedSidecarError, OSError) as error:
            if alone:
                mend = "look at it, or remove it"
                yield Disagreement("sidecar_damaged", display(path), str(error), mend, path)
            return
        job = self._store.get(job_id) if isinstance(job_id, str) else None
        if job is None:
            yield Disagreement(
                "unknown_job",
                display(path),
                f"its job {job_id} is not in the ledger",
                "bring back the ledger that knows it, or keep it and its original elsewhere",
                path,
            )
        elif told_by(path, self._root, self._label, self._store, self._routes) is not None:
            yield Disagreement(
                "ledger_behind",
                display(path),
                f"it tells how job {job.id} ended; the ledger says that it is {job.state}",
                "the next start of the daemon after a crash takes it from here",
                path,
                job.id,
            )


def _names(folder: bytes) -> list[bytes]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
