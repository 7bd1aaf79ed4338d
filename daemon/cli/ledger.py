"""Opening the ledger of a configuration, and finding in it what a person names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daemon.clock import SystemClock, iso
from daemon.errors import Fault, UsageError
from daemon.files import display

if TYPE_CHECKING:
    from daemon.config.model import Config
    from daemon.jobs.model import Delivery, Ending, Job
    from daemon.jobs.state_folder import StateFolder
    from daemon.jobs.store import JobStore

JSON = Any


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of a configuration, whether its daemon runs or not."""

    config: Config
    state: StateFolder
    store: JobStore

    def named(self, text: str) -> list[Job]:
        """The jobs that a person means by an id, the start of one, a name or a path, newest first.

        The path may lead to the file wherever it lies now, or to its sidecar. Raises UsageError
        with `no_such_job` where there is none, `ambiguous` where the start of an id, or a name
        without its folder, fits several.
        """
        ids = self._find(text) or self._by_path(text)
        jobs = [job for found in ids if (job := self.store.get(found)) is not None]
        if not jobs:
            raise UsageError(
                "no_such_job", f"nothing is known of {text!r}; `inboxd jobs` lists what is"
            )
        if len(jobs) > 1 and all(job.id.startswith(text) for job in jobs):
            listed = ", ".join(job.id for job in jobs)
            raise UsageError("ambiguous", f"{text} is the start of several: {listed}")
        if len(names := {job.name for job in jobs}) > 1:
            listed = ", ".join(sorted(names))
            raise UsageError("ambiguous", f"{text} may be any of {listed}; name its folder too")
        return sorted(jobs, key=lambda job: job.id, reverse=True)

    def where(self, job: Job) -> str | None:
        """The path at which the file of a job lies now; None where it is nowhere we know of."""
        for path in self._candidates(job):
            if os.path.lexists(path):
                return display(path)
        return None

    def tell(self, job: Job) -> JSON:
        """A job as `--json` shows it."""
        preparation, end = job.preparation, job.ending
        return {
            "job": job.id,
            "inbox": job.inbox,
            "file": job.name,
            "state": job.state.value,
            "place": self.where(job),
            "received": iso(job.received),
            "updated": iso(job.updated),
            "size": preparation.size if preparation else job.identity.size,
            "sha256": preparation.sha256 if preparation else None,
            "media_type": preparation.media_type if preparation else None,
            "reading": job.reading.value,
            "error": _error(end.fault if end else None),
            "deliveries": [
                _delivery(delivery, over=end is not None) for delivery in job.deliveries
            ],
        }

    def _find(self, text: str) -> list[str]:
        try:
            return self.store.find(text)
        except UnicodeEncodeError:  # not UTF-8: the ledger knows the name as it is shown
            return self.store.find(display(os.fsencode(text)))

    def _by_path(self, text: str) -> list[str]:
        from daemon.pipeline.places import Places  # noqa: PLC0415
        from daemon.sidecar.read import DamagedSidecarError, read  # noqa: PLC0415

        folder, base = os.path.split(os.fsencode(os.path.abspath(text)))
        path = os.path.join(os.path.realpath(folder), base)
        places = {name: Places.of(inbox) for name, inbox in self.config.inboxes.items()}
        for name, of_inbox in places.items():
            if (inside := _inside(of_inbox.inbox, path)) and (ids := self.store.at(name, inside)):
                return ids
        for sidecar in (path, path + b".json"):
            with contextlib.suppress(OSError, DamagedSidecarError):
                return [str(read(sidecar).get("job"))]
        for name, of_inbox in places.items():
            for ours in (of_inbox.work, of_inbox.done, of_inbox.rejected):
                if inside := _inside(ours, path):
                    # In work/ a file has its job's id for a name.
                    ids = self.store.at(name, inside) or self._find(os.fsdecode(inside))
                    if ids:
                        return ids
        return []

    def _candidates(self, job: Job) -> Iterator[bytes]:
        from daemon.pipeline.places import Places  # noqa: PLC0415

        inbox = self.config.inboxes.get(job.inbox)
        if inbox is None:
            return
        places = Places.of(inbox)
        filed = [end for end in (job.ending, job.origin) if end and end.name]
        in_ends = [_end(places, end) for end in filed if not end.sidecar_only]
        yield from in_ends[:1] if job.ending is not None else []
        yield os.path.join(places.work, job.id.encode())
        yield from in_ends
        if places.keep or job.ending is None:
            yield os.path.join(places.inbox, job.path)


def _inside(folder: bytes, path: bytes) -> bytes:
    """What a path is called from a folder on; empty where it is not inside."""
    start = os.path.join(os.path.realpath(folder), b"")
    return path[len(start) :] if path.startswith(start) else b""


def _end(places: Any, ending: Ending) -> bytes:
    return os.path.join(places.folder(ending.folder), ending.name)


def _error(fault: Fault | None) -> JSON:
    return None if fault is None else fault.facts


def _delivery(delivery: Delivery, *, over: bool) -> JSON:
    waiting = delivery.state.value == "pending" and delivery.next_at and not over
    return {
        "destination": delivery.destination,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "http_status": delivery.http_status,
        "location": delivery.location,
        "next_attempt": iso(delivery.next_at) if waiting else None,
        "error": _error(delivery.fault),
    }


@contextlib.contextmanager
def opened(config_file: str) -> Iterator[Ledger]:
    """The ledger that a configuration names; raises LedgerError where its daemon never ran."""
    from daemon.config.load import load  # noqa: PLC0415  # slow to import
    from daemon.jobs.state_folder import StateFolder  # noqa: PLC0415

    config = load(config_file)
    state = StateFolder(config.state)
    store = state.existing_ledger(SystemClock())
    try:
        yield Ledger(config, state, store)
    finally:
        store.close()
