"""Getting a connection: name, address, TLS; all within one time, and until told to stop."""

from __future__ import annotations

import os
import queue
import re
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from daemon import turns
from daemon.delivery.transport.channel import NOTICE, Channel
from daemon.errors import StoppedError

_BY_NUMBER: Final = socket.AI_NUMERICHOST
_PLAIN_URL: Final = re.compile(r"([a-z]+://[^/?#\s]+)(/[^#\s]*)")
_PORTS: Final = {"http": 80, "https": 443}


class HandshakeError(OSError):
    """A connection was taken, and broken off before TLS was agreed on."""


class HandshakeTimeoutError(TimeoutError):
    """A connection was taken, and TLS was not agreed on in time."""


class Origin(NamedTuple):
    """Where a connection leads (RFC 6454)."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Address(NamedTuple):
    """An origin, how a request names it, and what it asks for there (RFC 9112 section 3.2)."""

    origin: Origin
    host: str
    target: str


def address_of(url: str) -> Address:
    """The address that a URL of http or https stands for; raises ValueError where it is none."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain is not None:
        site, target = plain.groups()
        return Address(*_site(site), target)
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Address(*_site(f"{parts.scheme}://{parts.netloc}"), target)


@lru_cache(maxsize=64)
def _site(text: str) -> tuple[Origin, str]:
    """Origin and host, split once for all files of a destination."""
    parts = urlsplit(text)
    port = parts.port or _PORTS[parts.scheme]
    return Origin(parts.scheme, parts.hostname or "", port), parts.netloc.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may take, in seconds, and what ends it early."""

    seconds: float
    stop: threading.Event | None = None

    def until(self) -> float:
        """The monotonic time at which a wait that starts now is over."""
        return time.monotonic() + self.seconds


def connect(origin: Origin, context: ssl.SSLContext | None, patience: Patience) -> Channel:
    """Connect, with TLS where `context` is given; tries each address of the name in turn.

    Raises OSError (socket.gaierror for the name, TimeoutError, ssl.SSLError, HandshakeError and
    HandshakeTimeoutError for TLS), StoppedError.
    """
    until = patience.until()
    addresses = _addresses(origin, until, patience.stop)
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


class _Lookup:
    """One question to the resolver, which cannot be told to stop; whoever asks the same shares it.

    A resolver that hangs keeps one thread for each name, not one for each attempt.
    """

    _lock = threading.Lock()
    _under_way: Final[dict[tuple[str, int], _Lookup]] = {}

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()
        self._answered = threading.Event()
        self._answer: list[Any] | OSError = []

    @classmethod
    def of(cls, host: str, port: int) -> _Lookup:
        """The question that is under way, or a new one."""
        with cls._lock:
            lookup = cls._under_way.get((host, port))
            if lookup is None:
                lookup = cls._under_way[host, port] = cls(host, port)
                threading.Thread(target=lookup._run, name="resolver", daemon=True).start()
            return lookup

    def wait(self, until: float, stop: threading.Event | None) -> list[Any]:
        """The addresses; raises socket.gaierror, also where none come in time, and StoppedError."""
        with turns.waiting():
            while not self._answered.wait(min(max(until - time.monotonic(), 0.0), NOTICE)):
                if stop is not None and stop.is_set():
                    raise StoppedError
                if time.monotonic() >= until:
                    raise socket.gaierror(socket.EAI_AGAIN, "no answer in time")
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._answer = error
        finally:
            with self._lock:
                del self._under_way[self._host, self._port]
            self._answered.set()


def _addresses(origin: Origin, until: float, stop: threading.Event | None) -> list[Any]:
    """The addresses of a name; one that is an address itself asks nobody."""
    host, port = origin.host, origin.port
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=_BY_NUMBER)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "it cannot be a name") from error
    except socket.gaierror:
        return _Lookup.of(host, port).wait(until, stop)


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
    except TimeoutError as error:
        encrypted.close()
        raise HandshakeTimeoutError from error
    except ConnectionError as error:
        encrypted.close()
        raise HandshakeError from error
    except BaseException:
        encrypted.close()
        raise


def _wait(poll: select.poll, until: float, stop: threading.Event | None) -> None:
    """Wait for an event; raises TimeoutError, or StoppedError."""
    with turns.waiting():
        while not poll.poll(max(1.0, 1000 * min(until - time.monotonic(), NOTICE))):
            if stop is not None and stop.is_set():
                raise StoppedError
            if time.monotonic() >= until:
                raise TimeoutError("timed out")
