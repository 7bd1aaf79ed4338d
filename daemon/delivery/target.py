"""What is wrong with a folder that files are delivered to, told apart from faults of our own."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Final

from daemon.delivery.destination import Finding
from daemon.errors import DeliveryError, EnvironmentFaultError
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
    code, message = _said(error)
    return DeliveryError(code, f"{display(root)} {message}")


def check_target(root: bytes, reserve: int) -> list[Finding]:
    """Findings about a target folder: that it is there, that we may write, that it has room."""
    shown = display(root)
    probe = os.path.join(root, b".inboxd-check")
    try:
        os.close(os.open(os.path.join(root, b"."), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        _, message = _said(error)
        return [Finding("folder", False, f"{shown} {message}")]
    findings = [Finding("folder", True, f"{shown} is there")]
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(probe, flags, 0o600))
    except OSError as error:
        code, message = _said(error)
        subject = "space" if code == "target_full" else "rights"
        return [*findings, Finding(subject, False, f"{shown} {message}")]
    with contextlib.suppress(OSError):
        os.unlink(probe)
    findings.append(Finding("rights", True, "files can be made"))
    free = free_space(root)
    if free < reserve:
        findings.append(Finding("space", False, f"only {free} bytes are free; make room"))
    else:
        findings.append(Finding("space", True, f"{free // 10**6} MB are free"))
    return findings


def _said(error: OSError) -> tuple[str, str]:
    return _CODES.get(error.errno or 0, ("target_failed", f"failed: {error.strerror or error}"))


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
