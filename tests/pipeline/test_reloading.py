"""A configuration that is read again while files are under way, and what becomes of them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.errors import AlreadyRunningError, EnvironmentFaultError
from daemon.jobs.changes import TakenUp
from daemon.jobs.model import State
from daemon.observing.events import Event
from daemon.pipeline.pipeline import Pipeline, routes_of
from daemon.pipeline.verifying import verify
from tests.exchange import Exchange
from tests.receiver import Receiver, ok, status, thinking, waiting_for
from tests.running import Daemon, http
from tests.waiting import wait_until

DELIVER = "deliver: [server]"


class Closed:
    """A reply that takes nothing for now until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        """Take a file, or say that there is no room for it."""
        (ok() if self.opened.is_set() else status(503))(exchange)


def _reload(daemon: Daemon) -> dict[str, object]:
    before = len(daemon.log.of(Event.DAEMON_RELOADED))
    daemon.service.signalled(signal.SIGHUP)
    wait_until(lambda: len(daemon.log.of(Event.DAEMON_RELOADED)) > before, "the reload")
    return daemon.log.of(Event.DAEMON_RELOADED)[-1]


def _agrees(daemon: Daemon) -> bool:
    return list(verify(daemon.service._store, routes_of(daemon.service.config))) == []


@contextlib.contextmanager
def _one_in_work(folder: Path, receiver: Receiver) -> Iterator[Daemon]:
    """A daemon that has taken a file which nobody accepts for now."""
    daemon = Daemon(folder, inbox=DELIVER, rest=http(receiver.url))
    with daemon:
        daemon.drop("a.bin")
        wait_until(lambda: daemon.work.is_dir() and os.listdir(daemon.work), "the claim")
        yield daemon


def test_files_of_an_inbox_that_is_removed_wait_until_it_is_back(tmp_path: Path) -> None:
    """What was under way is not lost, and goes on under the key that it had."""
    (tmp_path / "other").mkdir()
    with Receiver(thinking(0.3), thinking(0.3), thinking(0.3)) as receiver:
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url))
        text = daemon.config_path.read_text()
        with daemon:
            for number in range(12):
                daemon.drop(f"{number}.bin", b"%d" % number)
            wait_until(lambda: receiver.requests, "a delivery")
            here = text.index("  box:")
            other = '  other: {path: other, accept: ["*/*"], read: none}\n'
            without = text[:here] + other + text[text.index("destinations:") :]
            daemon.config_path.write_text(without)
            assert _reload(daemon)["ok"]
            wait_until(lambda: not daemon.service._pipeline.coordinator.in_flight(), "rest")
            assert not daemon.jobs(State.FAILED)
            assert not daemon.jobs(State.CANCELLED)
            daemon.config_path.write_text(text)
            assert _reload(daemon)["ok"]
            daemon.wait_for(State.DONE, 12)
            assert _agrees(daemon)
        keys = {(request.sha256, request.key) for request in receiver.requests}
        assert len(keys) == 12


def test_files_that_wait_for_their_turn_wait_for_their_inbox_when_it_is_removed(
    tmp_path: Path,
) -> None:
    """With it goes their destination, which no other inbox has; that is no failure of theirs."""
    (tmp_path / "other").mkdir()
    taken = threading.Event()
    with Receiver(waiting_for(taken)) as receiver:
        extra = "    concurrency: {max: 1, adaptive: false}\n"
        rest = http(receiver.url, extra).replace("read: 5s", "read: 60s")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest)
        text = daemon.config_path.read_text()
        with daemon:
            for number in range(12):
                daemon.drop(f"{number}.bin", b"%d" % number)
            lane = daemon.service._pipeline.lanes
            wait_until(lambda: receiver.begun and lane()["server"]["waiting"] == 11, "the others")
            here = text.index("  box:")
            other = '  other: {path: other, accept: ["*/*"], read: none}\n'
            daemon.config_path.write_text(text[:here] + other + text[text.index("destinations:") :])
            assert _reload(daemon)["ok"]
            taken.set()
            wait_until(lambda: not daemon.service._pipeline.coordinator.in_flight(), "rest")
            assert not daemon.jobs(State.FAILED)
            daemon.config_path.write_text(text)
            assert _reload(daemon)["ok"]
            daemon.wait_for(State.DONE, 12)
            assert not daemon.log.of(Event.JOB_FAILED)
            assert _agrees(daemon)
        assert len({(request.sha256, request.key) for request in receiver.requests}) == 12


def test_a_file_for_a_destination_that_is_removed_fails_by_name_and_can_be_tried_again(
    tmp_path: Path,
) -> None:
    """It waits for its next attempt when the destination goes."""
    closed = Closed()
    with Receiver(otherwise=closed) as receiver:
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url))
        good = daemon.config_path.read_text()
        with daemon:
            daemon.drop("a.bin")
            daemon.wait_for(State.PARKED)
            daemon.configure("deliver: [disk]", "destinations: {disk: {type: folder, path: .}}")
            assert _reload(daemon)["ok"]
            (job,) = daemon.wait_for(State.FAILED)
            assert daemon.sidecar("rejected", "a.bin")["error"]["code"] == "unknown_destination"
            closed.opened.set()
            daemon.config_path.write_text(good)
            assert _reload(daemon)["ok"]
            daemon.service._store.write([TakenUp(job.id)])
            daemon.service._pipeline.coordinator.nudge()
            daemon.wait_for(State.DONE)
            assert _agrees(daemon)


def test_no_reload_leaves_files_behind_in_work(tmp_path: Path) -> None:
    """Another work/ is taken up once the old one is empty."""
    closed = Closed()
    with Receiver(otherwise=closed) as receiver, _one_in_work(tmp_path, receiver) as daemon:
        daemon.configure(f"{DELIVER}\nwork: elsewhere", http(receiver.url))
        told = _reload(daemon)
        assert (told["ok"], told["code"]) == (False, "work_moved")
        closed.opened.set()
        daemon.wait_for(State.DONE)
        assert _reload(daemon)["ok"]
        daemon.drop("b.bin", b"later")
        daemon.wait_for(State.DONE, 2)
        assert _agrees(daemon)


def test_no_restart_leaves_files_behind_in_work(tmp_path: Path) -> None:
    """It is refused, until somebody has moved them into the new one."""
    closed = Closed()
    with Receiver(otherwise=closed) as receiver:
        with _one_in_work(tmp_path, receiver):
            pass
        daemon = Daemon(tmp_path, inbox=f"{DELIVER}\nwork: elsewhere", rest=http(receiver.url))
        with pytest.raises(EnvironmentFaultError, match=r"1 files of inbox box are in .*/work"):
            daemon.start()
        daemon = Daemon(tmp_path, inbox=f"{DELIVER}\nwork: elsewhere", rest=http(receiver.url))
        closed.opened.set()
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        for name in os.listdir(daemon.work):
            (daemon.work / name).rename(tmp_path / "elsewhere" / name)
        with daemon:
            daemon.wait_for(State.DONE)
            assert _agrees(daemon)
        assert receiver.contents == {sha256(b"content").hexdigest()}


def test_two_daemons_share_no_inbox(tmp_path: Path) -> None:
    """With state folders of their own neither would know what the other has taken."""

    def second() -> Daemon:
        daemon = Daemon(tmp_path)
        text = daemon.config_path.read_text().replace("state: state", "state: second")
        daemon.config_path = tmp_path / "second.yaml"
        daemon.config_path.write_text(text)
        return daemon

    with Daemon(tmp_path) as first:
        first.drop("a.bin")
        first.wait_for(State.DONE)
        with pytest.raises(AlreadyRunningError, match=r"its state folder is .*/state\) works in"):
            second().start()
        assert os.listdir(first.work) == []
    with second():
        pass


def test_of_two_daemons_that_start_at_once_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a machine starts; neither has marked its folder when the other looks first."""
    first, second = Daemon(tmp_path), tmp_path / "second.yaml"
    second.write_text(first.config_path.read_text().replace("state: state", "state: second"))
    make_folders = Pipeline.make_folders
    inner = Daemon(tmp_path)
    inner.config_path = second

    def meanwhile(pipeline: Pipeline) -> None:
        monkeypatch.setattr(Pipeline, "make_folders", make_folders)
        make_folders(pipeline)
        inner.start()

    monkeypatch.setattr(Pipeline, "make_folders", meanwhile)
    try:
        with pytest.raises(AlreadyRunningError, match="works in"):
            first.start()
    finally:
        inner.stop()


def test_an_inbox_that_one_daemon_no_longer_has_may_be_another_ones(tmp_path: Path) -> None:
    """Whether it went by a reload or by a restart."""
    (tmp_path / "other").mkdir()
    first = Daemon(tmp_path)
    text = first.config_path.read_text()
    second = tmp_path / "second.yaml"
    second.write_text(text.replace("state: state", "state: second"))
    with first:
        first.config_path.write_text(text.replace("path: inbox", "path: other\n    work: w"))
        assert _reload(first)["ok"]
        daemon = Daemon(tmp_path)
        first.config_path.write_text(text.replace("path: inbox", "path: other\n    work: w"))
        daemon.config_path = second
        with daemon:
            first.config_path.write_text(text)
            told = _reload(first)
            assert (told["ok"], told["code"]) == (False, "inbox_taken")
