"""Where a file is while its job runs, whatever the configuration says by then."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

import daemon.files
import daemon.pipeline.places
import daemon.pipeline.preparing
from daemon.jobs.changes import TakenUp
from daemon.jobs.model import State
from daemon.jobs.state_folder import StateFolder
from daemon.pipeline.pipeline import routes_of
from daemon.pipeline.verifying import verify
from tests.exchange import Exchange
from tests.receiver import Receiver, ok, status
from tests.running import Daemon, http
from tests.waiting import PATIENCE, wait_until

KEEP = "deliver: [server]\noriginals: keep"
MOVE = "deliver: [server]"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what it is sent."""
    with Receiver() as receiver:
        yield receiver


def _agrees(daemon: Daemon) -> bool:
    store = daemon.service._store
    return list(verify(store, routes_of(daemon.service.config))) == []


def _parked(tmp_path: Path, receiver: Receiver, inbox: str) -> Daemon:
    """A daemon that has stopped while a file waits for its next attempt."""
    full = threading.Event()
    full.set()

    def reply(exchange: Exchange) -> None:
        (status(503) if full.is_set() else ok())(exchange)

    receiver.script(*[reply] * 1000)
    daemon = Daemon(tmp_path, inbox=inbox, rest=http(receiver.url))
    with daemon:
        daemon.drop("a.bin", b"waits")
        daemon.wait_for(State.PARKED)
    full.clear()
    return daemon


def test_a_file_taken_before_originals_were_to_stay_is_filed(
    tmp_path: Path, receiver: Receiver
) -> None:
    """It lies in work/, from where nobody else would ever fetch it."""
    daemon = _parked(tmp_path, receiver, MOVE)
    daemon.configure(KEEP, http(receiver.url))
    with daemon:
        daemon.wait_for(State.DONE)
        assert (daemon.done / "a.bin").read_bytes() == b"waits"
        assert os.listdir(daemon.work) == []
        assert _agrees(daemon)


def test_a_file_that_stayed_before_originals_were_to_move_is_filed(
    tmp_path: Path, receiver: Receiver
) -> None:
    """It is delivered under the key that it had, and not taken in a second time."""
    daemon = _parked(tmp_path, receiver, KEEP)
    daemon.configure(MOVE, http(receiver.url))
    with daemon:
        daemon.wait_for(State.DONE)
        assert (daemon.done / "a.bin").read_bytes() == b"waits"
        assert daemon.lying_there() == []
        assert _agrees(daemon)
    assert len({request.key for request in receiver.requests}) == 1


def test_a_file_in_rejected_is_tried_again_where_originals_stay_now(
    tmp_path: Path, receiver: Receiver
) -> None:
    """It was put there when they moved."""
    receiver.script(status(400))
    daemon = Daemon(tmp_path, inbox=MOVE, rest=http(receiver.url))
    with daemon:
        daemon.drop("a.bin", b"refused")
        daemon.wait_for(State.FAILED)
    daemon.configure(KEEP, http(receiver.url))
    with daemon:
        daemon.service._store.write([TakenUp(daemon.jobs()[0].id)])
        daemon.service._pipeline.coordinator.nudge()
        daemon.wait_for(State.DONE)
        assert (daemon.done / "a.bin").read_bytes() == b"refused"
        assert os.listdir(daemon.rejected) == []
        assert _agrees(daemon)


def test_a_file_that_stayed_is_tried_again_where_originals_move_now(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Beside its sidecar in rejected/ there never was an original."""
    receiver.script(status(400))
    daemon = Daemon(tmp_path, inbox=KEEP, rest=http(receiver.url))
    with daemon:
        daemon.drop("a.bin", b"refused")
        daemon.wait_for(State.FAILED)
        daemon.drop("b.bin", b"taken")
        daemon.wait_for(State.DONE)
    (daemon.inbox / "b.bin").unlink()
    with StateFolder(tmp_path / "state").lock():
        store = StateFolder(tmp_path / "state").open_ledger(daemon.service._clock)
        store.write([TakenUp(daemon.jobs(State.FAILED)[0].id)])
        store.close()
    daemon.configure(MOVE, http(receiver.url))
    with daemon:
        daemon.wait_for(State.DONE, 2)
        assert (daemon.done / "a.bin").read_bytes() == b"refused"
        assert daemon.lying_there() == []
        assert _agrees(daemon)


def test_a_folder_by_the_name_of_a_file_that_went_is_no_disagreement(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Only its sidecar is in done/, and the folder's name is free."""
    inbox = "deliver: [server]\noriginals: delete\nrecursive: true"
    with Daemon(tmp_path, inbox=inbox, rest=http(receiver.url)) as daemon:
        daemon.drop("2024", b"a file")
        daemon.wait_for(State.DONE)
        daemon.drop("2024/a.bin", b"in a folder")
        daemon.wait_for(State.DONE, 2)
        assert _agrees(daemon)
    with Daemon(tmp_path, inbox="recursive: true") as daemon:
        assert _agrees(daemon)  # whatever is to become of originals from now on


def test_a_disk_that_is_mounted_under_another_number_has_the_same_files(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Files that stay are not taken in again, and one that waits goes on under its key."""
    daemon = Daemon(tmp_path, inbox=f"{KEEP}\nduplicates: process", rest=http(receiver.url))
    with daemon:
        daemon.drop("done.bin", b"done")
        daemon.wait_for(State.DONE)
    _parked(tmp_path, receiver, f"{KEEP}\nduplicates: process")
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "ledger.sqlite3")) as ledger:
        ledger.execute("UPDATE jobs SET device = device + 1")
        ledger.commit()
    with daemon:
        daemon.wait_for(State.DONE, 2)
        assert daemon.service._inboxes.wait_idle(PATIENCE)
        assert len(daemon.jobs()) == 2
    assert len({request.key for request in receiver.requests}) == 2


@pytest.mark.parametrize("cut", ["claimed", "filed"])
def test_a_rename_in_two_steps_is_finished_after_a_crash_between_them(
    tmp_path: Path, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, which knows no rename that spares the target; the file has both names for once."""
    monkeypatch.setattr(daemon.files, "_rename_exclusively", None)
    both: list[bytes] = []
    running = Daemon(tmp_path)

    def crash(name: str) -> None:
        wanted = os.fsencode(running.work if cut == "claimed" else running.done)
        if name == "rename.linked" and not both and any(wanted in p for p in _linked(running)):
            both.append(b"")
            raise OSError(errno.EIO, "as if it ended here")

    monkeypatch.setattr(daemon.files, "crashpoint", crash)
    with running:
        running.drop("a.bin", b"once")
        running.wait_for(State.DONE)
        assert both
        assert sorted(os.listdir(running.done)) == ["a.bin", "a.bin.json"]
        assert running.lying_there() == os.listdir(running.work) == []
        assert _agrees(running)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_exclusive_renames_and_hard_links_will_do(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As exFAT over FUSE; nothing is replaced there either."""

    def cannot(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(daemon.files, "_rename_exclusively", None)
    with Daemon(tmp_path) as running:
        running.done.mkdir(exist_ok=True)
        (running.done / "a.bin").write_bytes(b"another")
        monkeypatch.setattr(os, "link", cannot)
        running.drop("a.bin", b"content")
        (job,) = running.wait_for(State.DONE)
        assert job.ending is not None
        assert (running.done / "a.bin").read_bytes() == b"another"
        assert (running.done / os.fsdecode(job.ending.name)).read_bytes() == b"content"
        assert running.lying_there() == os.listdir(running.work) == []


def _linked(running: Daemon) -> list[bytes]:
    """The paths of files that have two names now."""
    places = (running.work, running.done)
    paths = [path for place in places if place.is_dir() for path in place.iterdir()]
    return [os.fsencode(path) for path in paths if path.stat().st_nlink > 1]


def test_a_file_that_is_opened_again_before_it_is_taken_is_waited_for(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a long queue much time passes between the look at a file and its turn."""
    opened = []

    def open_again(name: str) -> None:
        if name == "claim.taken" and not opened:
            opened.append((running.inbox / "a.bin").open("ab"))

    monkeypatch.setattr(daemon.pipeline.preparing, "crashpoint", open_again)
    monkeypatch.setattr(daemon.pipeline.preparing, "_LOOK_AGAIN", 0.1)
    running = Daemon(tmp_path, inbox="deliver: [server]", rest=http(receiver.url))
    with running:
        running.drop("a.bin", b"first")
        wait_until(lambda: running.jobs(State.PARKED), "the file to wait")
        assert receiver.requests == []
        opened[0].write(b", then more")
        opened[0].close()
        running.wait_for(State.DONE)
    assert receiver.contents == {sha256(b"first, then more").hexdigest()}


def test_what_a_dropped_file_says_of_itself_is_no_sidecar(
    tmp_path: Path, receiver: Receiver
) -> None:
    """After a crash the sidecars are asked for what the ledger may have lost; who drops a file that
    looks like one must not have another file taken for delivered."""
    daemon = Daemon(tmp_path, inbox="deliver: [server]", rest=http(receiver.url))
    with daemon:
        daemon.drop("real.bin", b"real")
        daemon.wait_for(State.DONE)
        facts = daemon.sidecar("done", "real.bin")
        facts["job"] = facts["job"][:-4] + ("0000" if facts["job"][-4:] != "0000" else "1111")
        facts["file"] |= {"sha256": sha256(b"victim").hexdigest(), "name": "x", "path": "x"}
        daemon.drop("x.json", json.dumps(facts).encode())
        daemon.wait_for(State.DONE, 2)
    (tmp_path / "state" / "lock").write_text("1\n")  # as a crash leaves it
    with daemon:
        daemon.drop("victim.bin", b"victim")
        daemon.wait_for(State.DONE, 3)
        assert len(daemon.jobs()) == 3
        assert _agrees(daemon)
    assert sha256(b"victim").hexdigest() in receiver.contents
