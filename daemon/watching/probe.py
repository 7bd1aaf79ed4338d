"""One look at one file: what it is, whether someone writes it, and how it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import sys
from dataclasses import dataclass

from daemon.files import Identity, display, environment_fault, identity, open_regular
from daemon.watching.ending import HEAD, TAIL, Ending, judge_ending
from daemon.watching.filesystem import file_system_of, is_remote
from daemon.watching.settle import FileKind, Lease

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_NO_RIGHTS = frozenset({errno.EACCES, errno.EPERM})
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found; `identity` is None where there is nothing to take."""

    kind: FileKind
    identity: Identity | None = None
    lease: Lease = Lease.UNKNOWN
    ending: Ending = Ending.UNKNOWN


_GONE_LOOK = Look(FileKind.GONE)
_FOLDER_LOOK = Look(FileKind.FOLDER)


def observe(folder: bytes, path: bytes, *, ask_lease: bool) -> Look:
    """Look at `path` below `folder`, opening it once; never waits and never follows a link at it.

    `ask_lease` is false on network file systems, which answer for this machine only. Raises
    EnvironmentFaultError where we have no descriptors or memory left: nothing is then known.
    """
    full = os.path.join(folder, path)
    try:
        status = os.lstat(full)
        if stat.S_ISDIR(status.st_mode):
            return _FOLDER_LOOK
        # Opening a FIFO would wake its writer, opening a device can act on it.
        if not stat.S_ISREG(status.st_mode):
            return Look(FileKind.SPECIAL, identity(status))
    except OSError as error:
        return _unseen(error, full, None)
    try:
        descriptor = open_regular(full)
    except OSError as error:
        return _unseen(error, full, identity(status))
    try:
        return _look_inside(descriptor, ask_lease=ask_lease)
    except OSError as error:
        return _unseen(error, full, identity(status))
    finally:
        os.close(descriptor)


def _unseen(error: OSError, full: bytes, known: Identity | None) -> Look:
    if error.errno in _GONE:
        return _GONE_LOOK
    if error.errno in _OURS:
        raise environment_fault(error, f"look at {display(full)}") from error
    if error.errno in _NO_RIGHTS and known is not None:
        return Look(FileKind.FORBIDDEN, known)
    # A broken disk, or replaced between two calls: a later look may tell more.
    return Look(FileKind.UNREADABLE, known)


def _look_inside(descriptor: int, *, ask_lease: bool) -> Look:
    # The writer may close between two calls: facts taken after the lease's answer are final.
    lease = _ask_lease(descriptor) if ask_lease else Lease.UNKNOWN
    found = identity(os.fstat(descriptor))
    if lease is Lease.OPEN:
        return Look(FileKind.REGULAR, found, lease)
    tail = os.pread(descriptor, TAIL, max(0, found.size - TAIL))
    head = tail[:HEAD] if found.size <= TAIL else os.pread(descriptor, HEAD, 0)
    return Look(FileKind.REGULAR, found, lease, judge_ending(found.size, head, tail))


if sys.platform == "linux":

    def _ask_lease(descriptor: int) -> Lease:
        """Try a read lease, which the kernel refuses while anyone has the file open for writing.

        See F_SETLEASE in fcntl(2). It is given back at once. A writer that opens the file in
        between makes the kernel send a signal; we ask for one that does nothing by default,
        because SIGIO would end the process.
        """
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return Lease.OPEN if error.errno == errno.EAGAIN else Lease.UNKNOWN
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return Lease.CLOSED

else:

    def _ask_lease(descriptor: int) -> Lease:
        """No lease can be asked for here."""
        del descriptor
        return Lease.UNKNOWN


class Leases:
    """Tells whether a file is open for writing, where the kernel knows; used by several threads."""

    def __init__(self) -> None:
        self._answers: dict[int, bool] = {}
        """By device: whether a lease says something there."""

    def is_open(self, path: bytes) -> bool:
        """Whether somebody has a regular file open for writing; False where nobody can tell."""
        try:
            descriptor = open_regular(path)
        except OSError:
            return False
        try:
            device = os.fstat(descriptor).st_dev
            if device not in self._answers:
                self._answers[device] = not is_remote(file_system_of(os.path.dirname(path)))
            return self._answers[device] and _ask_lease(descriptor) is Lease.OPEN
        finally:
            os.close(descriptor)
