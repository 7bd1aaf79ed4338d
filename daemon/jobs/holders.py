"""Who holds a lock on the ledger, as far as the system tells."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_LOCKS = Path("/proc/locks")


def holders(path: str) -> str:
    """The processes that hold locks on a database or on what SQLite keeps beside it.

    Empty where none can be named: on other systems than Linux, or where the system hides them.
    A line of /proc/locks has the process in its fifth word and the file in its sixth (proc(5)).
    """
    files = set()
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            status = os.stat(path + suffix)
            device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
            files.add(f"{device}:{status.st_ino}")
    try:
        lines = _LOCKS.read_text("ascii").splitlines()
    except OSError:
        return ""
    words = [line.replace("-> ", "").split() for line in lines]
    found = {int(each[4]) for each in words if len(each) > 5 and each[5] in files}
    return ", ".join(map(_named, sorted(found - {os.getpid(), -1, 0})))


def _named(process: int) -> str:
    name = "process"
    with contextlib.suppress(OSError):
        name = Path(f"/proc/{process}/comm").read_text("utf-8", "replace").strip()
    return f"{name} (process {process})"
