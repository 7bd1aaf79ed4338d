"""What the fuzzer looks for holds for its seeds and for answers made up of hostile parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.answers import METHODS, SEEDS, one_answer, one_exchange

STATUS_LINES = st.one_of(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"HTTP/1.0 201",
            b"HTTP/1.1 100 Go",
            b"HTTP/1.1 103 Hints",
            b"HTTP/1.1 101 Switching",
            b"HTTP/1.1  204  No",
            b"HTTP/1.1 000 Nothing",
            b"HTTP/1.1 -20 Less",
            b"HTTP/1.1 2e2 Much",
            b"HTTP/1.1\t200\tTabs",
            b"http/1.1 200 small",
            b"HTTP/2 200",
            b"ICY 200 OK",
            b"",
        ]
    ),
    st.binary(max_size=40),
)
HEADERS = st.one_of(
    st.sampled_from(
        [
            b"Content-Length: 5",
            b"Content-Length: 0005",
            b"Content-Length: +5",
            b"Content-Length: 5, 5",
            b"Content-Length: 0x5",
            b"Content-Length: 18446744073709551616",
            "Content-Length: \u0665".encode(),
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding : xchunked",
            b" folded",
            b": nameless",
            b"nothing",
            b"Connection: close, keep-alive",
            b"Retry-After: -1",
            b"Retry-After: Thu, 99 Foo 10000 99:99:99 +9999",
            b"Location: //[",
            b"Location: \r \x00",
            b"X: " + b"y" * 1500,
        ]
    ),
    st.binary(max_size=60),
)
BODIES = st.one_of(
    st.sampled_from(
        [
            b"hello",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\n0\n\n",
            b"6\r\nhello\r\n0\r\n\r\n",
            b"4\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n",
            b"ffffffffffffffff\r\nhello",
            b"5;" + b"x" * 3000 + b"\r\nhello\r\n0\r\n\r\n",
            b"0\r\n" + b"Trailer: x\r\n" * 400,
            b"\r\n\r\n",
        ]
    ),
    st.binary(max_size=800),
)
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\r\n", b""])


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """One to three answers in a row, each of parts that fit together badly."""
    data = b""
    for _ in range(draw(st.integers(1, 3))):
        end = draw(ENDS)
        lines = [draw(STATUS_LINES), *draw(st.lists(HEADERS, max_size=5)), b"", b""]
        data += end.join(lines) + draw(BODIES)
    return data


@given(hostile(), st.sampled_from(range(len(METHODS))), st.integers(0, 255))
def test_hostile_parts(data: bytes, method: int, size: int) -> None:
    """Lies about lengths, chunks and lines are read or refused, however they arrive."""
    one_answer(bytes([method, size]) + data)


@given(hostile(), st.sampled_from(range(len(METHODS))))
def test_answers_before_the_request(data: bytes, method: int) -> None:
    """A server that has answered before it was asked, and hung up, does no harm either."""
    one_exchange(bytes([method]) + data)


@pytest.mark.parametrize("method", range(len(METHODS)))
def test_seeds(method: int) -> None:
    """The fuzzer's seeds pass, in large pieces and in small ones."""
    for seed in SEEDS:
        for size in (0, 2, 255):
            one_answer(bytes([method, size]) + seed)
        one_exchange(bytes([method]) + seed)
