"""Bringing one file's content to another by the best means that the kernel and the disks have."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final

from daemon.delivery.destination import Progress
from daemon.delivery.pacing.throttle import Throttles
from daemon.delivery.transport.body import file_changed
from daemon.errors import StoppedError
from daemon.limits import MIB

_FICLONE: Final = 0x40049409
"""linux/fs.h: share the extents of another file."""
_BLOCK: Final = 8 * MIB
CANNOT_SHARE: Final = frozenset(
    {
        errno.EXDEV,
        errno.EINVAL,
        errno.ENOSYS,
        errno.EOPNOTSUPP,
        errno.ENOTTY,
        errno.EPERM,
        errno.EMLINK,
    }
)
"""What the system answers where two names, or two disks, cannot share a file or its blocks."""


def link(source: int, path: bytes) -> None:
    """Give an open file a second name; raises OSError where the disk or the system cannot."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # the folder is named only so that linkat(2) is called, which follows /proc/self/fd
        os.link(f"/proc/self/fd/{source}".encode(), path, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def clone(source: int, target: int) -> None:
    """Let an empty file share the blocks of another (Btrfs, XFS); raises OSError where it cannot.

    What is written to either later is its own.
    """
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    fcntl.ioctl(target, _FICLONE, source)


class Copy:
    """One copy from a descriptor to an empty one; holes stay holes.

    Args: `shared` lets the file systems find a way of their own, which may share blocks or leave
    the copying to a server. Raises OSError of either side, StoppedError soon after `stop` is set,
    DeliveryError `file_changed` where the source ends early.
    """

    def __init__(
        self,
        source: int,
        target: int,
        *,
        shared: bool,
        throttle: Throttles,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        self._source = source
        self._target = target
        self._throttle = throttle
        self._stop = stop
        self._progress = progress
        self._block = throttle.piece(_BLOCK)
        self._means: list[Callable[[int, int], int]] = []
        if sys.platform == "linux":
            self._means = [self._by_file_systems] if shared else []
            self._means.append(self._by_kernel)

    def run(self, size: int) -> None:
        """Copy `size` bytes."""
        os.ftruncate(self._target, size)
        for start, end in _data_ranges(self._source, size):
            offset = start
            while offset < end:
                offset += self._step(offset, min(self._block, end - offset))
                self._progress(offset)

    def _step(self, offset: int, size: int) -> int:
        if self._stop.is_set():
            raise StoppedError
        self._throttle.take(size, self._stop)
        while self._means:
            try:
                count = self._means[0](offset, size)
            except OSError as error:
                if error.errno not in CANNOT_SHARE:
                    raise
                count = 0
            if count:
                return count
            del self._means[0]  # some file systems say 0 where they mean that they cannot
        data = os.pread(self._source, min(size, MIB), offset)
        if not data:
            raise file_changed()
        return os.pwrite(self._target, data, offset)

    def _by_file_systems(self, offset: int, size: int) -> int:
        return os.copy_file_range(self._source, self._target, size, offset, offset)

    def _by_kernel(self, offset: int, size: int) -> int:
        os.lseek(self._target, offset, os.SEEK_SET)
        return os.sendfile(self._target, self._source, offset, size)


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
