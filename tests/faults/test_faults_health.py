"""Health follows from proof: each proof is broken, and exactly that is told."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs.sqlite_store import SqliteJobStore
from daemon.watching.canary import Canary
from tests.faults.conftest import Mount, fill, remove
from tests.running import QUICK, Daemon
from tests.waiting import wait_until

pytestmark = pytest.mark.system
SOON = replace(QUICK, proof_within=2.0, canary_every=0.3, canary_within=0.3)


class Watched(Daemon):
    """A daemon whose endpoint and systemd socket a test reads."""

    def __init__(self, folder: Path, inbox: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self._port = chosen.getsockname()[1]
        rest = f"metrics: {{listen: '127.0.0.1:{self._port}'}}"
        super().__init__(folder, inbox=inbox, rest=rest, limits=SOON)
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        self.systemd.setblocking(False)
        self._was_fed = False

    def start(self) -> None:
        """Start it as systemd does."""
        named = {"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "600000"}
        os.environ.update(named)
        try:
            super().start()
        finally:
            for name in named:
                del os.environ[name]

    def ask(self, path: str) -> tuple[bool, str]:
        """Whether the endpoint says that all is well, and why not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=60) as said:
                answer: dict[str, Any] = json.load(said)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        return answer["ok"], " ".join(answer["reasons"])

    def fed(self) -> bool:
        """Whether systemd's watchdog was fed since this was last asked."""
        heard = b""
        while True:
            try:
                heard += self.systemd.recv(65536) + b"\n"
            except BlockingIOError:
                return b"WATCHDOG=1" in heard

    def wait_for_health(self, path: str, *, well: bool, reason: str = "") -> None:
        """Wait until the endpoint says so, for this reason."""
        wait_until(
            lambda: self.ask(path)[0] is well and reason in self.ask(path)[1],
            lambda: f"{path} to say {well} {reason}: {self.ask(path)}",
        )

    def wait_until_fed(self) -> None:
        """Wait until the watchdog is fed."""
        wait_until(self.fed, "the watchdog to be fed")

    def wait_until_starved(self) -> None:
        """Wait until the loop has told systemd five times how it is, and never that it lives."""
        rounds = 0
        while rounds < 5:
            wait_until(self._told, "another round of the loop")
            rounds = 0 if self._was_fed else rounds + 1

    def stop(self) -> int | None:
        """Stop it in good order."""
        try:
            return super().stop()
        finally:
            self.systemd.close()

    def _told(self) -> bool:
        try:
            heard = self.systemd.recv(65536)
        except BlockingIOError:
            return False
        self._was_fed = b"WATCHDOG=1" in heard
        return True


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """One that is well."""
    with Watched(tmp_path) as daemon:
        daemon.wait_for_health("/healthz", well=True)
        daemon.wait_for_health("/readyz", well=True)
        daemon.wait_until_fed()
        yield daemon


@pytest.mark.reliability(
    "Health", "the watcher sees no probe file", "/healthz and /readyz fail; the watchdog is not fed"
)
def test_a_watcher_that_is_blind(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs, and all else is well."""
    with monkeypatch.context() as broken:
        broken.setattr(Canary, "seen", lambda canary: None)
        watched.wait_for_health("/healthz", well=False, reason="no probe file was seen")
        watched.wait_for_health("/readyz", well=False, reason="no probe file was seen")
        watched.wait_until_starved()
    watched.wait_for_health("/healthz", well=True)
    watched.wait_until_fed()


@pytest.mark.reliability(
    "Health", "the ledger is not written", "/healthz and /readyz fail; the watchdog is not fed"
)
def test_a_ledger_that_is_not_written(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread hangs, as on a disk that answers nobody."""
    with monkeypatch.context() as broken:
        broken.setattr(SqliteJobStore, "beat", lambda store, written: None)
        watched.wait_for_health("/healthz", well=False, reason="the ledger was not written")
        watched.wait_for_health("/readyz", well=False, reason="the ledger was not written")
        watched.wait_until_starved()
    watched.wait_for_health("/healthz", well=True)
    watched.wait_until_fed()


@pytest.mark.reliability(
    "Health", "the ledger is taken away", "/healthz and /readyz fail; the watchdog is not fed"
)
def test_a_ledger_that_is_taken_away(watched: Watched) -> None:
    """What is written to it would be lost with the process; a restart makes a new one."""
    ledger = watched.folder / "state" / "ledger.sqlite3"
    aside = ledger.rename(watched.folder / "aside")
    watched.wait_for_health("/healthz", well=False, reason="no longer where it was")
    watched.wait_for_health("/readyz", well=False, reason="no longer where it was")
    watched.wait_until_starved()
    aside.rename(ledger)
    watched.wait_for_health("/healthz", well=True)
    watched.wait_until_fed()


@pytest.mark.reliability(
    "Health",
    "the disk has no room",
    "/healthz and /readyz fail; the watchdog is fed, as no restart helps",
)
def test_a_disk_without_room(tmp_path: Path, mount: Mount) -> None:
    """Known trouble that passes by itself."""
    disk = mount("small")
    with Watched(tmp_path, inbox=f"done: {disk}/done") as daemon:
        daemon.wait_for_health("/healthz", well=True)
        filler = fill(disk)
        daemon.drop("a.bin")
        daemon.wait_for_health("/healthz", well=False, reason="disk")
        daemon.wait_for_health("/readyz", well=False, reason="disk")
        daemon.fed()
        daemon.wait_until_fed()
        filler.unlink()
        daemon.wait_for_health("/healthz", well=True)


@pytest.mark.reliability(
    "Health", "an inbox is missing", "/readyz fails; /healthz and the watchdog do not"
)
def test_an_inbox_that_is_missing(watched: Watched) -> None:
    """The daemon is well and says that it takes nothing in."""
    remove(watched.inbox)
    watched.wait_for_health("/readyz", well=False, reason="missing")
    watched.wait_for_health("/healthz", well=True)
    watched.fed()
    watched.wait_until_fed()
    watched.inbox.mkdir()
    watched.wait_for_health("/readyz", well=True)
