"""At the protocol's own server: what was cut by a kill goes on, what expired is begun anew.

INBOXD_RESUME_MB says how large the file is, in MB (default 200); `-s` shows what was sent again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from daemon.errors import DeliveryError
from tests.delivery.parcels import never, parcel_of, write
from tests.delivery.proxy import Proxy, answer, cut
from tests.delivery.servers import Servers
from tests.delivery.tus_sides import file_store_kept, start_tus, tus_destination
from tests.waiting import wait_until

SIZE = int(os.environ.get("INBOXD_RESUME_MB", "200")) * 1_000_000
SENT_AGAIN = 8_000_000
VERSION = {"Tus-Resumable": "1.0.0"}

CONFIG = """
state: state
inboxes:
  box: {{path: inbox, settle: 50ms, accept: ["*/*"], max_size: 20GB, read: none, deliver: [big]}}
destinations:
  big: {{type: tus, url: "{url}files", bandwidth: 200MB/s}}
"""


def start(config: Path) -> subprocess.Popen[bytes]:
    """A daemon in a process of its own."""
    command = [sys.executable, "-m", "daemon", "run", "-c", str(config)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def written(path: Path) -> str:
    """Fill a file with content of which no two parts are the same; gives its sha256."""
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        for number in range(SIZE // len(block)):
            file.write(number.to_bytes(8) + block[8:])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.system
def test_kill_in_the_middle(servers: Servers, tmp_path: Path) -> None:
    """After kill -9 at half of a file no more than what was on its way is sent again."""
    inbox, uploads = tmp_path / "inbox", tmp_path / "uploads"
    inbox.mkdir()
    expected = written(tmp_path / "large.bin")
    with Proxy(start_tus(servers, uploads)) as proxy:
        config = tmp_path / "config.yaml"
        config.write_text(CONFIG.format(url=proxy.url))
        (tmp_path / "large.bin").rename(inbox / "large.bin")

        def sent() -> int:
            return sum(passed.sent for passed in proxy.requests if passed.method == "PATCH")

        killed = start(config)
        wait_until(lambda: sent() >= SIZE // 2, "half of the file to be sent", 60)
        killed.kill()
        killed.wait()
        again = start(config)
        wait_until((tmp_path / "done" / "large.bin").exists, "the file to be done", 60)
        again.terminate()
        assert again.wait(60) == 0
        total = sent()
    (kept,) = file_store_kept(uploads)
    assert (kept.name, kept.sha256) == ("large.bin", expected)
    assert len(list(uploads.glob("*.json"))) == 1
    shutil.rmtree(uploads)
    shutil.rmtree(tmp_path / "done")
    print(f"{SIZE} bytes, {total - SIZE} of them sent again")  # noqa: T201  # the figure that counts
    assert total - SIZE <= SENT_AGAIN


@pytest.mark.system
def test_an_upload_that_expired(servers: Servers, tmp_path: Path) -> None:
    """What the server has given up in the meantime is sent whole, as a new upload."""
    uploads = tmp_path / "uploads"
    content = os.urandom(1_000_000)
    parcel = parcel_of(write(tmp_path, content))
    with Proxy(start_tus(servers, uploads, expires=1000)) as proxy:
        destination = tus_destination(f"{proxy.url}files")
        proxy.at(3, cut(500_000))
        proxy.at(4, answer(503))
        with pytest.raises(DeliveryError):
            destination.deliver(parcel, lambda _: None, never())
        begun = str(parcel.resume.load()["upload"])
        wait_until(
            lambda: requests.head(begun, headers=VERSION, timeout=5).status_code == 410,
            "it to expire",
        )
        got = destination.deliver(parcel, lambda _: None, never())
        destination.close()
    assert got.location != begun
    assert [kept.sha256 for kept in file_store_kept(uploads)] == [
        hashlib.sha256(content).hexdigest()
    ]
