"""Deliveries through a proxy that the section names; those of the environment are not used."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.errors import Kind, StoppedError
from tests.delivery.contract import deliver, failed
from tests.delivery.parcels import Watched, http_destination, parcel_of, write
from tests.delivery.servers import free_port
from tests.exchange import Exchange, Reply
from tests.receiver import (
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    Receiver,
    endless,
    interim,
    ok,
    raw,
    silent,
)


class Tunnel:
    """A proxy that knows CONNECT only (RFC 9110 section 9.3.6), and keeps the heads that it saw."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Established\r\n\r\n") -> None:
        self.heads: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="tunnel", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                came = client.recv(65536)
                if not came:  # a client that was told to stop
                    return
                head += came
            self.heads.append(head)
            client.sendall(self._answer)
            if b" 200 " not in self._answer:
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(60)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def dripping(piece: bytes) -> Reply:
    """Take the file, then send the same again and again, slowly."""

    def reply(exchange: Exchange) -> None:
        exchange.read_body()
        while True:
            exchange.send(piece)
            time.sleep(0.01)

    return reply


@pytest.fixture
def tunnel() -> Iterator[Tunnel]:
    made = Tunnel()
    yield made
    made.close()


def test_proxies_go_through_the_stock_adapter(tmp_path: Path) -> None:
    """What is unusual is left to requests' own adapter, body and all."""
    with Receiver() as proxy:
        destination = http_destination("http://upload.invalid/in/", proxy=proxy.url)
        parcel = parcel_of(write(tmp_path, b"x" * 100_000))
        deliver(destination, parcel)
        destination.close()
        assert proxy.requests[0].path == "http://upload.invalid/in/"
        assert proxy.contents == {parcel.sha256}


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_tls_through_a_tunnel(
    tunnel: Tunnel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A proxy connects us to a server with TLS, and learns neither secrets nor what is sent."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("https_proxy", "http://u:p@127.0.0.1:9")
    monkeypatch.setenv("TEST_TOKEN", "canary")
    auth = {"type": "bearer", "token_env": "TEST_TOKEN"}
    parcel = parcel_of(write(tmp_path, os.urandom(size)))
    with Receiver(tls=True) as receiver:
        destination = http_destination(
            receiver.url, proxy=tunnel.url, verify=str(CERTIFICATE), auth=auth
        )
        deliver(destination, parcel)
        assert all(finding.ok for finding in destination.check())
        destination.close()
        assert receiver.contents == {parcel.sha256}
        assert receiver.requests[0].headers["authorization"] == "Bearer canary"
    head = tunnel.heads[0].lower()
    assert head.startswith(b"connect localhost:%d " % receiver.port)
    assert b"authorization" not in head
    assert b"canary" not in head


def test_our_certificate_through_a_tunnel(tunnel: Tunnel, tmp_path: Path) -> None:
    """The server is shown our certificate behind a proxy too."""
    shown = {"certificate": str(CLIENT_CERTIFICATE), "key": str(CLIENT_KEY)}
    parcel = parcel_of(write(tmp_path, b"known"))
    with Receiver(tls="mutual") as receiver:
        destination = http_destination(
            receiver.url, proxy=tunnel.url, verify=str(CERTIFICATE), client_certificate=shown
        )
        deliver(destination, parcel)
        destination.close()
        assert receiver.contents == {parcel.sha256}


def test_certificates_are_verified_through_a_tunnel(tunnel: Tunnel, tmp_path: Path) -> None:
    """An unknown authority stops the upload behind a proxy too, and what is wrong is told."""
    with Receiver(tls=True) as receiver:
        destination = http_destination(receiver.url, proxy=tunnel.url)
        error = failed(destination, parcel_of(write(tmp_path, b"x")))
        destination.close()
        assert receiver.requests == []
    assert (error.code, error.kind) == ("tls_certificate", Kind.TRANSIENT)
    assert "name its authority in `verify`" in error.message


def test_stop_through_a_tunnel(tunnel: Tunnel, tmp_path: Path) -> None:
    """A stop ends an upload through a proxy."""
    stop = threading.Event()
    with Receiver(tls=True) as receiver:
        destination = http_destination(
            receiver.url, proxy=tunnel.url, verify=str(CERTIFICATE), bandwidth="20MB/s"
        )
        parcel = parcel_of(write(tmp_path, b"x" * 20_000_000))
        with pytest.raises(StoppedError):
            destination.deliver(parcel, Watched(at=1_000_000, act=stop.set), stop)
        destination.close()
        assert receiver.contents == set()


@pytest.mark.parametrize(
    "reply",
    [interim(100), interim(102, 103, 103), raw(b"HTTP/1.1 204 Nothing\r\n\r\n")],
    ids=["continue", "other interim answers", "nothing"],
)
def test_an_interim_answer_is_no_answer(tmp_path: Path, reply: Reply) -> None:
    """A 103 on the way is passed over behind a proxy too, by requests as by us."""
    with Receiver(reply) as proxy:
        destination = http_destination("http://upload.invalid/in/", proxy=proxy.url)
        acknowledgement = deliver(destination, parcel_of(write(tmp_path, b"x")))
        destination.close()
    assert acknowledgement.http_status in (201, 204)


@pytest.mark.parametrize(
    ("reply", "read", "transfer", "expected"),
    [
        (
            raw(b"HTTP/1.1 200 Fine\r\nContent-Length: 100\r\n\r\nshort"),
            "20s",
            "20s",
            "answer_broken",
        ),
        (
            raw(b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "20s",
            "20s",
            "answer_broken",
        ),
        (silent(), "1s", "20s", "transfer_timeout"),
        (dripping(b"HTTP/1.1 103 Hints\r\n\r\n"), "2s", "100ms", "transfer_overdue"),
        (endless(b"x", pause=0.01), "2s", "100ms", "transfer_overdue"),
    ],
    ids=["short body", "bad chunk", "silent", "interim flood", "a body that drips"],
)
def test_a_broken_answer_through_a_proxy(
    tmp_path: Path, reply: Reply, read: str, transfer: str, expected: str
) -> None:
    """What comes through a proxy is bounded as everything is, and another attempt may help."""
    times = {"connect": "20s", "read": read, "transfer": transfer}
    with Receiver(reply) as proxy:
        destination = http_destination("http://upload.invalid/", proxy=proxy.url, timeout=times)
        error = failed(destination, parcel_of(write(tmp_path, b"x")))
        destination.close()
    assert (error.code, error.kind) == (expected, Kind.TRANSIENT)


def test_an_endless_answer_through_a_proxy_is_cut(tmp_path: Path) -> None:
    """What no one asked for fills no memory: its beginning is kept, the connection is not."""
    flood = endless(bytes(1 << 20), code=201)
    cut = threading.Event()

    def flooding(exchange: Exchange) -> None:
        try:
            flood(exchange)
        finally:
            cut.set()

    with Receiver(flooding, ok()) as proxy:
        destination = http_destination("http://upload.invalid/in/", proxy=proxy.url)
        for content in (b"x", b"y"):
            parcel = parcel_of(write(tmp_path, content))
            assert deliver(destination, parcel).http_status == 201
            assert cut.wait(60)
        destination.close()


@pytest.mark.parametrize("encrypted", [False, True], ids=["in the clear", "through a tunnel"])
def test_a_stop_ends_the_wait_for_an_answer_through_a_proxy(
    tunnel: Tunnel, tmp_path: Path, encrypted: bool
) -> None:
    """Soon, though the server may think for a minute."""
    stop = threading.Event()
    times = {"connect": "60s", "read": "600s"}

    def stopping(exchange: Exchange) -> None:
        exchange.read_body()
        stop.set()
        exchange.hold()

    with Receiver(stopping, tls=encrypted) as receiver:
        destination = http_destination(
            receiver.url if encrypted else "http://upload.invalid/",
            proxy=tunnel.url if encrypted else receiver.url,
            timeout=times,
            **({"verify": str(CERTIFICATE)} if encrypted else {}),
        )
        parcel = parcel_of(write(tmp_path, b"x" * 1000))
        began = time.monotonic()
        with pytest.raises(StoppedError):
            destination.deliver(parcel, lambda _: None, stop)
        assert time.monotonic() - began < 60
        destination.close()


def test_a_proxy_that_refuses(tmp_path: Path) -> None:
    """A proxy that wants a password, or is not there, has its own code; check says so too."""
    refusing = Tunnel(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    for url in (refusing.url, f"http://127.0.0.1:{free_port()}"):
        destination = http_destination("https://localhost:9/", proxy=url)
        error = failed(destination, parcel_of(write(tmp_path, b"x")))
        findings = destination.check()
        destination.close()
        assert (error.code, error.kind) == ("proxy_failed", Kind.TRANSIENT)
        assert "proxy" in findings[-1].message
        assert not findings[-1].ok
    refusing.close()
