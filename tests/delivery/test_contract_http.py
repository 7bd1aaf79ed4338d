"""The http destination keeps the contract, with POST and with PUT."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from daemon.delivery.destination import Destination
from tests.delivery.contract import FarSide, Gigabytes, Kept, ServerContract, ServerSide
from tests.delivery.http_sides import (
    SizesSide,
    httpbin_side,
    nginx_side,
    start_httpbin,
    start_nginx,
)
from tests.delivery.parcels import http_destination
from tests.delivery.proxy import Proxy
from tests.delivery.servers import Servers
from tests.exchange import Received
from tests.receiver import Receiver


class PostSide(ServerSide):
    """Our receiver, which takes a request with a key that it knows for the same one again."""

    method = "POST"

    def __init__(self, receiver: Receiver, proxy: Proxy) -> None:
        self.receiver = receiver
        self.proxy = proxy
        self.opened: list[Destination] = []

    def destination(self, **options: object) -> Destination:
        made = http_destination(self.proxy.url, **{"method": self.method, **options})
        self.opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        asked = self.receiver.requests
        deleted = {r.path for r in asked if r.method == "DELETE"}
        whole = [r for r in asked if r.complete and r.method == self.method]
        whole = [r for r in whole if r.path not in deleted]
        return list({r.key: Kept(self.name_of(r), r.size, r.sha256) for r in whole}.values())

    def name_of(self, request: Received) -> str:
        return request.filename or ""

    def as_named(self, name: str) -> str:
        text = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    def close(self) -> None:
        for destination in self.opened:
            destination.close()
            destination.close()


class PutSide(PostSide):
    method = "PUT"

    def as_named(self, name: str) -> str:
        return name

    def name_of(self, request: Received) -> str:
        return unquote(request.path[1:], errors="surrogateescape")


class DirectSide(PostSide):
    """The receiver without a proxy, which lets the kernel throw away what it need not see."""

    def destination(self, **options: object) -> Destination:
        made = http_destination(self.receiver.url, **{"method": self.method, **options})
        self.opened.append(made)
        return made


def running(kind: type[PostSide], *, hashing: bool = True) -> Iterator[PostSide]:
    with Receiver(hashing=hashing) as receiver, Proxy(receiver.port) as proxy:
        side = kind(receiver, proxy)
        yield side
        side.close()


class TestPost(ServerContract):
    discards = False

    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        yield from running(PostSide)


class TestPut(ServerContract):
    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        yield from running(PutSide)


@pytest.mark.system
class TestNginx(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers) -> Iterator[FarSide]:
        yield from nginx_side(start_nginx(servers))


class TestHttpbin(ServerContract):
    discards = False

    @pytest.fixture
    def far_side(self, servers: Servers) -> Iterator[FarSide]:
        yield from httpbin_side(start_httpbin(servers))


@pytest.mark.system
class TestNginxGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, servers: Servers) -> Iterator[FarSide]:
        yield from nginx_side(start_nginx(servers), SizesSide)


class TestPostGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        yield from running(DirectSide, hashing=False)
