"""The receiver of the demonstration: a small HTTP server on loopback that keeps what it is sent."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from daemon.demo.multipart import MultipartError, boundary_of, parts

_BLOCK = 256 * 1024
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A body that has arrived whole under a temporary name."""

    temporary: Path
    name: str
    sha256: str
    bytes: int


class Receiver:
    """Takes files by multipart POST and by PUT while the context lasts, and keeps them in a folder.

    It answers 201 with `{"url", "sha256", "bytes"}`. A request that repeats an Idempotency-Key gets
    the answer of the first, and nothing is stored again.
    """

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self._answers = folder / "answers"
        for each in (self.files, self._answers):
            each.mkdir(parents=True, exist_ok=True)
        self._keeping = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:40123."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, pieces: Iterable[bytes], name: str) -> _Arrival:
        """Write a body under a temporary name, hashing it on the way."""
        digest = hashlib.sha256()
        size = 0
        with tempfile.NamedTemporaryFile(dir=self._answers, suffix=".part", delete=False) as file:
            try:
                for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
            except BaseException:
                os.unlink(file.name)
                raise
        return _Arrival(Path(file.name), name, digest.hexdigest(), size)

    def keep(self, arrival: _Arrival, key: str | None, *, replace: bool) -> bytes:
        """Give an arrival its name and return the answer, or the earlier answer to the same key."""
        with self._keeping:
            remembered = self._answers / f"{hashlib.sha256((key or '').encode()).hexdigest()}.json"
            if key and remembered.exists():
                arrival.temporary.unlink()
                return remembered.read_bytes()
            target = self.files / _safe(arrival.name)
            if target.exists() and not replace:
                target = self.files / _safe(f"{arrival.temporary.stem}-{arrival.name}")
            arrival.temporary.rename(target)
            facts = {
                "url": f"{self.url}/files/{quote(target.name)}",
                "sha256": arrival.sha256,
                "bytes": arrival.bytes,
            }
            answer = json.dumps(facts).encode()
            if key:
                remembered.write_bytes(answer)
            return answer


def _safe(name: str) -> str:
    """The last part of a name, short enough for a file system, never hidden or empty."""
    last = name.replace("\\", "/").replace("\0", "").rpartition("/")[2].lstrip(".")
    data = last.encode("utf-8", "replace")
    return data[-_LONGEST_NAME:].decode("utf-8", "ignore") or "unnamed"


class _Server(ThreadingHTTPServer):
    """Knows the receiver that its handlers work for."""

    daemon_threads = True
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to talk about; other faults are shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection; kept alive between requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = 16 * 1024  # headers and body leave in one segment
    server: _Server

    def do_POST(self) -> None:
        """Take the first part that has a file name."""
        length = self._length()
        if length is None:
            return
        receiver = self.server.receiver
        arrival = None
        body = _Counted(self.rfile, length)
        try:
            for part in parts(body.read, boundary_of(self.headers.get("Content-Type", ""))):
                if part.filename is not None and arrival is None:
                    arrival = receiver.take(part.content, part.filename)
        except MultipartError as error:
            if arrival is not None:
                arrival.temporary.unlink()
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        body.drain()
        if arrival is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "no part has a file name")
            return
        self._answer(receiver.keep(arrival, self.headers.get("Idempotency-Key"), replace=False))

    def do_PUT(self) -> None:
        """Take the whole body under the last part of the path."""
        length = self._length()
        if length is None:
            return
        receiver = self.server.receiver
        body = _Counted(self.rfile, length)
        arrival = receiver.take(body.pieces(), unquote(urlsplit(self.path).path))
        if arrival.bytes < length:
            arrival.temporary.unlink()
            self.close_connection = True
            return
        self._answer(receiver.keep(arrival, self.headers.get("Idempotency-Key"), replace=True))

    def _length(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        if text.isascii() and text.isdigit():
            return int(text)
        self._refuse(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        return None

    def _answer(self, answer: bytes) -> None:
        self.send_response(HTTPStatus.CREATED)
        self._send_json(answer)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what is left of the body is not worth reading
        self.send_response(status)
        self.send_header("Connection", "close")
        self._send_json(json.dumps({"error": why}).encode())

    def _send_json(self, data: bytes) -> None:
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base's)
        """Say nothing: the demonstration prints a table of its own."""


class _Counted:
    """The body of one request: no more than its Content-Length is read."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read1(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data

    def pieces(self) -> Iterator[bytes]:
        """All that is left, in blocks."""
        while data := self.read(_BLOCK):
            yield data

    def drain(self) -> None:
        """Read past what follows the last delimiter."""
        for _ in self.pieces():
            pass
