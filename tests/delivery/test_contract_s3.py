"""The s3 destination keeps the contract at three stores that have nothing in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.contract import FarSide, ServerContract
from tests.delivery.s3_sides import (
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
            "seaweed", lambda: start_seaweed(servers, tmp_path_factory.mktemp("seaweed"))
        )
        with bucket_side(port, monkeypatch, SeaweedSide) as side:
            yield side
