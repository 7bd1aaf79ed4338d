"""Reading multipart/form-data as it arrives, in memory that does not grow with the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

_BLOCK = 64 * 1024
_LONGEST_HEAD = 16 * 1024


class MultipartError(Exception):
    """The body is not well-formed multipart/form-data."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part; `content` must be read to its end before the next part is asked for."""

    name: str
    filename: str | None
    content: Iterator[bytes]


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names; raises MultipartError where it names none."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise MultipartError("the body is not multipart/form-data with a boundary")
    return boundary.encode("latin-1")


def parts(read: Callable[[int], bytes], boundary: bytes) -> Iterator[Part]:
    """The parts of a body in order (RFC 7578, RFC 2046 section 5.1.1).

    `read` gives at most so many bytes, and none at the end. Raises MultipartError where the body
    ends early or a head is too long.
    """
    body = _Body(read)
    delimiter = b"\r\n--" + boundary
    body.put_back(b"\r\n")  # the first delimiter may stand at the very start
    for _ in body.until(delimiter):
        pass  # a preamble says nothing
    while body.line() != b"--":
        head = BytesHeaderParser().parsebytes(body.head())
        name = head.get_param("name", header="content-disposition")
        content = body.until(delimiter)
        yield Part(str(name or ""), _filename(head), content)
        for _ in content:
            pass


def _filename(head: Message) -> str | None:
    """The file name of a part, whose bytes browsers and curl send as plain UTF-8."""
    raw = {name.lower(): value for name, value in head.raw_items()}
    value = raw.get("content-disposition", "").encode("ascii", "surrogateescape")
    plain = Message()
    plain["Content-Disposition"] = value.decode("utf-8", "replace")
    return plain.get_filename()


class _Body:
    """Bytes that arrive in pieces, cut at delimiters."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._waiting = bytearray()

    def put_back(self, data: bytes) -> None:
        self._waiting[:0] = data

    def _more(self) -> None:
        data = self._read(_BLOCK)
        if not data:
            raise MultipartError("the body ends before its last delimiter")
        self._waiting += data

    def until(self, delimiter: bytes) -> Iterator[bytes]:
        """What stands before a delimiter, in pieces; the delimiter is taken too."""
        waiting = self._waiting
        while (at := waiting.find(delimiter)) < 0:
            # The end may be the start of a delimiter whose rest is yet to come.
            free = len(waiting) - len(delimiter) + 1
            if free > 0:
                piece = bytes(waiting[:free])
                del waiting[:free]
                yield piece
            self._more()
        piece = bytes(waiting[:at])
        del waiting[: at + len(delimiter)]
        yield piece

    def line(self) -> bytes:
        """The rest of a delimiter's line: `--` after the last part, empty after the others."""
        while len(self._waiting) < 2:
            self._more()
        if self._waiting[:2] == b"--":
            return b"--"
        return self._short(b"\r\n").strip(b" \t")

    def head(self) -> bytes:
        """The header lines of a part."""
        return self._short(b"\r\n\r\n")

    def _short(self, end: bytes) -> bytes:
        while (at := self._waiting.find(end)) < 0:
            if len(self._waiting) > _LONGEST_HEAD:
                raise MultipartError("the head of a part is too long")
            self._more()
        data = bytes(self._waiting[:at])
        del self._waiting[: at + len(end)]
        return data
