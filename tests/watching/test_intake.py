"""From files dropped into an inbox to sightings that are handed over."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from daemon.config.model import InboxConfig
from daemon.errors import EnvironmentFaultError
from daemon.files import identity
from daemon.limits import Limits
from daemon.watching import looking
from daemon.watching.intake import BATCH, Intake
from daemon.watching.names import CANARY_NAME
from daemon.watching.probe import Look, observe
from daemon.watching.sight import Sight
from tests.waiting import PATIENCE, eventually
from tests.watching.recorders import Ledger

JPEG = b"\xff\xd8\xff\xe0" + bytes(3000) + b"\xff\xd9"
LIMITS = Limits(poll_every=0.02, patience=3.0, canary_every=60.0, canary_within=30.0)

Start = Callable[..., Intake]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def make(inbox: Path, ledger: Ledger) -> Iterator[Start]:
    """An intake of the inbox, with what its configuration and limits should say."""
    made: list[Intake] = []

    def intake(*, limits: Limits = LIMITS, **options: Any) -> Intake:
        config = InboxConfig.model_validate({"path": inbox, "settle": "50ms", **options})
        made.append(
            Intake(
                "receipts",
                config,
                limits,
                SystemClock(),
                admit=ledger.admit,
                report=ledger.report,
            )
        )
        return made[-1]

    yield intake
    for each in made:
        each.stop()


@pytest.fixture
def start(make: Start) -> Start:
    """The same, started and through its first scan."""

    def started(**options: Any) -> Intake:
        intake = make(**options)
        intake.start()
        assert intake.wait_idle(PATIENCE)
        return intake

    return started


@pytest.fixture
def without_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network mount: the kernel cannot tell whether a writer is done."""
    monkeypatch.setattr(looking, "is_remote", lambda kind: True)


class TestNoticing:
    @pytest.mark.parametrize("watch", ["native", "polling"])
    def test_dropped(self, watch: str, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that is dropped is handed over with its path and identity."""
        start(watch=watch)
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.has(b"a.jpg")
        sighting = ledger.sightings[-1]
        assert sighting.inbox == "receipts"
        assert sighting.identity == identity((inbox / "a.jpg").stat())

    @pytest.mark.parametrize("watch", ["native", "polling"])
    def test_there_before(self, watch: str, inbox: Path, ledger: Ledger, start: Start) -> None:
        """Files that were there before the start are found by the scan."""
        (inbox / "a.jpg").write_bytes(JPEG)
        start(watch=watch)
        assert ledger.paths() == {b"a.jpg"}

    def test_linked_in(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A hard link is handed over although no writer of it is ever reported done."""
        start()
        (inbox.parent / "a").write_bytes(JPEG)
        os.link(inbox.parent / "a", inbox / "a.jpg")
        assert ledger.has(b"a.jpg")

    def test_names(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """Only names that the inbox takes are handed over, by hint and by scan alike."""
        for name in ("a.jpg", "a.jpg.part", ".a.jpg"):
            (inbox / name).write_bytes(JPEG)
        intake = start(include=["*.jpg"])
        for name in ("b.jpg", "b.jpg.part", ".b.jpg", "b.pdf"):
            (inbox / name).write_bytes(JPEG)
        (inbox / "c.jpg").write_bytes(JPEG)
        assert ledger.has(b"c.jpg")
        assert intake.wait_idle(PATIENCE)
        assert ledger.paths() == {b"a.jpg", b"b.jpg", b"c.jpg"}

    def test_recursive(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """In a recursive inbox paths are relative to it, and dot folders are left alone."""
        start(recursive=True)
        (inbox / "2026" / ".cache").mkdir(parents=True)
        (inbox / "2026" / ".cache" / "x.jpg").write_bytes(JPEG)
        (inbox / "2026" / "a.jpg").write_bytes(JPEG)
        assert ledger.has(b"2026/a.jpg")
        assert ledger.paths() == {b"2026/a.jpg"}

    def test_special_files(
        self, inbox: Path, ledger: Ledger, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Links, FIFOs and sockets are handed over at once, to be refused by name."""
        start()
        (inbox / "link").symlink_to("/etc/passwd")
        os.mkfifo(inbox / "fifo")
        monkeypatch.chdir(inbox)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
        assert ledger.has(b"link", b"fifo", b"socket")

    def test_odd_names(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """Names that are not text come through as they are."""
        start()
        for name in (b"\xff\xfe.jpg", b"new\nline.jpg"):
            with open(os.path.join(os.fsencode(inbox), name), "wb") as file:
                file.write(JPEG)
        assert ledger.has(b"\xff\xfe.jpg", b"new\nline.jpg")

    def test_many(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """Of 5,000 files dropped at once each is handed over, in bounded batches."""
        intake = start()
        (inbox.parent / "one").write_bytes(JPEG)
        for number in range(5000):
            os.link(inbox.parent / "one", inbox / f"{number}.jpg")
        assert ledger.has(*(b"%d.jpg" % number for number in range(5000)))
        assert intake.wait_idle(PATIENCE)
        assert max(ledger.batches) <= BATCH

    def test_rescan(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A scan finds again what is still there; who keeps originals dedupes by identity."""
        (inbox / "a.jpg").write_bytes(JPEG)
        intake = start()
        intake.rescan()
        assert ledger.until(lambda: len(ledger.sightings) == 2)
        assert ledger.sightings[0].identity == ledger.sightings[1].identity

    def test_slow_rescan(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A slow rescan comes by itself and needs no event."""
        (inbox / "a.jpg").write_bytes(JPEG)
        start(limits=Limits(rescan_every=0.05))
        assert ledger.until(lambda: len(ledger.sightings) >= 3)


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


class TestSettling:
    def test_open_for_writing(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that its writer keeps open waits, visibly, and is taken once it is closed."""
        intake = start()
        with (inbox / "a.jpg").open("wb") as file:
            file.write(JPEG)
            file.flush()
            (inbox / "b.jpg").write_bytes(JPEG)
            assert ledger.has(b"b.jpg")
            assert eventually(lambda: bool(intake.settling()))
            assert not intake.wait_idle(0.2)
            assert ledger.paths() == {b"b.jpg"}
            assert [(name, reason) for name, reason, _ in intake.settling()] == [
                ("a.jpg", "open for writing")
            ]
        assert ledger.has(b"a.jpg")
        assert intake.wait_idle(PATIENCE)
        assert intake.settling() == []

    def test_writer_in_bursts(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that is written in bursts by another process is taken whole, not before."""
        start()
        script = (
            "import sys, time\n"
            "with open(sys.argv[1], 'wb') as file:\n"
            "    for part in range(5):\n"
            "        file.write(bytes(1000)); file.flush(); time.sleep(0.05)\n"
        )
        subprocess.run([sys.executable, "-c", script, str(inbox / "a.bin")], check=True)
        assert ledger.has(b"a.bin")
        assert {sighting.identity.size for sighting in ledger.sightings} == {5000}

    def test_cut(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that looks cut off is given time, and is taken as soon as its end is there."""
        intake = start(settle="5s")
        (inbox / "a.jpg").write_bytes(JPEG[:1000])
        (inbox / "b.jpg").write_bytes(JPEG)
        assert ledger.has(b"b.jpg")
        assert eventually(
            lambda: [reason for _, reason, _ in intake.settling()] == ["looks cut off"]
        )
        with (inbox / "a.jpg").open("ab") as file:
            file.write(JPEG[1000:])
        assert ledger.has(b"a.jpg")
        assert ledger.sightings[-1].identity.size == len(JPEG)
        assert ledger.sightings[-1].settle_seconds > 0

    @pytest.mark.parametrize("content", [b"", JPEG[:1000]])
    def test_never_whole(self, content: bytes, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that stays empty or cut is handed over after patience, to be refused by name."""
        start()
        (inbox / "a.jpg").write_bytes(content)
        assert ledger.has(b"a.jpg")
        assert ledger.sightings[-1].settle_seconds >= 0.15

    def test_quiet_time(
        self, inbox: Path, ledger: Ledger, start: Start, without_leases: None
    ) -> None:
        """Where the kernel cannot tell, a file is taken after it was quiet, whatever its mtime."""
        intake = start()
        (inbox / "a.jpg").write_bytes(JPEG)
        os.utime(inbox / "a.jpg", (0, 0))
        (inbox / "b.jpg").write_bytes(JPEG)
        os.utime(inbox / "b.jpg", (2**33, 2**33))
        assert ledger.has(b"a.jpg", b"b.jpg")
        assert all(sighting.settle_seconds >= 0.05 for sighting in ledger.sightings)
        assert intake.wait_idle(PATIENCE)

    def test_gone_while_waiting(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that goes away while it settles is forgotten."""
        intake = start()
        (inbox / "a.jpg").write_bytes(b"")
        assert eventually(lambda: bool(intake.settling()))
        (inbox / "a.jpg").unlink()
        assert intake.wait_idle(PATIENCE)
        assert ledger.paths() == set()

    def test_more_than_can_be_remembered(
        self,
        inbox: Path,
        ledger: Ledger,
        start: Start,
        without_leases: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Files that find no room while settling are found by further scans."""
        monkeypatch.setattr(looking, "_MOST_SETTLING", 10)
        for number in range(35):
            (inbox / f"{number}.jpg").write_bytes(JPEG)
        start()
        assert ledger.has(*(b"%d.jpg" % number for number in range(35)))


class TestFolder:
    def test_removed_and_made_anew(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """An inbox that goes away is reported; when it is back its files are seen again."""
        intake = start()
        shutil.rmtree(inbox)
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
        reader = next(
            thread for thread in threading.enumerate() if type(thread).__name__ == "_Reader"
        )
        group = next(iter(reader._watch_for_wd.values())).callbacks  # type: ignore[attr-defined]
        watcher = next(iter(group.values()))
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
