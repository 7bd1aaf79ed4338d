"""A disk that a test can fill, break and cut the power of: a layer over the calls of `os`.

The files are real, below one folder. What is renamed over or removed is kept aside, so that a power
cut can bring it back with the inode that it had. The model of what a cut leaves is harsher than
journaling file systems are, and no harsher than POSIX allows them to be:

- content that was not synced since it was written may be there, cut in half, or gone;
- a name that was made, changed or removed may be as it was before until its folder (either folder,
  for a rename) is synced, and names of different files come and go in any order;
- changes to the names of one file happen in their order, and a rename happens or does not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_PACKAGES = ("daemon.files", "daemon.pipeline", "daemon.watching", "daemon.sidecar")
_WRITING = os.O_WRONLY | os.O_RDWR


class PowerCutError(BaseException):
    """The power is cut: nothing that comes after it happens. No handler of errors catches it."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A name of one inode came, went, or became another; None for no name."""

    inode: int
    before: bytes | None
    after: bytes | None

    def touches(self, folder: bytes) -> bool:
        """Whether syncing a folder makes this change last."""
        return any(name and os.path.dirname(name) == folder for name in (self.before, self.after))


class Disk:
    """The files below `root`; `installed` puts it under the daemon's modules.

    `fault` is an error number that every change of the disk fails with, `cut_at` the number of the
    change before which the power is cut, `changes` how many there were. `tick` counts a change that
    something else makes durable, such as a commit.
    """

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.fault: int | None = None
        self.cut_at: int | None = None
        self.changes = 0
        self._aside = root + b"-aside"
        os.makedirs(self._aside)
        self._pending: list[_Change] = []
        self._lasting: dict[int, bytes] = {}
        """The name that each inode is sure to have."""
        self._contents: dict[int, bytes] = {}
        """What was synced of each file that was written here."""

    # -- what a test does to it ----------------------------------------------------------------

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Have the daemon's modules work on this disk meanwhile."""
        layer = _Calls(self)
        replaced: list[tuple[Any, str, Any]] = []
        for name, module in list(sys.modules.items()):
            if name.startswith(_PACKAGES) and getattr(module, "os", None) is os:
                replaced.append((module, "os", os))
                module.os = layer  # type: ignore[attr-defined]
        files = sys.modules["daemon.files"]
        exclusive = "_rename_exclusively"
        replaced.append((files, exclusive, getattr(files, exclusive)))
        setattr(files, exclusive, layer.rename_exclusively)
        try:
            yield
        finally:
            for module, attribute, value in replaced:
                setattr(module, attribute, value)

    def keep(self, path: bytes) -> None:
        """What lies at a path now is durable, content and name."""
        for parent, _, names in os.walk(path) if os.path.isdir(path) else [(b"", [], [path])]:
            for name in names:
                full = os.path.join(parent, name)
                inode = os.lstat(full).st_ino
                self._lasting[inode] = full
                with open(full, "rb") as file:
                    self._contents[inode] = file.read()
                self._pending = [change for change in self._pending if change.inode != inode]

    def unsync(self) -> None:
        """No content is durable that was not synced from here on."""
        self._contents = dict.fromkeys(self._contents, b"")

    def forget(self, path: bytes) -> None:
        """Somebody else has removed what lay at a path, for good."""
        for inode, name in list(self._lasting.items()):
            if name == path:
                del self._lasting[inode]

    def lose_power(self, luck: random.Random, *, names: float, contents: float) -> None:
        """Leave what a power cut may leave.

        `names` is the chance of an unsynced change of names to be lost, `contents` that of content.
        """
        after = dict(self._lasting)
        stopped: set[int] = set()
        for change in self._pending:
            if change.inode in stopped or luck.random() < names:
                stopped.add(change.inode)
            elif change.after is None:
                after.pop(change.inode, None)
            else:
                after[change.inode] = change.after
        known = {change.inode for change in self._pending} | set(self._lasting)
        for inode, path in self._everything():
            if inode in known:
                os.rename(path, self._place_aside(inode))
        by_name = {name: inode for inode, name in after.items()}
        for name, inode in by_name.items():
            if os.path.isdir(os.path.dirname(name)):
                os.rename(self._place_aside(inode), name)
                self._spoil(name, inode, luck, contents)
        self._pending.clear()
        self._lasting = {inode: name for name, inode in by_name.items()}
        self.cut_at = None

    def _spoil(self, name: bytes, inode: int, luck: random.Random, chance: float) -> None:
        """Lose content that was not synced, all of it or the second half."""
        with open(name, "rb") as file:
            written = file.read()
        if written == self._contents.get(inode) or luck.random() >= chance:
            self._contents[inode] = written
            return
        left = self._contents.get(inode, written[: len(written) // 2 * luck.randrange(2)])
        with open(name, "wb") as file:
            file.write(left)
        self._contents[inode] = left

    def _everything(self) -> Iterator[tuple[int, bytes]]:
        for parent, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(parent, name)
                yield os.lstat(path).st_ino, path

    def _place_aside(self, inode: int) -> bytes:
        return os.path.join(self._aside, b"%d" % inode)

    # -- what the daemon does to it --------------------------------------------------------------

    def tick(self) -> None:
        """Count a change that is about to happen; raises OSError or PowerCutError instead."""
        if self.changes == self.cut_at:
            raise PowerCutError
        self.changes += 1

    def change(self, path: bytes) -> bool:
        """Count a change at a path, if it lies on this disk; tells whether it does."""
        if not path.startswith(self.root):
            return False
        if self.fault is not None:
            raise OSError(self.fault, os.strerror(self.fault), os.fsdecode(path))
        self.tick()
        return True

    def made(self, path: bytes) -> None:
        """A file was made at a path."""
        self._pending.append(_Change(os.lstat(path).st_ino, None, path))

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename, keeping aside what has the name."""
        self.put_aside(target)
        inode = os.lstat(source).st_ino
        os.rename(source, target)
        self._pending.append(_Change(inode, source, target))

    def put_aside(self, path: bytes) -> None:
        """Take a name away, but keep its file."""
        if os.path.lexists(path):
            inode = os.lstat(path).st_ino
            os.rename(path, self._place_aside(inode))
            self._pending.append(_Change(inode, path, None))

    def synced(self, descriptor: int) -> None:
        """A file, or the names in a folder, are durable now."""
        status = os.fstat(descriptor)
        if not stat.S_ISDIR(status.st_mode):
            self._contents[status.st_ino] = os.pread(descriptor, status.st_size, 0)
            return
        folder = os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))
        touched = {change.inode for change in self._pending if change.touches(folder)}
        left: list[_Change] = []
        for inode in touched:
            mine = [change for change in self._pending if change.inode == inode]
            last = max(n for n, change in enumerate(mine) if change.touches(folder))
            name = mine[last].after
            if name is None:
                self._lasting.pop(inode, None)
            else:
                self._lasting[inode] = name
            left += mine[last + 1 :]
        self._pending = [c for c in self._pending if c.inode not in touched or c in left]


class _Calls:
    """Stands in for the module `os`: what changes files goes by way of the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: bytes, flags: int, mode: int = 0o777) -> int:
        """As os.open; to write is a change."""
        if not flags & _WRITING or not self._disk.change(path):
            return os.open(path, flags, mode)
        new = not os.path.lexists(path)
        # What is synced is read back, which a descriptor for writing alone does not allow.
        descriptor = os.open(path, flags & ~os.O_WRONLY | os.O_RDWR, mode)
        if new:
            self._disk.made(path)
        return descriptor

    def write(self, descriptor: int, data: Any) -> int:
        """As os.write."""
        self._disk.change(_path_of(descriptor))
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """As os.fsync, and no sooner is anything durable."""
        if self._disk.change(_path_of(descriptor)):
            self._disk.synced(descriptor)

    fdatasync = fsync

    def rename(self, source: bytes, target: bytes) -> None:
        """As os.rename."""
        if not self._disk.change(target):
            os.rename(source, target)
            return
        os.lstat(source)
        self._disk.rename(source, target)

    def unlink(self, path: bytes) -> None:
        """As os.unlink."""
        os.lstat(path)
        if self._disk.change(path):
            self._disk.put_aside(path)
        else:
            os.unlink(path)

    def mkdir(self, path: bytes, mode: int = 0o777) -> None:
        """As os.mkdir; that it is synced at once is tested elsewhere."""
        self._disk.change(path)
        os.mkdir(path, mode)

    def statvfs(self, path: bytes) -> Any:
        """As os.statvfs; a full disk says so."""
        facts = os.statvfs(path)
        if self._disk.fault != errno.ENOSPC:
            return facts
        return _FullDisk(facts)

    def rename_exclusively(self, *arguments: Any) -> int:
        """As renameat2(2) with RENAME_NOREPLACE, which `daemon.files` calls by ctypes."""
        _, source, _, target, _ = arguments
        try:
            os.lstat(source)
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, "File exists")
            if not os.path.isdir(os.path.dirname(target)):
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
            self._disk.change(target)
            self._disk.rename(source, target)
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1
        return 0


class _FullDisk:
    """The facts of a file system without a free byte."""

    def __init__(self, facts: os.statvfs_result) -> None:
        self._facts = facts
        self.f_bavail = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)


def _path_of(descriptor: int) -> bytes:
    return os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))


Draw = Callable[[int], int]
"""A number below another, drawn by the one who wants to repeat it."""
