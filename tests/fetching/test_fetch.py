"""Fetching from servers that lie, stall, redirect and never end."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.errors import InboxdError, Kind, RefusedError, StoppedError
from daemon.fetching.addresses import Permission
from daemon.fetching.fetch import Fetched, Fetcher, Wanted
from tests.exchange import Exchange, Reply
from tests.receiver import CERTIFICATE, Receiver, raw, status
from tests.reliability.report import Outcome
from tests.waiting import PATIENCE

PUBLIC = "93.184.216.34"
PDF = b"%PDF-1.7 " * 50
HEAD = b"HTTP/1.1 200 OK\r\n"


class Net:
    """An internet of one server: names lead to public addresses, connections to the server."""

    def __init__(self, server: Receiver, answers: Sequence[Sequence[str]] = ()) -> None:
        self.server = server
        self.answers = list(answers)
        self.dialled: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """The next of the answers, the last one for ever."""
        if host == "nowhere.example.com":
            raise socket.gaierror(-2, "Name or service not known")
        if len(self.answers) > 1:
            return self.answers.pop(0)
        return self.answers[0] if self.answers else [PUBLIC]

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        """A connection to the server, whatever the address."""
        self.dialled.append((address, port))
        return socket.create_connection(("127.0.0.1", self.server.port), timeout)

    def fetch(
        self,
        target: Path,
        url: str = "http://example.com/a.pdf",
        *,
        timeout: float = PATIENCE,
        stop: threading.Event | None = None,
        verify: str | bool = True,
    ) -> Fetched:
        """Fetch with small bounds."""
        wanted = Wanted(
            permission=Permission(
                ("example.com", "*.example.com", "169.254.169.254", "localhost"), http=True
            ),
            max_size=100_000,
            timeout=timeout,
            redirects=3,
            accepts=lambda media_type: media_type == "application/pdf",
        )
        fetcher = Fetcher(self.resolve, self.dial, verify)
        return fetcher.fetch(url, wanted, bytes(target), stop or threading.Event())


def endless(exchange: Exchange) -> None:
    """Send for ever."""
    exchange.read_body()
    exchange.send(HEAD + b"Content-Type: application/pdf\r\n\r\n")
    while True:
        exchange.send(b"x" * 10_000)


def trickle(head: bytes) -> Reply:
    """Send a byte now and then, for ever."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(head)
        pause = threading.Event()
        while True:
            exchange.send(b"x")
            pause.wait(0.02)

    return reply


def body(data: bytes, media_type: str = "application/pdf", length: int | None = None) -> Reply:
    """A body with an announced type and length."""
    size = len(data) if length is None else length
    lines = f"Content-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n"
    return raw(HEAD + lines.encode() + data)


def to(url: str) -> Reply:
    """A redirect."""
    return status(302, Location=url)


CHUNKED = b"Content-Type: application/pdf\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b"\0" * 50_000_000)
SLOW = {"a body that trickles", "headers that trickle", "no answer"}
HOSTILE: dict[str, tuple[Reply, str]] = {
    "a type that is not accepted": (body(b"<html>", "text/html"), "link_type"),
    "a length over max_size": (body(b"", length=10**12), "too_large"),
    "a length that is less than what comes": (body(PDF, length=20), ""),
    "a length that is more than what comes": (body(PDF, length=9_000), "link_unanswered"),
    "a body without end": (endless, "too_large"),
    "a bomb of gzip": (
        raw(HEAD + b"Content-Type: application/pdf\r\nContent-Encoding: gzip\r\n\r\n" + BOMB),
        "link_encoded",
    ),
    "a redirect to 169.254.169.254": (to("http://169.254.169.254/latest/"), "link_refused"),
    "a redirect to a host that is not allowed": (to("http://evil.net/"), "link_refused"),
    "a redirect to a file": (to("file:///etc/passwd"), "link_refused"),
    "a redirect with a password": (to("http://u:p@example.com/"), "link_refused"),
    "a redirect to another port": (to("http://example.com:22/"), "link_refused"),
    "a redirect to nowhere": (status(302), "link_refused"),
    "redirects without end": (to("http://example.com/again"), "link_refused"),
    "a redirect to no address": (to("http://[::1/"), "link_refused"),
    "a chunk of less than nothing": (
        raw(HEAD + CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n"),
        "link_unanswered",
    ),
    "a chunk without end": (
        raw(HEAD + CHUNKED + b"ffffffffffffffff\r\nabc"),
        "link_unanswered",
    ),
    "headers without end": (raw(HEAD + b"X-A: b\r\n" * 10_000), "link_unanswered"),
    "lengths that disagree": (
        raw(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        "link_unanswered",
    ),
    "a body that trickles": (
        trickle(HEAD + b"Content-Type: application/pdf\r\n\r\n"),
        "link_unanswered",
    ),
    "headers that trickle": (trickle(HEAD + b"X-Slow: "), "link_unanswered"),
    "no answer": (raw(close=False), "link_unanswered"),
    "a status of 404": (status(404), "link_failed"),
    "a status of 503": (status(503), "link_unanswered"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "link_unanswered"),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.reliability("Link files", "{what}", "bounded in time and size, nothing left behind")
def test_a_hostile_server_gets_nowhere(tmp_path: Path, what: str, outcome: Outcome) -> None:
    """Each has its code; what is transient is tried again, and no part of a file stays."""
    reply, code = HOSTILE[what]
    target = tmp_path / "fetched"
    timeout = 1.0 if what in SLOW else PATIENCE
    began = time.monotonic()
    with Receiver(otherwise=reply) as server:
        net = Net(server)
        if not code:
            assert net.fetch(target, timeout=timeout).size == 20
            outcome("20 bytes, as announced")
            return
        with pytest.raises(InboxdError) as caught:
            net.fetch(target, timeout=timeout)
    assert caught.value.code == code
    assert caught.value.kind is (Kind.TRANSIENT if code == "link_unanswered" else Kind.PERMANENT)
    assert not target.exists()
    assert all(address == PUBLIC for address, _ in net.dialled)
    assert time.monotonic() - began < timeout + 20
    outcome(f"`{code}`")


def test_the_body_of_a_redirect_is_not_taken_in(tmp_path: Path) -> None:
    """It may have no end, and nobody wants it."""
    sent = 0

    def endless_redirect(exchange: Exchange) -> None:
        nonlocal sent
        exchange.read_body()
        exchange.send(b"HTTP/1.1 302 Found\r\nLocation: http://evil.net/\r\n\r\n")
        while sent < 1 << 30:
            exchange.send(b"x" * 100_000)
            sent += 100_000

    with Receiver(otherwise=endless_redirect) as server, pytest.raises(InboxdError) as caught:
        Net(server).fetch(tmp_path / "fetched", timeout=30.0)
    assert caught.value.code == "link_refused"
    assert sent < 1 << 26  # what the buffers of two sockets hold, and then some


def test_a_file_is_fetched_plain_and_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through redirects within the list; no proxy, no .netrc, no cookie of an earlier hop."""
    (tmp_path / ".netrc").write_text("machine example.com login u password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    target = tmp_path / "fetched"
    with Receiver(
        status(302, Location="http://cdn.example.com/b.pdf", Set_Cookie="a=b"), body(PDF)
    ) as server:
        net = Net(server)
        assert net.fetch(target) == Fetched(
            "http://cdn.example.com/b.pdf", len(PDF), "application/pdf"
        )
    assert target.read_bytes() == PDF
    assert net.dialled == [(PUBLIC, 80), (PUBLIC, 80)]
    for request in server.requests:
        assert request.headers["accept-encoding"] == "identity"
        assert not {"authorization", "cookie", "referer"} & set(request.headers)
    assert server.requests[1].headers["host"] == "cdn.example.com"


@pytest.mark.reliability(
    "Link files",
    "DNS that answers 127.0.0.1 the second time",
    "the checked address is connected to",
)
def test_a_name_that_is_bound_anew_leads_nowhere_else(tmp_path: Path) -> None:
    """Each hop is resolved once, and the connection goes to what was judged."""
    with Receiver(body(PDF)) as server:
        net = Net(server, [[PUBLIC], ["127.0.0.1"]])
        net.fetch(tmp_path / "one")
        assert net.dialled == [(PUBLIC, 80)]
        with pytest.raises(RefusedError) as caught:
            net.fetch(tmp_path / "two")
    assert caught.value.code == "link_refused"
    assert net.dialled == [(PUBLIC, 80)]


@pytest.mark.reliability(
    "Link files", "a name with a public and a private address", "refused, nothing is connected to"
)
def test_one_private_address_is_enough(tmp_path: Path) -> None:
    """An honest server has none."""
    with Receiver() as server:
        net = Net(server, [[PUBLIC, "10.0.0.1"]])
        with pytest.raises(RefusedError):
            net.fetch(tmp_path / "fetched")
    assert net.dialled == []


def test_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    """Pinning the address changes nothing about TLS: name and authority are verified."""
    with Receiver(body(PDF), body(PDF), tls=True) as server:
        net = Net(server)
        fetched = net.fetch(tmp_path / "one", "https://localhost/a", verify=str(CERTIFICATE))
        assert fetched.size == len(PDF)
        for url, verify in (
            ("https://example.com/a", str(CERTIFICATE)),
            ("https://localhost/a", True),
        ):
            with pytest.raises(RefusedError) as caught:
                net.fetch(tmp_path / "two", url, verify=verify)
            assert caught.value.code == "link_failed"


def test_a_name_that_does_not_resolve_is_tried_again(tmp_path: Path) -> None:
    """It may be our own network that is down."""
    with Receiver() as server, pytest.raises(InboxdError) as caught:
        Net(server).fetch(tmp_path / "fetched", "http://nowhere.example.com/")
    assert (caught.value.code, caught.value.kind) == ("link_unanswered", Kind.TRANSIENT)


def test_a_stop_ends_it_at_once(tmp_path: Path) -> None:
    """Whatever the server does."""
    stop = threading.Event()

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        stop.set()
        exchange.hold()

    with Receiver(otherwise=reply) as server, pytest.raises(StoppedError):
        Net(server).fetch(tmp_path / "fetched", timeout=30, stop=stop)
