"""One file from a server that may be hostile: streamed, bounded in size and in time."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import requests
from requests import Response

from daemon.errors import InboxdError, Kind, RefusedError, StoppedError
from daemon.fetching.addresses import Permission, Target, harmless, judge
from daemon.fetching.pinned import Dial, PinnedAdapter
from daemon.sessions import PlainSession

Resolve = Callable[[str, int], Sequence[str]]
"""The IP addresses of a host; raises OSError."""

_BLOCK = 64 * 1024
_CONNECT = 10.0
_LOOK = 0.1
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_ANY = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "inboxd"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What may come: bytes at most, seconds at most, hops at most, and types that are accepted."""

    permission: Permission
    max_size: int
    timeout: float
    redirects: int
    accepts: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: from where in the end, how much, and as what."""

    url: str
    size: int
    media_type: str


def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """Connect to an IP address."""
    return socket.create_connection((address, port), timeout)


@dataclass(slots=True)
class Fetcher:
    """Fetches files; `resolve` and `dial` are handed in, `verify` names certificates to trust."""

    resolve: Resolve = resolve_by_system
    dial: Dial = dial
    verify: str | bool = True

    def fetch(self, url: str, wanted: Wanted, target: bytes, stop: threading.Event) -> Fetched:
        """Write what is behind a URL to a new file at `target`, synced; what is there is replaced.

        Every hop is judged by the list of hosts and by its addresses, and the connection goes to
        the address that was judged. Raises RefusedError where the link or the answer is not
        acceptable, InboxdError of kind transient where another time may help, StoppedError on
        `stop`, and OSError where our disk fails.
        """
        until = time.monotonic() + wanted.timeout
        hop = judge(url, wanted.permission)
        for _ in range(wanted.redirects + 1):
            with self._ask(hop, until, stop) as response:
                if response.status_code not in _REDIRECTS:
                    return _Taking(response, hop, wanted, until, stop).take(target)
                location = response.headers.get("Location", "")
            hop = judge(location, wanted.permission, base=hop.url)
        raise RefusedError("link_refused", f"more than {wanted.redirects} redirects")

    @contextlib.contextmanager
    def _ask(self, hop: Target, until: float, stop: threading.Event) -> Iterator[Response]:
        """The answer to one request, headers only; the connection ends with the block."""
        address = harmless(hop.host, self._addresses(hop, until, stop))
        guard = _Guard(until, stop)
        adapter = PinnedAdapter(address, self.dial, min(_CONNECT, _left(until)), guard.watch)
        with PlainSession() as session, guard:
            session.headers.clear()
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            with _as_faults(hop, guard):
                response = session.get(
                    hop.url,
                    headers=_HEADERS,
                    stream=True,
                    allow_redirects=False,
                    timeout=(_CONNECT, max(0.1, _left(until))),
                    verify=self.verify,
                )
                with response:
                    yield response

    def _addresses(self, hop: Target, until: float, stop: threading.Event) -> Sequence[str]:
        """The addresses of a host, in a thread of its own: the resolver cannot be told to stop."""
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self.resolve(hop.host, hop.port))
            except OSError as error:
                answers.put(error)

        threading.Thread(target=look_up, name="resolver", daemon=True).start()
        while True:
            with contextlib.suppress(queue.Empty):
                answer = answers.get(timeout=_LOOK)
                break
            if stop.is_set():
                raise StoppedError
            if _left(until) <= 0:
                answer = TimeoutError("no answer in time")
                break
        if isinstance(answer, OSError):
            raise _later(f"{hop.host} was not resolved: {answer}")
        return answer


@dataclass(slots=True)
class _Taking:
    """An answer on its way into a file."""

    response: Response
    hop: Target
    wanted: Wanted
    until: float
    stop: threading.Event
    size: int = field(default=0)

    def take(self, target: bytes) -> Fetched:
        media_type = self._judge_head()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(target, flags, 0o600)
        try:
            for block in self.response.iter_content(_BLOCK):
                self.size += len(block)
                if self.size > self.wanted.max_size:
                    raise _too_large(f"more than {self.wanted.max_size:,} bytes came")
                _write(descriptor, block)
            self._check_whole()
            os.fsync(descriptor)
        except BaseException:
            os.unlink(target)
            raise
        finally:
            os.close(descriptor)
        return Fetched(self.hop.url, self.size, media_type)

    def _check_whole(self) -> None:
        """An end that we made ourselves looks like the server's where it announced no length."""
        if self.stop.is_set():
            raise StoppedError
        if _left(self.until) <= 0:
            raise _later(f"{self.hop.host} did not send it all in time")

    def _judge_head(self) -> str:
        """The media type that is announced, where all that is announced is acceptable."""
        status, headers = self.response.status_code, self.response.headers
        if status in _LATER:
            raise _later(f"{self.hop.host} answered {status}")
        if status != requests.codes.ok:
            raise RefusedError("link_failed", f"{self.hop.host} answered {status}")
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise RefusedError("link_encoded", f"{self.hop.host} packed what was asked for plain")
        media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type not in _ANY and not self.wanted.accepts(media_type):
            raise RefusedError(
                "link_type", f"{self.hop.host} sends {media_type[:80]!r}, which is not accepted"
            )
        length = headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self.wanted.max_size:
            raise _too_large(f"{self.hop.host} announces {int(length):,} bytes")
        return media_type


class _Guard:
    """Ends a connection when its time is over or a stop is asked for, whoever waits on it."""

    def __init__(self, until: float, stop: threading.Event) -> None:
        self.until = until
        self.stop = stop
        self._over = threading.Event()
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="fetching", daemon=True)

    def watch(self, connection: socket.socket) -> None:
        """Watch a connection, by a second descriptor: TLS takes the first one over."""
        self._sockets.append(socket.socket(fileno=os.dup(connection.fileno())))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        while not self._over.wait(_LOOK):
            if self.stop.is_set() or _left(self.until) <= 0:
                for each in list(self._sockets):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _as_faults(hop: Target, guard: _Guard) -> Iterator[None]:
    """What goes wrong on the way, in our words."""
    try:
        yield
    # A ValueError is what the libraries below make of some nonsense, such as a chunk of -5 bytes.
    except (requests.RequestException, ValueError) as error:
        if guard.stop.is_set():
            raise StoppedError from error
        if _left(guard.until) <= 0:
            raise _later(f"{hop.host} did not send it all in time") from error
        if isinstance(error, requests.exceptions.SSLError):
            raise RefusedError("link_failed", f"{hop.host} has no good certificate") from error
        raise _later(f"{hop.host}: {type(error).__name__}") from error


def _left(until: float) -> float:
    return until - time.monotonic()


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _later(message: str) -> InboxdError:
    return InboxdError("link_unanswered", message, kind=Kind.TRANSIENT)


def _too_large(message: str) -> RefusedError:
    return RefusedError("too_large", message)
