"""An HTTP receiver on loopback that records what it is sent and answers as a test tells it to.

    with Receiver(status(503), ok()) as receiver:
        ...  # deliver to receiver.url
        assert receiver.contents == {sha256}

Each request takes the next reply of the script, and `otherwise` once the script is used up.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.exchange import ClosedError, Connection, Exchange, Received, Reply
from tests.waiting import PATIENCE

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"
"""A self-made certificate for `localhost`, valid for a hundred years; its own authority."""
KEY = CERTIFICATE.with_suffix(".key")
CLIENT_CERTIFICATE = CERTIFICATE.with_name("client.pem")
"""Another one, for a client; its own authority too."""
CLIENT_KEY = CLIENT_CERTIFICATE.with_suffix(".key")


class Receiver:
    """A threaded server on 127.0.0.1, on a free port unless one is given; a context manager.

    Args: `script` has one reply for each request, `head` is the one to every HEAD; `hashing` False
    spares the sha256 of large files; `tls` serves https with CERTIFICATE, or with the one of KEY
    that it names, and where it is "mutual" takes only clients with CLIENT_CERTIFICATE.
    """

    def __init__(
        self,
        *script: Reply,
        otherwise: Reply | None = None,
        head: Reply | None = None,
        hashing: bool = True,
        tls: bool | Path | Literal["mutual"] = False,
        port: int = 0,
    ) -> None:
        self.hashing = hashing
        self.requests: list[Received] = []
        self.connections = 0
        self.begun = 0  # requests that have their reply, HEAD apart
        self._otherwise = otherwise or ok()
        self._head = head or ok(200)
        self._script = list(script)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls if isinstance(tls, Path) else CERTIFICATE, KEY)
        if self._context and tls == "mutual":
            self._context.load_verify_locations(CLIENT_CERTIFICATE)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="receiver", daemon=True)

    @property
    def url(self) -> str:
        """Its address, ending in a slash."""
        return f"https://localhost:{self.port}/" if self._context else self.plain_url

    @property
    def plain_url(self) -> str:
        """Its address as if it had no TLS."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def contents(self) -> set[str]:
        """The sha256 of every file that came whole."""
        whole = [r for r in self.requests if r.complete and r.method != "HEAD"]
        return {r.sha256 for r in whole if r.sha256 is not None}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and end all connections; may be called twice."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for accepted in self._open:
                with contextlib.suppress(OSError):
                    accepted.shutdown(socket.SHUT_RDWR)

    def wait_for(self, count: int, timeout: float = PATIENCE) -> list[Received]:
        """Wait until `count` requests are recorded; raises AssertionError if they do not come."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= count, timeout)
            assert came, f"{len(self.requests)} of {count} requests came"
            return list(self.requests)

    def script(self, *replies: Reply) -> None:
        """Add replies to the script."""
        with self._changed:
            self._script.extend(replies)

    def next_reply(self, exchange: Exchange) -> Reply:
        """The reply to the next request; a HEAD takes none from the script."""
        if exchange.method == "HEAD":
            return self._head
        with self._changed:
            self.begun += 1
            return self._script.pop(0) if self._script else self._otherwise

    def record(self, received: Received) -> None:
        """Note a request that has ended."""
        with self._changed:
            self.requests.append(received)
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                number = self.connections
                self._open.add(accepted)
            threading.Thread(
                target=self._serve, args=(accepted, number), name="receiving", daemon=True
            ).start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        plain = accepted
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                accepted = self._context.wrap_socket(accepted, server_side=True)
            Connection(self, accepted, number).serve()
        except OSError:
            accepted.close()
        with self._changed:
            self._open.discard(plain)


def ok(code: int = 201, body: bytes = b'{"url": "https://example.com/1"}') -> Reply:
    """Take the whole file and say so."""
    return status(code, body)


def status(code: int, body: bytes = b"", **headers: str) -> Reply:
    """Take the whole file and answer with a status; `Retry_After="1"` sets that header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.answer(code, named, b"" if exchange.method == "HEAD" else body)

    return reply


def early(code: int, then: str = "close", **headers: str) -> Reply:
    """Answer before the body is read, then `close`, `reset`, `hold` (read nothing) or `read`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def reply(exchange: Exchange) -> None:
        exchange.answer(code, named)
        match then:
            case "reset":
                exchange.reset()
            case "hold":
                exchange.hold()
            case "close":
                exchange.close()

    return reply


def reset_after(size: int) -> Reply:
    """Read some of the body, then reset the connection."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body(size)
        exchange.reset()

    return reply


def lost_answer() -> Reply:
    """Take the whole file, then close the connection without a word."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.close()

    return reply


def ok_then_close() -> Reply:
    """Take the file, answer as if the connection stayed open, and close it."""

    def reply(exchange: Exchange) -> None:
        ok()(exchange)
        raise ClosedError

    return reply


def raw(*pieces: bytes, close: bool = True) -> Reply:
    """Take the file and send exactly these bytes, then close or hold the connection."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        for piece in pieces:
            exchange.send(piece)
        if close:
            exchange.close()
        exchange.hold()

    return reply


def interim(*codes: int, final: int = 201) -> Reply:
    """Take the file, send interim answers such as 103, then the final one."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        for code in codes:
            exchange.send(f"HTTP/1.1 {code} Wait\r\nLink: </a>\r\n\r\n".encode())
        exchange.answer(final)

    return reply


def chunked(*chunks: bytes, code: int = 201) -> Reply:
    """Take the file and answer with a chunked body."""
    parts = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        head = f"HTTP/1.1 {code} Fine\r\nTransfer-Encoding: chunked\r\n\r\n"
        exchange.send(head.encode() + parts + b"0\r\n\r\n")

    return reply


def endless(piece: bytes = b"x" * 65536, code: int = 200, pause: float = 0.0) -> Reply:
    """Take the file and answer with a body that never ends; with a `pause`, drop by drop."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(f"HTTP/1.1 {code} Fine\r\nContent-Type: text/plain\r\n\r\n".encode())
        while True:
            exchange.send(piece)
            time.sleep(pause)

    return reply


def huge_headers(size: int = 1 << 20) -> Reply:
    """Take the file and answer with headers of about `size` bytes."""
    return raw(b"HTTP/1.1 200 Fine\r\n" + b"X-Filler: " * (size // 10) + b"\r\n\r\n")


def silent() -> Reply:
    """Take the file and never answer."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.hold()

    return reply


def thinking(seconds: float, then: Reply | None = None) -> Reply:
    """Take the file, think, then answer."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        time.sleep(seconds)
        (then or ok())(exchange)

    return reply


def waiting_for(told: threading.Event, then: Reply | None = None) -> Reply:
    """Take the file, and answer once a test says so."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        told.wait(PATIENCE)
        (then or ok())(exchange)

    return reply


def failing_at_random(seed: int, rate: float = 0.3) -> Reply:
    """Fail a part of the requests in one of many ways, the same for the same seed."""
    luck = random.Random(seed)
    lock = threading.Lock()
    ways: list[Reply] = [
        status(500),
        status(503, Retry_After="0"),
        status(429, Retry_After="0"),
        reset_after(1000),
        lost_answer(),
        early(503, "reset"),
        early(503, "close"),
        raw(b"nonsense\r\n\r\n"),
    ]

    def reply(exchange: Exchange) -> None:
        with lock:
            way = luck.choice(ways) if luck.random() < rate else ok()
        way(exchange)

    return reply
