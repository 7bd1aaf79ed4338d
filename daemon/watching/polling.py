"""Hints by looking again and again, for file systems that send no events."""

from __future__ import annotations

import errno
import os
import threading
import time

from daemon.errors import EnvironmentFaultError
from daemon.files import display, environment_fault
from daemon.watching.scan import walk
from daemon.watching.watcher import Hint, OnError, Sink, Skip

_REST = 9.0  # a look is followed by a rest of this many times its length, so that it costs a tenth
_LONGEST_REST = 5.0
_STOP_WITHIN = 5.0  # a network mount that hangs must not keep us from stopping


class PollingWatcher:
    """Hints for each name that is new or whose size, inode or times changed since the last look.

    `every` is in seconds; a folder that takes long to list is looked at less often. What is
    remembered of a file is one 64-bit hash. A rewrite within one tick of a coarse clock that leaves
    the size as it was is not seen here; settling looks at each file again before it is taken.
    """

    def __init__(
        self,
        folder: bytes,
        sink: Sink,
        *,
        recursive: bool,
        skip: Skip,
        every: float,
        on_error: OnError,
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._recursive = recursive
        self._skip = skip
        self._every = every
        self._on_error = on_error
        self._known: set[int] = set()
        self._place: tuple[int, int] | None = None
        self._blind = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polling", daemon=True)

    def start(self) -> None:
        """Remember what is there and begin to announce; raises EnvironmentFaultError."""
        try:
            status = os.stat(self._folder)
            self._place = (status.st_dev, status.st_ino)
            self._look(announce=False)
        except OSError as error:
            raise environment_fault(error, f"look at {display(self._folder)}") from error
        self._thread.start()

    def stop(self) -> None:
        """Stop announcing; may be called twice."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_WITHIN)

    def alive(self) -> bool:
        """Whether the watcher still sees the folder that it was started on."""
        return self._thread.is_alive() and not self._blind and self._same_folder()

    def _same_folder(self) -> bool:
        try:
            status = os.stat(self._folder)
        except OSError:
            return False
        return self._place == (status.st_dev, status.st_ino)

    def _run(self) -> None:
        rest = self._every
        while not self._stopping.wait(rest):
            began = time.monotonic()
            self._supervised_look()
            took = time.monotonic() - began
            rest = max(self._every, min(took * _REST, _LONGEST_REST))

    def _supervised_look(self) -> None:
        """One look; no fault of the folder ends the polling."""
        try:
            if not self._same_folder():
                if not self._blind:
                    self._sink(Hint(None, lost="folder"))
                self._blind = True
                return
            self._look(announce=True)
        except (EnvironmentFaultError, OSError) as error:
            self._on_error(error)

    def _look(self, *, announce: bool) -> None:
        """Compare the folder with the last look; a look that fails half-way changes nothing."""
        seen: set[int] = set()
        for path, entry in walk(self._folder, recursive=self._recursive, skip=self._skip):
            if self._stopping.is_set():
                return
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                continue  # it lies too deep to be taken
            facts = (path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            signature = hash(facts)
            if not announce or signature in self._known or self._announced(path):
                seen.add(signature)
        self._known = seen

    def _announced(self, path: bytes) -> bool:
        """Tell the sink; a supervisor, what the sink refuses is told again at the next look."""
        try:
            self._sink(Hint(path))
        except Exception as error:  # noqa: BLE001  # one name may not end the watching
            self._on_error(error)
            return False
        return True
