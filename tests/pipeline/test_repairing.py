"""`verify --repair` mends every planted disagreement that has a safe end, and leaves the others."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.config.load import load
from daemon.jobs.changes import TakenUp
from daemon.jobs.model import Job, State, new_id
from daemon.jobs.state_folder import StateFolder
from daemon.pipeline.pipeline import routes_of
from daemon.pipeline.repairing import Mended, repair
from daemon.pipeline.verifying import verify
from tests.jobs.examples import sighting
from tests.reliability.report import Outcome
from tests.running import Daemon

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A daemon that has done one file and refused another, at rest."""
    daemon = Daemon(tmp_path, inbox="max_size: 1KB")
    with daemon:
        daemon.drop("good.bin", b"good")
        daemon.drop("large.bin", b"large" * 400)
        daemon.wait_for(State.DONE)
        daemon.wait_for(State.REJECTED)
    return daemon


def _job(daemon: Daemon, state: State = State.DONE) -> Job:
    return daemon.jobs(state)[0]


def _repair(daemon: Daemon) -> list[Mended]:
    state = StateFolder(daemon.folder / "state")
    ledger = state.existing_ledger(SystemClock())
    try:
        kept = os.fsencode(state.path / "replaced")
        return list(repair(ledger, routes_of(load(daemon.config_path)), kept))
    finally:
        ledger.close()


def _codes(daemon: Daemon) -> list[str]:
    ledger = StateFolder(daemon.folder / "state").existing_ledger(SystemClock())
    try:
        return [found.code for found in verify(ledger, routes_of(load(daemon.config_path)))]
    finally:
        ledger.close()


def _contents(folder: Path) -> set[bytes]:
    """The content of every file that a person could miss."""
    return {p.read_bytes() for p in folder.rglob("*") if p.is_file() and "state" not in p.parts}


def _lose_original(daemon: Daemon) -> None:
    (daemon.done / "good.bin").unlink()


def _lose_sidecar(daemon: Daemon) -> None:
    (daemon.rejected / "large.bin.json").unlink()


def _halve_sidecar(daemon: Daemon) -> None:
    path = daemon.done / "good.bin.json"
    path.write_bytes(path.read_bytes()[:100])


def _falsify_sidecar(daemon: Daemon) -> None:
    path = daemon.done / "good.bin.json"
    facts = json.loads(path.read_bytes())
    path.write_text(json.dumps({**facts, "status": "failed"}))


def _forget_job(daemon: Daemon) -> None:
    """The ledger as it was before the daemon ran."""
    shutil.rmtree(daemon.folder / "state")
    StateFolder(daemon.folder / "state").open_ledger(SystemClock()).close()


def _orphan_in_work(daemon: Daemon) -> None:
    (daemon.work / new_id()).write_bytes(PNG)


def _strange_reading(daemon: Daemon) -> None:
    (daemon.work / f"{new_id()}.reading").write_bytes(b"{}")


def _left_over(daemon: Daemon) -> None:
    (daemon.done / f".inboxd-{_job(daemon).id}.tmp").write_bytes(b"{")


def _back_in_work(daemon: Daemon) -> None:
    os.rename(daemon.done / "good.bin", daemon.work / _job(daemon).id)


def _copied_to_work(daemon: Daemon) -> None:
    shutil.copy(daemon.done / "good.bin", daemon.work / _job(daemon).id)


MENDED: dict[str, tuple[Callable[[Daemon], None], str]] = {
    "an original that is gone": (_lose_original, "original_missing"),
    "a sidecar that is gone": (_lose_sidecar, "sidecar_missing"),
    "half a sidecar": (_halve_sidecar, "sidecar_damaged"),
    "a sidecar that says other than the ledger": (_falsify_sidecar, "sidecar_differs"),
    "sidecars of jobs that the ledger does not know": (_forget_job, "unknown_job"),
    "a file in work/ that the ledger does not know": (_orphan_in_work, "stranger_in_work"),
    "what was read of a file that is gone": (_strange_reading, "stranger_in_work"),
    "a temporary file": (_left_over, "left_over"),
    "an original that is in work/ after its end": (_back_in_work, "left_in_work"),
    "an original that is in work/ and in done/": (_copied_to_work, "left_in_work"),
}


@pytest.mark.parametrize("what", MENDED)
@pytest.mark.reliability("Health", "{what}", "found and mended, nothing lost")
def test_what_can_be_mended_is(daemon: Daemon, what: str, outcome: Outcome) -> None:
    """It is found by its code, mended, all agrees, and no original is lost by it."""
    plant, code = MENDED[what]
    plant(daemon)
    assert code in _codes(daemon)
    before = {content for content in _contents(daemon.folder) if not content.startswith(b"{")}
    found = _repair(daemon)
    assert all(each.done for each in found)
    assert _codes(daemon) == []
    assert before <= _contents(daemon.folder)
    outcome(f"{code}: {found[0].done}".replace(str(daemon.folder) + "/", "")[:90])


def _change_original(daemon: Daemon) -> None:
    (daemon.done / "good.bin").write_bytes(b"better")


def _stranger_in_done(daemon: Daemon) -> None:
    (daemon.done / "holiday.jpg").write_bytes(b"x")


def _stranger_in_work(daemon: Daemon) -> None:
    (daemon.work / "holiday.jpg").write_bytes(b"x")


def _empty_sidecar(daemon: Daemon) -> None:
    facts = {"schema": "inboxd/sidecar/1", "job": new_id()}
    (daemon.done / "other.bin.json").write_text(json.dumps(facts))


def _two_in_one_place(daemon: Daemon) -> None:
    (daemon.work / _job(daemon).id).write_bytes(b"another content")


def _lost_while_waiting(daemon: Daemon) -> None:
    ledger = StateFolder(daemon.folder / "state").existing_ledger(SystemClock())
    ledger.write([TakenUp(_job(daemon, State.REJECTED).id)])
    ledger.close()
    (daemon.rejected / "large.bin").unlink()
    (daemon.rejected / "large.bin.json").unlink()


def _unmounted(daemon: Daemon) -> None:
    _lost_while_waiting(daemon)
    daemon.inbox.rmdir()


LEFT: dict[str, tuple[Callable[[Daemon], None], str]] = {
    "an original that has changed": (_change_original, "original_changed"),
    "a stranger in done/": (_stranger_in_done, "no_sidecar"),
    "a stranger in work/": (_stranger_in_work, "stranger_in_work"),
    "a sidecar that tells of no job": (_empty_sidecar, "unknown_job"),
    "another content in work/ after the end": (_two_in_one_place, "left_in_work"),
    "a file that waits and is nowhere": (_lost_while_waiting, "file_missing"),
    "an inbox that is not there": (_unmounted, "inbox_missing"),
}


@pytest.mark.parametrize("what", LEFT)
@pytest.mark.reliability("Health", "{what}", "found and named, nothing changed")
def test_what_only_a_person_can_decide_is_left(daemon: Daemon, what: str) -> None:
    """It is named, and no file is touched."""
    plant, code = LEFT[what]
    plant(daemon)
    before = _contents(daemon.folder)
    assert [(each.found.code, each.done) for each in _repair(daemon)] == [(code, None)]
    assert _contents(daemon.folder) == before


def test_a_sidecar_that_is_replaced_is_kept_and_its_text_goes_on(daemon: Daemon) -> None:
    """Nothing that was read is read again."""
    path = daemon.done / "good.bin.json"
    ocr = {"engine": "e", "version": "1", "seconds": 1.0, "text": "TOTAL", "pages": []}
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"status": "failed", "ocr": ocr}))
    old = path.read_bytes()
    _repair(daemon)
    assert daemon.sidecar("done", "good.bin")["ocr"]["text"] == "TOTAL"
    assert daemon.sidecar("done", "good.bin")["status"] == "done"
    (kept,) = (daemon.folder / "state" / "replaced").iterdir()
    assert kept.read_bytes() == old


@pytest.mark.parametrize(
    "make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)]
)
def test_what_is_no_file_in_the_place_of_a_sidecar_is_left(
    daemon: Daemon, make: Callable[[str], None]
) -> None:
    """It is named and stays, and what else is wrong is mended all the same."""
    _lose_original(daemon)
    path = daemon.rejected / "large.bin.json"
    path.unlink()
    make(str(path))
    found = _repair(daemon)
    assert [each.found.code for each in found if each.done] == ["original_missing"]
    assert ("sidecar_damaged", str(path)) in {
        (each.found.code, each.found.where) for each in found if each.done is None
    }
    assert not path.is_file() or path.is_symlink()


def test_an_original_that_comes_back_is_noticed(daemon: Daemon) -> None:
    """Its sidecar says that it was gone, which is no longer so."""
    path = daemon.done / "good.bin"
    content = path.read_bytes()
    path.unlink()
    _repair(daemon)
    path.write_bytes(content)
    assert _codes(daemon) == ["sidecar_differs"]
    _repair(daemon)
    assert _codes(daemon) == []


def test_a_file_taken_in_again_comes_to_its_end_under_its_id(daemon: Daemon) -> None:
    """So that what was delivered of it already keeps its key."""
    job = new_id()
    (daemon.work / job).write_bytes(b"claimed once")
    _repair(daemon)
    with daemon:
        daemon.wait_for(State.DONE, 2)
    assert job in [each.id for each in daemon.jobs(State.DONE)]
    assert (daemon.done / f"{job}.txt").read_bytes() == b"claimed once"


def test_a_newly_dropped_file_that_is_taken_away_is_no_disagreement(daemon: Daemon) -> None:
    """Nobody had claimed it; the next start gives its job up."""
    with daemon:
        pass
    store = StateFolder(daemon.folder / "state").existing_ledger(SystemClock())
    store.admit([sighting(b"soon.bin")], keep=False)
    store.close()
    assert _codes(daemon) == []
