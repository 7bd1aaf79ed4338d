"""What a confined child finds out about its own confinement, by trying; for `inboxd check`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

from daemon.children.confinement import Profile
from daemon.children.frames import JSON
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.limits import MIB

_LIMITS = ChildLimits(memory=512 * MIB, cpu=5.0)
_TIMEOUT = 30.0


def loopholes(outside: str) -> list[str]:
    """What a sealed child on this machine can still do, in words; empty where it is confined.

    `outside` is a file that is none of its business. Raises as `ChildPool.run` does.
    """
    pool = ChildPool(
        f"{__name__}:factory", name="check", size=1, limits=_LIMITS, profile=Profile.SEALED
    )
    try:
        answer = pool.run(outside, timeout=_TIMEOUT)
    finally:
        pool.close()
    assert isinstance(answer, list)
    return [str(what) for what in answer]


def factory(_setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """The target of the child that tries."""
    return _try_all


def _try_all(outside: JSON, _descriptor: int | None) -> JSON:
    """Every attempt that went through."""
    attempts: dict[str, Callable[[], None]] = {
        "use the network": lambda: socket.socket().close(),
        "read other files": lambda: os.close(os.open(str(outside), os.O_RDONLY)),
        "write files": lambda: os.close(os.open(str(outside), os.O_WRONLY)),
        "start programs": _start,
        "signal the daemon": lambda: os.kill(os.getppid(), 0),
    }
    return [what for what, attempt in attempts.items() if not _refused(attempt)]


def _start() -> None:
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-V"], {}), 0)


def _refused(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False
