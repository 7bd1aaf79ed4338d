"""The cloudinary destination keeps the contract, unsigned and signed, at a stand-in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config.destinations import CloudinaryDestinationConfig
from daemon.delivery.cloudinary.destination import CloudinaryDestination
from daemon.delivery.destination import Destination
from daemon.errors import Kind
from tests.delivery.cloudinary_receiver import CLOUD, KEY, PRESET, SECRET, CloudinaryReceiver
from tests.delivery.contract import (
    FarSide,
    Gigabytes,
    Kept,
    ServerContract,
    ServerSide,
    failed,
)
from tests.delivery.parcels import PATIENT, parcel_of, write
from tests.delivery.proxy import Proxy
from tests.exchange import Exchange
from tests.receiver import Receiver


class CloudinarySide(ServerSide):
    """The stand-in behind a proxy; `options` say how uploads are let in."""

    def __init__(self, receiver: CloudinaryReceiver, proxy: Proxy, **options: object) -> None:
        self.receiver = receiver
        self.proxy = proxy
        self._options = options
        self._opened: list[CloudinaryDestination] = []

    def destination(self, **options: object) -> CloudinaryDestination:
        config = {
            "type": "cloudinary",
            "cloud": CLOUD,
            "endpoint": self.proxy.url,
            "timeout": PATIENT,
            **self._options,
            **options,
        }
        made = CloudinaryDestination("cdn", CloudinaryDestinationConfig.model_validate(config))
        self._opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        return [
            Kept(asset.filename, len(asset.content), hashlib.sha256(asset.content).hexdigest())
            for asset in list(self.receiver.assets.values())
        ]

    def as_named(self, name: str) -> str:
        text = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    def close(self) -> None:
        for destination in self._opened:
            destination.close()
            destination.close()


def running(**options: object) -> Iterator[CloudinarySide]:
    with CloudinaryReceiver() as receiver, Proxy(receiver.port) as proxy:
        side = CloudinarySide(receiver, proxy, **options)
        yield side
        side.close()


class CloudinaryContract(ServerContract):
    large = 13_000_000
    options = {"chunk_size": "6MB"}  # noqa: RUF012  # never changed
    sent_again = 6_000_000

    @pytest.mark.parametrize("size", [1, 65_000, 65_536, 262_144, 1_000_001])
    def test_new_name(self, far_side: FarSide, tmp_path: Path, size: int) -> None:
        """A file arrives whole, whatever its size, and its progress ends at that size."""
        super().test_new_name(far_side, tmp_path, size)

    def test_nothing(self, far_side: FarSide, tmp_path: Path) -> None:
        """Cloudinary takes no file without content."""
        error = failed(far_side.destination(), parcel_of(write(tmp_path, b"")))
        assert (error.code, error.kind) == ("refused_by_server", Kind.PERMANENT)


class TestUnsigned(CloudinaryContract):
    discards = False

    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        yield from running(upload_preset=PRESET)


class TestSigned(CloudinaryContract):
    @pytest.fixture
    def far_side(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarSide]:
        monkeypatch.setenv("SECRET", SECRET)
        yield from running(api_key=KEY, api_secret_env="SECRET")


def chunk_taken(exchange: Exchange) -> None:
    """Take one chunk and throw it away; an asset is there when the last one came."""
    exchange.read_body()
    _, _, told = exchange.headers["content-range"].partition(" ")
    place, _, total = told.partition("/")
    if int(place.partition("-")[2]) + 1 < int(total):
        exchange.answer(200, {}, b'{"done": false}')
    else:
        exchange.answer(200, {}, b'{"public_id": "large", "bytes": %d}' % int(total))


class ThrowingSide(FarSide):
    """A cloud that says what Cloudinary says and keeps nothing, in this process's memory or out."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._opened: list[Destination] = []

    def destination(self, **options: object) -> Destination:
        config = {"type": "cloudinary", "cloud": CLOUD, "upload_preset": PRESET}
        section = {**config, "endpoint": self.receiver.url.rstrip("/"), **options}
        made = CloudinaryDestination("cdn", CloudinaryDestinationConfig.model_validate(section))
        self._opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        sizes = [asked.size for asked in self.receiver.requests if asked.complete]
        return [Kept("large", sum(sizes), None)]

    def close(self) -> None:
        for destination in self._opened:
            destination.close()


class TestGigabytes(Gigabytes):
    @pytest.fixture
    def far_side(self) -> Iterator[FarSide]:
        with Receiver(ok_with_an_asset, otherwise=chunk_taken, hashing=False) as receiver:
            side = ThrowingSide(receiver)
            yield side
            side.close()


def ok_with_an_asset(exchange: Exchange) -> None:
    """Take a file in one form."""
    exchange.read_body()
    exchange.answer(200, {}, b'{"public_id": "small"}')
