"""A folder on a disk or mount: written beside its name, synced, and only then named."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

from daemon.config.destinations import FolderDestinationConfig
from daemon.crashpoints import crashpoint
from daemon.delivery.destination import Acknowledgement, Finding, Parcel, Progress
from daemon.delivery.folder.copying import CANNOT_SHARE, Copy, clone, link
from daemon.delivery.folder.placing import Place
from daemon.delivery.folder.target import cannot_share, check_target, target_fault
from daemon.delivery.naming import relative_path
from daemon.delivery.pacing.throttle import Throttle, Throttles
from daemon.delivery.transport.body import file_changed, open_parcel
from daemon.errors import StoppedError
from daemon.files import identity, sync_folder, unlink_if_there

_MODE: Final = 0o640


class FolderDestination:
    """Delivers into a folder that exists; replaces what lies there only where it is told to.

    The folder itself is not made, since a missing one is most often a mount that is not there. A
    copy is ours, readable by the folder's group, and keeps the modification time; a hard link is
    the original under a second name, owner and rights included.
    """

    def __init__(self, name: str, config: FolderDestinationConfig) -> None:
        self.name = name
        self._config = config
        self._root = os.fsencode(config.path)
        self._throttle = Throttle(config.bandwidth) if config.bandwidth else None

    def deliver(self, parcel: Parcel, progress: Progress, stop: threading.Event) -> Acknowledgement:
        """Make one attempt; errors as the seam says."""
        if stop.is_set():
            raise StoppedError
        source = open_parcel(parcel)
        try:
            place = self._place(parcel)
            path = place.holder(source, stop)
            if path is None:
                path = self._make(place, source, progress, stop)
            else:
                unlink_if_there(place.temporary)  # a crash may have left the file both names
                progress(parcel.size)
            sync_folder(place.folder)
        except OSError as error:
            raise target_fault(error, self._root, source) from error
        finally:
            os.close(source)
        return Acknowledgement(bytes=parcel.size, location=path.decode("utf-8", "backslashreplace"))

    def check(self) -> list[Finding]:
        """Look at the folder, its rights and its room; leaves nothing there."""
        return check_target(self._root, self._config.method)

    def discard(self, acknowledgement: Acknowledgement) -> bool:
        """Remove one file that a benchmark delivered; tells whether it is gone."""
        try:
            return unlink_if_there(os.fsencode(acknowledgement.location or ""))
        except OSError:
            return False

    def close(self) -> None:
        """Nothing is kept open."""

    def _place(self, parcel: Parcel) -> Place:
        """Where a parcel goes; the folders on the way are made, and synced where they are new."""
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
        return Place(folder, name, self._config.collision, parcel)

    def _make(self, place: Place, source: int, progress: Progress, stop: threading.Event) -> bytes:
        """Bring the content there under a temporary name, durably, and then give it its own."""
        opened = identity(os.fstat(source))
        # Never written into as it is: what a crash left may be a link to an original.
        unlink_if_there(place.temporary)
        try:
            if self._config.method == "hardlink":
                self._link(place, source)
            else:
                self._copy(place, source, progress, stop)
            if opened.size != place.parcel.size or identity(os.fstat(source)) != opened:
                raise file_changed()
            crashpoint("deliver.copied")
            path = place.take()
        except BaseException:
            with contextlib.suppress(OSError):
                unlink_if_there(place.temporary)
            raise
        progress(place.parcel.size)
        return path

    def _link(self, place: Place, source: int) -> None:
        try:
            link(source, place.temporary)
        except OSError as error:
            if error.errno not in CANNOT_SHARE:
                raise
            raise cannot_share(error, self._root, "hardlink") from error
        os.fsync(source)

    def _copy(self, place: Place, source: int, progress: Progress, stop: threading.Event) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(place.temporary, flags, _MODE)
        try:
            self._fill(target, source, place.parcel, progress, stop)
            status = os.fstat(source)
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(target)
        finally:
            os.close(target)

    def _fill(
        self, target: int, source: int, parcel: Parcel, progress: Progress, stop: threading.Event
    ) -> None:
        method = self._config.method
        throttle = Throttles(self._throttle, parcel.throttle)
        if method == "reflink" or (method == "auto" and not throttle):
            try:
                clone(source, target)
            except OSError as error:
                if error.errno not in CANNOT_SHARE:
                    raise
                if method == "reflink":
                    raise cannot_share(error, self._root, method) from error
            else:
                return
        Copy(
            source,
            target,
            shared=method == "auto",
            throttle=throttle,
            stop=stop,
            progress=progress,
        ).run(parcel.size)
