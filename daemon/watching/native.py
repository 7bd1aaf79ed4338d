"""Native events on Linux: hints from inotify with a lean mask, watches kept up as folders move.

See inotify(7).
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    Mask,
    WatchDescriptor,
)

from daemon.errors import EnvironmentFaultError
from daemon.files import display, environment_fault
from daemon.watching.inotify_limits import limit_fault
from daemon.watching.inotify_reader import InotifyReader
from daemon.watching.scan import folders_below, walk
from daemon.watching.watcher import Hint, Lost, OnError, Sink, Skip

_MASK = (
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_CREATE
    # wget, rsync and others set a file's times after they have closed it.
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_EXCL_UNLINK
)
# An inbox may be reached through a link; what lies in it may not.
_ROOT_MASK = Mask(_MASK)
_BELOW_MASK = Mask(_MASK | InotifyConstants.IN_DONT_FOLLOW)
_ARRIVED = InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
_CLOSED = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO
_PASSED_OVER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_NO_WATCH = -1  # watchdog answers so, without an error, where we have no right to watch


@dataclass(frozen=True, slots=True)
class _Watched:
    """A folder under watch: its path relative to the inbox and the callback's number."""

    path: bytes
    number: CallbackId


class NativeWatcher:
    """Hints from inotify for one folder, and for the folders below it if `recursive`.

    The sink is called in the reader thread. What the sink or a handler raises goes to `on_error`,
    and the next hint is preceded by one for the whole folder; it never ends the watching.
    """

    def __init__(
        self, folder: bytes, sink: Sink, *, recursive: bool, skip: Skip, on_error: OnError
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._recursive = recursive
        self._skip = skip
        self._on_error = on_error
        self._reader: InotifyReader | None = None
        self._place: tuple[int, int] | None = None
        self._numbers = itertools.count(1)
        # Filled before the reader starts and from then on touched in its thread only.
        self._watched: dict[WatchDescriptor, _Watched] = {}
        self._handling = threading.RLock()
        self._stopped = False
        self._blind = False
        self._missed: Lost | None = None

    def start(self) -> None:
        """Begin to announce. Raises EnvironmentFaultError naming the limit that forbids it."""
        try:
            self._reader = InotifyReader(self.on_event, self._ended)
        except OSError as error:
            raise limit_fault(error, "start watching") from error
        try:
            status = os.stat(self._folder)
            self._place = (status.st_dev, status.st_ino)
            self._watch(b"")
            if self._recursive:
                self._watch_below(b"")
        except OSError as error:
            self.stop()
            raise limit_fault(error, f"watch {display(self._folder)}") from error
        except EnvironmentFaultError:
            self.stop()
            raise
        self._reader.start()

    def stop(self) -> None:
        """Stop announcing and release everything; may be called twice."""
        self._stopped = True
        reader, self._reader = self._reader, None
        if reader is None:
            return
        # While an event is handled the descriptor must stay ours, or a watch could be added to
        # whatever got its number next.
        with self._handling:
            reader.stop()
        if reader.is_alive() and reader is not threading.current_thread():
            reader.join()

    def alive(self) -> bool:
        """Whether the watcher still sees the folder that it was started on."""
        if self._stopped or self._blind or self._reader is None or not self._reader.is_alive():
            return False
        try:
            status = os.stat(self._folder)
        except OSError:
            return False
        return self._place == (status.st_dev, status.st_ino)

    def on_event(self, event: InotifyEvent) -> None:
        """Take one event from the reader thread; a supervisor, nothing leaves it."""
        self._supervise(self._handle, event)

    def on_queue_overflow(self) -> None:
        """Take the kernel's word that it dropped events: watch anew and ask for a scan."""
        self._supervise(self._recover)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take the end of a watch: its folder was removed or unmounted."""
        self._supervise(self._forget, wd)

    def _supervise(self, handle: Callable[..., None], *arguments: object) -> None:
        with self._handling:
            if self._stopped:
                return
            try:
                handle(*arguments)
            except Exception as error:  # noqa: BLE001  # one event may not end the watching
                self._missed = self._missed or "error"
                self._on_error(error)

    def _announce(self, hint: Hint) -> None:
        if self._missed is not None:
            self._sink(Hint(None, lost=self._missed))
            self._missed = None
        self._sink(hint)

    def _lose_sight(self, lost: Lost) -> None:
        """Ask for a scan; what the sink refuses now precedes the next hint."""
        self._missed = lost
        self._sink(Hint(None, lost=lost))
        self._missed = None

    def _handle(self, event: InotifyEvent) -> None:
        watched = self._watched.get(event.wd)
        if watched is None:
            return
        if not event.name:
            self._folder_moved(event, watched)
            return
        if self._skip(event.name):
            return
        path = b"%b/%b" % (watched.path, event.name) if watched.path else event.name
        if not event.mask & InotifyConstants.IN_ISDIR:
            self._announce(Hint(path, closed=bool(event.mask & _CLOSED)))
        elif self._recursive and event.mask & _ARRIVED:
            self._take_folder(path)

    def _folder_moved(self, event: InotifyEvent, watched: _Watched) -> None:
        """A watched folder has moved. Within the inbox its new place is known by now."""
        if not event.mask & InotifyConstants.IN_MOVE_SELF:
            return
        if not watched.path:
            self._blind = True
            self._lose_sight("folder")
        elif not os.path.isdir(os.path.join(self._folder, watched.path)):
            self._unwatch_below(watched.path)

    def _forget(self, wd: WatchDescriptor) -> None:
        watched = self._watched.pop(wd, None)
        if watched is not None and not watched.path:
            self._blind = True
            self._lose_sight("folder")

    def _recover(self) -> None:
        """Folders may have come while events were dropped; watch them before the scan."""
        if self._recursive:
            self._limited(lambda: self._watch_below(b""))
        self._lose_sight("overflow")

    def _take_folder(self, path: bytes) -> None:
        """A folder has come: watch it and those in it first, then look at what is there."""

        def watch_all() -> None:
            self._watch(path)
            self._watch_below(path)

        self._limited(watch_all)
        root = os.path.join(self._folder, path)
        try:
            for below, _ in walk(root, recursive=True, skip=self._skip):
                self._announce(Hint(os.path.join(path, below)))
        except FileNotFoundError:
            return

    def _limited(self, watch: Callable[[], None]) -> None:
        """Add watches; where a limit forbids them, own up to being blind."""
        try:
            watch()
        except OSError as error:
            self._blind = True
            self._on_error(limit_fault(error, f"watch folders below {display(self._folder)}"))
            self._lose_sight("error")

    def _watch_below(self, path: bytes) -> None:
        root = os.path.join(self._folder, path)
        for below in folders_below(root, skip=self._skip):
            if self._stopped:
                return
            self._watch(os.path.join(path, below))

    def _watch(self, path: bytes) -> None:
        """Put one folder under watch, or note the new path of one that is.

        A folder below the inbox that has vanished, that we may not enter or that lies too deep is
        passed over.
        """
        assert self._reader is not None
        number = CallbackId(next(self._numbers))
        full = os.path.join(self._folder, path) if path else self._folder
        mask = _BELOW_MASK if path else _ROOT_MASK
        try:
            wd = self._reader.add_callback(full, mask, self, number)
        except OSError as error:
            if path and error.errno in _PASSED_OVER:
                return
            raise
        if wd == _NO_WATCH:
            self._reader.remove_callbacks([(wd, number)])
            if not path:
                raise environment_fault(
                    PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
                    f"watch {display(full)}",
                )
            return
        before = self._watched.get(wd)
        if before is not None:
            self._reader.remove_callbacks([(wd, before.number)])
        self._watched[wd] = _Watched(path, number)

    def _unwatch_below(self, path: bytes) -> None:
        """End the watches on a folder that left the inbox and on all folders in it."""
        assert self._reader is not None
        inside = path + b"/"
        gone = [
            (wd, watched.number)
            for wd, watched in self._watched.items()
            if watched.path == path or watched.path.startswith(inside)
        ]
        for wd, _ in gone:
            del self._watched[wd]
        self._reader.remove_callbacks(gone)

    def _ended(self, error: OSError) -> None:
        """The reader met an error that it cannot go on from."""
        self._blind = True
        self._on_error(environment_fault(error, f"watch {display(self._folder)}"))
        self._supervise(self._lose_sight, "error")
