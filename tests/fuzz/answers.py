"""What must hold for any bytes that a server sends, from the first of them to our verdict.

`one_answer` and `one_exchange` take any bytes and raise AssertionError where something does not
hold. The fuzzer runs them for as long as one likes, the tests over SEEDS and over what hypothesis
makes up.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import requests

from daemon.delivery.transport.answer import (
    Answer,
    AnswerError,
    AnswerStream,
    early_status,
    read_answer,
    short_answer,
)
from daemon.delivery.transport.challenge import challenges
from daemon.delivery.transport.channel import Channel
from daemon.delivery.transport.connecting import address_of
from daemon.delivery.transport.exchange import Exchange
from daemon.delivery.transport.flow import Times
from daemon.delivery.verdict import json_object, location, refusal
from daemon.delivery.webdav.multistatus import resource_of
from daemon.errors import DeliveryError, Kind
from daemon.limits import Limits

LIMITS = Limits(answer_head=2000, answer_body=500)
METHODS = ("POST", "HEAD", "PUT", "PROPFIND")
URL = "https://example.com/in"
TIMES = Times(connect=60.0, read=60.0, transfer=60.0, slowest=1.0)
MOST = 60_000
"""More bytes than this do not fit into a pair of sockets that nobody reads from."""

SEEDS = (
    b"",
    b'HTTP/1.1 201 Created\r\nLocation: /1\r\nContent-Length: 11\r\n\r\n{"url": 12}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    b"HTTP/1.1 104 Resume\r\nLocation: /r\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\nnoise",
    b"HTTP/1.1 429 Slow\r\nRetry-After: Fri, 20 Nov 2026 08:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 301 Away\r\nLocation: http://[::1/\r\nContent-Length: 0\r\n\r\n",
    b'HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic, Digest nonce="a\\"b", qop="auth"\r\n\r\n',
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdefg",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200,
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500,
    b"HTTP/1.1 200 OK\r\nA: " + b"x" * 5000,
    b"HTTP/1.1 200 OK\nA: b\n\nbody",
    b"HTTP/1.1 200 OK\r\n folded: first\r\n : x\r\n\r\n",
    b"HTTP/1.1 207 Multi\r\n\r\n<multistatus xmlns='DAV:'><getetag>a</getetag></multistatus>",
    b'HTTP/1.1 422 No\r\n\r\n{"a": [[[[1e999, NaN, "\\ud800"]]]]}',
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 999 \xff\xfe\r\n\xff: \xfe\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
)


def one_answer(data: bytes) -> None:
    """Read some bytes as an answer in two ways, and judge what they say."""
    method, size, data = METHODS[(data[:1] or b"\0")[0] % 4], (data[1:2] or b"\0")[0] + 1, data[2:]
    whole = _read(data, method, len(data) + 1)
    assert _facts(whole) == _facts(_read(data, method, size)), "it depends on how the bytes arrive"
    _early(data, whole)
    if whole is None:
        return
    assert short_answer(data, method, LIMITS) in (None, whole), "a short answer says something else"
    assert len(whole.body) <= LIMITS.answer_body
    assert whole.status == 101 or not 100 <= whole.status < 200
    assert not (whole.reusable and whole.status == 101)
    assert all(name == name.strip().lower() and name for name in whole.headers)
    _judge(whole)


def one_exchange(data: bytes) -> None:
    """Make a request of a server that has answered with some bytes before it was asked."""
    method, data = METHODS[(data[:1] or b"\0")[0] % 4], data[1 : 1 + MOST]
    ours, theirs = socket.socketpair()
    try:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        ours.setblocking(False)
        request = requests.Request(method, URL, data=b"content").prepare()
        exchange = Exchange(request, address_of(URL), TIMES, LIMITS)
        with contextlib.suppress(DeliveryError):
            answer = exchange.run(Channel(ours))
            assert len(answer.body) <= LIMITS.answer_body
    finally:
        ours.close()
        theirs.close()


def _read(data: bytes, method: str, size: int) -> Answer | None:
    with contextlib.suppress(AnswerError):
        return read_answer(AnswerStream(_in_pieces(data, size), LIMITS), method, LIMITS)
    return None


def _facts(answer: Answer | None) -> object:
    """All but whether the connection is used again, which is up to what came by then."""
    return answer and (answer.status, answer.reason, answer.headers, answer.body)


def _in_pieces(data: bytes, size: int) -> Callable[[], bytes]:
    at = -size

    def receive() -> bytes:
        nonlocal at
        at += size
        return data[at : at + size]

    return receive


def _early(data: bytes, whole: Answer | None) -> None:
    """What is known early never changes, and is what the whole answer says."""
    known = None
    step = max(1, len(data) // 50)
    for end in [*range(0, len(data), step), len(data)]:
        status = early_status(data[:end])
        assert known is None or status == known, "an early status changed"
        known = status
    if whole is not None and whole.status != 101 and b"HTTP/1.1 101" not in data:
        assert known == whole.status, "the early status is another"


def _judge(answer: Answer) -> None:
    error = refusal(answer.status, answer.headers, URL, now=0.0, cap=60.0)
    assert error.retry_after is None or 0 <= error.retry_after <= 60
    assert error.kind in (Kind.TRANSIENT, Kind.PERMANENT)
    assert error.message.isprintable()
    place = location({name.title(): text for name, text in answer.headers.items()}, URL)
    assert place is None or place.isprintable()
    json_object(answer.body)
    resource_of(answer.body)
    challenges(answer.headers.get("www-authenticate", ""))
