"""Durable file operations: written, synced, renamed, and the folder synced, in that order.

Names are bytes here: a file name on Linux need not be text.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import filecmp
import os
import stat
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.crashpoints import crashpoint
from daemon.errors import EnvironmentFaultError
from daemon.limits import MIB

_ENVIRONMENT = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "edquot",
    errno.EROFS: "erofs",
    errno.EIO: "eio",
    errno.EMFILE: "emfile",
    errno.ENFILE: "enfile",
    errno.ENOMEM: "enomem",
    errno.EACCES: "no_rights",
    errno.EPERM: "no_rights",
    errno.ENODEV: "enodev",
    errno.ESTALE: "estale",
}
_IN_THE_WAY = {errno.EEXIST: "not_a_folder", errno.ENOTDIR: "not_a_folder"}
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems answer that have no hard links (exFAT and others over FUSE)."""
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # sys/stdio.h, macOS
_AT_FDCWD = -100
_MODE = 0o640
_FOLDER_MODE = 0o777
_LATEST = (1 << 63) - 1  # nanoseconds since 1970: the year 2262
_blocks = threading.local()


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a file on disk that file and not another of the same name.

    The device's number is not part of it: a disk may get another one whenever it is mounted.
    """

    device: int = field(compare=False)
    inode: int
    size: int
    modified_ns: int


def identity(status: os.stat_result) -> Identity:
    """The identity in a stat result; times that no clock shows are cut to 64 bits."""
    modified = max(-_LATEST, min(status.st_mtime_ns, _LATEST))
    return Identity(status.st_dev, status.st_ino, status.st_size, modified)


def is_environment(error: OSError) -> bool:
    """Whether an operating system error is about our machine rather than about one file."""
    return error.errno in _ENVIRONMENT


def environment_fault(error: OSError, doing: str) -> EnvironmentFaultError:
    """An error of ours for an OSError met while `doing` something, with advice if there is any."""
    advice = {
        errno.ENOSPC: "free some space; work goes on by itself",
        errno.EDQUOT: "the quota is used up; raise it or free some space",
        errno.EROFS: "the file system is read-only; remount it for writing",
        errno.EMFILE: "raise the limit of open files (LimitNOFILE in the unit)",
        errno.EACCES: "give the daemon's user the rights on it",
        errno.EPERM: "give the daemon's user the rights on it",
        errno.EEXIST: "move away what lies where a folder should be",
        errno.ENOTDIR: "move away what lies where a folder should be",
    }.get(error.errno or 0, "work goes on by itself once this is mended")
    code = (_ENVIRONMENT | _IN_THE_WAY).get(error.errno or 0, "system_error")
    return EnvironmentFaultError(code, f"{doing}: {error.strerror or error}; {advice}")


def display(name: bytes) -> str:
    """A name for people and logs: text, with what is not UTF-8 or not printable escaped."""
    text = name.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def exact(name: bytes) -> str:
    """A name for programs: text as it is; what is not UTF-8 as `display` shows it."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return display(name)


def open_regular(path: bytes) -> int:
    """Open a regular file for reading without following a link or waiting for a writer.

    Returns the descriptor. Raises OSError (ELOOP for a symlink, EINVAL for what is not a regular
    file); the caller decides what that says about the file.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def block_buffer(size: int) -> memoryview:
    """This thread's one buffer for blocks of files, of at least so many bytes.

    It is kept, so that memory does not grow with files, and no block costs fresh pages.
    """
    buffer: memoryview | None = getattr(_blocks, "buffer", None)
    if buffer is None or len(buffer) < size:
        buffer = _blocks.buffer = memoryview(bytearray(size))
    return buffer


def sync_folder(path: bytes) -> None:
    """Make the names in a folder durable; file systems that cannot are let off."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_content(path: bytes) -> None:
    """Make the content of a file durable, whoever wrote it.

    What cannot be opened for reading is left as it is; raises OSError where the disk fails.
    """
    try:
        descriptor = open_regular(path)
    except OSError:
        return
    try:
        # Its times need not last. A claim by rename changes them, and having a journal commit that
        # for every file takes ten times as long as content that is on the disk already.
        if sys.platform == "darwin":
            os.fsync(descriptor)
        else:
            os.fdatasync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(descriptor)


def sync_folders(paths: Iterable[bytes]) -> None:
    """Sync each of some folders once."""
    for path in set(paths):
        sync_folder(path)


def make_folder(path: bytes, mode: int) -> None:
    """Make a folder, and those above it that are missing, so that their names outlast a crash."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path) or b"."
    make_folder(above, _FOLDER_MODE)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    crashpoint("start.folders")
    with contextlib.suppress(PermissionError):  # what we may not list we cannot sync
        sync_folder(above)


def write_new(path: bytes, data: bytes) -> int:
    """Write a file anew and return its descriptor, not yet synced; the caller syncs and closes."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, _MODE)
    try:
        _write_all(descriptor, data)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_durably(path: bytes, data: bytes, *, temporary: bytes | None = None) -> None:
    """Replace a file so that a crash leaves the old or the new content, never a part."""
    folder, name = os.path.split(path)
    temporary = temporary or os.path.join(folder, b"." + name[:200] + b".tmp")
    descriptor = write_new(temporary, data)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    crashpoint("write.synced")
    os.rename(temporary, path)
    crashpoint("write.renamed")
    sync_folder(folder or b".")


def _load_rename() -> ctypes._NamedFuncPointer | None:
    libc = ctypes.CDLL(None, use_errno=True)
    name = "renamex_np" if sys.platform == "darwin" else "renameat2"
    return getattr(libc, name, None)


_rename_exclusively = _load_rename()


def rename_new(source: bytes, target: bytes) -> None:
    """Rename without ever replacing `target`.

    Raises FileExistsError where it exists, OSError with EXDEV across file systems.
    Falls back to link and unlink where the kernel or the file system has no exclusive rename, and
    to a look and a rename where there are no hard links either.
    """
    if _rename_exclusively is not None:
        if sys.platform == "darwin":
            failed = _rename_exclusively(source, target, _RENAME_EXCL)
        else:
            failed = _rename_exclusively(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE)
        if not failed:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), os.fsdecode(target))
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        if not is_one_file(source, target):  # as after a crash between the two steps
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target)
        return
    crashpoint("rename.linked")
    os.unlink(source)


def move_new(source: bytes, target: bytes, *, temporary: bytes) -> None:
    """Move a file to a free name, also across file systems; raises FileExistsError if it is taken.

    Across file systems the copy is durable under `temporary` (in the target's folder) before it
    gets its name, and named before the source goes, so a crash leaves the source or the target.
    """
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return
    status = os.lstat(source)
    if not stat.S_ISREG(status.st_mode):
        _move_special(source, target, status)
        return
    copy_durably(source, temporary)
    crashpoint("copy.copied")
    try:
        rename_new(temporary, target)
    except FileExistsError:
        os.unlink(temporary)
        raise
    crashpoint("copy.named")
    sync_folder(os.path.dirname(target))
    os.unlink(source)
    crashpoint("copy.removed")


def _move_special(source: bytes, target: bytes, status: os.stat_result) -> None:
    """A link is made anew at the target; what has no content is set down as an empty note."""
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
    else:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
    sync_folder(os.path.dirname(target))
    os.unlink(source)


def is_same(one: bytes, other: bytes) -> bool:
    """Whether `move_new` would make one file of the other; raises OSError if one is missing."""
    first, second = os.lstat(one), os.lstat(other)
    if stat.S_ISLNK(first.st_mode):
        return stat.S_ISLNK(second.st_mode) and os.readlink(one) == os.readlink(other)
    if not stat.S_ISREG(first.st_mode):
        return stat.S_ISREG(second.st_mode) and second.st_size == 0
    return stat.S_ISREG(second.st_mode) and filecmp.cmp(one, other, shallow=False)


def is_one_file(one: bytes, other: bytes) -> bool:
    """Whether two names are there and belong to one file."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def copy_durably(source: bytes, target: bytes) -> None:
    """Copy content, holes and times of a regular file and sync the copy; replaces `target`.

    Nothing is left of a copy that fails.
    """
    reading = open_regular(source)
    try:
        writing = write_new(target, b"")
        try:
            _copy_content(reading, writing)
            status = os.fstat(reading)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(writing)
        except BaseException:
            unlink_if_there(target)  # or half a file would keep a disk full
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_content(reading: int, writing: int) -> None:
    """Copy what a file has; holes stay holes, or a terabyte of nothing would fill the disk."""
    end = 0
    while (data := _next_data(reading, end)) is not None:
        begin, end = data
        os.lseek(reading, begin, os.SEEK_SET)
        os.lseek(writing, begin, os.SEEK_SET)
        while begin < end and (block := os.read(reading, min(MIB, end - begin))):
            _write_all(writing, block)
            begin += len(block)
    os.ftruncate(writing, os.fstat(reading).st_size)


def _next_data(descriptor: int, offset: int) -> tuple[int, int] | None:
    """Where the next content of a file from `offset` on begins and ends; None where none comes.

    All is content where the file system does not know its holes.
    """
    try:
        begin = os.lseek(descriptor, offset, os.SEEK_DATA)
        return begin, os.lseek(descriptor, begin, os.SEEK_HOLE)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    size = os.fstat(descriptor).st_size
    return (offset, size) if offset < size else None


def unlink_if_there(path: bytes) -> bool:
    """Remove a file; tells whether there was one."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def free_space(path: bytes) -> int:
    """Bytes that an ordinary user can still write on the disk of `path`."""
    facts = os.statvfs(path)
    return facts.f_bavail * facts.f_frsize


def lock_exclusively(descriptor: int) -> bool:
    """Take a lock that ends with this process; False when another process holds it."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
