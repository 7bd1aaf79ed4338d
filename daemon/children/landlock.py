"""Which files a process may open at all (landlock(7)), as far as the running kernel can tell."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from enum import IntFlag

from daemon.children import syscalls
from daemon.children.seccomp import give_up_privileges

_VERSION = 1
_PATH_BENEATH = 1
_TCP = 0b11
"""Binding and connecting; nothing is granted, so that neither can be done."""
_SCOPES = 0b11
"""Signals, and abstract sockets, to processes outside."""


class Right(IntFlag):
    """What may be done with files (linux/landlock.h)."""

    EXECUTE = 1 << 0
    WRITE = 1 << 1
    READ = 1 << 2
    LIST = 1 << 3


_OF_FILES = Right.EXECUTE | Right.WRITE | Right.READ
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""The rights that each version of the interface brought first: all up to it are withheld."""


def version() -> int:
    """The version of the kernel's interface; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    number = _call(syscalls.LANDLOCK_CREATE, None, 0, _VERSION)
    return max(number, 0)


def restrict(rights: Iterable[tuple[str, Right]]) -> bool:
    """Let this thread, and those it starts, open nothing but these paths and what is below them.

    A path that is not there is passed over. Tells whether it is done.
    """
    level = version()
    if not level:
        return False
    attributes = _attributes(level)
    ruleset = _call(syscalls.LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for path, right in rights:
            with contextlib.suppress(OSError):
                _allow(ruleset, path, right)
        give_up_privileges()
        return _call(syscalls.LANDLOCK_RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _attributes(level: int) -> bytes:
    """struct landlock_ruleset_attr as long as this kernel knows it."""
    handled = next(mask for first, mask in sorted(_HANDLED.items(), reverse=True) if level >= first)
    length = 8 if level < 4 else 16 if level < 6 else 24
    return struct.pack("=QQQ", handled, _TCP, _SCOPES)[:length]


def _allow(ruleset: int, path: str, right: Right) -> None:
    """Grant rights below a path; raises OSError where it is not there."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            right &= _OF_FILES
        rule = struct.pack("=Qi", right, descriptor)
        _call(syscalls.LANDLOCK_ADD, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    """A system call by its number; negative where it failed."""
    whole = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *whole)
    return result
