"""Jobs that the folders know of and the ledger does not: from sidecars, and from work/."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from daemon.clock import iso
from daemon.files import Identity, display, identity, open_regular
from daemon.jobs.model import ENDS, Job, State, id_after
from daemon.jobs.salvage import JOB_ID
from daemon.jobs.store import JobStore
from daemon.pipeline.places import Places
from daemon.pipeline.route import Route
from daemon.sidecar.names import SUFFIX, sidecar_name
from daemon.sidecar.read import DamagedSidecarError, read
from daemon.validation.kinds import usual_extension
from daemon.validation.media_type import HEAD, detect

Routes = Mapping[str, Route]


def told_by_sidecars(store: JobStore, routes: Routes, since: float = 0.0) -> Iterator[Job]:
    """Jobs of which a sidecar says more than the ledger does, as it says it.

    Only sidecars that were written `since` a wall-clock time are read; folders in which no name
    has changed since then are not even listed.
    """
    seen = set()
    for route in routes.values():
        for label in ("done", "rejected"):
            root = route.places.folder(label)
            if root not in seen:
                seen.add(root)
                for sidecar in _sidecars(root, since):
                    job = told_by(sidecar, root, label, store, routes)
                    if job is not None:
                        yield job


def told_by(sidecar: bytes, root: bytes, label: str, store: JobStore, routes: Routes) -> Job | None:
    """The job of one sidecar, None where the ledger knows as much or the sidecar is not whole."""
    from daemon.sidecar.restore import job_of  # noqa: PLC0415  # slow, and seldom needed

    try:
        facts = read(sidecar)
        row = _row(store, facts.get("job"))
        if row is not None and not _may_be_behind(row):
            return None
        name = os.path.relpath(_original(sidecar, facts), root)
        job = job_of(facts, sidecar, label, name)
    except (DamagedSidecarError, OSError):
        return None
    route = routes.get(job.inbox)
    if not JOB_ID.fullmatch(job.id) or route is None:
        return None if not JOB_ID.fullmatch(job.id) else job
    stays = route.places.stays(job)
    in_work = not stays and os.path.lexists(route.places.original(job))
    beside = os.path.lexists(os.path.join(root, name))
    if row is not None and row.preparation is not None and (in_work or not beside):
        return None  # a crash between the sidecar and the ledger: the pipeline goes on from there
    if stays:
        job = replace(job, identity=_kept_identity(route.places, job, facts))
    return replace(job, state=State.QUEUED) if in_work else job


def lying_in_work(store: JobStore, routes: Routes) -> Iterator[Job]:
    """Jobs whose file is in work/ while the ledger does not know that, to be judged anew."""
    seen = set()
    # Of inboxes that share the folder one that fills it goes first.
    for inbox, route in sorted(routes.items(), key=lambda item: item[1].places.keep):
        if route.places.work not in seen:
            seen.add(route.places.work)
            for name in ids_in_work(route.places.work):
                row = store.get(name)
                if row is None and not is_awaited(store, name.encode()):
                    yield adopted(name, inbox, route.places)
                elif row is not None and row.state not in ENDS and not row.claimed:
                    yield replace(row, claimed=True, state=State.QUEUED)


def ids_in_work(work: bytes) -> list[str]:
    """The ids of jobs whose files are in a work folder."""
    try:
        names = os.listdir(work)
    except OSError:
        return []
    return sorted(name.decode() for name in names if is_job_id(name))


def is_job_id(name: bytes) -> bool:
    """Whether a name in work/ is that of a job's file."""
    return JOB_ID.fullmatch(name.decode("ascii", "replace")) is not None


def is_awaited(store: JobStore, name: bytes) -> bool:
    """Whether a link file that is being followed has led to this; its job is made next."""
    return any(id_after(job.id).encode() == name for job in store.unfinished())


def adopted(job: str, inbox: str, places: Places) -> Job:
    """A job for a file in work/ of which nothing else is known; its id gives the time."""
    path = os.path.join(places.work, job.encode())
    name = job.encode() + _extension(path)
    return Job(
        id=job,
        inbox=inbox,
        path=name,
        name=display(name),
        state=State.QUEUED,
        identity=identity(os.lstat(path)),
        received=int(job[:8] + job[9:13], 16) / 1000,
        claimed=True,
    )


def _extension(path: bytes) -> bytes:
    """An extension by what a file's bytes are, with its dot; empty where they say nothing."""
    try:
        with os.fdopen(open_regular(path), "rb") as stream:
            head = stream.read(HEAD)
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - HEAD))
            found = usual_extension(detect(head, stream.read(HEAD), size))
    except OSError:
        return b""
    return b"." + found.encode() if found else b""


def _sidecars(root: bytes, since: float) -> Iterator[bytes]:
    for parent, _, names in os.walk(root):
        with contextlib.suppress(OSError):
            if os.stat(parent).st_mtime < since:
                continue
        known = set(names)
        for name in names:
            path = os.path.join(parent, name)
            if (
                name.endswith(SUFFIX)
                and not name.startswith(b".")
                and _is_since(path, since)
                and not has_sidecar(name, known)  # an original, whatever it says of itself
            ):
                yield path


def has_sidecar(name: bytes, known: set[bytes]) -> bool:
    """Whether a file has its sidecar among the names of its folder.

    Shortened and escaped names carry a job's tail.
    """
    if name + SUFFIX in known:
        return True
    plain = sidecar_name(name, "0" * 36)
    if plain == name + SUFFIX:
        return False
    stem = plain.rpartition(b"~")[0]
    return any(other.startswith(stem + b"~") and other.endswith(SUFFIX) for other in known)


def _is_since(path: bytes, since: float) -> bool:
    try:
        return not since or os.lstat(path).st_mtime >= since
    except OSError:
        return False


def _row(store: JobStore, job: object) -> Job | None:
    return store.get(job) if isinstance(job, str) else None


def _may_be_behind(row: Job) -> bool:
    """Whether the ledger may know less of a job than a sidecar; not of one that is tried again."""
    return row.state not in ENDS and row.origin is None and row.ending is None


def _original(sidecar: bytes, facts: Mapping[str, Any]) -> bytes:
    """The original's path; of a name that was cut or escaped each in the folder is tried."""
    plain = sidecar.removesuffix(SUFFIX)
    if os.path.lexists(plain):
        return plain
    folder, base = os.path.split(sidecar)
    job = str(facts.get("job"))
    for name in os.listdir(folder):
        if sidecar_name(name, job) == base:
            return os.path.join(folder, name)
    return plain


def _kept_identity(places: Places, job: Job, facts: Mapping[str, Any]) -> Identity:
    """The identity of a file that stayed in its inbox, where it is still the one that was taken."""
    try:
        found = identity(os.lstat(os.path.join(places.inbox, job.path)))
    except OSError:
        return job.identity
    told = facts["file"]
    same = found.size == told["size"] and iso(found.modified_ns / 1e9) == told["modified"]
    return found if same else job.identity
