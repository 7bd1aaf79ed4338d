"""What is wrong with a folder that files are delivered to, told apart from faults of our own."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Final

from daemon.delivery.destination import Finding
from daemon.delivery.folder.copying import clone, link
from daemon.delivery.reach import failure, room
from daemon.errors import DeliveryError, EnvironmentFaultError, Kind
from daemon.files import display, environment_fault, free_space

_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_CODES: Final = {
    errno.ENOSPC: ("target_full", "is full; free some space there"),
    errno.EDQUOT: ("target_full", "has no quota left; raise it or free some space there"),
    errno.EROFS: ("target_read_only", "is read-only; remount it for writing"),
    errno.ENOENT: ("target_missing", "is not there; mount it or make it"),
    errno.ENOTDIR: ("target_missing", "is not a folder; give the path of one"),
    errno.ENODEV: ("target_missing", "is not there; mount it"),
    errno.EFBIG: ("too_large_for_server", "takes no file so large; use another file system"),
    errno.EACCES: ("target_no_rights", "gives us no rights; let the daemon's user write there"),
    errno.EPERM: ("target_no_rights", "gives us no rights; let the daemon's user write there"),
}


def target_fault(error: OSError, root: bytes, source: int) -> DeliveryError | EnvironmentFaultError:
    """The fault for an OSError met while copying from `source` into the folder `root`.

    A full or broken disk is our environment only where the file itself lies on that disk.
    """
    if error.errno in _OURS:
        return environment_fault(error, "copying to a folder")
    if error.errno in _DISK and (_shares_disk(root, source) or not _readable(source)):
        return environment_fault(error, f"copying to {display(root)}, on the disk of the inbox")
    return _said(error, root)


def cannot_share(error: OSError, root: bytes, method: str) -> DeliveryError:
    """The fault for a file, or the blocks of one, that inbox and folder cannot share."""
    return DeliveryError(
        "target_cannot_share",
        f"{display(root)} cannot have a {method} of a file in the inbox "
        f"({error.strerror or error}); set `method` to auto or copy",
        kind=Kind.PERMANENT,
    )


def check_target(root: bytes, method: str) -> list[Finding]:
    """Findings about a target folder: that it is there, takes files by `method`, and has room."""
    shown = display(root)
    probe = os.path.join(root, b".inboxd-check")
    try:
        os.close(os.open(os.path.join(root, b"."), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        return [failure(_said(error, root), "place")]
    findings = [Finding("place", True, f"{shown} is there")]
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(probe, flags, 0o600))
    except OSError as error:
        return [*findings, failure(_said(error, root), "rights")]
    findings.append(Finding("rights", True, "files can be written and removed"))
    if method in ("hardlink", "reflink"):
        findings.append(_check_sharing(probe, method))
    with contextlib.suppress(OSError):
        os.unlink(probe)
    return [*findings, room(free_space(root))]


def _check_sharing(probe: bytes, method: str) -> Finding:
    """Whether two files in the folder can share; one from another disk never can."""
    second = probe + b"-2"
    reading = os.open(probe, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if method == "hardlink":
            link(reading, second)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            writing = os.open(second, flags, 0o600)
            try:
                clone(reading, writing)
            finally:
                os.close(writing)
    except OSError as error:
        why = f"no {method} can be made here: {error.strerror}; set `method` to auto or copy"
        return Finding("method", False, why)
    finally:
        os.close(reading)
        with contextlib.suppress(OSError):
            os.unlink(second)
    return Finding("method", True, f"a {method} of a file on this disk can be made")


def _said(error: OSError, root: bytes) -> DeliveryError:
    """What an OSError says about the folder."""
    otherwise = "target_failed", f"failed: {error.strerror or error}"
    code, message = _CODES.get(error.errno or 0, otherwise)
    kind = Kind.PERMANENT if error.errno == errno.EFBIG else Kind.TRANSIENT
    return DeliveryError(code, f"{display(root)} {message}", kind=kind)


def _shares_disk(root: bytes, source: int) -> bool:
    try:
        return os.stat(root).st_dev == os.fstat(source).st_dev
    except OSError:
        return False


def _readable(source: int) -> bool:
    try:
        os.pread(source, 1, 0)
    except OSError:
        return False
    return True
