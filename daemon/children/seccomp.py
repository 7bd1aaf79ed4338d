"""A filter on system calls (seccomp(2)): a small program that the kernel runs before each call."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Sequence

from daemon.children import syscalls

_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2  # linux/seccomp.h
_ON_ALL_THREADS = 1
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_LOAD, _EQUAL, _ABOVE, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
"""The instructions of linux/bpf_common.h that are used: load, five conditions, return."""
_NUMBER, _ARCHITECTURE = 0, 4
"""Where struct seccomp_data has them."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_THREAD = 0x00010000  # linux/sched.h
_NEW_NAMESPACES = 0x7E020000

Instruction = tuple[int, int, int, int]
"""Code, how many to skip if it holds, how many if not, operand."""

_NO: Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
_ABSENT: Instruction = (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)
_YES: Instruction = (_RETURN, 0, 0, _ALLOW)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_available() -> bool:
    """Whether the kernel takes filters, and this architecture is one that we know."""
    at = syscalls.column()
    if at is None:
        return False
    action = ctypes.c_uint32(_ERRNO)
    return _seccomp(at, _GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0


def give_up_privileges() -> None:
    """No program that is started from here on gains rights (prctl(2), PR_SET_NO_NEW_PRIVS)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def install(*, programs: bool) -> bool:
    """Filter the calls of all threads of this process for good; tells whether it is done.

    `programs` allows to start others, which the filter then holds, too.
    """
    at = syscalls.column()
    if at is None:
        return False
    give_up_privileges()
    code = b"".join(struct.pack("=HBBI", *one) for one in filter_program(at, programs=programs))
    program = _Program(len(code) // 8, code)
    return _seccomp(at, _SET_MODE_FILTER, _ON_ALL_THREADS, ctypes.byref(program)) == 0


def _seccomp(at: int, operation: int, flags: int, argument: object) -> int:
    """The system call itself; 0 where it went well."""
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = (syscalls.SECCOMP[at], operation, flags)
    result: int = libc.syscall(*map(ctypes.c_long, numbers), argument)
    return result


def filter_program(at: int, *, programs: bool) -> Sequence[Instruction]:
    """The filter for this process, on the architecture of a column."""
    known = list(syscalls.ARCHITECTURES.values())[at]
    found: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, known),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_ABOVE, 0, 1, syscalls.LAST),  # of what is newer nobody knows what it lets out
        _ABSENT,
    ]
    tables = [syscalls.NETWORK, syscalls.FILES, syscalls.OTHERS]
    if not programs:
        tables.append(syscalls.PROGRAMS)
    for table in tables:
        for number in syscalls.numbers(table, at):
            found += [(_EQUAL, 0, 1, number), _NO]
    for name, body in _judgements(programs=programs).items():
        judged = syscalls.JUDGED[name][at]
        if judged is not None:
            found += [(_EQUAL, 0, len(body), judged), *body]
    return [*found, _YES]


def _judgements(*, programs: bool) -> dict[str, list[Instruction]]:
    """What decides about a call by its arguments; each ends with a verdict."""
    own, group, parent = os.getpid(), -os.getpgrp() & 0xFFFFFFFF, os.getppid()
    judgements: dict[str, list[Instruction]] = {
        # These two take their arguments from memory, where a filter cannot look.
        "openat2": [_ABSENT],
        "clone3": [_ABSENT],
        # Its own limits may be looked at, and that of processor time is set for each task.
        "prlimit64": [
            _argument(0),
            (_EQUAL, 1, 0, 0),
            (_EQUAL, 0, 6, own),
            _argument(2),
            (_EQUAL, 0, 2, 0),
            _argument(2, upper=True),
            (_EQUAL, 3, 0, 0),
            _argument(1),
            (_EQUAL, 1, 0, resource.RLIMIT_CPU),
            _NO,
            _YES,
        ],
    }
    if programs:
        judgements |= {
            "clone": [_argument(0), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), _NO, _YES],
            "tgkill": [_argument(0), (_EQUAL, 0, 1, parent), _NO, _YES],
            "kill": [
                _argument(0),
                (_EQUAL, 3, 0, group),
                (_EQUAL, 1, 0, parent),
                (_AT_LEAST, 0, 1, 1 << 31),  # any other group, or everybody
                _NO,
                _YES,
            ],
        }
    else:
        judgements |= {
            "clone": [_argument(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), _NO, _YES],
            "tgkill": [_argument(0), (_EQUAL, 1, 0, own), _NO, _YES],
            "kill": [_argument(0), (_EQUAL, 2, 0, own), (_EQUAL, 1, 0, group), _NO, _YES],
            "open": [_argument(1), (_ANY_BIT, 0, 1, _WRITING), _NO, _YES],
            "openat": [_argument(2), (_ANY_BIT, 0, 1, _WRITING), _NO, _YES],
        }
    return judgements


def _argument(index: int, *, upper: bool = False) -> Instruction:
    """Load one half of an argument, on a processor that has the lower one first."""
    return (_LOAD, 0, 0, 16 + 8 * index + 4 * upper)
