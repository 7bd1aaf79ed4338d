"""The far sides of the tus destination: the protocol's own server from npm, and our stand-in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from daemon.config.destinations import TusDestinationConfig
from daemon.delivery.tus.destination import TusDestination
from tests.delivery.contract import Kept, ServerSide
from tests.delivery.parcels import PATIENT
from tests.delivery.proxy import Proxy
from tests.delivery.servers import Servers, free_port
from tests.delivery.tus_receiver import TusReceiver

PACKAGE = Path(__file__).parent / "tus_server"


def tus_destination(url: str, **options: object) -> TusDestination:
    """A tus destination that is patient, unless it is told otherwise."""
    config = {"type": "tus", "url": url, "timeout": PATIENT, **options}
    return TusDestination("big", TusDestinationConfig.model_validate(config))


def installed() -> Path:
    """The folder where the server is installed, by npm and only once for each lock file."""
    lock = (PACKAGE / "package-lock.json").read_bytes()
    script = (PACKAGE / "server.js").read_bytes()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = home / "inboxd-tests" / f"tus-{hashlib.sha256(lock + script).hexdigest()[:16]}"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as building:
        built = shutil.copytree(PACKAGE, Path(building) / "built")
        command = ["npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
        command.append("--fetch-retries=5")
        done = subprocess.run(command, cwd=built, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        built.rename(place)
    return place


def start_tus(servers: Servers, folder: Path, *, expires: int = 0) -> int:
    """@tus/server over a folder; gives its port. `expires` is in milliseconds."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = ["node", str(installed() / "server.js"), str(port), str(folder), str(expires)]
    servers.run(command, port)
    return port


def shared_tus(servers: Servers, base: Path) -> tuple[int, Path]:
    """The port of a server that the tests share, and the folder that it keeps uploads in, empty."""
    folder = base / "tus-uploads"
    port = servers.once("tus", lambda: start_tus(servers, folder))
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    return port, folder


def file_store_kept(folder: Path) -> list[Kept]:
    """The complete uploads in a folder of @tus/file-store: a file, and its facts beside it."""
    found = []
    for facts_path in sorted(folder.glob("*.json")):
        facts = json.loads(facts_path.read_bytes())
        path = facts_path.with_suffix("")
        size = path.stat().st_size
        if size == facts["size"]:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(Kept(facts["metadata"]["filename"], size, digest))
    return found


class TusSide(ServerSide):
    """A tus server behind a proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.url = f"{proxy.url}files"
        self._opened: list[TusDestination] = []

    def destination(self, **options: object) -> TusDestination:
        made = tus_destination(self.url, **options)
        self._opened.append(made)
        return made

    def as_named(self, name: str) -> str:
        return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def close(self) -> None:
        for destination in self._opened:
            destination.close()
            destination.close()


class FileStoreSide(TusSide):
    """The protocol's own server; `folder` is where it keeps uploads."""

    def __init__(self, proxy: Proxy, folder: Path) -> None:
        super().__init__(proxy)
        self.folder = folder

    def kept(self) -> list[Kept]:
        return file_store_kept(self.folder)


class StandInSide(TusSide):
    """Our stand-in, which also verifies checksums."""

    def __init__(self, proxy: Proxy, receiver: TusReceiver) -> None:
        super().__init__(proxy)
        self._receiver = receiver

    def kept(self) -> list[Kept]:
        return [
            Kept(held.named["filename"], held.length, hashlib.sha256(held.content).hexdigest())
            for held in list(self._receiver.uploads.values())
            if held.complete
        ]
