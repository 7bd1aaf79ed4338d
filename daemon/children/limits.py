"""What a child may use, and how it binds itself to that."""

from __future__ import annotations

import math
import resource
from dataclasses import dataclass

from daemon.limits import DEFAULT, MIB


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Bounds of one child; sizes in bytes, times in seconds."""

    memory: int
    """Address space (RLIMIT_AS), libraries and stacks included."""
    cpu: float
    """Processor time of one task, all threads together (RLIMIT_CPU)."""
    tasks: int = DEFAULT.child_tasks
    """Requests that one child answers before it is replaced."""
    file_size: int = 64 * MIB
    """The largest file it may write (RLIMIT_FSIZE)."""
    open_files: int = 256
    """Descriptors it may hold (RLIMIT_NOFILE)."""
    answer: int = 64 * MIB
    """The longest answer that is taken."""
    start_timeout: float = 60.0
    """Wall time from its start until it is ready for the first request."""


def bind_process(memory: int, file_size: int, open_files: int) -> None:
    """Put limits on this process for good; a lower limit that is already there stays."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, file_size)
    _lower(resource.RLIMIT_NOFILE, open_files)
    _lower(resource.RLIMIT_AS, memory)


def bind_task(cpu: float) -> None:
    """Allow this process so much more processor time than it has used; it is killed beyond that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = math.ceil(used.ru_utime + used.ru_stime + cpu)
    if hard != resource.RLIM_INFINITY:
        until = min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _lower(which: int, value: int) -> None:
    """Set soft and hard limit to a value, or to the present hard limit if that is lower."""
    _soft, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
