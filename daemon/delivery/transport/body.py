"""What is sent: a file of known length, bare or inside a multipart envelope."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from daemon.delivery.destination import Parcel, Progress
from daemon.delivery.pacing.throttle import UNLIMITED, Throttles
from daemon.delivery.transport.channel import Piece
from daemon.errors import DeliveryError, Kind, StoppedError
from daemon.files import block_buffer, environment_fault, is_environment
from daemon.limits import DEFAULT, KIB

WHOLE: Final = 64 * KIB
"""Bodies up to this many bytes are read and sent in one piece, envelope included."""

_ESCAPES: Final = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """The bytes before and after a file in a request body, and the type that announces them."""

    head: bytes = b""
    tail: bytes = b""
    content_type: str = "application/octet-stream"


def readable_bytes(text: str) -> bytes:
    """UTF-8 of a text; bytes of a file name that are not UTF-8 become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def escape_parameter(text: str) -> bytes:
    """A field or file name for a quoted parameter (WHATWG HTML, multipart/form-data encoding)."""
    return readable_bytes(text.translate(_ESCAPES))


def boundary_for(parcel: Parcel) -> str:
    """A boundary that is the same for every attempt of a delivery and that its file cannot contain.

    It follows from a digest of the content, so no one can write a file that holds its own boundary,
    and a server that compares the bytes of a repeated request finds them equal.
    """
    facts = f"{parcel.idempotency_key}\0{parcel.sha256}"
    return "inboxd-" + hashlib.sha256(readable_bytes(facts)).hexdigest()[:40]


def multipart(
    fields: Mapping[str, str], field: str, filename: str, media_type: str, boundary: str
) -> Envelope:
    """A multipart/form-data envelope (RFC 7578): the fields, then one file part."""
    delimiter = b"--" + boundary.encode()
    parts = [
        b'%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (delimiter, escape_parameter(name), readable_bytes(value))
        for name, value in fields.items()
    ]
    parts.append(
        b'%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n'
        b"Content-Type: %s\r\n\r\n"
        % (delimiter, escape_parameter(field), escape_parameter(filename), media_type.encode())
    )
    return Envelope(
        b"".join(parts),
        b"\r\n%s--\r\n" % delimiter,
        f"multipart/form-data; boundary={boundary}",
    )


def open_parcel(parcel: Parcel) -> int:
    """A fresh descriptor on a parcel's file; raises DeliveryError where it is gone."""
    try:
        return parcel.open()
    except FileNotFoundError as error:
        raise DeliveryError(
            "file_missing", "the file is no longer where it was", kind=Kind.PERMANENT
        ) from error
    except OSError as error:
        if is_environment(error):
            raise environment_fault(error, "opening the file to deliver it") from error
        raise DeliveryError(
            "file_unreadable", f"the file cannot be read: {error.strerror}", kind=Kind.PERMANENT
        ) from error


def file_changed() -> DeliveryError:
    """The error for a file that is not, or no longer, what its parcel says."""
    return DeliveryError(
        "file_changed",
        "the file changed after it was taken in; nothing of it counts as delivered",
        kind=Kind.PERMANENT,
    )


class FileBody:
    """The body of one request: read at its own offsets, so it can be sent again from its start.

    It is the whole file, or the `length` bytes of it from `offset` on; `size` is the whole file's.
    Progress is told as the offset that was reached; `throttled` are the seconds for which we held
    it back ourselves. `once` says that its request is not repeated by itself on a new connection,
    because the server may still be writing the first.

    It is an iterable with a length, which is what requests and http.client ask of a body. Raises
    StoppedError between blocks once `stop` is set, DeliveryError `file_changed` before the last
    block of a file that shrank or grew, EnvironmentFaultError where our disk cannot be read.
    """

    def __init__(
        self,
        descriptor: int,
        size: int,
        envelope: Envelope,
        *,
        stop: threading.Event,
        progress: Progress,
        throttle: Throttles = UNLIMITED,
        block: int = DEFAULT.read_block,
        offset: int = 0,
        length: int | None = None,
        once: bool = False,
    ) -> None:
        self.stop = stop
        self.once = once
        self.throttled = 0.0
        self._descriptor = descriptor
        self._size = size
        self._start = offset
        self._end = size if length is None else offset + length
        self._envelope = envelope
        self._progress = progress
        self._throttle = throttle
        self._block = throttle.piece(block)
        self._opened = _version(descriptor)
        self._length = len(envelope.head) + self._end - offset + len(envelope.tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes | memoryview]:
        if self._length <= WHOLE:
            yield self.whole()
            self.sent()
            return
        if self._envelope.head:
            yield self._envelope.head
        yield from self._file()
        if self._envelope.tail:
            yield self._envelope.tail

    def in_blocks_of(self, size: int) -> None:
        """Go in blocks of at most so many bytes from now on."""
        self._block = max(min(self._block, size), 1)

    def whole(self) -> bytes:
        """All of a small body in one piece; the caller reports it with `sent`."""
        wanted = self._end - self._start
        self._turn(wanted)
        try:
            data = os.pread(self._descriptor, wanted, self._start)
        except OSError as error:
            raise environment_fault(error, "reading the file to deliver it") from error
        if len(data) != wanted:
            raise file_changed()
        self.confirm()
        return b"".join((self._envelope.head, data, self._envelope.tail))

    def pieces(self) -> Iterator[bytes | Piece]:
        """The same as iterating, with pieces of the file in place of its bytes."""
        if self._envelope.head:
            yield self._envelope.head
        for offset in range(self._start, self._end, self._block):
            size = min(self._block, self._end - offset)
            self._turn(size)
            if offset + size == self._end:
                self.confirm()
            yield Piece(self._descriptor, offset, size)
            self._progress(offset + size)
        if self._envelope.tail:
            yield self._envelope.tail

    def sent(self) -> None:
        """Say that all of this body was sent."""
        self._progress(self._end)

    def _file(self) -> Iterator[memoryview]:
        buffer = block_buffer(self._block)
        offset = self._start
        while offset < self._end:
            wanted = min(self._block, self._end - offset)
            self._turn(wanted)
            try:
                count = os.preadv(self._descriptor, [buffer[:wanted]], offset)
            except OSError as error:
                raise environment_fault(error, "reading the file to deliver it") from error
            if not count:
                raise file_changed()
            offset += count
            if offset == self._end:
                self.confirm()
            yield buffer[:count]
            self._progress(offset)

    def _turn(self, size: int) -> None:
        if self.stop.is_set():
            raise StoppedError
        if self._throttle:
            self.throttled += self._throttle.take(size, self.stop)

    def confirm(self) -> None:
        """Refuse a file that is no longer what it was; raises DeliveryError `file_changed`."""
        if self._opened[0] != self._size or _version(self._descriptor) != self._opened:
            raise file_changed()


def _version(descriptor: int) -> tuple[int, int]:
    """What changes with the content of an open file: its size, and when it was written to."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns
