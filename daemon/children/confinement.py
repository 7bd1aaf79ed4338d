"""What a child gives up before it sees the first file, so that a parser taken over gains little."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import daemon
from daemon.children import landlock, seccomp
from daemon.children.landlock import Right

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store")
_SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/timezone"),
    *("/etc/nsswitch.conf", "/etc/passwd", "/etc/os-release", "/etc/ssl/openssl.cnf"),
)
_MACHINE = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems"),
    *("/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup"),
    *("/dev/zero", "/dev/urandom", "/dev/random"),
)
_LIBRARIES, _OF_PROGRAMS = ("LD_LIBRARY_PATH",), ("PATH", "TESSDATA_PREFIX")
"""Variables of the environment that list further folders."""


class Profile(StrEnum):
    """How much a child gives up; a kernel that cannot take something leaves it to the next."""

    SEALED = "sealed"
    """No network, no file but the program's own and none for writing, no process but itself."""
    PROGRAMS = "programs"
    """The same, but it may start the system's programs, which are held by it too."""
    OPEN = "open"
    """Nothing: what engines of other packages need is not known."""


def confine_files(profile: Profile) -> bool:
    """Give up all files that are not needed; tells whether the kernel took it.

    It binds this thread and those it starts: call it while there is only one.
    """
    if profile is Profile.OPEN:
        return False
    return landlock.restrict(_readable(profile))


def confine_calls(profile: Profile) -> bool:
    """Give up the system calls that lead out of the process; tells whether the kernel took it."""
    if profile is Profile.OPEN:
        return False
    return seccomp.install(programs=profile is Profile.PROGRAMS)


def missing() -> list[str]:
    """What this kernel cannot take from a child, in words for people; empty where it can all."""
    lacks = []
    level = landlock.version()
    if not level:
        lacks.append("no Landlock (Linux 5.13): a parser that is taken over can read other files")
    if not seccomp.is_available():
        lacks.append("no seccomp for this processor: such a parser can use the network")
    return lacks


def _readable(profile: Profile) -> Iterator[tuple[str, Right]]:
    """What a child may open, and how."""
    reading = Right.READ | Right.LIST
    programs = reading | Right.EXECUTE if profile is Profile.PROGRAMS else reading
    for path in _SYSTEM:
        yield path, programs
    for path in (*_SETTINGS, *_MACHINE):
        yield path, reading
    yield "/dev/null", Right.READ | Right.WRITE
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path)
    for path in (*own, os.fspath(Path(daemon.__file__).parent)):
        if os.path.isabs(path):
            yield path, reading
    variables = _LIBRARIES + (_OF_PROGRAMS if profile is Profile.PROGRAMS else ())
    for variable in variables:
        for path in os.environ.get(variable, "").split(os.pathsep):
            if os.path.isabs(path):
                yield _tree_of(path), programs


def _tree_of(path: str) -> str:
    """The folder that programs of a `bin` have their libraries and data in, unless it is a home."""
    above, name = os.path.split(path.rstrip("/"))
    lone = above in ("/", os.path.expanduser("~"))
    return above if name == "bin" and not lone else path
