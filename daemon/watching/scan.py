"""Walking an inbox entry by entry, without following links and without holding it in memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from daemon.errors import EnvironmentFaultError
from daemon.files import display, environment_fault
from daemon.watching.watcher import Skip

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_OUT_OF_REACH = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})
"""We have no right to list a folder, or it lies deeper than any path reaches."""

OnUnreadable = Callable[[EnvironmentFaultError], None]


def _ignore(fault: EnvironmentFaultError) -> None:
    del fault


def walk(
    folder: bytes, *, recursive: bool, skip: Skip, on_unreadable: OnUnreadable = _ignore
) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    """Each entry that is not a folder, as its path relative to `folder` and its directory entry.

    Names that `skip` knows are passed over, folders with all that is in them. Memory grows with the
    number of folders that wait to be entered, not with files. Raises FileNotFoundError or
    NotADirectoryError where `folder` is not there, and EnvironmentFaultError where it or what is in
    it cannot be listed: what was not seen is then unknown, not gone. A folder below it that we
    have no right to list, or whose path is too long, goes to `on_unreadable` and the rest is still
    walked.
    """
    waiting = [b""]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, here)) as entries:
                for entry in entries:
                    if skip(entry.name):
                        continue
                    path = os.path.join(here, entry.name)
                    if not entry.is_dir(follow_symlinks=False):
                        yield path, entry
                    elif recursive:
                        waiting.append(path)
        except OSError as error:
            if error.errno in _GONE:
                if not here:
                    raise
                continue
            fault = environment_fault(error, f"list {display(os.path.join(folder, here))}")
            if not here or error.errno not in _OUT_OF_REACH:
                raise fault from error
            on_unreadable(fault)


def folders_below(folder: bytes, *, skip: Skip) -> Iterator[bytes]:
    """Each folder below `folder`, parents first, as its path relative to `folder`.

    A folder that vanishes or cannot be listed ends its own branch only; the scan reports it.
    """
    waiting = [b""]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, here)) as entries:
                found = [
                    os.path.join(here, entry.name)
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not skip(entry.name)
                ]
        except OSError as error:
            if error.errno in _GONE or error.errno in _OUT_OF_REACH:
                continue
            raise
        yield from found
        waiting.extend(found)
