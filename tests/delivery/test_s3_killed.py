"""A daemon that is killed in the middle of a large upload sends hardly anything of it twice.

INBOXD_TEST_UPLOAD=1GB makes the file as large as that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.config.units import parse_size
from tests.delivery.proxy import Proxy
from tests.delivery.s3_sides import ACCESS, SECRET, BucketSide, start_moto, start_rclone
from tests.delivery.servers import Servers
from tests.waiting import wait_until

SIZE = parse_size(os.environ.get("INBOXD_TEST_UPLOAD", "100MB"))
MOST_AGAIN = 8_000_000
CONFIG = """\
state: state
inboxes:
  box:
    path: inbox
    settle: 100ms
    accept: ["*/*"]
    max_size: 10GB
    deliver: [bucket]
    read: none
destinations:
  bucket:
    type: s3
    bucket: {bucket}
    endpoint: {endpoint}
    key: "{{name}}"
    access_key_env: TEST_ACCESS
    secret_key_env: TEST_SECRET
    timeout: {{connect: 5s, read: 120s}}
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A daemon in a process of its own."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "daemon", "run", "-c", str(folder / "config.yaml")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "TEST_ACCESS": ACCESS, "TEST_SECRET": SECRET},
        )


def deliver_with_kill(port: int, folder: Path, side: BucketSide) -> int:
    """Kill a daemon at half of a file and let another finish it; gives the bytes sent in all."""
    with Proxy(port) as proxy:
        endpoint = proxy.url.rstrip("/")
        (folder / "config.yaml").write_text(CONFIG.format(bucket=side.bucket, endpoint=endpoint))
        (folder / "inbox").mkdir()
        with (folder / "making").open("wb") as file:
            for _ in range(0, SIZE, 1 << 20):
                file.write(os.urandom(1 << 20))
            file.truncate(SIZE)
        (folder / "making").rename(folder / "inbox" / "large.bin")

        def sent() -> int:
            return sum(passed.sent for passed in list(proxy.requests))

        first = start(folder)
        try:
            wait_until(lambda: sent() >= SIZE // 2, "half of it to be sent", 120)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        second = start(folder)
        try:
            done = folder / "done" / "large.bin"
            wait_until(done.exists, lambda: (folder / "log").read_text()[-2000:], 240)
        finally:
            second.send_signal(signal.SIGTERM)
            assert second.wait(60) == 0
        return sent()


@pytest.mark.system
@pytest.mark.parametrize("store", ["rclone", "moto"])
def test_killed_in_the_middle(
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    store: str,
) -> None:
    """After kill -9 at half of a file the next daemon goes on there, with at most 8 MB twice."""
    if store == "rclone":
        port = start_rclone(servers, tmp_path_factory.mktemp("buckets"))
    else:
        port = start_moto(servers)
    with Proxy(port) as proxy:
        side = BucketSide(port, proxy, monkeypatch)
        try:
            sent = deliver_with_kill(port, tmp_path, side)
            assert int(side.headers("large.bin")["Content-Length"]) == SIZE
            assert side.unfinished() == []
            record_property("sent again", sent - SIZE)
        finally:
            side.close()
    list_of_parts = 200 * SIZE // (5 << 20)
    assert SIZE <= sent <= SIZE + MOST_AGAIN + list_of_parts
