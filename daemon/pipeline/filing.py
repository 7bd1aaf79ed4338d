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
from dataclasses import replace
from typing import Any, Protocol

from daemon import turns
from daemon.clock import Clock
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, InboxdError, Kind
from daemon.files import (
    display,
    environment_fault,
    is_same,
    move_new,
    rename_new,
    sync_folders,
    unlink_if_there,
    write_new,
)
from daemon.jobs.changes import Closed, Recorded
from daemon.jobs.model import ReadingState
from daemon.jobs.store import JobStore
from daemon.pipeline.blame import is_of_all, is_of_name
from daemon.pipeline.endplace import (
    EndPlace,
    Filing,
    NameChooser,
    apart,
    clear_attempt,
    clear_origin,
)
from daemon.pipeline.places import NotNowError, Places
from daemon.sidecar.write import describe, render

_GROUP = 256
_SYNC_THREADS = 4
_LOOK_AGAIN = 30.0

__all__ = ["Filer", "Filing"]

Filed = Callable[[Sequence[Filing]], None]


class Unfiled(Protocol):
    """Who is told what could not be filed."""

    def __call__(
        self, filings: Sequence[Filing], fault: Fault, retry_in: float | None = None, /
    ) -> None:
        """Take these back, to be tried again when the fault is mended, or in so many seconds."""
        ...


_Placed = tuple[Filing, EndPlace]


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
            by_places: dict[Places, list[Filing]] = {}
            for filing in group:
                by_places.setdefault(filing.places, []).append(filing)
            # The disk of one inbox must not spoil the filing of another.
            for part in by_places.values():
                with turns.computing():
                    self._supervise(part)

    def _supervise(self, group: list[Filing]) -> None:
        """A named supervisor: whatever goes wrong is told, and the filer lives on."""
        try:
            self._file(group)
        except InboxdError as error:
            self._unfiled(group, error.fault)
        except OSError as error:
            place = display(os.fsencode(error.filename)) if error.filename else "a file"
            fault = environment_fault(error, f"filing {place}").fault
            if is_of_all(error, group):
                self._unfiled(group, fault)
            elif len(group) == 1 and is_of_name(error, group[0]):
                self._supervise([replace(group[0], plain=True)])
            else:
                self._single_out(group, fault)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the filing
            fault = Fault("internal_error", f"{type(error).__name__}: {error}", Kind.ENVIRONMENT)
            self._single_out(group, fault)

    def _single_out(self, group: list[Filing], fault: Fault) -> None:
        """What is in the way of one file must hold up no other: each is filed by itself."""
        if len(group) == 1:
            self._unfiled(group, fault, _LOOK_AGAIN)
            return
        for filing in group:
            self._supervise([filing])

    def _file(self, filings: list[Filing]) -> None:
        group = [filing for filing in filings if self._is_reachable(filing)]
        recorded: list[Filing] = []
        new: list[Filing] = []
        for filing in group:
            is_known = filing.recorded and not _lacks_sidecar(filing)
            (recorded if is_known else new).append(filing)
        new, twins = apart(new)
        placed = [(filing, filing.end) for filing in recorded]
        for _, end in placed:
            end.clear_second()
        placed += self._record(new)
        moved, elsewhere, taken = _move(placed)
        self._close(moved)
        for each in elsewhere:
            self._syncers.submit(self._copy, *each)
        for each in taken:
            self._record_anew(*each)
        for twin in twins:
            self.submit(twin)

    def _is_reachable(self, filing: Filing) -> bool:
        """Whether the disk of a file is there; without it a sidecar would lie on another one."""
        fault = filing.places.missing()
        if fault is not None:
            self._unfiled([filing], fault, _LOOK_AGAIN)
        return fault is None

    def _record(self, filings: list[Filing]) -> list[_Placed]:
        """Write, sync, rename and commit the sidecars of a group."""
        if not filings:
            return []
        names = NameChooser()
        now = self._clock.now()
        placed = [_named(filing, names, now) for filing in filings]
        written = _write_sidecars(placed)
        crashpoint("record.written")
        with turns.waiting():
            self._sync(written)
        crashpoint("record.synced")
        for _, end in placed:
            os.rename(end.temporary, end.sidecar)
            crashpoint("record.renamed")
        changes = [Recorded(f.job.id, f.ending, f.job.timings) for f, _ in placed]
        with turns.waiting():
            sync_folders(end.folder for _, end in placed)
            crashpoint("record.durable")
            self._store.write(changes)
            crashpoint("record.committed")
        return placed

    def _sync(self, descriptors: list[int]) -> None:
        """Sync files side by side, each thread a share of them, and close them."""
        try:
            shares = [descriptors[k::_SYNC_THREADS] for k in range(_SYNC_THREADS)]
            if len(descriptors) == 1:
                os.fsync(descriptors[0])
            else:
                list(self._syncers.map(_sync_all, shares))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _copy(self, filing: Filing, end: EndPlace) -> None:
        """Move one original to another disk, beside the group so that nobody waits for it."""
        try:
            source = filing.places.original(filing.job)
            try:
                move_new(source, end.original, temporary=end.temporary + b".copy")
            except FileExistsError:
                self._meet_another(filing, end)
            except FileNotFoundError:
                self._miss_one(filing, end)
            else:
                self._close([(filing, end)])
        except OSError as error:
            if is_of_name(error, filing):
                self._record_anew(replace(filing, plain=True), end)
                return
            fault = environment_fault(error, f"moving {filing.job.name} to another disk").fault
            if is_of_all(error, [filing]):
                self._unfiled([filing], fault)
            else:
                self._single_out([filing], fault)
        except InboxdError as error:
            self._unfiled([filing], error.fault)

    def _meet_another(self, filing: Filing, end: EndPlace) -> None:
        """Something has the name on the other disk: our own copy of before a crash, or a stranger.

        Raises OSError where the two cannot be compared.
        """
        source = filing.places.original(filing.job)
        if is_same(source, end.original):
            sync_folders([end.folder])
            unlink_if_there(source)
            self._close([(filing, end)])
        else:
            self._record_anew(filing, end)

    def _miss_one(self, filing: Filing, end: EndPlace) -> None:
        """The original was moved before a crash, or the folder on the other disk went away."""
        if os.path.lexists(filing.places.original(filing.job)) or _is_back(filing, end):
            self._record_anew(filing, end)
        else:
            self._close([(filing, end)])

    def _record_anew(self, filing: Filing, end: EndPlace) -> None:
        """The name was taken between our two looks, or its folder removed: choose another."""
        unlink_if_there(end.sidecar)
        crashpoint("record.again")
        ending = replace(filing.ending, name=b"")
        self.submit(replace(filing, ending=ending, recorded=False))

    def _close(self, placed: list[_Placed]) -> None:
        """Make the moves durable and commit the end states."""
        if not placed:
            return
        folders = {folder for each in placed for folder in _changed_by_moving(*each)}
        folders |= {folder for f, end in placed if (folder := clear_origin(f.places, f.job, end))}
        for filing, _ in placed:
            clear_attempt(filing.places, filing.job)
        changes = [Closed(filing.job.id, filing.ending) for filing, _ in placed]
        with turns.waiting():
            sync_folders(folders)
            crashpoint("file.durable")
            self._store.write(changes)
            crashpoint("file.committed")
        for filing, _ in placed:
            if filing.job.reading is ReadingState.DONE:
                unlink_if_there(filing.places.reading(filing.job.id))
        crashpoint("file.cleared")
        self._filed([filing for filing, _ in placed])


def _lacks_sidecar(filing: Filing) -> bool:
    """Whether a sidecar that was recorded is not in its place: that has become another since."""
    source = filing.places.original(filing.job)
    return not os.path.lexists(filing.end.sidecar) and os.path.lexists(source)


def _changed_by_moving(filing: Filing, end: EndPlace) -> tuple[bytes, ...]:
    """The folders whose names a move has changed; none where the original stayed."""
    if filing.places.keep and not os.path.lexists(end.original):
        return ()
    return end.folder, filing.places.work


def _sync_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.fsync(descriptor)


def _named(filing: Filing, names: NameChooser, now: float) -> _Placed:
    """The filing with a free name in its ending, and the time that it all took."""
    job = filing.job
    folder = filing.places.folder(filing.ending.folder)
    ending = filing.ending
    timings = {**job.timings, "total": max(0.0, now - job.received)}
    named = replace(
        filing,
        job=replace(job, timings=timings),
        ending=replace(
            ending,
            name=names.choose(folder, job, plain=filing.plain),
            sidecar_only=filing.deletes or filing.places.stays(job),
        ),
        recorded=True,
    )
    return named, named.end


def _write_sidecars(placed: list[_Placed]) -> list[int]:
    """Write sidecars under their temporary names; returns their descriptors, to be synced."""
    descriptors: list[int] = []
    try:
        for filing, end in placed:
            descriptors.append(write_new(end.temporary, _sidecar_of(filing)))
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return descriptors


def _sidecar_of(filing: Filing) -> bytes:
    """The sidecar's content, with what reading found."""
    job = filing.job
    kept: dict[str, Any] = {}
    if job.reading is ReadingState.DONE:
        # A person may have cleared work/; then the sidecar is written without the text.
        with (
            contextlib.suppress(FileNotFoundError),
            open(filing.places.reading(job.id), "rb") as reading,
        ):
            kept = json.load(reading)
    facts = describe(job, filing.ending, ocr=kept.get("ocr"), receipt=kept.get("receipt"))
    return render(facts)


def _is_back(filing: Filing, end: EndPlace) -> bool:
    """Whether an original was found again whose claim a power failure had undone."""
    if os.path.lexists(end.original):
        return False
    with contextlib.suppress(NotNowError):
        return filing.places.reclaim(filing.job)
    return False


def _move(placed: list[_Placed]) -> tuple[list[_Placed], list[_Placed], list[_Placed]]:
    """Rename originals to their place: those moved, those on another disk, those in the way."""
    moved: list[_Placed] = []
    elsewhere: list[_Placed] = []
    taken: list[_Placed] = []
    for filing, end in placed:
        if filing.places.stays(filing.job):
            moved.append((filing, end))
            continue
        source = filing.places.original(filing.job)
        try:
            if filing.deletes:
                if not unlink_if_there(source) and _is_back(filing, end):
                    os.unlink(source)
            else:
                rename_new(source, end.original)
            crashpoint("file.moved")
        except FileNotFoundError:
            if os.path.lexists(source) or _is_back(filing, end):
                taken.append((filing, end))  # the folder went away, and the sidecar with it
                continue
            # Otherwise it was moved before a crash, or a person removed it from work/.
        except FileExistsError:
            taken.append((filing, end))
            continue
        except OSError as error:
            if error.errno == errno.EXDEV:
                elsewhere.append((filing, end))
            elif is_of_name(error, filing):
                taken.append((replace(filing, plain=True), end))
            else:
                raise
            continue
        moved.append((filing, end))
    return moved, elsewhere, taken
