"""A whole daemon behind a virus scanner: found, away, and back again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.jobs.model import State
from daemon.observing.events import Event
from daemon.service import EXIT_ENVIRONMENT, EXIT_WELL, Service
from tests.clamav import EICAR, MARKED, WANTED, RealClamd, ScriptedClamd, refusing_size
from tests.receiver import Receiver, status
from tests.reliability.report import Outcome
from tests.running import QUICK, Daemon, http
from tests.waiting import wait_until


def scanned(address: str | Path, when_down: str = "wait") -> str:
    """The section of a configuration."""
    return f"virus_scan: {{clamd: '{address}', when_down: {when_down}, timeout: 20s}}\n"


def checks(sidecar: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    """What was looked at, and what of it was well."""
    return {check["check"]: check["ok"] for check in sidecar["checks"]}


@pytest.mark.system
@pytest.mark.reliability(
    "Virus scan",
    "infected files among clean ones, clamd killed and started again",
    "the infected are rejected as virus_found and never sent, the clean delivered",
)
def test_infected_files_are_rejected_and_never_leave(tmp_path: Path, outcome: Outcome) -> None:
    """A real clamd finds what it is to find, is killed in between, and files wait for it."""
    (tmp_path / "clam").mkdir()
    bad = {"eicar.txt": EICAR, "hash.bin": WANTED, "marker.bin": os.urandom(600_000) + MARKED}
    with Receiver() as receiver, RealClamd(tmp_path / "clam") as clamd:
        rest = http(receiver.url) + scanned(clamd.socket)
        with Daemon(tmp_path, inbox="deliver: [server]", rest=rest) as daemon:
            for name, content in bad.items():
                daemon.drop(name, content)
            daemon.drop("clean.txt", b"clean")
            daemon.wait_for(State.REJECTED, 3)
            daemon.wait_for(State.DONE, 1)
            clamd.stop()
            daemon.drop("late.txt", b"late and clean")
            daemon.drop("later.bin", b"x" + MARKED)
            wait_until(daemon.service._pipeline.paused, "the daemon to notice")
            assert len(receiver.requests) == 1
            clamd.start()
            daemon.wait_for(State.REJECTED, 4)
            daemon.wait_for(State.DONE, 2)
            for name in (*bad, "later.bin"):
                sidecar = daemon.sidecar("rejected", name)
                assert sidecar["error"]["code"] == "virus_found"
                (found,) = (c for c in sidecar["checks"] if c["check"] == "virus")
                assert found["detail"].startswith(("Eicar-Test", "Own-Hash", "Own-Marker"))
        sent = sorted(str(request.filename) for request in receiver.requests)
        assert sent == ["clean.txt", "late.txt"]
    outcome("4 of 4 found, 2 of 2 clean files delivered, none sent while clamd was away")


def test_what_was_judged_goes_on_while_the_scanner_is_away(tmp_path: Path) -> None:
    """A delivery that waits for its server is made; new files wait in the inbox, none is blamed."""
    path = tmp_path / "clamd.ctl"
    with Receiver(*[status(503)] * 3) as receiver:
        rest = http(receiver.url) + scanned(path)
        with ScriptedClamd(path=path) as clamd:
            daemon = Daemon(tmp_path, inbox="deliver: [server]", rest=rest)
            daemon.start()
            daemon.drop("judged", b"judged")
            wait_until(lambda: clamd.seen, "the first file to be scanned")
        path.unlink()
        daemon.drop("new", b"new")
        wait_until(lambda: daemon.log.of(Event.ENVIRONMENT_PAUSED), "the pause")
        assert daemon.log.of(Event.ENVIRONMENT_PAUSED)[0]["code"] == "scanner_down"
        assert not daemon.service.health().ready
        daemon.wait_for(State.DONE, 1)
        assert [job.name for job in daemon.jobs(State.DONE)] == ["judged"]
        assert daemon.jobs(State.REJECTED) == daemon.jobs(State.FAILED) == []
        with ScriptedClamd(path=path):
            daemon.wait_for(State.DONE, 2)
            wait_until(lambda: daemon.log.of(Event.ENVIRONMENT_RESUMED), "the word of it")
            assert daemon.service.health().ready
            assert daemon.stop() == 0


def test_a_stop_does_not_wait_for_the_scanner(tmp_path: Path) -> None:
    """Files that wait for a scanner are queued when the daemon stops, and found by the next."""
    path = tmp_path / "clamd.ctl"
    with Daemon(tmp_path, rest=scanned(path)) as daemon:
        daemon.drop("file")
        wait_until(daemon.service._pipeline.paused, "the pause")
    with ScriptedClamd(path=path), daemon:
        daemon.wait_for(State.DONE, 1)


def test_a_size_that_is_refused_holds_up_one_file_alone(tmp_path: Path) -> None:
    """The file that clamd takes not so large is parked; others are not."""
    path = tmp_path / "clamd.ctl"
    with ScriptedClamd(path=path) as clamd, Daemon(tmp_path, rest=scanned(path)) as daemon:
        find = clamd.stream
        clamd.stream = refusing_size
        daemon.drop("large", b"too large")
        (parked,) = daemon.wait_for(State.PARKED)
        assert daemon.service._pipeline.paused() is None
        clamd.stream = find
        daemon.drop("small", b"small")
        daemon.wait_for(State.DONE)
        assert daemon.jobs(State.PARKED)[0].id == parked.id
    (reason,) = (entry["reason"] for entry in daemon.log.of(Event.JOB_PARKED))
    assert "raise StreamMaxLength" in reason


@pytest.mark.parametrize(("when_down", "folder"), [("pass", "done"), ("reject", "rejected")])
def test_who_does_not_wait(tmp_path: Path, when_down: str, folder: str) -> None:
    """The sidecar says that nothing was scanned; a file that passes is told of in the log too."""
    rest = scanned(tmp_path / "none", when_down)
    with Daemon(tmp_path, rest=rest) as daemon:
        daemon.drop("file.txt", b"text")
        daemon.wait_for(State.DONE if when_down == "pass" else State.REJECTED)
        sidecar = daemon.sidecar(folder, "file.txt")
    assert checks(sidecar)["virus"] is False
    if when_down == "reject":
        assert sidecar["error"]["code"] == "not_scanned"
        assert not daemon.log.of(Event.VIRUS_SCAN_SKIPPED)
    else:
        (told,) = daemon.log.of(Event.VIRUS_SCAN_SKIPPED)
        assert "not scanned: clamd at" in told["message"]


def test_a_reload_brings_the_scanner_in(tmp_path: Path) -> None:
    """From the reload on files are scanned; without the section again they are not."""
    path = tmp_path / "clamd.ctl"
    with ScriptedClamd(path=path) as clamd, Daemon(tmp_path) as daemon:
        for number, (rest, seen) in enumerate([("", 0), (scanned(path), 1), ("", 1)]):
            daemon.configure(rest=rest)
            reloads = len(daemon.log.of(Event.DAEMON_RELOADED))
            daemon.service.signalled(1)
            wait_until(
                lambda reloads=reloads: len(daemon.log.of(Event.DAEMON_RELOADED)) > reloads,
                "the reload",
            )
            daemon.drop(f"{number}.txt", b"text %d" % number)
            daemon.wait_for(State.DONE, number + 1)
            assert len(clamd.seen) == seen


def test_draining_once_does_not_wait_for_the_scanner(tmp_path: Path) -> None:
    """A cron job ends with the code of the environment; the file is there for the next one."""
    path = tmp_path / "clamd.ctl"
    daemon = Daemon(tmp_path, rest=scanned(path))
    (daemon.inbox / "file.txt").write_bytes(b"text")
    config = load(daemon.config_path)
    assert Service(config, daemon.log, limits=QUICK).once() == EXIT_ENVIRONMENT
    assert daemon.log.of(Event.ENVIRONMENT_PAUSED)[0]["code"] == "scanner_down"
    with ScriptedClamd(path=path):
        assert Service(config, daemon.log, limits=QUICK).once() == EXIT_WELL
    assert (daemon.done / "file.txt").read_bytes() == b"text"
