"""watchdog's inotify reader thread, with a listener of our own and cheap in bursts.

watchdog's observer would queue each event twice and hold back what follows a move out of the folder
for half a second; here its reader thread (`InotifyFD`) calls us directly. See inotify(7).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import time
from collections.abc import Callable
from typing import Any

from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD

_ABOUT_WATCHES = InotifyConstants.IN_Q_OVERFLOW | InotifyConstants.IN_IGNORED
_OVERFLOW, _FOLDER = InotifyConstants.IN_Q_OVERFLOW, InotifyConstants.IN_ISDIR
_HEADER = struct.Struct("iIII")  # struct inotify_event without its name
_BUFFER = 65_536
_RAPID = 0.001
_BURST = 8
_REST = 0.003


class InotifyReader(InotifyFD):
    """Reads events in a thread of its own and hands each to `on_event`; a dead end to `on_end`.

    Raises OSError where the kernel gives us no inotify instance.
    """

    def __init__(
        self, on_event: Callable[[InotifyEvent], None], on_end: Callable[[OSError], None]
    ) -> None:
        try:
            super().__init__()
        except OSError:
            # The inotify instance may be open already and the pipe beside it not.
            with contextlib.suppress(AttributeError):
                os.close(self._inotify_fd)
            raise
        self.name = "inotify"
        self._on_event = on_event
        self._on_end = on_end
        self._rapid = 0
        # Until the thread reads, nobody but close() is there to release the descriptors.
        self._is_reading = False

    def run(self) -> None:
        """Read events until stopped."""
        try:
            super().run()
        except OSError as error:
            self._on_end(error)

    def handle_event(self, event: InotifyEvent) -> None:
        """Hand on one event; all watches of this reader have one and the same listener."""
        if event.mask & _ABOUT_WATCHES:
            super().handle_event(event)
        else:
            self._on_event(event)

    def read_events(self, *, event_buffer_size: int = _BUFFER) -> list[InotifyEvent]:
        """Read events; those of one file that were read together are one, with all that they say.

        In a burst it rests a little between two reads. A read for each event would cost more than
        the event, and the kernel keeps far more events than come in that time.
        """
        if self._rapid > _BURST:
            time.sleep(_REST)
        began = time.monotonic()
        buffer = self._read_event_buffer(event_buffer_size)
        self._rapid = self._rapid + 1 if time.monotonic() - began < _RAPID else 0
        return _merged(buffer)


def _merged(buffer: bytes) -> list[InotifyEvent]:
    """The events in a buffer, one for each file; what is said of folders stays in its order."""
    events: dict[tuple[int, bytes], tuple[Any, Any, int, bytes]] = {}
    singles = itertools.count()
    at, whole = 0, len(buffer)
    while at < whole:
        wd, mask, cookie, length = _HEADER.unpack_from(buffer, at)
        begin = at + _HEADER.size
        at = begin + length
        name = buffer[begin:at].rstrip(b"\0")
        if wd == -1 and not mask & _OVERFLOW:
            continue
        alone = not name or mask & _FOLDER
        key = (wd, b"/%d" % next(singles)) if alone else (wd, name)
        before = events.pop(key, None)
        if before is not None:
            mask |= before[1]
        events[key] = wd, mask, cookie, name
    return [InotifyEvent(*event) for event in events.values()]
