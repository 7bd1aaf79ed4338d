"""What the children of these tests run: one target that can be told to go wrong in every way."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from daemon.children.asking import ask
from daemon.children.frames import JSON
from daemon.errors import Kind, RefusedError


def echo(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Answers with what it was asked, its setup, its process and how often it was asked."""
    count = 0

    def answer(request: JSON, descriptor: int | None) -> JSON:
        nonlocal count
        count += 1
        return {"request": request, "setup": setup, "pid": os.getpid(), "count": count}

    return answer


def read(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Answers with what the descriptor leads to."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        if descriptor is None:
            return None
        return os.pread(descriptor, 100, 0).decode()

    return answer


def misbehave(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Does the wrong thing that the request names."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, str)
        return _WRONGS[request]()

    return answer


def _raise() -> JSON:
    raise ValueError("not like this")


def _refuse() -> JSON:
    raise RefusedError("odd", "an odd thing", kind=Kind.TRANSIENT)


def _segfault() -> JSON:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None


def _exit() -> JSON:
    os._exit(7)


def _wait() -> JSON:
    time.sleep(600)
    return None


def _hold_interpreter() -> JSON:
    """Waits in C without letting any other thread of the child run."""
    ctypes.PyDLL(None).sleep(600)
    return None


def _hang_up() -> JSON:
    os.closerange(3, 100)
    time.sleep(600)
    return None


def _eat() -> JSON:
    return len(bytearray(1 << 40))


def _spin() -> JSON:
    while True:
        pass


def _shout() -> JSON:
    return "x" * (1 << 20)


def _mumble() -> JSON:
    return {1, 2}  # type: ignore[return-value]


def _secret() -> JSON:
    return os.environ.get("INBOXD_TEST_SECRET")


def _start_another() -> JSON:
    """Starts a process of its own and tells its number."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


_WRONGS: dict[str, Callable[[], JSON]] = {
    "raise": _raise,
    "refuse": _refuse,
    "segfault": _segfault,
    "exit": _exit,
    "wait": _wait,
    "hold": _hold_interpreter,
    "hang up": _hang_up,
    "eat": _eat,
    "spin": _spin,
    "shout": _shout,
    "mumble": _mumble,
    "secret": _secret,
    "start another": _start_another,
    "pid": os.getpid,
}


def curious(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """Asks its parent what it is asked itself."""

    def answer(request: JSON, descriptor: int | None) -> JSON:
        assert isinstance(request, list)
        return [ask(question) for question in request]

    return answer


def broken(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """A factory that does not get done."""
    raise RuntimeError("no model file")


def deadly(setup: JSON) -> Callable[[JSON, int | None], JSON]:
    """A factory that takes its process with it."""
    os._exit(3)
