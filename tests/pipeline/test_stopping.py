"""Stopping, reloading and giving up: promise 9, and nothing lost on the way."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.config.load import load
from daemon.errors import InboxdError
from daemon.jobs.changes import CancelRequested
from daemon.jobs.model import State
from daemon.jobs.state_folder import StateFolder
from daemon.limits import Limits
from daemon.observing.events import Event
from daemon.service import Service
from tests.receiver import Receiver, ok, silent, status, thinking
from tests.running import QUICK, Daemon, ListLog, http
from tests.waiting import wait_until

DELIVER = "deliver: [server]"


def test_what_is_under_way_at_a_stop_is_finished(tmp_path: Path) -> None:
    """The delivery that had begun ends, its sidecar is written, the original filed."""
    with Receiver(thinking(0.4)) as receiver:
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url))
        with daemon:
            daemon.drop("r.bin")
            wait_until(lambda: daemon.log.of(Event.DELIVERY_STARTED), "the delivery to begin")
        assert daemon.sidecar("done", "r.bin")["status"] == "done"
        assert os.listdir(daemon.work) == []


def test_a_wait_between_attempts_ends_at_once_and_the_job_goes_on_after_the_restart(
    tmp_path: Path,
) -> None:
    """Nobody waits a minute for a daemon that only sleeps."""
    with Receiver(status(503), ok()) as receiver:
        rest = http(receiver.url).replace("initial: 10ms, max: 50ms", "initial: 60s, max: 60s")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest)
        with daemon:
            daemon.drop("r.bin")
            wait_until(lambda: daemon.log.of(Event.DELIVERY_ATTEMPT_FAILED), "a failed attempt")
            began = time.monotonic()
        assert time.monotonic() - began < 30
        with daemon:
            daemon.wait_for(State.DONE)
        assert len({request.key for request in receiver.requests}) == 1


def test_a_second_stop_ends_what_is_under_way_and_it_is_delivered_after_the_restart(
    tmp_path: Path,
) -> None:
    """At once, and still safe: the same key again."""
    with Receiver(silent(), ok()) as receiver:
        rest = http(receiver.url).replace("read: 5s", "read: 60s")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest)
        daemon.start()
        daemon.drop("r.bin")
        wait_until(lambda: receiver.begun, "the upload to begin")
        began = time.monotonic()
        daemon.service.stop()
        daemon.service.stop()
        assert daemon.wait_stopped() == 0
        assert time.monotonic() - began < 30
        with daemon:
            daemon.wait_for(State.DONE)
        assert len({request.key for request in receiver.requests}) == 1


def test_a_job_that_waits_can_be_given_up(tmp_path: Path) -> None:
    """It ends in rejected/ with a sidecar that says so."""
    with Receiver(otherwise=status(503)) as receiver:
        rest = http(receiver.url).replace("initial: 10ms, max: 50ms", "initial: 30s, max: 60s")
        with Daemon(tmp_path, inbox=DELIVER, rest=rest) as daemon:
            daemon.drop("r.bin")
            wait_until(lambda: daemon.log.of(Event.DELIVERY_ATTEMPT_FAILED), "a failed attempt")
            (job,) = daemon.jobs()
            daemon.service._store.write([CancelRequested(job.id)])
            daemon.service.signalled(signal.SIGUSR1)
            daemon.wait_for(State.CANCELLED)
            facts = daemon.sidecar("rejected", "r.bin")
            assert (facts["status"], facts["error"]["code"]) == ("cancelled", "cancelled")
            assert (daemon.rejected / "r.bin").read_bytes() == b"content"


def test_status_knows_of_a_daemon_that_has_just_started(tmp_path: Path) -> None:
    """What only the running process knows is written down at once."""
    with Daemon(tmp_path) as daemon:
        facts = StateFolder(tmp_path / "state").read_runtime()
        assert facts is not None
        assert facts["healthy"]
        assert facts["pid"] == os.getpid()
        assert list(facts["inboxes"]) == ["box"]
    facts = StateFolder(daemon.folder / "state").read_runtime()
    assert facts is not None
    assert facts["pid"] is None


def test_status_knows_of_an_upload_that_is_under_way(tmp_path: Path) -> None:
    """Also when the daemon had nothing to do before, and so slept long."""
    state = StateFolder(tmp_path / "state")

    def told() -> object:
        return (state.read_runtime() or {}).get("in_flight")

    with Receiver(otherwise=silent()) as receiver:
        rest = http(receiver.url).replace("read: 5s", "read: 60s")
        with Daemon(tmp_path, inbox=DELIVER, rest=rest) as daemon:
            daemon.drop("r.bin")
            wait_until(told, "the upload to be told")
            daemon.service.stop()


def test_a_reload_takes_up_a_new_inbox_and_loses_nothing(tmp_path: Path) -> None:
    """Files that were waiting under the old configuration go on under the new one."""
    (tmp_path / "second").mkdir()
    with Receiver(otherwise=thinking(0.05)) as receiver:
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=http(receiver.url))
        with daemon:
            for number in range(20):
                daemon.drop(f"{number}.bin", b"%d" % number)
            wait_until(lambda: receiver.requests, "a first delivery")
            text = daemon.config_path.read_text()
            more = '  more: {path: second, done: sd, rejected: sr, work: sw, accept: ["*/*"], '
            more += "read: none, settle: 50ms, deliver: [server]}\ndestinations:"
            daemon.config_path.write_text(text.replace("destinations:", more))
            daemon.service.signalled(signal.SIGHUP)
            wait_until(lambda: daemon.log.of(Event.DAEMON_RELOADED), "the reload")
            (tmp_path / "second" / "s.bin").write_bytes(b"second")
            daemon.wait_for(State.DONE, 21)
        assert len(receiver.contents) == 21


def test_a_broken_configuration_is_not_taken_up(tmp_path: Path) -> None:
    """The daemon says what is wrong and goes on as it was."""
    with Daemon(tmp_path) as daemon:
        good = daemon.config_path.read_text()
        daemon.config_path.write_text(good + "inboxxes: 3\n")
        daemon.service.signalled(signal.SIGHUP)
        wait_until(lambda: daemon.log.of(Event.DAEMON_RELOADED), "the answer to the reload")
        (told,) = daemon.log.of(Event.DAEMON_RELOADED)
        assert told["ok"] is False
        assert "inboxxes" in told["message"]
        daemon.drop("r.bin")
        daemon.wait_for(State.DONE)


def _once(daemon: Daemon, limits: Limits = QUICK) -> int:
    log = ListLog()
    return Service(load(daemon.config_path), log, path=daemon.config_path, limits=limits).once()


def test_once_brings_everything_to_its_end_and_says_how_it_went(tmp_path: Path) -> None:
    """0 when all files are done, 1 when one is not, and 0 again when nothing new is wrong."""
    with Receiver() as receiver:
        daemon = Daemon(tmp_path, inbox=f"{DELIVER}\nmax_size: 10B", rest=http(receiver.url))
        for number in range(30):
            daemon.drop(f"{number}.bin", b"%d" % number)
        assert _once(daemon) == 0
        assert len(os.listdir(daemon.done)) == 60
        daemon.drop("large.bin", b"more than ten bytes")
        assert _once(daemon) == 1
        assert (daemon.rejected / "large.bin").exists()
        assert _once(daemon) == 0


def test_once_leaves_what_has_to_wait_parked_and_says_so(tmp_path: Path) -> None:
    """A cron job does not hang on a server that is down; the next one goes on."""
    with Receiver(status(503), status(503), status(503), ok()) as receiver:
        rest = http(receiver.url).replace("max: 50ms", "max: 10s")
        daemon = Daemon(tmp_path, inbox=DELIVER, rest=rest)
        daemon.drop("r.bin")
        assert _once(daemon, replace(QUICK, park_max=3.0)) == 1
        assert not (daemon.done / "r.bin").exists()
        wait_until(lambda: _once(daemon) == 0, "the pause to be over")
        assert (daemon.done / "r.bin").exists()
        assert len({request.key for request in receiver.requests}) == 1


def test_once_does_not_wait_for_ever_for_a_file_that_is_kept_open(tmp_path: Path) -> None:
    """The next run takes it; this one says that not all is done."""
    daemon = Daemon(tmp_path)
    daemon.drop("whole.bin")
    with (daemon.inbox / "open.bin").open("wb") as writing:
        writing.write(b"not yet")
        writing.flush()
        limits = replace(QUICK, once_waits=0.3)
        assert Service(load(daemon.config_path), ListLog(), limits=limits).once() == 1
    assert (daemon.done / "whole.bin").exists()
    assert (daemon.inbox / "open.bin").exists()


def test_once_that_a_signal_ends_says_what_it_left_in_the_inbox(tmp_path: Path) -> None:
    """A file that was not taken in yet is not well, though the ledger knows nothing of it."""
    daemon = Daemon(tmp_path, inbox="settle: 1h")
    with (daemon.inbox / "open.bin").open("wb") as writing:
        writing.write(b"not yet")
        writing.flush()
        service = Service(load(daemon.config_path), ListLog(), limits=QUICK)
        assert service.once(lambda _: service.stop()) == 1
    (daemon.inbox / "open.bin").unlink()
    service = Service(load(daemon.config_path), ListLog(), limits=QUICK)
    assert service.once() == 0


def test_once_says_when_an_inbox_is_missing(tmp_path: Path) -> None:
    """It does not wait for somebody to mount it."""
    daemon = Daemon(tmp_path)
    daemon.inbox.rmdir()
    assert _once(daemon) == 4


def test_once_works_off_the_other_inboxes_when_one_is_missing(tmp_path: Path) -> None:
    """All of their files, however many; and still it says that something stands in the way."""
    daemon = Daemon(tmp_path)
    text = daemon.config_path.read_text()
    gone = "  gone: {path: none, done: gd, rejected: gr, work: gw, read: none}\n"
    daemon.config_path.write_text(text.replace("inboxes:\n", f"inboxes:\n{gone}"))
    for number in range(60):
        daemon.drop(f"{number}.bin", b"%d" % number)
    assert _once(daemon) == 4
    assert len(os.listdir(daemon.done)) == 120


def test_once_says_when_a_folder_in_an_inbox_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is worked off; what was not seen is told, and is not taken for nothing."""
    daemon = Daemon(tmp_path, inbox="recursive: true")
    (daemon.inbox / "sub").mkdir()
    daemon.drop("r.bin")
    forbid_listing(monkeypatch, b"sub")
    log = ListLog()
    service = Service(load(daemon.config_path), log, path=daemon.config_path, limits=QUICK)
    assert service.once() == 4
    assert (daemon.done / "r.bin").exists()
    (told,) = log.of(Event.INBOX_MISSING)
    assert "sub" in told["reason"]


def forbid_listing(monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    """Take the right to list a folder away, which root would have all the same."""
    scandir = os.scandir

    def forbidding(path: Any) -> Any:
        if os.path.basename(path) == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    """Said at the start, before any file is touched."""
    daemon = Daemon(tmp_path)
    daemon.done.write_text("a file where a folder should be")
    daemon.drop("r.bin")
    with pytest.raises(InboxdError, match="done"):
        _once(daemon)
    assert (daemon.inbox / "r.bin").exists()
