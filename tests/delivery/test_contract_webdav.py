"""The webdav destination keeps the contract, with four servers and both kinds of authentication."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.contract import FarSide, Gigabytes, ServerContract
from tests.delivery.servers import Servers
from tests.delivery.webdav_sides import (
    SizesSide,
    WsgidavSide,
    share_on,
    start_apache,
    start_rclone,
    start_wsgidav,
)


class TestRclone(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_rclone(servers), tmp_path)


class TestWsgidav(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_wsgidav(servers), tmp_path, WsgidavSide)


@pytest.mark.system
class TestApacheBasic(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_apache(servers, "basic"), tmp_path)


@pytest.mark.system
class TestApacheDigest(ServerContract):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_apache(servers, "digest"), tmp_path)


@pytest.mark.system
class TestRcloneGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_rclone(servers), tmp_path, SizesSide)


@pytest.mark.system
class TestWsgidavGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_wsgidav(servers), tmp_path, SizesSide)


@pytest.mark.system
class TestApacheGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, servers: Servers, tmp_path: Path) -> Iterator[FarSide]:
        yield from share_on(start_apache(servers, "basic"), tmp_path, SizesSide)
