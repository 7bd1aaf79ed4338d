"""The tus destination keeps the contract, at the protocol's own server and at our stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.contract import FarSide, Gigabytes, Kept, ServerContract
from tests.delivery.proxy import Proxy
from tests.delivery.servers import Servers
from tests.delivery.tus_receiver import TusReceiver
from tests.delivery.tus_sides import FileStoreSide, StandInSide, shared_tus


class TusContract(ServerContract):
    sent_again = 1_600_000
    """Half of a large file: a reset takes what the server had not read yet."""


class TestStandIn(TusContract):
    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        with TusReceiver() as receiver, Proxy(receiver.port) as proxy:
            side = StandInSide(proxy, receiver)
            yield side
            side.close()


class TestStandInWithChecksums(ServerContract):
    discards = False

    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        with TusReceiver("", checksums="sha1,sha256") as receiver, Proxy(receiver.port) as proxy:
            side = StandInSide(proxy, receiver)
            yield side
            side.close()


@pytest.fixture
def uploads(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, Path]]:
    """The protocol's own server, with nothing in it before and after."""
    yield shared_tus(servers, tmp_path_factory.getbasetemp())
    shared_tus(servers, tmp_path_factory.getbasetemp())


@pytest.mark.system
class TestFileStore(TusContract):
    @pytest.fixture
    def far_side(self, uploads: tuple[int, Path]) -> Iterator[FarSide]:
        port, folder = uploads
        with Proxy(port) as proxy:
            side = FileStoreSide(proxy, folder)
            yield side
            side.close()


class DirectSide(FileStoreSide):
    """The server without the proxy, and files that nobody reads again."""

    def __init__(self, proxy: Proxy, folder: Path, port: int) -> None:
        super().__init__(proxy, folder)
        self.url = f"http://127.0.0.1:{port}/files"

    def kept(self) -> list[Kept]:
        files = [path for path in self.folder.iterdir() if path.suffix != ".json"]
        return [Kept(path.name, path.stat().st_size, None) for path in files]


@pytest.mark.system
class TestFileStoreGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self, uploads: tuple[int, Path]) -> Iterator[FarSide]:
        port, folder = uploads
        with Proxy(port) as proxy:
            side = DirectSide(proxy, folder, port)
            yield side
            side.close()
