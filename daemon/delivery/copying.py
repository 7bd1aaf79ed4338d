"""Copying one file's content by the best means that the kernel and the two file systems have."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

from daemon.delivery.body import file_changed
from daemon.delivery.destination import Progress
from daemon.delivery.throttle import Throttle
from daemon.errors import StoppedError
from daemon.limits import KIB, MIB

_FICLONE: Final = 0x40049409
"""linux/fs.h: share the extents of another file."""
_BLOCK: Final = 8 * MIB
_CANNOT: Final = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM}
)


class Copy:
    """One copy from a descriptor to an empty one; holes stay holes.

    Raises OSError of either side, StoppedError soon after `stop` is set, DeliveryError
    `file_changed` where the source ends early.
    """

    def __init__(
        self,
        source: int,
        target: int,
        throttle: Throttle | None,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        self._source = source
        self._target = target
        self._throttle = throttle
        self._stop = stop
        self._progress = progress
        self._block = _BLOCK if throttle is None else max(min(_BLOCK, throttle.rate // 10), KIB)
        self._in_kernel = hasattr(os, "copy_file_range")

    def run(self, size: int) -> None:
        """Copy `size` bytes."""
        if self._throttle is None and self._clone():
            self._progress(size)
            return
        os.ftruncate(self._target, size)
        for start, end in _data_ranges(self._source, size):
            offset = start
            while offset < end:
                offset += self._step(offset, min(self._block, end - offset))
                self._progress(offset)
        self._progress(size)

    def _clone(self) -> bool:
        """Share the blocks where the file system can (Btrfs, XFS); tells whether it did."""
        if sys.platform != "linux":
            return False
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._target, _FICLONE, self._source)
            return True
        return False

    def _step(self, offset: int, size: int) -> int:
        if self._stop.is_set():
            raise StoppedError
        if self._throttle is not None:
            self._throttle.take(size, self._stop)
        if self._in_kernel:
            try:
                count = os.copy_file_range(self._source, self._target, size, offset, offset)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
                count = 0
            if count:
                return count
            self._in_kernel = False  # some file systems say 0 where they mean that they cannot
        data = os.pread(self._source, min(size, MIB), offset)
        if not data:
            raise file_changed()
        return os.pwrite(self._target, data, offset)


def _data_ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file has content rather than holes, as (start, end) offsets."""
    offset = 0
    while offset < size:
        try:
            start = os.lseek(descriptor, offset, os.SEEK_DATA)
            end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            start, end = offset, size
        if start >= size:
            return
        yield start, end
        offset = end
