"""One connection: bytes out and in, within a time, and until told to stop."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from daemon import turns
from daemon.errors import StoppedError

_NOTICE: Final = 0.1
"""Seconds between two looks at `stop` while waiting: an Event has no descriptor to poll."""
_RECEIVE: Final = 16 * 1024
_NO_SENDFILE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What file systems answer that cannot send by themselves."""
_NOTHING: Final = memoryview(b"")
_UNREAD: Final = 128 * 1024
"""Bytes of an early answer that are taken in before the request is complete."""


class Origin(NamedTuple):
    """Where a connection leads (RFC 6454)."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Piece(NamedTuple):
    """Some bytes of an open file, which the kernel sends without our reading them."""

    descriptor: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one wait may last, in seconds, and what ends it early."""

    seconds: float
    stop: threading.Event | None = None

    def until(self) -> float:
        """The monotonic time at which a wait that starts now is over."""
        return time.monotonic() + self.seconds


def _wait(poll: select.poll, until: float, stop: threading.Event | None) -> int:
    """Wait for an event; returns its bits. Raises TimeoutError, or StoppedError."""
    ready = poll.poll(0)
    if ready:
        return ready[0][1]
    with turns.waiting():
        return _wait_long(poll, until, stop)


def _wait_long(poll: select.poll, until: float, stop: threading.Event | None) -> int:
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        ready = poll.poll(max(1.0, 1000 * (left if stop is None else min(left, _NOTICE))))
        if ready:
            return ready[0][1]
        if stop is not None and stop.is_set():
            raise StoppedError


class Channel:
    """A connected socket that never blocks beyond a Patience; used by one thread at a time.

    `received` holds what came in and was not yet taken; `ended` tells that nothing more will come.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.received = bytearray()
        self.ended = False
        self.used = False
        self._socket = connected
        self._unsent: memoryview | Piece = _NOTHING
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

    def send(self, data: bytes | Piece | memoryview, patience: Patience) -> bool:
        """Send all of `data`; False when something arrived that has to be looked at first.

        A Piece may be given where `sends_pieces` is true. Raises OSError where the connection
        broke, TimeoutError, StoppedError, and EOFError where the file ends before its piece. After
        False the caller goes on with `resume`.
        """
        self._unsent = data if isinstance(data, Piece) else memoryview(data)
        return self.resume(patience)

    def resume(self, patience: Patience) -> bool:
        """Go on with what `send` had left."""
        until = 0.0
        while self._unsent:
            try:
                self._unsent = self._push(self._unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                until = until or patience.until()
                if self._blocked(until, patience.stop):
                    return False
                continue
            until = 0.0
        return True

    def _push(self, data: memoryview | Piece) -> memoryview | Piece:
        """Send what there is room for; returns what is left."""
        if not isinstance(data, Piece):
            return data[self._socket.send(data) :]
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
        return Piece(descriptor, offset + sent, size - sent) if sent < size else _NOTHING

    def _blocked(self, until: float, stop: threading.Event | None) -> bool:
        """Wait until there is room to send; True when something arrived instead."""
        poll = self._either if self._listening() else self._outgoing
        return bool(_wait(poll, until, stop) & select.POLLIN) and self.listen()

    def receive(self, until: float, stop: threading.Event | None) -> bytes:
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
            _wait(self._incoming, until, stop)
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except (BlockingIOError, ssl.SSLWantReadError):
                _wait(self._incoming, until, stop)
                continue
            self.ended = not data
            return data

    def close(self) -> None:
        """Close the connection; what was not sent is not waited for."""
        self._socket.close()


def connect(origin: Origin, context: ssl.SSLContext | None, patience: Patience) -> Channel:
    """Connect, with TLS where `context` is given; tries each address of the name in turn.

    Raises OSError (socket.gaierror for the name, ssl.SSLError for TLS, TimeoutError), StoppedError.
    """
    addresses = _addresses(origin)
    until = patience.until()
    failure: OSError = TimeoutError("timed out")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = until - time.monotonic()
        share = time.monotonic() + left / (len(addresses) - number)
        try:
            connected = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine does not have
            failure = error
            continue
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _reach(connected, address, share, patience.stop)
            if context is not None:
                connected = _encrypt(connected, context, origin.host, until, patience.stop)
            return Channel(connected)
        except ssl.SSLError:
            connected.close()
            raise
        except OSError as error:
            connected.close()
            failure = error
        except BaseException:
            connected.close()
            raise
    raise failure


def _addresses(origin: Origin) -> list[Any]:
    try:
        return socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "it cannot be a name") from error


def _reach(
    connecting: socket.socket, address: Any, until: float, stop: threading.Event | None
) -> None:
    connecting.setblocking(False)
    code = connecting.connect_ex(address)
    if code:
        poll = select.poll()
        poll.register(connecting, select.POLLOUT)
        _wait(poll, until, stop)
        code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _encrypt(
    connected: socket.socket,
    context: ssl.SSLContext,
    host: str,
    until: float,
    stop: threading.Event | None,
) -> ssl.SSLSocket:
    encrypted = context.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    poll = select.poll()
    try:
        while True:
            try:
                encrypted.do_handshake()
            except ssl.SSLWantReadError:
                poll.register(encrypted, select.POLLIN)
            except ssl.SSLWantWriteError:
                poll.register(encrypted, select.POLLOUT)
            else:
                return encrypted
            _wait(poll, until, stop)
    except BaseException:
        encrypted.close()
        raise
