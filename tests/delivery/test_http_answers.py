"""What a server says, and how it says it, decides what becomes of an attempt."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest

from daemon.config.destinations import HttpDestinationConfig
from daemon.delivery.http import HttpDestination
from daemon.errors import DeliveryError, Kind
from daemon.limits import Limits
from tests.delivery.contract import PeakMemory, deliver
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.receiver import (
    Receiver,
    Reply,
    chunked,
    early,
    endless,
    huge_headers,
    interim,
    lost_answer,
    ok,
    ok_then_close,
    raw,
    reset_after,
    silent,
    status,
)

SMALL = b"content" * 10
LARGE = b"0123456789abcdef" * 400_000


def attempt(receiver: Receiver, path: Path, **options: object) -> DeliveryError:
    """One attempt that must fail."""
    destination = http_destination(receiver.url, **options)
    try:
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(path), lambda _: None, never())
        return caught.value
    finally:
        destination.close()


@pytest.mark.parametrize(
    ("code", "expected", "kind"),
    [
        (400, "refused_by_server", Kind.PERMANENT),
        (401, "auth_refused", Kind.PERMANENT),
        (403, "auth_refused", Kind.PERMANENT),
        (404, "refused_by_server", Kind.PERMANENT),
        (407, "auth_refused", Kind.PERMANENT),
        (408, "server_timeout", Kind.TRANSIENT),
        (409, "refused_by_server", Kind.PERMANENT),
        (413, "too_large_for_server", Kind.PERMANENT),
        (421, "server_unavailable", Kind.TRANSIENT),
        (425, "too_early", Kind.TRANSIENT),
        (429, "too_many_requests", Kind.TRANSIENT),
        (500, "server_error", Kind.TRANSIENT),
        (502, "server_unavailable", Kind.TRANSIENT),
        (503, "server_unavailable", Kind.TRANSIENT),
        (507, "server_full", Kind.TRANSIENT),
        (599, "server_error", Kind.TRANSIENT),
    ],
)
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_status(tmp_path: Path, code: int, expected: str, kind: Kind, content: bytes) -> None:
    """Each status has its code and says whether another attempt can help."""
    with Receiver(status(code)) as receiver:
        error = attempt(receiver, write(tmp_path, content))
    assert (error.code, error.kind, error.http_status) == (expected, kind, code)


def test_misdirected(tmp_path: Path) -> None:
    """After a 421 the next attempt goes over a connection of its own (RFC 9110 15.5.20)."""
    with Receiver(ok(), status(421), ok()) as receiver:
        destination = http_destination(receiver.url)
        parcel = parcel_of(write(tmp_path, SMALL))
        assert deliver(destination, parcel).http_status == 201
        with pytest.raises(DeliveryError, match="421"):
            destination.deliver(parcel, lambda _: None, never())
        assert deliver(destination, parcel).http_status == 201
        destination.close()
    assert receiver.connections == 2


@pytest.mark.parametrize(
    ("code", "method", "advice"),
    [
        (404, "POST", "check `url`"),
        (405, "POST", "check `method`"),
        (405, "PUT", "check `method`"),
        (407, "POST", "check `proxy`"),
    ],
)
def test_advice(tmp_path: Path, code: int, method: str, advice: str) -> None:
    """A refusal names the key to look at."""
    with Receiver(status(code)) as receiver:
        error = attempt(receiver, write(tmp_path, SMALL), method=method)
    assert error.message.endswith(f"{advice} ({code})")


def test_page_where_json_is_expected(tmp_path: Path) -> None:
    """Where `location` says that JSON is answered, a page is a login's or a gateway's."""
    page = ok(200, b"<!DOCTYPE html><html><body>Please log in</body></html>")
    with Receiver(page, page) as receiver:
        error = attempt(receiver, write(tmp_path, SMALL), location="$.url")
        assert (error.code, error.kind) == ("protocol_broken", Kind.TRANSIENT)
        destination = http_destination(receiver.url)
        assert deliver(destination, parcel_of(write(tmp_path, SMALL))).http_status == 200
        destination.close()


@pytest.mark.parametrize("then", ["close", "reset", "hold"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_early_answer_is_read(tmp_path: Path, then: str, method: str) -> None:
    """An answer given before the body was read counts, however the connection ends."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with Receiver(early(413, then), hashing=False) as receiver:
        destination = http_destination(receiver.url, method=method)
        seen: list[int] = []
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel_of(path, sha256="0" * 64), seen.append, never())
        destination.close()
    if then != "reset":  # a RST may overtake the answer in the kernel
        assert caught.value.code == "too_large_for_server"
    assert caught.value.code in {"too_large_for_server", "connection_reset"}
    assert not seen or seen[-1] < 1 << 30


def test_early_success_goes_on(tmp_path: Path) -> None:
    """After a 2xx that came early the rest of the file is sent all the same."""
    parcel = parcel_of(write(tmp_path, LARGE))
    with Receiver(early(200, "read")) as receiver:
        destination = http_destination(receiver.url)
        assert destination.deliver(parcel, lambda _: None, never()).http_status == 200
        destination.close()
        assert receiver.wait_for(1)[0].sha256 == parcel.sha256


def test_early_success_then_silence(tmp_path: Path) -> None:
    """A 2xx from a server that reads no further is not taken for a delivery."""
    with Receiver(early(200, "hold")) as receiver:
        timeout = {"connect": "20s", "read": "300ms"}
        error = attempt(receiver, write(tmp_path, LARGE * 3), timeout=timeout)
    assert (error.code, error.kind) == ("transfer_timeout", Kind.TRANSIENT)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (lost_answer(), "no_answer"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "answer_broken"),
        (raw(b"HTTP/1.1 abc Fine\r\n\r\n"), "answer_broken"),
        (raw(b"HTTP/1.1 200 Fine\r\nContent-Length: 100\r\n\r\nshort"), "answer_broken"),
        (raw(b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "answer_broken"),
        (raw(b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n"), "answer_broken"),
        (
            raw(b"HTTP/1.1 200 Fine\r\nContent-Length: 5, 9\r\n\r\n{}", close=False),
            "transfer_timeout",
        ),
        (huge_headers(), "answer_broken"),
        (raw(b"HTTP/1.1 100 Go\r\n\r\n" * 10_000), "answer_broken"),
        (silent(), "transfer_timeout"),
        (endless(b"x", pause=0.01), "transfer_timeout"),
        (raw(b"HTTP/1.1 200 ", close=False), "transfer_timeout"),
    ],
    ids=[
        "lost",
        "no http",
        "bad status",
        "short body",
        "bad chunk",
        "negative chunk",
        "two lengths",
        "huge headers",
        "interim flood",
        "silent",
        "drip",
        "half a status line",
    ],
)
def test_broken_answer_is_transient(tmp_path: Path, reply: Reply, expected: str) -> None:
    """What is no proper answer fails the attempt soon, and another one may help."""
    with Receiver(reply) as receiver:
        read = "300ms" if expected == "transfer_timeout" else "20s"
        timeout = {"connect": "20s", "read": read}
        error = attempt(receiver, write(tmp_path, SMALL), timeout=timeout)
    assert (error.code, error.kind) == (expected, Kind.TRANSIENT)


@pytest.mark.parametrize(
    "reply",
    [
        interim(100),
        interim(102, 103, 103),
        chunked(b'{"url":', b' "https://example.com/1"}'),
        raw(b'HTTP/1.0 200 Fine\r\n\r\n{"url": "https://example.com/1"}'),
        raw(b"HTTP/1.1 204 Nothing\r\n\r\n"),
        endless(),
        raw(b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n{}", close=False),
    ],
    ids=["100", "102 103", "chunked", "until close", "204", "endless", "length twice"],
)
def test_unusual_success(tmp_path: Path, reply: Reply) -> None:
    """Interim answers, chunks and bodies without end do not hide that the file was taken."""
    with Receiver(reply) as receiver:
        destination = http_destination(receiver.url)
        got = destination.deliver(parcel_of(write(tmp_path, SMALL)), lambda _: None, never())
        destination.close()
    assert got.http_status in {200, 201, 204}


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b'{"url": "https://example.com/1"}')),
        ("deflate", zlib.compress(b'{"url": "https://example.com/1"}')),
        ("gzip", b'{"url": "https://example.com/1"}'),
    ],
    ids=["gzip", "deflate", "not packed at all"],
)
def test_answer_that_is_packed_unasked(tmp_path: Path, coding: str, packed: bytes) -> None:
    """A server that packs its answers whatever we ask for is understood."""
    with Receiver(status(201, packed, Content_Encoding=coding)) as receiver:
        destination = http_destination(receiver.url, location="$.url")
        assert deliver(destination, parcel_of(write(tmp_path, SMALL))).location
        destination.close()


def test_answer_that_would_unpack_without_end(tmp_path: Path) -> None:
    """No more of it is unpacked than is kept of any answer."""
    bomb = gzip.compress(b'{"url": "' + bytes(50_000_000))
    with Receiver(status(201, bomb, Content_Encoding="gzip")) as receiver:
        destination = http_destination(receiver.url)
        memory = PeakMemory()
        assert deliver(destination, parcel_of(write(tmp_path, SMALL))).response == {}
        assert memory.growth() < 16 << 20
        destination.close()


def test_connection_is_kept(tmp_path: Path) -> None:
    """Deliveries one after the other share a connection."""
    parcel = parcel_of(write(tmp_path, SMALL))
    with Receiver() as receiver:
        destination = http_destination(receiver.url)
        for _ in range(5):
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.connections == 1


def test_a_connection_that_rested_for_long_is_replaced(tmp_path: Path) -> None:
    """A router may have forgotten it, and nobody would tell us."""
    parcel = parcel_of(write(tmp_path, SMALL))
    with Receiver() as receiver:
        config = HttpDestinationConfig.model_validate({"type": "http", "url": receiver.url})
        destination = HttpDestination("archive", config, limits=Limits(keep_idle=0.0))
        for _ in range(3):
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.connections == 3


def test_closed_connection_is_replaced(tmp_path: Path) -> None:
    """A kept connection that the server closed meanwhile costs no attempt."""
    parcel = parcel_of(write(tmp_path, SMALL))
    with Receiver(ok_then_close(), ok_then_close(), ok()) as receiver:
        destination = http_destination(receiver.url)
        for _ in range(3):
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert receiver.connections == 3


def test_a_large_body_is_not_sent_again_at_once(tmp_path: Path) -> None:
    """A server may still be writing a large file when its connection is gone; it gets a pause."""
    parcel = parcel_of(write(tmp_path, LARGE))
    with Receiver(ok(), reset_after(1000), ok()) as receiver:
        destination = http_destination(receiver.url, method="PUT")
        destination.deliver(parcel, lambda _: None, never())
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
        assert len(receiver.wait_for(2)) == 2
    assert (caught.value.code, caught.value.kind) == ("connection_reset", Kind.TRANSIENT)


def test_reset_midway(tmp_path: Path) -> None:
    """A connection that breaks while the body is sent fails the attempt, not the file."""
    with Receiver(reset_after(1 << 20)) as receiver:
        error = attempt(receiver, write(tmp_path, LARGE))
    assert (error.code, error.kind) == ("connection_reset", Kind.TRANSIENT)


def test_redirect_is_not_followed(tmp_path: Path) -> None:
    """A redirect fails for good, and says where it points without the secrets in it."""
    target = "https://u:secret@other.example/x?sig=secret"
    with Receiver(status(307, Location=target)) as receiver:
        error = attempt(receiver, write(tmp_path, SMALL))
    assert (error.code, error.kind) == ("redirected", Kind.PERMANENT)
    assert "https://other.example/x" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize("headers", [{}, {"Location": " "}])
def test_redirect_without_a_place(tmp_path: Path, headers: dict[str, str]) -> None:
    """A redirect that does not say where to is no less clear, in check too."""
    with Receiver(status(301, **headers), head=status(301, **headers)) as receiver:
        error = attempt(receiver, write(tmp_path, SMALL))
        destination = http_destination(receiver.url)
        finding = destination.check()[-1]
        destination.close()
    assert error.message == "the server points elsewhere, not saying where (301); check `url`"
    assert (finding.ok, finding.message) == (False, error.message)


def test_retry_after_is_told(tmp_path: Path) -> None:
    """The pause that a server asks for is handed on, in seconds and capped."""
    with Receiver(status(429, Retry_After="7"), status(503, Retry_After="99999")) as receiver:
        path = write(tmp_path, SMALL)
        assert attempt(receiver, path).retry_after == 7.0
        assert attempt(receiver, path).retry_after == 3600.0
