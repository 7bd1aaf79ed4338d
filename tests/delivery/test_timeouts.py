"""No server and no resolver keeps a delivery longer than the configuration allows."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from daemon.delivery.transport.adapter import UploadAdapter
from daemon.errors import DeliveryError, Kind, StoppedError
from tests.delivery.parcels import http_destination, never, parcel_of, write
from tests.exchange import Exchange, Reply
from tests.receiver import Receiver, endless, ok
from tests.waiting import wait_until

MB = 1_000_000


def sipping(size: int, pause: float) -> Reply:
    """Read the body in small sips with pauses between them."""

    def reply(exchange: Exchange) -> None:
        while exchange.left:
            exchange.read_body(size)
            time.sleep(pause)
        exchange.answer(201)

    return reply


def fault(tmp_path: Path, reply: Reply, size: int, **options: Any) -> DeliveryError:
    """What a delivery of so many bytes to a server with that reply ends with."""
    parcel = parcel_of(write(tmp_path, b"x" * size))
    with Receiver(reply, hashing=False) as receiver:
        destination = http_destination(receiver.url, **options)
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel, lambda _: None, never())
        destination.close()
    return caught.value


def test_a_server_that_takes_a_trickle_is_left(tmp_path: Path) -> None:
    """It is never silent as long as `read`, and still the upload would take for ever."""
    timeout = {"connect": "20s", "read": "2s", "slowest": "20MB/s"}
    error = fault(tmp_path, sipping(10_000, 0.02), 20 * MB, timeout=timeout)
    assert (error.code, error.kind) == ("transfer_slow", Kind.TRANSIENT)


def test_an_answer_that_trickles_is_not_waited_for(tmp_path: Path) -> None:
    """Byte by byte it never ends and is never silent."""
    timeout = {"connect": "20s", "read": "300ms"}
    error = fault(tmp_path, endless(b"x", pause=0.01), 100, timeout=timeout)
    assert error.code == "transfer_timeout"


def test_a_slow_server_is_served_where_that_is_allowed(tmp_path: Path) -> None:
    """The bytes that wait in the kernel do not count as a silence of the server."""
    parcel = parcel_of(write(tmp_path, b"x" * 12 * MB))
    with Receiver(sipping(100_000, 0.025), hashing=False) as receiver:
        destination = http_destination(
            receiver.url, timeout={"connect": "20s", "read": "2s", "slowest": "500KB/s"}
        )
        assert destination.deliver(parcel, lambda _: None, never()).http_status == 201
        destination.close()


def test_the_whole_transfer_has_an_end_of_its_own(tmp_path: Path) -> None:
    """Also where each single wait is short: here it is our own side that takes too long."""
    parcel = parcel_of(write(tmp_path, b"x" * 12 * MB))
    timeout = {"connect": "20s", "read": "1s", "transfer": "100ms", "slowest": "1GB/s"}
    with Receiver(sipping(100_000, 0.001), hashing=False) as receiver:
        destination = http_destination(receiver.url, timeout=timeout)
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel, lambda _: time.sleep(0.05), never())
        destination.close()
    assert caught.value.code == "transfer_overdue"
    assert caught.value.kind is Kind.TRANSIENT


def test_our_own_limit_on_bandwidth_makes_nobody_late(tmp_path: Path) -> None:
    """The time for which we hold a file back is added to what it may take."""
    parcel = parcel_of(write(tmp_path, b"x" * 300_000))
    timeout = {"connect": "20s", "read": "1s", "transfer": "100ms", "slowest": "100MB/s"}
    with Receiver(ok()) as receiver:
        destination = http_destination(receiver.url, timeout=timeout, bandwidth="150KB/s")
        assert destination.deliver(parcel, lambda _: None, never()).bytes == 300_000
        destination.close()


class Resolver:
    """A resolver that answers when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._ask)

    def _ask(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if options.get("flags"):
            return self._real(host, port, *args, **options)
        self.asked += 1
        assert self.may_answer.wait(60)
        return self._real("127.0.0.1", port, *args, **options)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    return Resolver(monkeypatch)


def test_a_resolver_that_hangs_is_not_waited_for(tmp_path: Path, resolver: Resolver) -> None:
    """Not longer than a connection may take; and all attempts share one question to it."""
    parcel = parcel_of(write(tmp_path, b"x"))
    destination = http_destination(
        "http://hangs.example:9/", timeout={"connect": "150ms", "read": "1s"}
    )
    for _ in range(3):
        with pytest.raises(DeliveryError) as caught:
            destination.deliver(parcel, lambda _: None, never())
        assert caught.value.code == "dns_failed"
    assert resolver.asked == 1
    resolver.may_answer.set()
    destination.close()


def test_a_stop_ends_the_wait_for_a_resolver(tmp_path: Path, resolver: Resolver) -> None:
    """The library's own call cannot be ended; it is left to itself."""
    parcel = parcel_of(write(tmp_path, b"x"))
    destination = http_destination(
        "http://hangs-too.example:9/", timeout={"connect": "60s", "read": "1s"}
    )
    stop = threading.Event()
    ended = threading.Event()

    def deliver() -> None:
        with pytest.raises(StoppedError):
            destination.deliver(parcel, lambda _: None, stop)
        ended.set()

    threading.Thread(target=deliver, daemon=True).start()
    wait_until(lambda: resolver.asked, "the question")
    stop.set()
    assert ended.wait(60)
    resolver.may_answer.set()


def test_a_name_that_is_resolved_late_is_connected_to(tmp_path: Path, resolver: Resolver) -> None:
    """As long as that is in time."""
    parcel = parcel_of(write(tmp_path, b"x"))
    with Receiver(ok()) as receiver:
        destination = http_destination(f"http://late.example:{receiver.port}/")
        threading.Timer(0.05, resolver.may_answer.set).start()
        assert destination.deliver(parcel, lambda _: None, never()).http_status == 201
        destination.close()


def test_times_reach_requests_own_adapter_as_it_knows_them(tmp_path: Path) -> None:
    """A proxy is spoken to by requests, which knows the times to connect and to read."""
    parcel = parcel_of(write(tmp_path, b"x"))
    with Receiver(ok()) as receiver:
        destination = http_destination("http://far.example/", proxy=receiver.url)
        assert destination.deliver(parcel, lambda _: None, never()).http_status == 201
        destination.close()
        assert receiver.requests[0].path == "http://far.example/"


def test_an_adapter_without_our_times_is_requests_own() -> None:
    """Whoever mounts it with a plain number gets what requests does."""
    with Receiver(ok()) as receiver, requests.Session() as session:
        session.trust_env = False
        session.mount("http://", UploadAdapter())
        assert session.put(receiver.url, data=b"x", timeout=5).status_code == 201
