"""A folder on a disk or mount: copied beside its name, synced, then named without overwriting."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading

from daemon.config.destinations import FolderDestinationConfig
from daemon.crashpoints import crashpoint
from daemon.delivery.body import file_changed, open_parcel
from daemon.delivery.copying import Copy
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.naming import relative_path, with_tail
from daemon.delivery.target import check_target, target_fault
from daemon.delivery.throttle import Throttle
from daemon.errors import DeliveryError, Kind, StoppedError
from daemon.files import open_regular, rename_new, sync_folder, unlink_if_there
from daemon.limits import DEFAULT, Limits

_TAIL = 8


class FolderDestination:
    """Delivers into a folder that exists; what lies there is never replaced.

    The folder itself is not made, since a missing one is most often a mount that is not there.
    """

    def __init__(
        self, name: str, config: FolderDestinationConfig, *, limits: Limits = DEFAULT
    ) -> None:
        self.name = name
        self._config = config
        self._limits = limits
        self._root = os.fsencode(config.path)
        self._throttle = Throttle(config.bandwidth) if config.bandwidth else None

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        source = open_parcel(parcel)
        try:
            target = self._deliver(parcel, source, progress, stop)
        except OSError as error:
            raise target_fault(error, self._root, source) from error
        finally:
            os.close(source)
        return Acknowledgement(
            bytes=parcel.size, location=target.decode("utf-8", "backslashreplace")
        )

    def check(self) -> list[Finding]:
        """Look at the folder, its rights and its room; leaves nothing there."""
        return check_target(self._root, self._limits.reserve_space)

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        try:
            return unlink_if_there(os.fsencode(acknowledgement.location or ""))
        except OSError:
            return False

    def close(self) -> None:
        """Nothing is kept open."""

    def _deliver(
        self, parcel: Parcel, source: int, progress: Progress, stop: threading.Event
    ) -> bytes:
        folder, name = self._place(parcel)
        names = [
            name,
            with_tail(name, parcel.job[-_TAIL:]),
            with_tail(name, parcel.job),
        ]
        there = _first_same([os.path.join(folder, name) for name in names], parcel, stop)
        if there is not None:
            progress(parcel.size)
            sync_folder(folder)
            return there
        temporary = os.path.join(folder, _temporary_name(parcel))
        try:
            self._copy(source, temporary, parcel, progress, stop)
            crashpoint("deliver.copied")
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(FileExistsError):
                    rename_new(temporary, path)
                    crashpoint("deliver.named")
                    sync_folder(folder)
                    return path
        except BaseException:
            with contextlib.suppress(OSError):
                unlink_if_there(temporary)
            raise
        unlink_if_there(temporary)
        raise DeliveryError(
            "name_taken", "every name for this file is taken in the folder", kind=Kind.PERMANENT
        )

    def _copy(
        self,
        source: int,
        temporary: bytes,
        parcel: Parcel,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        before = os.fstat(source)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        writing = os.open(temporary, flags, 0o640)
        try:
            Copy(source, writing, self._throttle, stop, progress).run(parcel.size)
            after = os.fstat(source)
            if after.st_size != parcel.size or after.st_mtime_ns != before.st_mtime_ns:
                raise file_changed()
            os.utime(writing, ns=(after.st_atime_ns, after.st_mtime_ns))
            os.fsync(writing)
        finally:
            os.close(writing)

    def _place(self, parcel: Parcel) -> tuple[bytes, bytes]:
        """The folder of a parcel, made and synced where it is new, and the name in it."""
        *parents, name = relative_path(self._config.name, parcel)
        folder = self._root
        os.stat(folder)
        for parent in parents:
            above, folder = folder, os.path.join(folder, parent)
            try:
                os.mkdir(folder)
            except FileExistsError:
                continue
            sync_folder(above)
        return folder, name


def _temporary_name(parcel: Parcel) -> bytes:
    """The same for each attempt, so that what a crash left is written over, and hidden."""
    return b".inboxd-" + hashlib.sha256(parcel.idempotency_key.encode()).hexdigest()[:24].encode()


def _first_same(paths: list[bytes], parcel: Parcel, stop: threading.Event) -> bytes | None:
    """The first of some paths that already holds this content, as after a lost acknowledgement."""
    for path in paths:
        try:
            descriptor = open_regular(path)
        except OSError:
            continue
        try:
            same = os.fstat(descriptor).st_size == parcel.size
            if same and _digest(descriptor, stop) == parcel.sha256:
                os.fsync(descriptor)
                return path
        finally:
            os.close(descriptor)
    return None


def _digest(descriptor: int, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    while data := os.read(descriptor, DEFAULT.read_block):
        if stop.is_set():
            raise StoppedError
        digest.update(data)
    return digest.hexdigest()
