"""An HTTP receiver on loopback that records what it is sent and answers as a test tells it to.

    with Receiver(status(503), ok()) as receiver:
        ...  # deliver to receiver.url
        assert receiver.contents == {sha256}

Each request takes the next reply of the script, and `otherwise` once the script is used up.
"""

from __future__ import annotations

import contextlib
import email.message
import hashlib
import random
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"
"""A self-made certificate for `localhost`, valid for a hundred years; its own authority."""
KEY = CERTIFICATE.with_suffix(".key")

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """One request: `complete` when all of its body came, `sha256` and `size` of the file in it."""

    method: str
    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, str] = field(default_factory=dict)
    filename: str | None = None
    media_type: str | None = None
    size: int = 0
    sha256: str | None = None
    complete: bool = False
    connection: int = 0

    @property
    def key(self) -> str | None:
        """Its Idempotency-Key."""
        return self.headers.get("idempotency-key")


class _ClosedError(Exception):
    """The connection ended."""


class Exchange:
    """One request on one connection, as a reply sees it."""

    def __init__(self, connection: _Connection, head: bytes) -> None:
        first, _, rest = head.decode("latin-1").partition("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers: dict[str, str] = {}
        for line in rest.split("\r\n"):
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.connection = connection
        self.left = int(self.headers.get("content-length", "0"))
        self.length = self.left
        self._form = _Form(self, connection.receiver.hashing)
        self._recorded = False

    def read_body(self, at_most: int | None = None) -> None:
        """Read the body to its end, or about `at_most` bytes of it."""
        goal = 0 if at_most is None else max(self.left - at_most, 0)
        while self.left > goal:
            wanted = min(self.left - goal, _BLOCK)
            if self._form.indifferent(wanted):
                count = self.connection.skip(wanted)
                self._form.skipped(count)
            else:
                data = self.connection.take(wanted)
                count = len(data)
                self._form.feed(data)
            self.left -= count

    def send(self, data: bytes) -> None:
        """Send bytes as they are; what came whole is on record before its answer goes out."""
        if not self.left:
            self.record()
        try:
            self.connection.socket.sendall(data)
        except OSError as error:
            raise _ClosedError from error

    def answer(
        self, status: int = 201, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def close(self) -> None:
        """End the connection in good order: what was sent still arrives."""
        with contextlib.suppress(OSError):
            self.connection.socket.shutdown(socket.SHUT_WR)
            self.connection.socket.settimeout(5)
            while self.connection.socket.recv(_BLOCK):
                pass
        raise _ClosedError

    def reset(self) -> None:
        """End the connection with a RST."""
        now = struct.pack("ii", 1, 0)
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        raise _ClosedError

    def hold(self) -> None:
        """Do nothing more until the client hangs up or the receiver closes."""
        hangup = select.poll()
        hangup.register(self.connection.socket, select.POLLRDHUP)
        hangup.poll(60_000)
        raise _ClosedError

    def record(self) -> None:
        """Put this request on record as it is now, once."""
        if not self._recorded:
            self._recorded = True
            self.connection.receiver.record(self.received())

    def received(self) -> Received:
        """What came of this request so far."""
        form = self._form
        return Received(
            self.method,
            self.path,
            self.headers,
            form.fields,
            form.filename,
            form.media_type,
            form.size,
            form.digest.hexdigest() if form.hashing else None,
            self.left == 0,
            self.connection.number,
        )


Reply = Callable[[Exchange], None]


class _Form:
    """Takes a body apart as it comes: fields first, one file last, or one bare file."""

    def __init__(self, exchange: Exchange, hashing: bool) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.media_type = exchange.headers.get("content-type")
        self.size = 0
        self.digest = hashlib.sha256()
        self.hashing = hashing
        match = re.search(r"multipart/form-data; *boundary=([^;]+)", self.media_type or "")
        self._delimiter = b"--" + match.group(1).encode() if match else None
        self._head: bytearray | None = bytearray() if match else None
        tail = len(match.group(1)) + 8 if match else 0  # CRLF -- boundary -- CRLF
        self._end = exchange.length - tail
        self._seen = 0

    def feed(self, data: memoryview) -> None:
        """Take the next bytes of the body."""
        if self._head is not None:
            self._head += data
            data = memoryview(self._parts())
        file = data[: max(self._end - self._seen, 0)]
        self._seen += len(data)
        self.size += len(file)
        if self.hashing:
            self.digest.update(file)

    def indifferent(self, size: int) -> bool:
        """Whether the next `size` bytes are content that need not be looked at."""
        return not self.hashing and self._head is None and self._seen + size <= self._end

    def skipped(self, size: int) -> None:
        """Count content that was not looked at."""
        self._seen += size
        self.size += size

    def _parts(self) -> bytes:
        """Consume the parts before the file's content; returns what there is of the content."""
        assert self._head is not None
        while (end := self._head.find(b"\r\n\r\n")) >= 0:
            message = email.message.Message()
            for line in bytes(self._head[:end]).split(b"\r\n")[1:]:
                name, _, value = line.decode("utf-8", "surrogateescape").partition(": ")
                message[name] = value
            names = dict(re.findall(r'(\w+)="([^"]*)"', message["Content-Disposition"]))
            if "filename" in names:
                self.filename, self.media_type = names["filename"], message["Content-Type"]
                rest = bytes(self._head[end + 4 :])
                self._seen += end + 4
                self._head = None
                return rest
            close = self._head.find(b"\r\n" + (self._delimiter or b""), end + 4)
            if close < 0:
                break
            self.fields[names["name"]] = bytes(self._head[end + 4 : close]).decode()
            del self._head[: close + 2]
            self._seen += close + 2
        return b""


class _Connection:
    """An accepted connection, read by one thread."""

    def __init__(self, receiver: Receiver, accepted: socket.socket, number: int) -> None:
        self.receiver = receiver
        self.socket = accepted
        self.number = number
        self._pending = memoryview(b"")
        self._buffer = memoryview(bytearray(_BLOCK))

    def take(self, size: int) -> memoryview:
        """Up to `size` bytes, at least one, good until the next call."""
        data, self._pending = self._pending[:size], self._pending[size:]
        if data:
            return data
        return self._buffer[: self._receive(self._buffer[:size], 0)]

    def skip(self, size: int) -> int:
        """Let up to `size` bytes be thrown away by the kernel; returns how many, at least one."""
        if self._pending or isinstance(self.socket, ssl.SSLSocket):
            return len(self.take(size))
        return self._receive(self._buffer[:size], socket.MSG_TRUNC)

    def _receive(self, buffer: memoryview, flags: int) -> int:
        try:
            count = self.socket.recv_into(buffer, flags=flags)
        except OSError as error:
            raise _ClosedError from error
        if not count:
            raise _ClosedError
        return count

    def serve(self) -> None:
        """Take one request after the other until the connection ends."""
        with contextlib.suppress(_ClosedError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += self.take(_BLOCK)
                    if not head[:1].isalpha():  # a TLS hello, for one
                        self.socket.sendall(b"HTTP/1.1 400 What\r\n\r\n")
                        raise _ClosedError
                head, _, rest = head.partition(b"\r\n\r\n")
                self._pending = memoryview(rest)
                self._serve_one(Exchange(self, head))
        self.socket.close()

    def _serve_one(self, exchange: Exchange) -> None:
        reply = self.receiver.next_reply(exchange)
        try:
            reply(exchange)
            exchange.read_body()
        finally:
            exchange.record()


class Receiver:
    """A threaded server on a free port of 127.0.0.1; a context manager.

    Args: `script` has one reply for each request, `head` is the one to every HEAD; `hashing` False
    spares the sha256 of large files; `tls` serves https with CERTIFICATE.
    """

    def __init__(
        self,
        *script: Reply,
        otherwise: Reply | None = None,
        head: Reply | None = None,
        hashing: bool = True,
        tls: bool = False,
    ) -> None:
        self.hashing = hashing
        self.requests: list[Received] = []
        self.connections = 0
        self._otherwise = otherwise or ok()
        self._head = head or ok(200)
        self._script = list(script)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(CERTIFICATE, KEY)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
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

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Received]:
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
            _Connection(self, accepted, number).serve()
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
        raise _ClosedError

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


def reluctant() -> Reply:
    """Read nothing of the body and never answer."""
    return Exchange.hold


def thinking(seconds: float, then: Reply | None = None) -> Reply:
    """Take the file, think, then answer."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        time.sleep(seconds)
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
