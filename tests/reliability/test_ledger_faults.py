"""A ledger that is damaged, lost, locked or newer: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.config.load import load
from daemon.errors import LedgerError
from daemon.jobs import sqlite_store
from daemon.jobs.changes import TakenUp
from daemon.jobs.model import State
from daemon.jobs.state_folder import StateFolder
from daemon.observing.events import Event
from daemon.pipeline.pipeline import routes_of
from daemon.pipeline.verifying import verify
from tests.receiver import Receiver, ok, status
from tests.reliability.report import Outcome
from tests.running import QUICK, Daemon
from tests.waiting import wait_until

PATIENT = replace(QUICK, retry_after_cap=3600.0, park_max=3600.0)
NAMES = ("one.bin", "two.bin", "three.bin", "parked.bin", "refused.bin")


class House:
    """A daemon that was cut down with files at every stage, and the servers that it knows."""

    def __init__(self, folder: Path, sure: Receiver, later: Receiver) -> None:
        self.sure, self.later = sure, later
        self.state = folder / "state"
        self.ledger = self.state / "ledger.sqlite3"
        self._shape = {
            "inbox": "deliver: [sure, later]\nmax_size: 1KB",
            "rest": "destinations:\n"
            f"  sure: {{type: http, url: {sure.url}}}\n"
            f"  later: {{type: http, url: {later.url}}}",
        }
        self.daemon = Daemon(folder, limits=PATIENT, **self._shape)

    def fill(self) -> None:
        """Three files done, one refused, one that a server takes later, one not claimed."""
        killed = self.state.with_name("killed")
        with self.daemon as daemon:
            for name in NAMES[:3]:
                daemon.drop(name, name.encode() * 20)
            daemon.drop("refused.bin", b"larger than allowed" * 100)
            daemon.wait_for(State.DONE, 3)
            daemon.wait_for(State.REJECTED)
            self.later.script(status(503, Retry_After="3600"))
            daemon.drop("parked.bin", b"parked" * 20)
            daemon.wait_for(State.PARKED)
            passing = shutil.ignore_patterns("*.tmp")  # it may be gone while the rest is copied
            shutil.copytree(self.state, killed, ignore=passing)
        shutil.rmtree(self.state)
        killed.rename(self.state)
        self.daemon.drop("new.bin", b"not seen yet")

    def faults(self) -> list[str]:
        """What does not agree, and what was sent under two keys."""
        ledger = StateFolder(self.state).existing_ledger(SystemClock())
        try:
            found = [
                f"{each.code}: {each.where}: {each.message}"
                for each in verify(ledger, routes_of(load(self.daemon.config_path)))
            ]
        finally:
            ledger.close()
        for server in (self.sure, self.later):
            keys = defaultdict(set)
            for request in server.requests:
                keys[request.sha256].add(request.headers["idempotency-key"])
            found += [f"{sha} under {sent}" for sha, sent in keys.items() if len(sent) > 1]
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Folders and a ledger as a kill left them."""
    with Receiver(otherwise=ok()) as sure, Receiver(otherwise=ok()) as later:
        house = House(tmp_path, sure, later)
        house.fill()
        yield house


def _merge(house: House) -> None:
    """Move what is in the log into the ledger's own file."""
    connection = sqlite3.connect(house.ledger)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _head(house: House) -> None:
    _merge(house)
    with house.ledger.open("r+b") as ledger:
        ledger.write(b"\xff" * 100)


def _middle(house: House) -> None:
    _merge(house)
    size = house.ledger.stat().st_size
    with house.ledger.open("r+b") as ledger:
        for page in range(4096, size, 3 * 4096):
            ledger.seek(page)
            ledger.write(b"\xa5" * 64)


def _half(house: House) -> None:
    _merge(house)
    os.truncate(house.ledger, house.ledger.stat().st_size // 2)


def _empty(house: House) -> None:
    _merge(house)
    os.truncate(house.ledger, 0)


def _text(house: House) -> None:
    _merge(house)
    house.ledger.write_text("this is no database at all\n" * 400)


def _gone(house: House) -> None:
    for path in house.state.glob("ledger*"):
        path.unlink()


def _no_folder(house: House) -> None:
    shutil.rmtree(house.state)


def _no_log(house: House) -> None:
    (house.state / "ledger.sqlite3-wal").unlink()
    (house.state / "ledger.sqlite3-shm").unlink()


def _false_log(house: House) -> None:
    path = house.state / "ledger.sqlite3-wal"
    path.write_bytes(os.urandom(path.stat().st_size))
    (house.state / "ledger.sqlite3-shm").unlink()


def _short_log(house: House) -> None:
    path = house.state / "ledger.sqlite3-wal"
    os.truncate(path, path.stat().st_size // 2)
    (house.state / "ledger.sqlite3-shm").unlink()


BROKEN: dict[str, Callable[[House], None]] = {
    "its first bytes are overwritten": _head,
    "every third page is overwritten": _middle,
    "its second half is cut off": _half,
    "it has zero bytes": _empty,
    "it is a text": _text,
    "it is gone": _gone,
    "the whole state folder is gone": _no_folder,
    "its log (-wal) is gone after a kill": _no_log,
    "its log (-wal) is noise after a kill": _false_log,
    "its log (-wal) is cut in half after a kill": _short_log,
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.reliability(
    "Faults", "the ledger: {how}", "made anew from what is left; no file lost or under two keys"
)
def test_a_ledger_that_is_lost_is_made_anew(house: House, how: str, outcome: Outcome) -> None:
    """Every file comes to its end under the key that it had, and all agrees."""
    BROKEN[how](house)
    house.daemon.start()
    house.daemon.wait_for(State.DONE, 5)
    jobs = {job.state: 0 for job in house.daemon.jobs()}
    for job in house.daemon.jobs():
        jobs[job.state] += 1
    told = house.daemon.log.of(Event.LEDGER_REBUILT)
    house.daemon.stop()
    assert jobs == {State.DONE: 5, State.REJECTED: 1}
    assert len(told) == 1
    assert house.faults() == []
    outcome(
        "{salvaged} jobs salvaged, {from_sidecars} from sidecars, {from_work} from work/".format(
            **told[0]
        )
    )


@pytest.mark.reliability(
    "Faults", "the ledger: its history is overwritten", "what was delivered is not sent again"
)
def test_deliveries_that_can_still_be_read_are_not_made_again(house: House) -> None:
    """The parked file goes to the server that is missing, and to no other."""
    _merge(house)
    with sqlite3.connect(house.ledger) as ledger:
        (page,) = ledger.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'history'"
        ).fetchone()
    ledger.close()
    with house.ledger.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"noise" * 100)
    house.daemon.start()
    (parked,) = house.daemon.wait_for(State.PARKED)
    house.daemon.service._store.write([TakenUp(parked.id)])
    house.daemon.service._pipeline.coordinator.nudge()
    house.daemon.wait_for(State.DONE, 5)
    (told,) = house.daemon.log.of(Event.LEDGER_REBUILT)
    house.daemon.stop()
    assert told["salvaged"] == 5
    assert {job.name for job in house.daemon.jobs()} == {*NAMES, "new.bin"}
    contents = [request.sha256 for request in house.sure.requests]
    assert len(contents) == len(set(contents)) == 5
    assert house.faults() == []


def test_a_start_that_fails_leaves_the_rest_to_the_next(house: House) -> None:
    """That the last end was a crash is not forgotten by one that could do nothing about it."""
    state = StateFolder(house.state)

    def fail() -> None:
        with state.lock() as crashed:
            assert crashed
            raise LedgerError("ledger_locked", "not now")

    with pytest.raises(LedgerError):
        fail()
    with state.lock() as crashed:
        assert crashed
    with state.lock() as crashed:
        assert not crashed


@pytest.mark.reliability(
    "Faults", "the ledger: held by another program", "exit code 4, and who holds it"
)
def test_a_ledger_that_another_program_holds_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bounded wait, with the process that holds it."""
    monkeypatch.setattr(sqlite_store, "_BUSY_SECONDS", 0.2)
    program = (
        "import sqlite3, sys\n"
        f"ledger = sqlite3.connect({str(house.ledger)!r}, isolation_level=None)\n"
        "ledger.execute('BEGIN IMMEDIATE'); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LedgerError) as caught:
            house.daemon.start()
        other.communicate()
    assert caught.value.code == "ledger_locked"
    assert f"process {other.pid}" in caught.value.message


@pytest.mark.reliability(
    "Faults", "the ledger: of a newer version", "exit code 4, nothing of it is changed"
)
def test_a_newer_ledger_is_left_alone(house: House) -> None:
    """An older inboxd does not know what it would break."""
    _merge(house)
    with sqlite3.connect(house.ledger) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    ledger.close()
    before = house.ledger.read_bytes()
    with pytest.raises(LedgerError) as caught:
        house.daemon.start()
    assert caught.value.code == "ledger_newer"
    assert house.ledger.read_bytes() == before
    assert not list(house.state.glob("ledger.damaged*"))


@pytest.mark.reliability(
    "Faults", "the ledger: damaged while it is open", "stops with exit code 4; made anew at a start"
)
def test_damage_that_is_met_while_running_stops_the_daemon(house: House) -> None:
    """The next start makes it anew, and all agrees."""
    house.daemon.start()
    house.daemon.wait_for(State.DONE, 4)
    _middle(house)
    for number in range(20):
        house.daemon.drop(f"more{number}.bin", b"more" * (number + 1))
    with pytest.raises(LedgerError) as caught:
        house.daemon.wait_stopped()
    assert caught.value.code == "ledger_damaged"
    house.daemon._error = None
    house.daemon.start()
    wait_until(lambda: len(house.daemon.jobs(State.DONE)) == 25, lambda: str(house.daemon.jobs()))
    assert house.daemon.log.of(Event.LEDGER_REBUILT)[-1]["aside"]
    house.daemon.stop()
    assert house.faults() == []
