"""One request on one connection, as the receiver of tests sees it."""

from __future__ import annotations

import contextlib
import email.message
import hashlib
import re
import select
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

BLOCK = 1 << 20


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


class ClosedError(Exception):
    """The connection ended."""


class Exchange:
    """One request on one connection, as a reply sees it."""

    def __init__(self, connection: Connection, head: bytes) -> None:
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
            wanted = min(self.left - goal, BLOCK)
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
            raise ClosedError from error

    def answer(
        self, status: int = 201, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def close(self) -> None:
        """End the connection in good order: what was sent still arrives.

        What came is on record before the client can know of the end.
        """
        self.record()
        with contextlib.suppress(OSError):
            self.connection.socket.shutdown(socket.SHUT_WR)
            self.connection.socket.settimeout(5)
            while self.connection.socket.recv(BLOCK):
                pass
        raise ClosedError

    def reset(self) -> None:
        """End the connection with a RST."""
        now = struct.pack("ii", 1, 0)
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        raise ClosedError

    def hold(self) -> None:
        """Do nothing more until the client hangs up or the receiver closes."""
        hangup = select.poll()
        hangup.register(self.connection.socket, select.POLLRDHUP)
        hangup.poll(60_000)
        raise ClosedError

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


class Site(Protocol):
    """Where requests are received."""

    hashing: bool

    def next_reply(self, exchange: Exchange) -> Reply:
        """The reply to a request that has begun."""
        ...

    def record(self, received: Received) -> None:
        """Note a request that has ended."""
        ...


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


class Connection:
    """An accepted connection, read by one thread."""

    def __init__(self, receiver: Site, accepted: socket.socket, number: int) -> None:
        self.receiver = receiver
        self.socket = accepted
        self.number = number
        self._pending = memoryview(b"")
        self._buffer = memoryview(bytearray(BLOCK))

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
            raise ClosedError from error
        if not count:
            raise ClosedError
        return count

    def serve(self) -> None:
        """Take one request after the other until the connection ends."""
        with contextlib.suppress(ClosedError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += self.take(BLOCK)
                    if not head[:1].isalpha():  # a TLS hello, for one
                        self.socket.sendall(b"HTTP/1.1 400 What\r\n\r\n")
                        raise ClosedError
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
