"""What kind of file system a folder lies on, and whether events and leases can be trusted there."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_REMOTE = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "fakeowner", "fuse", "gfs2", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs",
        "vboxsf", "virtiofs", "vmhgfs",
    }
)  # fmt: skip
"""Others write here without this kernel's knowledge."""


def file_system_of(folder: bytes, *, mounts: Path = _MOUNTS) -> str | None:
    """The type of the file system of `folder` as the kernel names it, such as `ext4` or `nfs4`.

    None where the system does not say (macOS). See /proc/pid/mountinfo in proc_pid_mountinfo(5).
    """
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    where = os.path.realpath(folder)
    best, found = -1, None
    for line in lines:
        front, _, back = line.partition(b" - ")
        point = _ESCAPE.sub(lambda octal: bytes([int(octal.group(1), 8)]), front.split(b" ")[4])
        inside = where == point or where.startswith(point.rstrip(b"/") + b"/")
        # Of two mounts on one point the later hides the earlier.
        if inside and len(point) >= best:
            best, found = len(point), back.split(b" ")[0].decode("ascii", "replace")
    return found


def is_remote(file_system: str | None) -> bool:
    """Whether files can appear on such a file system without this kernel taking note."""
    return file_system is not None and (file_system in _REMOTE or file_system.startswith("fuse."))
