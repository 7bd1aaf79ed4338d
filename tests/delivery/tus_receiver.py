"""A tus server for tests that can be told to misbehave.

It stands in for servers that offer what @tus/server does not (checksums, a largest size), and for
those that answer oddly. It keeps to tus 1.0 otherwise: core protocol, creation, creation with
upload, checksum, termination, expiration.

    with TusReceiver(checksums="sha256") as receiver:
        receiver.instead("PATCH", 460)  # the next PATCH
        ...  # deliver to receiver.url
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

BLOCK = 64 * 1024
PATIENCE = 2.0
"""Seconds that a request waits for another that is at the same upload."""


@dataclass
class Held:
    """An upload as the server has it; `expires` is in seconds since 1970."""

    length: int
    metadata: str = ""
    content: bytearray = field(default_factory=bytearray)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by the request that is at it: what a cut connection left unread is taken first."""

    @property
    def complete(self) -> bool:
        return len(self.content) == self.length

    @property
    def named(self) -> dict[str, str]:
        """Its metadata, decoded."""
        pairs = [pair.partition(" ") for pair in self.metadata.split(",") if pair]
        return {key: base64.b64decode(value).decode() for key, _, value in pairs}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]


Answering = Callable[["Handler"], None]


class TusReceiver:
    """A threaded server on 127.0.0.1; a context manager.

    Args: `extensions` are those beside creation; `checksums` names algorithms; `largest` is a size
    in bytes; `expires` is a time since 1970 that every upload is said to expire at.
    """

    def __init__(
        self,
        extensions: str = "creation-with-upload,termination,expiration",
        *,
        checksums: str = "",
        largest: int | None = None,
        expires: float | None = None,
        versions: str = "1.0.0",
    ) -> None:
        self.uploads: dict[str, Held] = {}
        self.asked: list[Asked] = []
        self.expires = expires
        self.offer = {
            "Tus-Version": versions,
            "Tus-Extension": ",".join(
                ["creation", extensions, *(["checksum"] if checksums else [])]
            ),
        }
        if checksums:
            self.offer["Tus-Checksum-Algorithm"] = checksums
        if largest is not None:
            self.offer["Tus-Max-Size"] = str(largest)
        self._numbers = itertools.count(1)
        self._instead: list[tuple[str, Answering]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.site = self  # type: ignore[attr-defined]
        self.port = self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/files/"

    @property
    def contents(self) -> list[bytes]:
        """What every complete upload holds."""
        return [bytes(held.content) for held in list(self.uploads.values()) if held.complete]

    def methods(self) -> list[str]:
        """The methods of the requests so far."""
        return [asked.method for asked in self.asked]

    def instead(self, method: str, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer the next request of a method so, and do nothing of what it asks."""

        def answer(handler: Handler) -> None:
            handler.read_body(lambda _: None)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            handler.answer(status, named, body)

        self.do_instead(method, answer)

    def do_instead(self, method: str, answering: Answering) -> None:
        """Leave the next request of a method to a function."""
        with self._lock:
            self._instead.append((method, answering))

    def admit(self, held: Held) -> str:
        """Take in a new upload; gives its number, which no other has or had."""
        with self._lock:
            number = next(text for text in map(str, self._numbers) if text not in self.uploads)
            self.uploads[number] = held
        return number

    def next_instead(self, method: str) -> Answering | None:
        with self._lock:
            for number, (name, answering) in enumerate(self._instead):
                if name == method:
                    del self._instead[number]
                    return answering
        return None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def site(self) -> TusReceiver:
        site: TusReceiver = self.server.site  # type: ignore[attr-defined]
        return site

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def read_body(self, take: Callable[[bytes], Any]) -> None:
        left = int(self.headers.get("Content-Length", "0"))
        while left:
            data = self.rfile.read1(min(BLOCK, left))
            if not data:
                raise ConnectionResetError
            take(data)
            left -= len(data)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        if self.command != "OPTIONS":
            self.send_header("Tus-Resumable", "1.0.0")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def respond(self) -> None:
        self.site.asked.append(Asked(self.command, self.path, dict(self.headers.items())))
        instead = self.site.next_instead(self.command)
        if instead is not None:
            instead(self)
        elif self.command == "OPTIONS":
            self.answer(204, self.site.offer)
        elif self.headers.get("Tus-Resumable") != "1.0.0":
            self.answer(412, {"Tus-Version": "1.0.0"})
        elif self.command == "POST":
            self.create()
        else:
            held = self.site.uploads.get(self.path.rpartition("/")[2])
            if held is None:
                self.read_body(lambda _: None)
                self.answer(404, {})
            else:
                self.at(held, {"HEAD": self.look, "PATCH": self.append, "DELETE": self.remove})

    do_OPTIONS = do_POST = do_HEAD = do_PATCH = do_DELETE = respond  # noqa: N815  # by protocol

    def at(self, held: Held, doing: Mapping[str, Callable[[Held], None]]) -> None:
        """One request at a time for an upload, as the protocol's own server has it."""
        if not held.lock.acquire(timeout=PATIENCE):
            self.read_body(lambda _: None)
            self.answer(423, {})
            return
        try:
            doing[self.command](held)
        finally:
            held.lock.release()

    def create(self, at_most: int | None = None) -> None:
        """Begin an upload, with what comes along, or the first `at_most` bytes of that."""
        held = Held(int(self.headers["Upload-Length"]), self.headers.get("Upload-Metadata", ""))
        number = self.site.admit(held)
        self.read_body(held.content.extend)
        del held.content[len(held.content) if at_most is None else at_most :]
        headers = {"Location": f"/files/{number}", **self.standing(held)}
        if self.headers.get("Content-Type") != "application/offset+octet-stream":
            del headers["Upload-Offset"]
        self.answer(201, headers)

    def look(self, held: Held) -> None:
        length = {"Upload-Length": str(held.length), "Cache-Control": "no-store"}
        self.answer(200, {**length, **self.standing(held)})

    def append(self, held: Held) -> None:
        if int(self.headers["Upload-Offset"]) != len(held.content):
            self.read_body(lambda _: None)
            self.answer(409, {})
            return
        algorithm, _, digest = self.headers.get("Upload-Checksum", "").partition(" ")
        if not algorithm:
            self.read_body(held.content.extend)
            self.answer(204, self.standing(held))
            return
        whole = bytearray()
        self.read_body(whole.extend)
        if base64.b64encode(hashlib.new(algorithm, whole).digest()).decode() != digest:
            self.answer(460, {})
            return
        held.content += whole
        self.answer(204, self.standing(held))

    def remove(self, held: Held) -> None:
        gone = self.site.uploads.pop(self.path.rpartition("/")[2], None)
        self.answer(204 if gone else 404, {})

    def standing(self, held: Held) -> dict[str, str]:
        facts = {"Upload-Offset": str(len(held.content))}
        if self.site.expires is not None:
            facts["Upload-Expires"] = formatdate(self.site.expires, usegmt=True)
        return facts

    def log_message(self, *_: object) -> None:
        return
