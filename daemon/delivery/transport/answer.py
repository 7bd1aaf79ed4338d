"""A server's answer (RFC 9112), read from bounded bytes and trusted with nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from daemon.limits import KIB, Limits

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([0-9]) +([0-9]{3})(?: ([^\n]*))?\r?\n")
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_CHUNK_SIZE: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?")
_BLANK: Final = (" ", "\t")
_SWITCHING_PROTOCOLS: Final = 101
_FRAMING: Final = 8
"""How much larger than its content a chunked body may be on the wire."""
_LONGEST_LINE: Final = 4 * KIB


class AnswerError(Exception):
    """What came is no answer, has no end, or ends too early."""


class NoAnswerError(AnswerError):
    """The connection ended before the first byte of an answer."""


class Head(NamedTuple):
    """Status line and headers; names in lower case, repeated ones joined by commas."""

    minor: int
    status: int
    reason: str
    headers: Mapping[str, str]

    @property
    def keeps_alive(self) -> bool:
        """Whether the server leaves the connection open (RFC 9112 section 9.3)."""
        options = self.headers.get("connection", "").lower()
        return "close" not in options if self.minor else "keep-alive" in options


class Answer(NamedTuple):
    """A final answer; `body` holds at most the kept bytes, `reusable` is about the connection."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    reusable: bool


def early_status(received: bytes | bytearray) -> int | None:
    """The status of the first final answer in some received bytes, None where there is none yet.

    Interim answers (1xx, RFC 9110 section 15.2) are passed over. What is not HTTP counts as 0, so
    that the sender stops and the parser says what is wrong.
    """
    start = 0
    while True:
        line = _STATUS_LINE.match(received, start)
        if line is None:
            return 0 if received.find(b"\n", start) >= 0 else None
        status = int(line.group(2))
        if not 100 <= status < 200:
            return status
        end = _END_OF_HEAD.search(received, line.end() - 1)
        if end is None:
            return None
        start = end.end()


def parse_head(head: bytes) -> Head:
    """A status line and headers up to the empty line; raises AnswerError where it is not HTTP/1.

    A folded line belongs to the header before it; a line that is no header is passed over.
    """
    line = _STATUS_LINE.match(head)
    if line is None:
        raise AnswerError("no status line")
    text = head[line.end() :].decode("latin-1")
    folded = text.startswith(_BLANK) or "\n " in text or "\n\t" in text
    headers = _folded_headers(text) if folded else _headers(text)
    minor, status, reason = line.groups(b"")
    return Head(int(minor), int(status), reason.decode("latin-1").strip(), headers)


def _headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if colon and (name := name.strip().lower()):
            value = value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _folded_headers(text: str) -> dict[str, str]:
    """Headers of which some lines go on with the one before (RFC 9112 section 5.2)."""
    lines: list[str] = []
    for line in text.split("\n"):
        if not line.startswith(_BLANK):
            lines.append(line)
        elif lines and ":" in lines[-1]:
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
    return _headers("\n".join(lines))


class AnswerStream:
    """The bytes of an answer as they are asked for, never more of them than allowed.

    Args: `receive` gives the next bytes and b"" at the end; `first` came before. Each method
    raises AnswerError where the answer outgrows `limits` or ends too early, and whatever `receive`
    raises.
    """

    def __init__(self, receive: Callable[[], bytes], limits: Limits, first: bytes = b"") -> None:
        self._receive = receive
        self._data = bytearray(first)
        self._left = limits.answer_head
        self._body = limits.answer_body * _FRAMING
        self.began = bool(first)

    @property
    def unread(self) -> int:
        """Bytes that came beyond what was asked for."""
        return len(self._data)

    def head(self) -> bytes:
        """Everything up to and with the next empty line."""
        while (end := _END_OF_HEAD.search(self._data)) is None:
            if not self._more():
                raise AnswerError("cut off") if self.began else NoAnswerError("nothing came")
        return self._take(end.end())

    def head_is_read(self) -> None:
        """Go over from the bound of the head to that of the body."""
        self._left = self._body

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._data) < size:
            if not self._more():
                raise AnswerError("cut off")
        return self._take(size)

    def line(self) -> bytes:
        """The next line, without its end."""
        while (end := self._data.find(b"\n")) < 0:
            if len(self._data) > _LONGEST_LINE or not self._more():
                raise AnswerError("cut off")
        if end > _LONGEST_LINE:
            raise AnswerError("a line without end")
        return self._take(end + 1).rstrip(b"\r\n")

    def until_end(self, limit: int) -> bytes:
        """All that comes until the connection ends, or its first `limit` bytes."""
        while len(self._data) < limit and self._more():
            pass
        return self._take(min(len(self._data), limit))

    def _more(self) -> bool:
        if len(self._data) > self._left:
            raise AnswerError("an answer without end")
        data = self._receive()
        self._data += data
        self.began = self.began or bool(data)
        return bool(data)

    def _take(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise AnswerError("an answer without end")
        data = bytes(self._data[:size])
        del self._data[:size]
        return data


def short_answer(data: bytes, method: str, limits: Limits) -> Answer | None:
    """The answer in the first bytes that came, where they are one whole plain answer; or None.

    It is what `read_answer` would say of them; most answers to uploads are such.
    """
    found = _END_OF_HEAD.search(data)
    if found is None or found.end() > limits.answer_head or method == "HEAD":
        return None
    end = found.end()
    head = parse_head(data[:end])
    length = head.headers.get("content-length", "")
    plain = 200 <= head.status < 600 and head.status not in (204, 304)
    if not plain or "transfer-encoding" in head.headers:
        return None
    if length != str(len(data) - end) or len(data) - end > limits.answer_body:
        return None
    return Answer(head.status, head.reason, head.headers, data[end:], head.keeps_alive)


def read_answer(stream: AnswerStream, method: str, limits: Limits) -> Answer:
    """Read one final answer to a request with `method`, passing over interim ones.

    A body longer than `limits.answer_body` is cut there. Raises AnswerError where it is not HTTP,
    ends too early or has no end, and whatever the stream's `receive` raises.
    """
    head = parse_head(stream.head())
    while 100 <= head.status < 200 and head.status != _SWITCHING_PROTOCOLS:
        head = parse_head(stream.head())
    stream.head_is_read()
    body, ended = _read_body(stream, head, method, limits.answer_body)
    return Answer(
        head.status,
        head.reason,
        head.headers,
        body,
        reusable=ended and head.keeps_alive and not stream.unread,
    )


def _read_body(stream: AnswerStream, head: Head, method: str, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of a body, and whether the connection is at the end of it.

    The order of the rules is that of RFC 9112 section 6.3; a length that is none counts as unsaid,
    one that is repeated counts once.
    """
    if method == "HEAD" or head.status in (101, 204, 304):
        return b"", head.status != _SWITCHING_PROTOCOLS
    coding = head.headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower().endswith("chunked"):
            return _read_chunks(stream, limit)
        return stream.until_end(limit), False
    length, *others = map(str.strip, head.headers.get("content-length", "").split(","))
    if length.isascii() and length.isdigit() and {length}.issuperset(others):
        size = int(length[:20])
        return stream.exactly(min(size, limit)), size <= limit
    return stream.until_end(limit), False


def _read_chunks(stream: AnswerStream, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of a chunked body (RFC 9112 section 7.1), and whether it ended."""
    body = bytearray()
    while True:
        match = _CHUNK_SIZE.fullmatch(stream.line())
        if match is None:
            raise AnswerError("a chunk without a size")
        size = int(match.group(1), 16)
        if size == 0:
            while stream.line():
                pass
            return bytes(body), True
        wanted = min(size, limit - len(body))
        body += stream.exactly(wanted)
        if wanted < size:
            return bytes(body), False
        if stream.line():
            raise AnswerError("a chunk longer than its size")
