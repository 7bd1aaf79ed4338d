"""The s3 destination keeps the contract at three stores that have nothing in common."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.contract import FarSide, Gigabytes, ServerContract, deliver, digest
from tests.delivery.parcels import parcel_of, write
from tests.delivery.s3_sides import (
    DOMAIN,
    SeaweedSide,
    bucket_side,
    start_moto,
    start_rclone,
    start_seaweed,
)
from tests.delivery.servers import Servers


class S3Contract(ServerContract):
    large = 12_000_000
    options = {"multipart_threshold": "5MiB"}  # noqa: RUF012  # never changed
    sent_again = 8_000_000

    @pytest.mark.parametrize("size", [7, 6_000_000])
    def test_name_that_tells_the_content(
        self, far_side: FarSide, tmp_path: Path, size: int
    ) -> None:
        """An object that can only be this file is made once and found again, by all stores."""
        content = os.urandom(size)
        options = {**self.options, "key": "{sha256}-{name}"}
        for key in ("one", "two"):
            parcel = parcel_of(write(tmp_path, content), "r.jpg", key=key)
            delivered = deliver(far_side.destination(**options), parcel)
            assert delivered.bytes == size
        assert far_side.digests() == [digest(content)]


class TestRclone(S3Contract):
    large = 6_000_000

    @pytest.fixture
    def far_side(
        self,
        servers: Servers,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[FarSide]:
        folder = tmp_path_factory.getbasetemp() / "buckets"
        folder.mkdir(exist_ok=True)
        port = servers.once("rclone s3", lambda: start_rclone(servers, folder))
        with bucket_side(port, monkeypatch) as side:
            yield side


@pytest.mark.system
class TestMoto(S3Contract):
    refused_names = frozenset({"two\nlines\r\n.jpg"})

    @pytest.fixture
    def far_side(self, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarSide]:
        port = servers.once("moto", lambda: start_moto(servers))
        with bucket_side(port, monkeypatch) as side:
            yield side


@pytest.mark.system
class TestSeaweed(S3Contract):
    @pytest.fixture
    def far_side(
        self,
        servers: Servers,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[FarSide]:
        port = servers.once(
            "seaweed", lambda: start_seaweed(servers, tmp_path_factory.getbasetemp() / "seaweed")
        )
        with bucket_side(port, monkeypatch, SeaweedSide) as side:
            yield side


@pytest.mark.system
class TestSeaweedGigabytes(Gigabytes):
    """rclone and moto hold the parts of an upload in memory, which is too small for these."""

    @pytest.fixture
    def far_side(
        self,
        servers: Servers,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[FarSide]:
        folder = tmp_path_factory.getbasetemp() / "seaweed"
        port = servers.once("seaweed", lambda: start_seaweed(servers, folder))
        with bucket_side(port, monkeypatch, SeaweedSide) as side:
            yield side


@pytest.mark.system
class TestBucketInTheHost:
    """The bucket's name in front of the host's is signed and understood too."""

    @pytest.mark.parametrize("size", [7, 6_000_000])
    def test_delivery(
        self,
        servers: Servers,
        tmp_path_factory: pytest.TempPathFactory,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        size: int,
    ) -> None:
        """Small and large files arrive, under a name of any kind."""
        folder = tmp_path_factory.getbasetemp() / "seaweed"
        port = servers.once("seaweed", lambda: start_seaweed(servers, folder))
        with bucket_side(port, monkeypatch, SeaweedSide) as side:
            local = socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: local)
            host = f"http://{DOMAIN}:{port}"
            destination = side.destination(endpoint=host, multipart_threshold="5MiB")
            content = os.urandom(size)
            parcel = parcel_of(write(tmp_path, content), "a b/ä +.jpg")
            acknowledgement = deliver(destination, parcel)
            assert f"//{side.bucket}.{DOMAIN}:{port}/" in str(acknowledgement.location)
            assert side.digests() == [digest(content)]
            assert [finding for finding in destination.check() if not finding.ok] == []
