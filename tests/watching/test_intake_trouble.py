"""An intake whose folder goes, changes or cannot be read, whose ledger cannot take, and its end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from daemon.errors import EnvironmentFaultError
from daemon.limits import Limits
from daemon.watching import looking
from daemon.watching.names import CANARY_NAME
from daemon.watching.native import NativeWatcher
from daemon.watching.probe import Look, observe
from daemon.watching.sight import Sight
from tests.waiting import PATIENCE, eventually
from tests.watching.conftest import JPEG, Start
from tests.watching.recorders import Ledger


class TestAnotherFolder:
    def test_replaced_between_two_looks(
        self, inbox: Path, ledger: Ledger, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A folder that takes the inbox's place just after it was looked at is watched too."""
        tend, replaced = Sight.tend, threading.Event()

        def tend_and_then(sight: Sight) -> bool:
            there = tend(sight)
            if armed.is_set() and not replaced.is_set():
                inbox.rename(inbox.with_name("old"))
                inbox.mkdir()
                replaced.set()
                # The watcher says so while the intake is past its look at the folder.
                assert eventually(lambda: intake._scan_wanted)
            return there

        monkeypatch.setattr(Sight, "tend", tend_and_then)
        armed = threading.Event()
        intake = start(limits=Limits(rescan_every=3600.0, canary_every=3600.0))
        assert eventually(lambda: intake.last_seen() is not None and not os.listdir(inbox))
        assert intake.wait_idle(PATIENCE)
        first = inbox.with_name("first.jpg")
        first.write_bytes(JPEG)
        before = intake.last_scan()
        armed.set()
        first.rename(inbox / "first.jpg")  # one event, so that nothing else brings a second look
        assert replaced.wait(PATIENCE)
        assert eventually(lambda: intake.last_scan() != before)
        (inbox / "second.jpg").write_bytes(JPEG)
        assert ledger.has(b"second.jpg")


def _dig(folder: Path, levels: int) -> None:
    """Make a folder in a folder in a folder, with a file in the last."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d" * 100, dir_fd=here)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("deep.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


class TestTooDeep:
    @pytest.mark.parametrize("levels", [39, 60])
    @pytest.mark.parametrize("watch", ["native", "polling"])
    def test_deeper_than_paths_reach(
        self, watch: str, levels: int, inbox: Path, ledger: Ledger, make: Start
    ) -> None:
        """Whoever digs a folder that no path reaches keeps no other file from being taken."""
        (inbox.parent / "dug").mkdir()
        _dig(inbox.parent / "dug", levels)
        _dig(inbox, levels)
        intake = make(watch=watch, recursive=True, limits=Limits(poll_every=0.02))
        intake.start()
        (inbox / "first.jpg").write_bytes(JPEG)
        assert ledger.has(b"first.jpg")
        (inbox.parent / "dug").rename(inbox / "moved in")
        (inbox / "second.jpg").write_bytes(JPEG)
        assert ledger.has(b"second.jpg")
        assert not intake.held_up()
        assert intake.polling() is None or watch == "polling"


class TestFolder:
    def test_removed_and_made_anew(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """An inbox that goes away is reported; when it is back its files are seen again."""
        intake = start()
        assert eventually(lambda: intake.last_seen() is not None and not os.listdir(inbox))
        inbox.rmdir()
        assert ledger.was_told("inbox.missing")
        assert intake.trouble() is not None
        inbox.mkdir()
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.was_told("inbox.restored")
        assert ledger.has(b"a.jpg")
        assert intake.wait_idle(PATIENCE)
        (inbox / "b.jpg").write_bytes(JPEG)
        assert ledger.has(b"b.jpg")
        assert intake.trouble() is None

    def test_replaced(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A folder that takes the inbox's place is watched in its stead."""
        start()
        other = inbox.with_name("other")
        other.mkdir()
        (other / "a.jpg").write_bytes(JPEG)
        inbox.rename(inbox.with_name("old"))
        other.rename(inbox)
        assert ledger.has(b"a.jpg")
        (inbox / "b.jpg").write_bytes(JPEG)
        assert ledger.has(b"b.jpg")

    def test_missing_at_start(self, inbox: Path, ledger: Ledger, make: Start) -> None:
        """An inbox that is not there yet is waited for."""
        inbox.rmdir()
        intake = make()
        intake.start()
        assert ledger.was_told("inbox.missing")
        inbox.mkdir()
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.has(b"a.jpg")

    def test_not_a_folder(self, inbox: Path, ledger: Ledger, make: Start) -> None:
        """A file in the place of an inbox is as good as nothing there."""
        inbox.rmdir()
        inbox.write_bytes(b"")
        make().start()
        assert ledger.was_told("inbox.missing")


class TestTrouble:
    def test_ledger_cannot(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """What the ledger cannot take is kept and offered again until it can."""
        intake = start()
        ledger.refuse = True
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.until(lambda: ledger.refusals >= 2)
        assert intake.trouble() == "no space left"
        assert not intake.idle()
        ledger.refuse = False
        assert ledger.has(b"a.jpg")
        assert ledger.was_told("environment.resumed")
        assert ledger.names_of_events().count("environment.paused") == 1
        assert intake.trouble() is None

    def test_out_of_descriptors(
        self, inbox: Path, ledger: Ledger, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When files cannot even be looked at, nothing is forgotten and it goes on by itself."""
        failures = iter([True, True])

        def failing(folder: bytes, path: bytes, *, ask_lease: bool) -> Look:
            if next(failures, False):
                raise EnvironmentFaultError("emfile", "out of descriptors")
            return observe(folder, path, ask_lease=ask_lease)

        monkeypatch.setattr(looking, "observe", failing)
        start()
        (inbox / "a.jpg").write_bytes(JPEG)
        (inbox / "b.jpg").write_bytes(JPEG)
        assert ledger.has(b"a.jpg", b"b.jpg")
        assert ledger.was_told("environment.paused")
        assert ledger.was_told("environment.resumed")

    def test_overflow(self, inbox: Path, ledger: Ledger, make: Start) -> None:
        """When hints are lost the scan brings what they would have brought, and it is reported."""
        limits = Limits(canary_every=60.0, canary_within=30.0)
        intake = make(limits=limits)
        intake.start()
        assert intake.wait_idle(PATIENCE)
        watcher = intake._sight._watcher
        assert isinstance(watcher, NativeWatcher)
        (inbox / "a.jpg").write_bytes(JPEG)
        watcher.on_queue_overflow()
        assert ledger.was_told("inbox.overflow")
        assert ledger.has(b"a.jpg")

    @pytest.mark.parametrize("watch", ["native", "polling"])
    def test_blind(self, watch: str, inbox: Path, ledger: Ledger, make: Start) -> None:
        """When a probe file goes unseen the inbox is watched anew and scanned."""
        intake = make(limits=Limits(canary_every=0.3, canary_within=0.0), watch=watch)
        intake.start()
        assert ledger.was_told("inbox.overflow")
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.has(b"a.jpg")


class TestLife:
    @pytest.mark.parametrize("watch", ["native", "polling"])
    def test_proof_of_sight(self, watch: str, inbox: Path, start: Start) -> None:
        """It soon proves that it sees, and leaves no trace in the inbox."""
        intake = start(watch=watch)
        assert eventually(lambda: intake.last_seen() is not None)
        intake.stop()
        assert os.listdir(inbox) == []

    def test_sight_that_cannot_be_proven(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """Where no probe file can be dropped it says so, claims no proof, and still works."""
        (inbox / os.fsdecode(CANARY_NAME)).mkdir()
        intake = start()
        assert eventually(lambda: intake.unprovable() is not None)
        assert intake.last_seen() is None
        assert intake.last_scan() is not None
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.has(b"a.jpg")

    def test_stop_while_refused(self, inbox: Path, ledger: Ledger, make: Start) -> None:
        """It stops within a moment, also while the ledger keeps refusing."""
        ledger.refuse = True
        (inbox / "a.jpg").write_bytes(JPEG)
        intake = make(limits=Limits(poll_every=60.0))
        intake.start()
        assert ledger.until(lambda: ledger.refusals >= 1)
        intake.stop()
        assert not intake.alive()

    def test_stop_before_start(self, make: Start) -> None:
        """Stopping what was never started, or twice, is nothing."""
        intake = make()
        intake.stop()
        intake.stop()

    def test_polling_is_reported(
        self, ledger: Ledger, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An inbox that must be polled says so and why."""
        monkeypatch.setattr("daemon.watching.choice.file_system_of", lambda folder: "nfs4")
        intake = start()
        assert ledger.was_told("inbox.polling")
        assert intake.polling() == "nfs4 sends no events"
