"""Recording and filing: sidecars made durable, committed, and originals put in their place.

The order is promise 3: the sidecar is durable, the ledger has committed, then the original leaves
work/. All that is ready at a moment shares one round of syncs and two commits.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from daemon.clock import Clock
from daemon.errors import Fault, InboxdError, Kind
from daemon.files import (
    environment_fault,
    move_new,
    rename_new,
    sync_folders,
    unlink_if_there,
    write_new,
)
from daemon.jobs.changes import Closed, Recorded
from daemon.jobs.model import Ending, Job, State
from daemon.jobs.store import JobStore
from daemon.pipeline.places import Places
from daemon.sidecar.names import sidecar_name, target_name
from daemon.sidecar.read import DamagedSidecarError, read
from daemon.sidecar.write import describe, render

_GROUP = 256
_SYNC_THREADS = 4


@dataclass(frozen=True, slots=True)
class Filing:
    """A job that is to end like this; `recorded` when its sidecar is already durable."""

    job: Job
    places: Places
    ending: Ending
    delete: bool = False
    recorded: bool = False


Filed = Callable[[Sequence[Filing]], None]
Unfiled = Callable[[Sequence[Filing], Fault], None]


class Filer:
    """A thread that records and files whatever is ready, in groups."""

    def __init__(self, store: JobStore, clock: Clock, filed: Filed, unfiled: Unfiled) -> None:
        self._store = store
        self._clock = clock
        self._filed = filed
        self._unfiled = unfiled
        self._waiting: queue.SimpleQueue[Filing | None] = queue.SimpleQueue()
        self._syncers = ThreadPoolExecutor(_SYNC_THREADS, "sync")
        self._thread = threading.Thread(target=self._run, name="filer", daemon=True)

    def start(self) -> None:
        """Begin to take what is submitted."""
        self._thread.start()

    def submit(self, filing: Filing) -> None:
        """Record and file a job with the next group."""
        self._waiting.put(filing)

    def close(self) -> None:
        """Finish what was submitted and end."""
        if self._thread.ident is not None:
            self._waiting.put(None)
            self._thread.join()
        self._syncers.shutdown()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while len(group) < _GROUP:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._waiting.put(None)
                    break
                group.append(more)
            self._supervise(group)

    def _supervise(self, group: list[Filing]) -> None:
        """A named supervisor: whatever goes wrong is told, and the filer lives on."""
        try:
            self._file(group)
        except InboxdError as error:
            self._unfiled(group, error.fault)
        except OSError as error:
            self._unfiled(group, environment_fault(error, "recording and filing").fault)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the filing
            fault = Fault("internal_error", f"{type(error).__name__}: {error}", Kind.ENVIRONMENT)
            self._unfiled(group, fault)

    def _file(self, group: list[Filing]) -> None:
        recorded = [filing for filing in group if filing.recorded]
        recorded += self._record([filing for filing in group if not filing.recorded])
        moved, elsewhere, taken = self._move(recorded)
        self._close(moved)
        for filing in elsewhere:
            self._syncers.submit(self._copy, filing)
        for filing in taken:
            # The name was taken between our two looks, or its folder removed: record it anew.
            unlink_if_there(_sidecar_path(filing))
            ending = replace(filing.ending, name=b"")
            self.submit(replace(filing, ending=ending, recorded=False))

    def _record(self, filings: list[Filing]) -> list[Filing]:
        """Write, sync, rename and commit the sidecars of a group."""
        if not filings:
            return []
        names = _Names()
        named = [replace(f, ending=replace(f.ending, name=names.choose(f))) for f in filings]
        now = self._clock.now()
        named = [replace(f, job=_with_total(f.job, now)) for f in named]
        self._sync([_write_sidecar(filing) for filing in named])
        for filing in named:
            os.rename(_temporary_path(filing), _sidecar_path(filing))
        sync_folders(os.path.dirname(_sidecar_path(filing)) for filing in named)
        self._store.write([Recorded(f.job.id, f.ending, f.job.timings) for f in named])
        return [replace(f, recorded=True) for f in named]

    def _sync(self, descriptors: list[int]) -> None:
        try:
            if len(descriptors) == 1:
                os.fsync(descriptors[0])
            else:
                list(self._syncers.map(os.fsync, descriptors))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _move(self, filings: list[Filing]) -> tuple[list[Filing], list[Filing], list[Filing]]:
        """Rename originals to their place: those moved, those on another disk, those in the way."""
        moved: list[Filing] = []
        elsewhere: list[Filing] = []
        taken: list[Filing] = []
        for filing in filings:
            if filing.places.keep:
                moved.append(filing)
                continue
            source, target = filing.places.original(filing.job), _original_path(filing)
            try:
                if filing.delete and filing.ending.state is State.DONE:
                    unlink_if_there(source)
                else:
                    rename_new(source, target)
            except FileNotFoundError:
                if os.path.lexists(source):
                    taken.append(filing)  # the folder went away, and the sidecar with it
                    continue
                # Otherwise it was moved before a crash, or a person removed it from work/.
            except FileExistsError:
                taken.append(filing)
                continue
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                elsewhere.append(filing)
                continue
            moved.append(filing)
        return moved, elsewhere, taken

    def _copy(self, filing: Filing) -> None:
        """Move one original to another disk, beside the group so that nobody waits for it."""
        try:
            source, target = filing.places.original(filing.job), _original_path(filing)
            move_new(source, target, temporary=_temporary_path(filing) + b".copy")
            self._close([filing])
        except FileExistsError:
            self.submit(filing)
        except OSError as error:
            fault = environment_fault(error, f"moving {filing.job.name} to another disk")
            self._unfiled([filing], fault.fault)
        except InboxdError as error:
            self._unfiled([filing], error.fault)

    def _close(self, filings: list[Filing]) -> None:
        """Make the moves durable and commit the end states."""
        if not filings:
            return
        folders = {os.path.dirname(_original_path(f)) for f in filings if not f.places.keep}
        sync_folders(folders | {f.places.work for f in filings if not f.places.keep})
        self._store.write([Closed(f.job.id, f.ending) for f in filings])
        for filing in filings:
            unlink_if_there(filing.places.reading(filing.job.id))
        self._filed(filings)


class _Names:
    """Free names for the originals of one group, with room for their sidecars."""

    def __init__(self) -> None:
        self._reserved: set[bytes] = set()

    def choose(self, filing: Filing) -> bytes:
        """A name, relative to the ending's folder, that neither disk nor group has taken."""
        folder = filing.places.folder(filing.ending.folder)
        parent, base = os.path.split(filing.job.path)
        os.makedirs(os.path.join(folder, parent), mode=0o750, exist_ok=True)

        def taken(name: bytes) -> bool:
            path = os.path.join(folder, parent, name)
            if path in self._reserved:
                return True
            if not os.path.lexists(path):
                return False
            # A sidecar of this very job is a leftover of a crash; its name is still ours.
            return _job_of(path) != filing.job.id

        chosen = target_name(base, filing.job.id, taken)
        for name in (chosen, sidecar_name(chosen, filing.job.id)):
            self._reserved.add(os.path.join(folder, parent, name))
        return os.path.join(parent, chosen)


def _original_path(filing: Filing) -> bytes:
    return os.path.join(filing.places.folder(filing.ending.folder), filing.ending.name)


def _sidecar_path(filing: Filing) -> bytes:
    folder, name = os.path.split(_original_path(filing))
    return os.path.join(folder, sidecar_name(name, filing.job.id))


def _temporary_path(filing: Filing) -> bytes:
    """A name that follows from the job, so that what a crash leaves is written over."""
    name = b".inboxd-" + filing.job.id.encode() + b".tmp"
    return os.path.join(os.path.dirname(_original_path(filing)), name)


def _with_total(job: Job, now: float) -> Job:
    return replace(job, timings={**job.timings, "total": max(0.0, now - job.received)})


def _job_of(path: bytes) -> str | None:
    """The job that a sidecar tells of; None for what is no sidecar."""
    try:
        return str(read(path).get("job"))
    except (OSError, DamagedSidecarError):
        return None


def _write_sidecar(filing: Filing) -> int:
    """Write a sidecar under its temporary name; returns the descriptor, to be synced."""
    kept = {}
    with (
        contextlib.suppress(FileNotFoundError),
        open(filing.places.reading(filing.job.id), "rb") as reading,
    ):
        kept = json.load(reading)
    facts = describe(filing.job, filing.ending, ocr=kept.get("ocr"), receipt=kept.get("receipt"))
    return write_new(_temporary_path(filing), render(facts))
