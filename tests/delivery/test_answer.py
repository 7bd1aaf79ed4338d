"""An answer is read whole however it arrives, and nothing that arrives does harm."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.transport.answer import (
    Answer,
    AnswerError,
    AnswerStream,
    NoAnswerError,
    early_status,
    parse_head,
    read_answer,
)
from daemon.limits import Limits

EARLY_HINTS = b"HTTP/1.1 103\r\nA: b\r\n\r\n"
LIMITS = Limits(answer_head=2000, answer_body=500)
TOKEN = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).map(lambda t: f"X-{t}")
VALUE = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
PIECES = st.lists(st.integers(1, 40), min_size=1, max_size=20)


def feed(data: bytes, pieces: list[int]) -> Callable[[], bytes]:
    """Gives some bytes in pieces of these sizes, over and over, then the end."""
    left = memoryview(data)
    turn = 0

    def receive() -> bytes:
        nonlocal left, turn
        size = pieces[turn % len(pieces)]
        turn += 1
        piece, left = bytes(left[:size]), left[size:]
        return piece

    return receive


def read(data: bytes, pieces: list[int] | None = None, method: str = "POST") -> Answer:
    return read_answer(AnswerStream(feed(data, pieces or [10**6]), LIMITS), method, LIMITS)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int, dict[str, str], bytes]:
    """The bytes of a proper answer, and its status, headers and body."""
    status = draw(st.sampled_from([200, 201, 400, 404, 413, 429, 503]))
    headers = draw(st.dictionaries(TOKEN.map(str.lower), VALUE, max_size=5))
    body = draw(st.binary(max_size=300))
    lines = [f"HTTP/1.1 {status} Reason of it"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    sent = body
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        size = draw(st.integers(1, 100))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        sent = b"".join(b"%X;ext=1\r\n%s\r\n" % (len(part), part) for part in parts)
        sent += b"0\r\nTrailer: x\r\n\r\n"
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Go\r\n\r\n", EARLY_HINTS]))
    head = "\r\n".join([*lines, "", ""]).encode()
    return interim + head + sent, status, headers, body


@given(answers(), PIECES)
def test_proper_answer(answer: tuple[bytes, int, dict[str, str], bytes], pieces: list[int]) -> None:
    """A proper answer is read as it is meant, in whatever pieces it arrives."""
    data, status, headers, body = answer
    got = read(data, pieces)
    assert (got.status, got.body) == (status, body)
    assert headers.items() <= dict(got.headers).items()
    assert early_status(data) == status


class Source:
    """What http.client takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


@given(answers())
def test_agrees_with_http_client(answer: tuple[bytes, int, dict[str, str], bytes]) -> None:
    """Python's own parser reads the same, where it reads it at all."""
    data = answer[0].removeprefix(EARLY_HINTS)
    response = http.client.HTTPResponse(Source(data), method="POST")  # type: ignore[arg-type]
    response.begin()
    got = read(data)
    assert (got.status, got.reason, got.body) == (response.status, response.reason, response.read())
    assert dict(got.headers) == {name.lower(): value for name, value in response.headers.items()}


@given(st.binary(max_size=3000), PIECES, st.sampled_from(["POST", "HEAD"]))
def test_garbage(data: bytes, pieces: list[int], method: str) -> None:
    """Bytes without sense are refused, never anything worse."""
    with pytest.raises(AnswerError):
        read(b"\x00" + data, pieces, method)


@given(answers(), st.data())
def test_damaged_answer(
    answer: tuple[bytes, int, dict[str, str], bytes], data: st.DataObject
) -> None:
    """An answer with some bytes changed is read or refused, within its bounds."""
    raw = bytearray(answer[0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    early_status(raw)
    try:
        got = read(bytes(raw))
    except AnswerError:
        return
    assert len(got.body) <= LIMITS.answer_body
    assert 0 <= got.status <= 999


@given(answers(), st.data())
def test_cut_off_answer(
    answer: tuple[bytes, int, dict[str, str], bytes], data: st.DataObject
) -> None:
    """An answer that says its length is not taken for whole when it is cut off."""
    raw = answer[0]
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    bounded = b"\r\nContent-Length: " in raw or b"\r\nTransfer-Encoding: " in raw
    if not bounded and len(cut) >= raw.rfind(b"\r\n\r\n") + 4:
        assert not read(cut).reusable
        return
    with pytest.raises(AnswerError):
        read(cut)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 Fine\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 Fine\r\nA: " + b"b" * 100_000,
        b"HTTP/1.1 100 Go\r\n\r\n" * 1000,
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 10_000,
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000,
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 Fine\r\n\r\n",
        b"HTTP/1.1 2000 Fine\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_refused(data: bytes) -> None:
    """Heads and bodies without end or sense are refused, and not read for ever."""
    with pytest.raises(AnswerError):
        read(data, [7])


@pytest.mark.parametrize("pieces", [[1], [10**6]])
def test_long_body_is_cut(pieces: list[int]) -> None:
    """Of a body that is too long the beginning is kept, and the connection is not used again."""
    for framing, body in (
        (b"Content-Length: 9000", b"x" * 9000),
        (b"A: b", b"x" * 9000),
        (b"Transfer-Encoding: chunked", b"FFFFFFFF\r\n" + b"x" * 9000),
    ):
        got = read(b"HTTP/1.1 200 Fine\r\n" + framing + b"\r\n\r\n" + body, pieces)
        assert (got.body, got.reusable) == (b"x" * 500, False)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.0 200 Fine\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 Fine\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\nmore", False),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", True),
        (b"HTTP/1.1 101 Switching\r\n\r\n", False),
        (b"HTTP/1.1 200 Fine\nContent-Length: 0\n\n", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 Fine\r\nContent-Length: soon\r\n\r\n", False),
        (b"HTTP/1.1 200 Fine\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc", False),
    ],
)
def test_reuse(head: bytes, reusable: bool) -> None:
    """A connection is used again only where both ends agree on where the answer ended."""
    assert read(head).reusable is reusable


def test_head_answer_has_no_body() -> None:
    """The answer to a HEAD has no body, whatever length it names."""
    assert read(b"HTTP/1.1 200 Fine\r\nContent-Length: 9\r\n\r\n", method="HEAD").reusable


def test_nothing_came() -> None:
    """A connection that ended without a byte is told from one that ended within an answer."""
    with pytest.raises(NoAnswerError):
        read(b"")


def test_headers_by_example() -> None:
    """Repeated headers are joined, folded ones unfolded, lines that are none passed over."""
    head = parse_head(
        b"HTTP/1.1 200  Fine \r\nA: 1\r\na : 2\r\nB: x\r\n y\r\nnothing\r\n: z\r\nC:\r\n\r\n"
    )
    assert (head.reason, dict(head.headers)) == ("Fine", {"a": "1, 2", "b": "x y", "c": ""})


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"", None),
        (b"HTTP/1.1 41", None),
        (b"HTTP/1.1 413 Too large\r\n", 413),
        (b"HTTP/1.1 100 Go\r\n", None),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 503 No\r\n", 503),
        (b"nonsense\r\n", 0),
    ],
)
def test_early_status(received: bytes, status: int | None) -> None:
    """The status line is known as soon as it is whole."""
    assert early_status(received) == status
