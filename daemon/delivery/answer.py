"""A server's answer, read with http.client's parser out of bounded bytes in bounded time."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from requests.structures import CaseInsensitiveDict

from daemon.limits import Limits

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[0-9] +([0-9]{3})[^\n]*\n")
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_FRAMING: Final = 8
"""How much larger than its content a chunked body may be on the wire."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer; `body` holds at most the kept bytes, `reusable` is about the connection."""

    status: int
    reason: str
    headers: CaseInsensitiveDict[str]
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
        status = int(line.group(1))
        if not 100 <= status < 200:
            return status
        end = _END_OF_HEAD.search(received, line.end() - 1)
        if end is None:
            return None
        start = end.end()


class AnswerStream:
    """What http.client reads an answer from: never more than allowed, and no byte twice.

    Args: `receive` gives the next bytes and b"" at the end. Raises http.client.HTTPException where
    a head or a body outgrows `limits`.
    """

    def __init__(self, receive: Callable[[], bytes], limits: Limits) -> None:
        self._receive = receive
        self._data = bytearray()
        self._position = 0
        self._left = limits.answer_head
        self._body = limits.answer_body * _FRAMING
        self.began = False

    def makefile(self, mode: str) -> AnswerStream:
        """What http.client asks of a socket."""
        assert mode == "rb"
        return self

    def head_is_read(self) -> None:
        """Go over from the bound of the head to that of the body."""
        self._left = self._body

    @property
    def unread(self) -> int:
        """Bytes received beyond what was asked for."""
        return len(self._data) - self._position

    def readline(self, limit: int) -> bytes:
        """The next line with its end, or what there is of it at the end of the connection."""
        while True:
            end = self._data.find(b"\n", self._position)
            if end >= 0:
                return self._take(min(end + 1 - self._position, limit))
            if self.unread >= limit or not self._more():
                return self._take(min(self.unread, limit))

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end of the connection."""
        if size < 0:
            raise http.client.HTTPException("a chunk of negative length")
        while self.unread < size and self._more():
            pass
        return self._take(min(self.unread, size))

    def _more(self) -> bool:
        if self.unread > self._left:
            raise http.client.HTTPException("an answer without end")
        data = self._receive()
        self.began = self.began or bool(data)
        self._data += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        if count > self._left:
            raise http.client.HTTPException("an answer without end")
        self._left -= count
        data = bytes(self._data[self._position : self._position + count])
        self._position += count
        if self._position == len(self._data):
            self._data.clear()
            self._position = 0
        return data

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The connection is closed by the one who opened it."""


class _FinalResponse(http.client.HTTPResponse):
    """http.client's response, passing over every interim answer; of itself it skips only 100."""

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
            self.headers = self.msg = cast("http.client.HTTPMessage", None)
            super().begin()


def read_answer(stream: AnswerStream, method: str, limits: Limits) -> Answer:
    """Read one final answer to a request with `method`.

    A body longer than `limits.answer_body` is cut there. Raises http.client.HTTPException where it
    is not HTTP, ends too early or has no end, and whatever the stream's `receive` raises.
    """
    response = _FinalResponse(cast("socket.socket", stream), method=method)
    try:
        response.begin()
        stream.head_is_read()
        length = response.length
        body = response.read(limits.answer_body + 1) if length != 0 else b""
        wanted = min(length or 0, limits.answer_body + 1)
        if len(body) < wanted:
            raise http.client.IncompleteRead(body, wanted - len(body))
        ended = response.isclosed() or length == 0
    finally:
        response.close()
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Answer(
        response.status,
        response.reason,
        CaseInsensitiveDict(headers),
        body[: limits.answer_body],
        reusable=ended and not response.will_close and not stream.unread,
    )
