"""What runs in a child: confine itself, build the target, answer until the parent is gone.

Started as `python -m daemon.children.entry SOCKET LIFELINE NAME`; the first frame says what to be.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from daemon.children.asking import ask_over
from daemon.children.confinement import Profile, confine_calls, confine_files
from daemon.children.frames import JSON, LENGTH, encode, receive
from daemon.children.limits import bind_process, bind_task
from daemon.errors import InboxdError

MEMORY_EXIT = 86
"""Exit status of a child that met its memory limit."""

_OOM_SCORE = "500"

Target = Callable[[JSON, int | None], JSON]


def main() -> None:
    """Serve the parent at the other end of the socket."""
    socket_number, lifeline = int(sys.argv[1]), int(sys.argv[2])
    parents_end = die_with_parent(lifeline)
    be_first_victim()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A terminal or a service manager signals the whole group; only the parent ends a task.
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=socket_number)
    try:
        serve(connection, parents_end)
    except MemoryError:
        os._exit(MEMORY_EXIT)
    except OSError:
        os._exit(0)  # the parent hung up in the middle of a frame


def die_with_parent(lifeline: int) -> select.poll:
    """Have this process and what it starts killed when the other end of a pipe closes.

    The kernel does it by itself (F_SETOWN and F_SETSIG, fcntl(2)), so that it also works while a
    parser holds the interpreter. Where it cannot, a thread waits for the same, with what is
    returned; it is started once this process is confined, for only its later threads are, too.
    PR_SET_PDEATHSIG is of no use here: it fires when the *thread* that started the child ends.
    """
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)
    if poller.poll(0):
        os._exit(0)
    return poller


def be_first_victim() -> None:
    """Have the kernel choose this process before its parent when memory runs out (proc(5))."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_OOM_SCORE)


def _watch(poller: select.poll) -> None:
    """Wait for the parent's end and go with it."""
    poller.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def serve(connection: socket.socket, parents_end: select.poll) -> None:
    """Become what the first frame says, then answer one request after another.

    What the target needs is imported before this process is confined, so that it can be kept as
    bytecode; nothing that comes from outside is looked at before.
    """
    first = receive(connection)
    if first is None:
        return
    order: Any = first[0]
    bind_process(order["memory"], order["file_size"], order["open_files"])
    profile = Profile(order["profile"])
    try:
        factory = _factory(order["target"])
        confine_files(profile)
        threading.Thread(target=_watch, args=(parents_end,), daemon=True).start()
        target = factory(order["setup"])
        confine_calls(profile)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever stops the target is for the parent to tell
        _answer(connection, _failure(error), order["answer"])
        return
    ask_over(connection)
    _answer(connection, {"ready": True}, order["answer"])
    while (frame := receive(connection)) is not None:
        request, descriptor = frame
        bind_task(order["cpu"])
        try:
            answer = _attempt(target, request, descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        _answer(connection, answer, order["answer"])


def _factory(name: str) -> Callable[[JSON], Target]:
    """What makes a target, named `package.module:factory`."""
    module, _colon, factory = name.partition(":")
    found: Callable[[JSON], Target] = getattr(importlib.import_module(module), factory)
    return found


def _attempt(target: Target, request: JSON, descriptor: int | None) -> JSON:
    """The answer of a target, or what it raised."""
    try:
        return {"answer": target(request, descriptor)}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - any exception of a parser is an answer
        return _failure(error)


def _failure(error: Exception) -> JSON:
    """An exception as an answer."""
    failure: dict[str, JSON] = {"type": type(error).__name__, "message": str(error)[:2000]}
    if isinstance(error, InboxdError):
        failure["code"] = error.code
        failure["kind"] = error.kind.value
    return {"failed": failure}


def _answer(connection: socket.socket, answer: JSON, limit: int) -> None:
    """Send an answer, or say that it cannot be sent."""
    try:
        body = encode(answer)
    except (TypeError, ValueError) as error:
        body = encode(_failure(error))
    if len(body) > limit:
        body = encode(_failure(ValueError(f"an answer of {len(body)} bytes is too long")))
    connection.sendall(LENGTH.pack(len(body)))
    connection.sendall(body)


if __name__ == "__main__":
    main()
