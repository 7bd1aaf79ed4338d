"""Real stores that speak the S3 protocol, for the tests: each with a bucket of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.parse import unquote_plus

import pytest

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.s3.answers import sections, text_of
from daemon.delivery.s3.destination import S3Destination
from daemon.delivery.s3.operations import ObjectRequests
from tests.delivery.contract import Kept, ServerSide
from tests.delivery.parcels import PATIENT
from tests.delivery.proxy import Proxy
from tests.delivery.servers import Servers, free_port, free_ports, program

ACCESS, SECRET = "AK0123456789", "SK0123456789abcdef"
DOMAIN = "s3.seaweed.test"
"""Where SeaweedFS takes the bucket from the host's name."""
_numbers = itertools.count(1)


def start_rclone(servers: Servers, folder: Path, *options: str) -> int:
    """rclone's server over a folder whose folders are its buckets; gives its port."""
    port = free_port()
    command = [program("rclone"), "--config", "/dev/null", "serve", "s3", "--addr"]
    command += [f"127.0.0.1:{port}", "--auth-key", f"{ACCESS},{SECRET}", *options, str(folder)]
    servers.run(command, port)
    return port


def start_moto(servers: Servers) -> int:
    """moto's server, which keeps all in memory; gives its port."""
    port = free_port()
    servers.run([program("moto_server"), "-p", str(port)], port)
    return port


def start_seaweed(servers: Servers, folder: Path) -> int:
    """SeaweedFS with everything it needs in one process; gives the port of its S3 server."""
    folder.mkdir()
    identities = folder / "identities.json"
    key = {"accessKey": ACCESS, "secretKey": SECRET}
    admin = {"name": "inboxd", "credentials": [key], "actions": ["Admin"]}
    identities.write_text(json.dumps({"identities": [admin]}))
    data = folder / "data"
    data.mkdir()
    parts = ("master", "volume", "filer", "s3")
    free = free_ports(2 * len(parts))
    ports = dict(zip(parts, free[: len(parts)], strict=True))
    grpc = dict(zip(parts, free[len(parts) :], strict=True))
    command = [program("weed"), f"-logdir={folder}", "server", f"-dir={data}", "-ip=127.0.0.1"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += [f"-{name}.port.grpc={port}" for name, port in grpc.items()]
    command += [
        "-s3",
        f"-s3.config={identities}",
        f"-s3.domainName={DOMAIN}",
        "-s3.autoCreateBucket=false",
        "-volume.max=2000",
    ]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=512"]
    servers.run(command, ports["s3"], seconds=60)
    return ports["s3"]


class BucketSide(ServerSide):
    """One bucket of a running store, behind a proxy."""

    def __init__(self, port: int, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proxy = proxy
        self.bucket = f"receipts-{next(_numbers)}"
        monkeypatch.setenv("TEST_ACCESS", ACCESS)
        monkeypatch.setenv("TEST_SECRET", SECRET)
        self._opened: list[S3Destination] = []
        self.direct = self._open(endpoint=f"http://127.0.0.1:{port}")
        self.store: ObjectRequests = self.direct._requests
        assert self.store.send("PUT", "", "", body=b"").status_code == 200

    def destination(self, **options: object) -> S3Destination:
        return self._open(**{"endpoint": self.proxy.url.rstrip("/"), **options})

    def kept(self) -> list[Kept]:
        response = self.store.send("GET", "", "list-type=2&encoding-type=url")
        assert response.status_code == 200, response.text
        found = []
        for section in sections("Contents", response.text):
            name = unquote_plus(text_of("Key", section))
            size = int(text_of("Size", section))
            content = b"" if size > 1 << 26 else self._found(name)
            if content is not None:
                found.append(Kept(name, size, hashlib.sha256(content).hexdigest()))
        return found

    def as_named(self, name: str) -> str:
        return os.fsencode(name).decode("utf-8", "replace")

    def _found(self, name: str) -> bytes | None:
        """What an object holds; None where a store has taken it away since it was listed."""
        stored = self.store.head(name, Event())
        if stored is None:
            return None
        size = int(stored.headers["Content-Length"])
        step = 1 << 20  # in pieces that fit into an answer
        pieces = []
        for at in range(0, size, step):
            ranges = {"Range": f"bytes={at}-{min(at + step, size) - 1}"}
            piece = self.store.send("GET", name, "", headers=ranges)
            if piece.status_code == 404:
                return None
            pieces.append(piece.content)
        return b"".join(pieces)

    def headers(self, name: str) -> Mapping[str, str]:
        """What the store says of an object."""
        stored = self.store.head(name, Event())
        assert stored is not None, name
        return stored.headers

    def unfinished(self) -> list[str]:
        """The ids of the uploads that nobody completed or aborted."""
        response = self.store.send("GET", "", "uploads=")
        assert response.status_code == 200, response.text
        return [text_of("UploadId", section) for section in sections("Upload", response.text)]

    def _open(self, **options: object) -> S3Destination:
        section = {
            "type": "s3",
            "bucket": self.bucket,
            "key": "{name}",
            "access_key_env": "TEST_ACCESS",
            "secret_key_env": "TEST_SECRET",
            "timeout": PATIENT,
            **options,
        }
        made = S3Destination("bucket", S3DestinationConfig.model_validate(section))
        self._opened.append(made)
        return made

    def close(self) -> None:
        for destination in self._opened:
            destination.close()
            destination.close()


class SeaweedSide(BucketSide):
    """SeaweedFS takes a backslash for a slash."""

    def as_named(self, name: str) -> str:
        return super().as_named(name).replace("\\", "/")


@contextmanager
def bucket_side(
    port: int, monkeypatch: pytest.MonkeyPatch, kind: type[BucketSide] = BucketSide
) -> Iterator[BucketSide]:
    """A new bucket of the store at a port."""
    with Proxy(port) as proxy:
        side = kind(port, proxy, monkeypatch)
        try:
            yield side
        finally:
            side.close()
