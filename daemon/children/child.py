"""One child process as its parent sees it: started, asked, killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from daemon.children.asking import QUESTION, Answerer, reply_to
from daemon.children.confinement import Profile
from daemon.children.entry import MEMORY_EXIT
from daemon.children.errors import (
    ChildDiedError,
    ChildFailedError,
    ChildStartError,
    ChildTimeoutError,
)
from daemon.children.frames import JSON, LENGTH, decode, encode
from daemon.children.limits import ChildLimits
from daemon.crashpoints import crashpoint
from daemon.errors import Fault, Kind, StoppedError
from daemon.files import environment_fault

_STOP_LOOK = 0.05
"""Seconds between two looks at the stop event while a child works."""
_REAP = 5.0
"""Seconds that a child which hung up or was killed gets to end."""
_BLOCK = 1 << 20

_PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "TESSDATA_PREFIX"),
)
_SET = {
    "ORT_DISABLE_TELEMETRY": "1",  # read by onnxruntime when it is imported, and only then
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",  # each arena of glibc reserves 64 MiB of address space
}


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """What a child is to be: target, the target's setup, its name in errors, what it may use."""

    target: str
    name: str
    setup: JSON
    limits: ChildLimits
    profile: Profile


class Child:
    """A process that answers one request at a time; after any error but a failed one it is dead."""

    def __init__(self, order: ChildOrder) -> None:
        self.order = order
        self.tasks = 0
        self.alive = True
        self._ending = threading.Lock()
        self._connection, theirs = _socket_pair()
        try:
            self._process, self._lifeline = _start(theirs, order.name)
        except OSError as error:
            self._connection.close()
            raise environment_fault(error, f"starting a child for {order.name}") from error
        finally:
            theirs.close()
        self._connection.setblocking(False)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its session and group."""
        return self._process.pid

    def make_ready(self, stop: threading.Event | None) -> None:
        """Wait until the target is built; raises ChildStartError, or StoppedError on `stop`."""
        limits = self.order.limits
        order: JSON = {
            "target": self.order.target,
            "setup": self.order.setup,
            "profile": self.order.profile.value,
            "memory": limits.memory,
            "cpu": limits.cpu,
            "file_size": limits.file_size,
            "open_files": limits.open_files,
            "answer": limits.answer,
        }
        try:
            self._exchange(order, None, limits.start_timeout, stop)
        except (ChildTimeoutError, ChildDiedError) as error:
            raise ChildStartError(self.order.name, error.message) from error
        except ChildFailedError as error:
            self.kill()
            raise ChildStartError(self.order.name, f"{error.type}: {error.detail}") from error

    def run(
        self,
        request: JSON,
        descriptor: int | None,
        timeout: float,
        stop: threading.Event | None,
        answerer: Answerer | None = None,
    ) -> JSON:
        """The answer to one request; raises as `ChildPool.run` does."""
        self.tasks += 1
        return self._exchange(request, descriptor, timeout, stop, answerer)

    def hung_up(self) -> bool:
        """Whether the child ended while nobody asked it anything."""
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        return bool(poller.poll(0))

    def interrupt(self) -> None:
        """Kill the child under whoever waits for it; that one finds it dead and clears up."""
        with self._ending:
            if self.alive:
                self._signal_group()

    def kill(self) -> None:
        """End the child and all that it started, at once; does nothing the second time.

        Only for the thread that holds the child: it closes what another might be waiting on.
        """
        with self._ending:
            if not self.alive:
                return
            self.alive = False
            self._signal_group()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP)
        self._connection.close()
        os.close(self._lifeline)

    def _signal_group(self) -> None:
        """Kill the whole group; the child may be gone and have left others behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _exchange(
        self,
        request: JSON,
        descriptor: int | None,
        timeout: float,
        stop: threading.Event | None,
        answerer: Answerer | None = None,
    ) -> JSON:
        """Send a request and wait for what comes back; all but a failure of the target kills."""
        body = encode(request)
        until = time.monotonic() + timeout
        try:
            try:
                self._send(body, descriptor, until, stop)
                crashpoint("child.asked")
                answer = self._receive(until, stop)
                while isinstance(answer, dict) and QUESTION in answer:
                    began = time.monotonic()
                    reply = encode(reply_to(answer[QUESTION], answerer))
                    until += time.monotonic() - began  # the child's time stands still meanwhile
                    self._send(reply, None, until, stop)
                    answer = self._receive(until, stop)
            except TimeoutError:
                raise ChildTimeoutError(self.order.name, timeout) from None
            except ConnectionError:
                raise ChildDiedError(self.order.name, self._reason()) from None
            except OSError as error:
                raise environment_fault(error, f"asking a child of {self.order.name}") from error
        except BaseException:
            self.kill()
            raise
        return self._unpack(answer)

    def _unpack(self, answer: JSON) -> JSON:
        """The target's answer; raises ChildFailedError where it raised something."""
        if not isinstance(answer, dict):
            answer = {}
        failed = answer.get("failed")
        if not isinstance(failed, dict):
            return answer.get("answer")
        origin = None
        message = str(failed.get("message"))
        if "code" in failed:
            origin = Fault(str(failed["code"]), message, Kind(str(failed.get("kind"))))
        raise ChildFailedError(self.order.name, str(failed.get("type")), message, origin)

    def _send(
        self, body: bytes, descriptor: int | None, until: float, stop: threading.Event | None
    ) -> None:
        """Send one frame; raises TimeoutError, StoppedError or ConnectionError."""
        head = LENGTH.pack(len(body))
        if descriptor is None:
            self._connection.send(head)
        else:
            socket.send_fds(self._connection, [head], [descriptor])
        view = memoryview(body)
        while view:
            try:
                view = view[self._connection.send(view[:_BLOCK]) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, until, stop)

    def _receive(self, until: float, stop: threading.Event | None) -> JSON:
        """Take one frame; raises as `_send` does, and ChildFailedError for what is no frame."""
        (length,) = LENGTH.unpack(self._receive_exactly(LENGTH.size, until, stop))
        if length > self.order.limits.answer:
            raise ChildFailedError(self.order.name, "ValueError", "the answer is too long")
        try:
            return decode(self._receive_exactly(length, until, stop))
        except (ValueError, RecursionError) as error:
            raise ChildFailedError(self.order.name, "ValueError", "no JSON came back") from error

    def _receive_exactly(self, count: int, until: float, stop: threading.Event | None) -> bytearray:
        """So many bytes; grows as they come, so that a mere announcement takes no memory."""
        body = bytearray()
        while len(body) < count:
            self._wait(select.POLLIN, until, stop)
            block = self._connection.recv(min(count - len(body), _BLOCK))
            if not block:
                raise ConnectionResetError
            body += block
        return body

    def _wait(self, event: int, until: float, stop: threading.Event | None) -> None:
        """Wait for the socket; raises TimeoutError, or StoppedError on `stop` or after a kill."""
        poller = select.poll()
        poller.register(self._connection, event)
        while True:
            if stop is not None and stop.is_set():
                raise StoppedError
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            # Whole milliseconds are rounded up: a wait of nothing would spin.
            if poller.poll(int(min(left, _STOP_LOOK) * 1000) + 1):
                return

    def _reason(self) -> str:
        """Why the child ended: `memory`, `cpu`, `signal N` or `exit N`."""
        try:
            code = self._process.wait(_REAP)
        except subprocess.TimeoutExpired:
            return "hung up"
        if code == MEMORY_EXIT:
            return "memory"
        if code == -signal.SIGXCPU:
            return "cpu"
        return f"signal {-code}" if code < 0 else f"exit {code}"


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """A pair of connected sockets, or the fault that there are no descriptors left."""
    try:
        return socket.socketpair()
    except OSError as error:
        raise environment_fault(error, "making a socket pair for a child") from error


def _start(theirs: socket.socket, name: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start an interpreter at the other end; returns it and the end of the pipe it lives by."""
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",  # the folder it is started in may be an inbox
                *("-m", "daemon.children.entry"),
                *(str(theirs.fileno()), str(reading), name),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            pass_fds=(theirs.fileno(), reading),
            start_new_session=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return process, writing


def _environment() -> dict[str, str]:
    """What a child needs of our environment, and nothing that may be a secret."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    paths = (os.path.abspath(entry) for entry in sys.path)
    return {**kept, **_SET, "PYTHONPATH": os.pathsep.join(paths)}
