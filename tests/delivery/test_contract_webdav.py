"""The webdav destination keeps the contract, with three servers."""

from __future__ import annotations

import contextlib
import http.client
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.config.destinations import WebdavDestinationConfig
from daemon.delivery.destination import Destination
from daemon.delivery.webdav import WebdavDestination
from tests.delivery.contract import (
    FarSide,
    Kept,
    ServerContract,
    ServerSide,
    folder_kept,
)
from tests.delivery.proxy import Proxy
from tests.delivery.servers import Servers, free_port, program


@dataclass(frozen=True, slots=True)
class Running:
    """A server, and the folder that is its root."""

    port: int
    root: Path


class ShareSide(ServerSide):
    """A folder of its own below a server's root."""

    def __init__(self, running: Running, proxy: Proxy, name: str) -> None:
        self.path = running.root / name
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", running.port)) as asking:
            asking.request("MKCOL", f"/{name}/")  # a server may remember what is not there
            assert asking.getresponse().status == 201
        self.proxy = proxy
        self.opened: list[Destination] = []

    def destination(self, **options: object) -> Destination:
        config = {
            "type": "webdav",
            "url": self.proxy.url + self.path.name + "/",
            "timeout": {"connect": "2s", "read": "5s"},
            **options,
        }
        made = WebdavDestination("share", WebdavDestinationConfig.model_validate(config))
        self.opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        return folder_kept(self.path)

    def close(self) -> None:
        for destination in self.opened:
            destination.close()
            destination.close()


class WsgidavSide(ShareSide):
    """wsgidav decodes a Destination before it takes it apart, so a MOVE ends at ; ? and #."""

    def as_named(self, name: str) -> str:
        text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return re.split("[;?#]", re.sub("[\r\n]", "", text))[0]


def start_rclone(servers: Servers) -> Running:
    def start() -> Running:
        port, root = free_port(), servers.folder("rclone")
        address = f"127.0.0.1:{port}"
        command = [program("rclone"), "--config", "/dev/null", "serve", "webdav", "--addr", address]
        servers.run([*command, str(root)], port)
        return Running(port, root)

    return servers.once("rclone webdav", start)


def start_wsgidav(servers: Servers) -> Running:
    def start() -> Running:
        port, root = free_port(), servers.folder("wsgidav")
        options = ["--server", "cheroot", "--auth", "anonymous", "--no-config", "-q"]
        command = [sys.executable, "-m", "wsgidav.server.server_cli", *options]
        where = ["--host", "127.0.0.1", "--port", str(port), "--root", str(root)]
        servers.run([*command, *where], port)
        return Running(port, root)

    return servers.once("wsgidav", start)


def sides(running: Running, kind: type[ShareSide] = ShareSide) -> Iterator[ShareSide]:
    number = len(list(running.root.iterdir()))
    with Proxy(running.port) as proxy:
        side = kind(running, proxy, f"{number}")
        yield side
        side.close()


class TestRclone(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers) -> Iterator[FarSide]:
        yield from sides(start_rclone(servers))


class TestWsgidav(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers) -> Iterator[FarSide]:
        yield from sides(start_wsgidav(servers), WsgidavSide)
