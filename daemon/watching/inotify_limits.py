"""Which limit forbids watching: its name, its number and where to raise it. See inotify(7)."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from pathlib import Path

from daemon.errors import EnvironmentFaultError
from daemon.files import environment_fault

_SYSCTLS = Path("/proc/sys")
_DESCRIPTORS_OF_A_READER = 3  # inotify and both ends of a pipe


def limit_fault(error: OSError, doing: str) -> EnvironmentFaultError:
    """An error of ours for an OSError of inotify met while `doing` something."""
    if error.errno == errno.ENOSPC:
        return _of_sysctl("watches", doing)
    if error.errno == errno.EMFILE and not _descriptors_used_up():
        return _of_sysctl("instances", doing)
    if error.errno == errno.EMFILE:
        number, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return EnvironmentFaultError(
            "emfile",
            f"{doing}: this process may open {number} files and has (RLIMIT_NOFILE); "
            "raise LimitNOFILE in the unit",
        )
    return environment_fault(error, doing)


def _of_sysctl(name: str, doing: str) -> EnvironmentFaultError:
    """Of the limits for a user and for a user namespace the lower one is the one that was met."""
    of_user, of_namespace = f"fs/inotify/max_user_{name}", f"user/max_inotify_{name}"
    number = _read(of_user)
    lower = _read(of_namespace)
    key = of_user
    if lower is not None and (number is None or lower < number):
        key, number = of_namespace, lower
    key = key.replace("/", ".")
    return EnvironmentFaultError(
        f"inotify_max_user_{name}",
        f"{doing}: the limit {key} = {'unknown' if number is None else number} is reached; "
        f"raise it with `sysctl {key}=NUMBER`",
    )


def _read(key: str) -> int | None:
    try:
        return int((_SYSCTLS / key).read_text())
    except (OSError, ValueError):
        return None


def _descriptors_used_up() -> bool:
    """Whether it is our own table of descriptors that is full: inotify says EMFILE for both."""
    with contextlib.ExitStack() as opened:
        try:
            for _ in range(_DESCRIPTORS_OF_A_READER):
                descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                opened.callback(os.close, descriptor)
        except OSError:
            return True
    return False
