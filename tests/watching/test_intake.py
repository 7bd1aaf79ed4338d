"""From files dropped into an inbox to sightings that are handed over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.files import identity
from daemon.limits import Limits
from daemon.watching import looking
from daemon.watching.intake import BATCH
from tests.waiting import PATIENCE, eventually
from tests.watching.conftest import JPEG, Start
from tests.watching.recorders import Ledger


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

    @pytest.mark.parametrize("watch", ["native", "polling"])
    def test_times_set_late(self, watch: str, inbox: Path, ledger: Ledger, start: Start) -> None:
        """Who sets a file's times after closing it makes another of it: it is handed over anew."""
        start(watch=watch)
        (inbox / "a.jpg").write_bytes(JPEG)
        assert ledger.has(b"a.jpg")
        os.utime(inbox / "a.jpg", (1e9, 1e9))
        there = identity((inbox / "a.jpg").stat())
        assert ledger.until(lambda: ledger.sightings[-1].identity == there)

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


class TestSettling:
    def test_open_for_writing(self, inbox: Path, ledger: Ledger, start: Start) -> None:
        """A file that its writer keeps open waits, visibly, and is taken once it is closed."""
        intake = start()
        with (inbox / "a.jpg").open("wb") as file:
            file.write(JPEG)
            file.flush()
            (inbox / "b.jpg").write_bytes(JPEG)
            assert ledger.has(b"b.jpg")
            assert eventually(
                lambda: (
                    [(name, reason) for name, reason, _ in intake.settling()]
                    == [("a.jpg", "open for writing")]
                )
            )
            assert not intake.wait_idle(0.2)
            assert ledger.paths() == {b"b.jpg"}
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
        with (inbox / "a.jpg").open("wb"):  # so that it waits for as long as the test takes
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
