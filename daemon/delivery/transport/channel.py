"""One connection: bytes out and in, within a time, and until told to stop."""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import select
import socket
import ssl
import sys
import termios
import time
from typing import Final, NamedTuple

from daemon import turns
from daemon.delivery.transport.flow import Flow
from daemon.errors import StoppedError

NOTICE: Final = 0.1
"""Seconds between two looks at `stop` while waiting: an Event has no descriptor to poll."""
_RECEIVE: Final = 16 * 1024
_NO_SENDFILE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What file systems answer that cannot send by themselves."""
_NOTHING: Final = memoryview(b"")
_UNREAD: Final = 128 * 1024
"""Bytes of an early answer that are taken in before the request is complete."""


class Piece(NamedTuple):
    """Some bytes of an open file, which the kernel sends without our reading them."""

    descriptor: int
    offset: int
    size: int


class Channel:
    """A connected socket that never blocks beyond what a Flow allows; used by one thread at a time.

    `received` holds what came in and was not yet taken; `ended` tells that nothing more will come.
    `idle_since` is the monotonic time at which the last exchange on it was over.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.received = bytearray()
        self.ended = False
        self.used = False
        self.idle_since = 0.0
        self._socket = connected
        self._unsent: memoryview | Piece = _NOTHING
        self._handed_over = 0
        self._count = array.array("i", [0])
        self._alert: ssl.SSLError | None = None
        self._encrypted = isinstance(connected, ssl.SSLSocket)
        self.sends_pieces = sys.platform == "linux" and not self._encrypted
        self._incoming = select.poll()
        self._incoming.register(connected, select.POLLIN)
        self._either = select.poll()
        self._either.register(connected, select.POLLIN | select.POLLOUT)
        self._outgoing = select.poll()
        self._outgoing.register(connected, select.POLLOUT)

    def idle(self) -> bool:
        """Whether an unused connection is still good: neither closed nor sent anything unasked."""
        if not self._incoming.poll(0):
            return True
        self.listen()
        return not self.ended and not self.received

    def listen(self) -> bool:
        """Take what has arrived, without waiting; tells whether there was anything, an end too."""
        if self.ended:
            return True
        try:
            data = self._socket.recv(_RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except ssl.SSLError as error:
            self._alert = error  # says why the server is about to hang up
            data = b""
        except OSError:
            data = b""
        if not data:
            self.ended = True
        self.received += data
        return True

    def heard(self) -> bool:
        """Whether something has arrived while we were sending."""
        return self._listening() and bool(self._incoming.poll(0)) and self.listen()

    def _listening(self) -> bool:
        """Whether what arrives while we send is taken in; it must not fill our memory."""
        return not self.ended and len(self.received) < _UNREAD

    def begin(self) -> None:
        """Count the bytes of a new request."""
        self._handed_over = 0

    def send(self, data: bytes | Piece | memoryview, flow: Flow) -> bool:
        """Send all of `data`; False when something arrived that has to be looked at first.

        A Piece may be given where `sends_pieces` is true. Raises OSError where the connection
        broke, TimeoutError, StoppedError, and EOFError where the file ends before its piece. After
        False the caller goes on with `resume`.
        """
        if not isinstance(data, Piece):
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                sent = self._socket.send(data)
                self._handed_over += sent
                if sent == len(data):
                    return True
                data = memoryview(data)[sent:]
        self._unsent = data if isinstance(data, Piece) else memoryview(data)
        return self.resume(flow)

    def resume(self, flow: Flow) -> bool:
        """Go on with what `send` had left."""
        while self._unsent:
            try:
                self._unsent = self._push(self._unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if self._blocked(flow):
                    return False
        return True

    def _push(self, data: memoryview | Piece) -> memoryview | Piece:
        """Send what there is room for; returns what is left."""
        if not isinstance(data, Piece):
            sent = self._socket.send(data)
            self._handed_over += sent
            return data[sent:]
        descriptor, offset, size = data
        try:
            sent = os.sendfile(self._socket.fileno(), descriptor, offset, size)
        except OSError as error:
            if error.errno not in _NO_SENDFILE:
                raise
            data = memoryview(os.pread(descriptor, size, offset))
            if len(data) == size:
                return data
            sent = 0
        if not sent:
            raise EOFError("the file ends before its piece")
        self._handed_over += sent
        return Piece(descriptor, offset + sent, size - sent) if sent < size else _NOTHING

    def _blocked(self, flow: Flow) -> bool:
        """Wait until there is room to send; True when something arrived instead."""
        poll = self._either if self._listening() else self._outgoing
        return bool(self._wait(poll, flow) & select.POLLIN) and self.listen()

    def _wait(self, poll: select.poll, flow: Flow) -> int:
        """Wait for an event; returns its bits. Raises TimeoutError, or StoppedError."""
        ready = poll.poll(0)
        if ready:
            return ready[0][1]
        with turns.waiting():
            return self._wait_long(poll, flow)

    def _wait_long(self, poll: select.poll, flow: Flow) -> int:
        left = flow.enter(time.monotonic())
        while True:
            ready = poll.poll(max(1.0, 1000 * min(left, NOTICE)))
            now = time.monotonic()
            if ready:
                if flow.leave(now):
                    self._look(flow, now)
                return ready[0][1]
            if flow.stop is not None and flow.stop.is_set():
                raise StoppedError
            left = self._look(flow, now)

    def _look(self, flow: Flow, now: float) -> float:
        """Have the flow judged by what the far side has acknowledged, not by what we handed over.

        The kernel takes megabytes for a line that carries kilobytes a second.
        """
        waiting = 0
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, self._count)
                waiting = self._count[0]
        gone = max(self._handed_over - waiting, 0)
        return flow.look(gone, now, pending=bool(self._unsent) or waiting > 0)

    def receive(self, flow: Flow) -> bytes:
        """The next bytes that arrive, b"" at the end of the connection.

        Raises OSError where the connection broke, TimeoutError, StoppedError.
        """
        if self.received:
            data = bytes(self.received)
            self.received.clear()
            return data
        if self.ended:
            if self._alert is not None:
                raise self._alert
            return b""
        if not self._encrypted:
            self._wait(self._incoming, flow)
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(self._incoming, flow)
                continue
            self.ended = not data
            return data

    def acknowledge(self) -> None:
        """Say at once what has arrived, where the kernel would wait 40 ms for more to say.

        A server that writes head and body one by one holds back the second until then (RFC 896).
        """
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def close(self) -> None:
        """Close the connection; what was not sent is not waited for."""
        self._socket.close()
