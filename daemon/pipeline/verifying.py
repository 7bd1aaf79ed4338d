"""Whether ledger, folders and sidecars tell the same story; looks, and changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from daemon.files import display
from daemon.jobs.model import ENDS, Ending, Job, State
from daemon.jobs.store import JobStore
from daemon.pipeline.places import Places
from daemon.pipeline.route import Route
from daemon.sidecar.names import SUFFIX, sidecar_name
from daemon.sidecar.read import DamagedSidecarError, read


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that does not fit: a stable code, where it was seen, and how to mend it."""

    code: str
    where: str
    message: str
    mend: str


def verify(store: JobStore, routes: Mapping[str, Route]) -> Iterator[Disagreement]:
    """Everything that does not fit together; nothing when all does.

    An original and its sidecar that are both gone were put away by a person, which is their right.
    """
    for job in store.unfinished():
        route = routes.get(job.inbox)
        if route is None:
            yield _unknown_inbox(job)
        elif not _lies_somewhere(job, route.places):
            yield Disagreement(
                "file_missing",
                f"job {job.id}",
                f"{job.name} is neither in the inbox nor in work/",
                f"find the file and drop it anew, then: inboxd cancel {job.id}",
            )
    for job in store.ended():
        route = routes.get(job.inbox)
        if route is not None and job.ending is not None and job.ending.name:
            yield from _ended(job, job.ending, route)
    for places in {route.places for route in routes.values()}:
        yield from _work(store, places)
    for folder in {f for route in routes.values() for f in _ends(route.places)}:
        yield from _folder(store, folder)


def _ends(places: Places) -> tuple[bytes, bytes]:
    return places.done, places.rejected


def _unknown_inbox(job: Job) -> Disagreement:
    return Disagreement(
        "unknown_inbox",
        f"job {job.id}",
        f"{job.name} belongs to inbox {job.inbox}, which the configuration no longer has",
        "add the inbox to the configuration again; the file lies in it or in its work folder",
    )


def _lies_somewhere(job: Job, places: Places) -> bool:
    candidates = [places.original(job), os.path.join(places.inbox, job.path)]
    candidates += [
        os.path.join(places.folder(ending.folder), ending.name)
        for ending in (job.ending, job.origin)
        if ending is not None and ending.name
    ]
    return any(os.path.lexists(path) for path in candidates)


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
    deleted = route.config.originals == "delete" and job.state is State.DONE
    size = _size(original)
    if size is None and has_sidecar and not places.keep and not deleted:
        yield Disagreement(
            "original_missing",
            where,
            f"job {job.id} is {job.state}, and its original is not there, but its sidecar is",
            "bring the original back, or remove the sidecar too",
        )
    if size is not None and not has_sidecar:
        yield Disagreement(
            "sidecar_missing",
            where,
            f"job {job.id} is {job.state}, and its sidecar is not there",
            f"drop the file into the inbox again, or: inboxd show {job.id}",
        )
    preparation = job.preparation
    if size is not None and preparation is not None and size != preparation.size:
        yield Disagreement(
            "original_changed",
            where,
            f"it has {size} bytes, job {job.id} took {preparation.size}",
            "find out who changed it; the ledger has the sha256 of what was taken",
        )
    if has_sidecar:
        yield from _sidecar(job, sidecar)


def _size(path: bytes) -> int | None:
    """Bytes of a regular file; 0 for what is none, None for what is not there."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _job_of(sidecar: bytes) -> object:
    """The job that a sidecar names; None where it cannot be read."""
    try:
        return read(sidecar).get("job")
    except (DamagedSidecarError, OSError):
        return None


def _sidecar(job: Job, path: bytes) -> Iterator[Disagreement]:
    where = display(path)
    try:
        facts = read(path)
    except (DamagedSidecarError, OSError) as error:
        yield Disagreement(
            "sidecar_damaged", where, str(error), f"the facts are in: inboxd show {job.id}"
        )
        return
    told = (facts.get("status"), (facts.get("file") or {}).get("sha256"))
    known = (str(job.state), job.preparation.sha256 if job.preparation else None)
    if told != known:
        yield Disagreement(
            "sidecar_differs",
            where,
            f"it says {told[0]}, sha256 {told[1]}; the ledger says {known[0]}, sha256 {known[1]}",
            f"believe the ledger: inboxd show {job.id}",
        )


def _work(store: JobStore, places: Places) -> Iterator[Disagreement]:
    """What lies in work/ belongs to a job that has not ended."""
    for name in _names(places.work):
        job_id, _, kind = name.lstrip(b".").partition(b".")
        job = store.get(job_id.decode("ascii", "replace"))
        where = display(os.path.join(places.work, name))
        if job is None:
            yield Disagreement(
                "stranger_in_work",
                where,
                "no job of the ledger has this file",
                "if it is one of yours, move it into the inbox",
            )
        elif job.state in ENDS and not kind:
            yield Disagreement(
                "left_in_work",
                where,
                f"job {job.id} is {job.state}, but its file is still here",
                "move it into the inbox to have it taken again",
            )


def _folder(store: JobStore, folder: bytes) -> Iterator[Disagreement]:
    """Each sidecar in done/ or rejected/ belongs to a job, each original has one."""
    for parent, _, names in os.walk(folder):
        known = set(names)
        for name in names:
            path = os.path.join(parent, name)
            if name.startswith(b".inboxd-"):
                if _is_left_over(store, name):
                    yield Disagreement("left_over", display(path), "a crash left it", "remove it")
            elif _has_sidecar(name, known):
                pass  # an original; its sidecar is looked at in its turn
            elif name.endswith(SUFFIX):
                alone = name.removesuffix(SUFFIX) not in known
                yield from _of_a_known_job(store, path, alone=alone)
            else:
                yield Disagreement(
                    "no_sidecar",
                    display(path),
                    "it has no sidecar, so it did not come through an inbox",
                    "move it elsewhere, or into the inbox",
                )


def _is_left_over(store: JobStore, name: bytes) -> bool:
    job = store.get(name.removeprefix(b".inboxd-")[:36].decode("ascii", "replace"))
    return job is None or job.state in ENDS


def _has_sidecar(name: bytes, known: set[bytes]) -> bool:
    """Whether a sidecar of this name is there; shortened and escaped names carry a job's tail."""
    if name + SUFFIX in known:
        return True
    plain = sidecar_name(name, "0" * 36)
    if plain == name + SUFFIX:
        return False
    stem = plain.rpartition(b"~")[0]
    return any(other.startswith(stem + b"~") and other.endswith(SUFFIX) for other in known)


def _of_a_known_job(store: JobStore, path: bytes, *, alone: bool) -> Iterator[Disagreement]:
    """A sidecar tells of a job in the ledger; what it says is compared with that job elsewhere."""
    try:
        job_id = read(path).get("job")
    except (DamagedSidecarError, OSError) as error:
        if alone:
            mend = "look at it, or remove it"
            yield Disagreement("sidecar_damaged", display(path), str(error), mend)
        return
    if not isinstance(job_id, str) or store.get(job_id) is None:
        yield Disagreement(
            "unknown_job",
            display(path),
            f"its job {job_id} is not in the ledger",
            "bring back the ledger that knows it, or keep it and its original elsewhere",
        )


def _names(folder: bytes) -> list[bytes]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
