from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.errors import InboxdError, Kind, StoppedError
from daemon.validation.clamd import ClamdScanner
from daemon.validation.scanning import (
    Guard,
    ScannerTroubleError,
    Trouble,
    VirusScanner,
    judge_scan,
)
from daemon.validation.validator import Validator
from tests.clamav import (
    EICAR,
    MARKED,
    WANTED,
    RealClamd,
    ScriptedClamd,
    hanging_up,
    refusing_size,
    saying,
)
from tests.validation import samples
from tests.validation.conftest import EVERYTHING, LIMITS


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.system)])
def scanner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VirusScanner]:
    """Each adapter of the seam, on a scanner that finds MARKED."""
    with ExitStack() as stack:
        if request.param == "real":
            clamd = stack.enter_context(RealClamd(tmp_path))
            yield ClamdScanner(os.fspath(clamd.socket), 20.0)
        else:
            scripted = stack.enter_context(ScriptedClamd())
            yield ClamdScanner(scripted.address, 20.0)


def signature(scanner: VirusScanner, *blocks: bytes) -> str | None:
    """What a scanner finds in a file of some blocks."""
    with scanner.scan(threading.Event()) as scan:
        for block in blocks:
            scan.feed(block)
        return scan.signature()


class TestContract:
    """What every virus scanner does."""

    def test_nothing_is_found_in_a_clean_file(self, scanner: VirusScanner) -> None:
        """None is the answer, also for a file of no bytes."""
        assert signature(scanner, b"nothing ", b"to see here") is None
        assert signature(scanner) is None
        assert signature(scanner, b"") is None

    def test_a_virus_is_found_and_named(self, scanner: VirusScanner) -> None:
        """Also where it lies across two blocks."""
        found = signature(scanner, b"x" * 100 + MARKED[:5], MARKED[5:] + b"y" * 100)
        assert found is not None
        assert "Own-Marker" in found

    def test_a_large_file_is_taken_in_blocks(self, scanner: VirusScanner) -> None:
        """What is fed may be longer than the socket's buffer."""
        blocks = [memoryview(bytes(1 << 20)) for _ in range(8)]
        with scanner.scan(threading.Event()) as scan:
            for block in blocks:
                scan.feed(block)
            assert scan.signature() is None

    def test_many_files_at_once(self, scanner: VirusScanner) -> None:
        """Each gets the answer that is its own."""
        answers: dict[int, str | None] = {}

        def ask(number: int) -> None:
            answers[number] = signature(scanner, MARKED if number % 2 else b"clean")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [answers[number] is None for number in range(8)] == [True, False] * 4

    def test_a_scan_can_be_left(self, scanner: VirusScanner) -> None:
        """Who lets go of a file in the middle of it leaves a scanner that answers the next."""
        with scanner.scan(threading.Event()) as scan:
            scan.feed(b"half of a file")
        assert signature(scanner, b"clean") is None

    def test_it_tells_its_version(self, scanner: VirusScanner) -> None:
        """For `inboxd check`."""
        assert "ClamAV" in scanner.version()
        assert "clamd at " in scanner.name


def trouble(address: str, content: bytes = b"content", timeout: float = 20.0) -> Trouble:
    """What comes of asking a clamd that gives no verdict; its message says what to do."""
    with pytest.raises(ScannerTroubleError) as caught:
        signature(ClamdScanner(address, timeout), content)
    assert caught.value.kind is Kind.ENVIRONMENT
    assert address in caught.value.message
    return caught.value.trouble


class TestTrouble:
    """What a clamd without a verdict means, and that it is never the file's fault."""

    def test_nobody_listens(self, tmp_path: Path) -> None:
        """A socket that is not there, one that nobody serves, and a port without a server."""
        assert trouble(os.fspath(tmp_path / "clamd.ctl")) is Trouble.DOWN
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(os.fspath(tmp_path / "left.ctl"))
        assert trouble(os.fspath(tmp_path / "left.ctl")) is Trouble.DOWN
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        assert trouble(f"127.0.0.1:{port}") is Trouble.DOWN
        assert trouble("no-such-host.invalid:3310") is Trouble.DOWN

    def test_it_refuses_the_size(self) -> None:
        """Clamd says so in the middle of a file and hangs up while we send."""
        with ScriptedClamd(refusing_size) as clamd:
            assert trouble(clamd.address) is Trouble.SIZE
            assert trouble(clamd.address, bytes(8 << 20)) is Trouble.SIZE

    def test_it_hangs_up(self) -> None:
        """A clamd that dies in the middle of a file is down, not a verdict."""
        with ScriptedClamd(hanging_up) as clamd:
            assert trouble(clamd.address) is Trouble.DOWN
            assert trouble(clamd.address, bytes(8 << 20)) is Trouble.DOWN

    def test_it_has_trouble_of_its_own(self) -> None:
        """What it says instead of a verdict is told."""
        with ScriptedClamd(saying(b"stream: Can't write to disk ERROR\0")) as clamd:
            with pytest.raises(ScannerTroubleError, match="Can't write to disk ERROR") as caught:
                signature(ClamdScanner(clamd.address, 20.0), b"x")
            assert caught.value.trouble is Trouble.FAILED

    def test_it_is_slow_with_one_file(self) -> None:
        """Where it answers others in the meantime only this file waits."""
        with ScriptedClamd() as clamd:
            clamd.stream = clamd.hold
            assert trouble(clamd.address, timeout=0.3) is Trouble.SLOW

    def test_it_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where it answers nobody it is down."""
        monkeypatch.setattr("daemon.validation.clamd._CONNECT", 0.3)
        with ScriptedClamd(deaf=True) as clamd:
            clamd.stream = clamd.hold
            assert trouble(clamd.address, timeout=0.3) is Trouble.DOWN

    def test_another_server_is_no_clamd(self) -> None:
        """What is not clamd's answer is no verdict."""
        with ScriptedClamd(saying(b"220 mail.example.com ESMTP\0")) as clamd:
            assert trouble(clamd.address) is Trouble.FAILED

    def test_a_stop_ends_the_wait(self) -> None:
        """Nobody waits for clamd after a stop."""
        stop = threading.Event()
        with ScriptedClamd() as clamd:
            clamd.stream = clamd.hold
            with ClamdScanner(clamd.address, 20.0).scan(stop) as scan:
                scan.feed(b"content")
                threading.Timer(0.1, stop.set).start()
                with pytest.raises(StoppedError):
                    scan.signature()


class TestPolicy:
    """What becomes of a file without a verdict."""

    @pytest.mark.parametrize(
        ("when_down", "code", "said"),
        [("reject", "not_scanned", "not scanned: "), ("pass", None, "not scanned: ")],
    )
    def test_a_file_without_a_verdict(
        self, tmp_path: Path, when_down: str, code: str | None, said: str
    ) -> None:
        """It is refused, or let through with a note that says why."""
        scanner = ClamdScanner(os.fspath(tmp_path / "none"), 1.0)
        with scanner.scan(threading.Event()) as scan:
            scan.feed(b"content")
            check, fault = judge_scan(scan, when_down)
        assert not check.ok
        assert check.detail.startswith(said)
        assert (fault.code if fault else None) == code

    def test_a_file_waits_by_default(self, tmp_path: Path) -> None:
        """There is no verdict then, but a reason to come back."""
        scanner = ClamdScanner(os.fspath(tmp_path / "none"), 1.0)
        with scanner.scan(threading.Event()) as scan, pytest.raises(ScannerTroubleError):
            judge_scan(scan, "wait")


@pytest.fixture
def inspected(validator: Validator, tmp_path: Path) -> Iterator[tuple[Validator, ScriptedClamd]]:
    """The validator of these tests behind a scanner that finds MARKED."""
    with ScriptedClamd() as clamd:
        guarded = Validator(validator._pool, LIMITS)
        guarded.guard = Guard(ClamdScanner(clamd.address, 20.0), "wait")
        yield guarded, clamd


def test_a_file_is_scanned_as_it_is_hashed(
    inspected: tuple[Validator, ScriptedClamd], tmp_path: Path
) -> None:
    """The scanner is shown each byte once, of files of one block and of many."""
    validator, clamd = inspected
    for content in (samples.encoded("JPEG"), os.urandom(3 * LIMITS.read_block + 17)):
        path = tmp_path / "file"
        path.write_bytes(content)
        verdict = validator.inspect(bytes(path), b"file", EVERYTHING, threading.Event())
        assert verdict.accepted
        assert clamd.seen.pop() == content
        assert ("virus", True) in [(check.check, check.ok) for check in verdict.checks]


def test_no_parser_opens_what_is_infected(
    inspected: tuple[Validator, ScriptedClamd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict comes before the type is looked at, and no child is asked."""
    validator, _clamd = inspected

    def forbidden(*_arguments: object, **_more: object) -> None:
        raise AssertionError("an infected file was looked into")

    monkeypatch.setattr("daemon.validation.validator.detect", forbidden)
    monkeypatch.setattr(validator._pool, "run", forbidden)
    path = tmp_path / "file"
    path.write_bytes(samples.encoded("JPEG") + MARKED)
    verdict = validator.inspect(bytes(path), b"r.jpg", EVERYTHING, threading.Event())
    assert verdict.refusal is not None
    assert verdict.refusal.code == "virus_found"
    assert "Own-Marker" in verdict.refusal.message
    assert verdict.media_type is None


def test_an_empty_file_is_not_scanned(
    inspected: tuple[Validator, ScriptedClamd], tmp_path: Path
) -> None:
    """There is nothing in it."""
    validator, clamd = inspected
    (tmp_path / "empty").touch()
    validator.inspect(bytes(tmp_path / "empty"), b"empty", EVERYTHING, threading.Event())
    assert clamd.seen == []


def test_a_file_that_waits_is_not_judged(validator: Validator, tmp_path: Path) -> None:
    """Without a scanner and with `wait` there is no verdict at all."""
    guarded = Validator(
        validator._pool, LIMITS, Guard(ClamdScanner(os.fspath(tmp_path / "none"), 1.0), "wait")
    )
    path = tmp_path / "r.jpg"
    path.write_bytes(samples.encoded("JPEG"))
    with pytest.raises(InboxdError) as caught:
        guarded.inspect(bytes(path), b"r.jpg", EVERYTHING, threading.Event())
    assert (caught.value.code, caught.value.kind) == ("scanner_down", Kind.ENVIRONMENT)


@pytest.mark.system
def test_the_real_clamd_finds_by_each_kind_of_signature(tmp_path: Path) -> None:
    """EICAR by its hash, a file of ours by its hash, a marker anywhere in a file."""
    with RealClamd(tmp_path) as clamd:
        scanner = ClamdScanner(os.fspath(clamd.socket), 20.0)
        found = [signature(scanner, content) for content in (EICAR, WANTED, b"a" + MARKED)]
    assert [name and name.partition(".")[0] for name in found] == [
        "Eicar-Test",
        "Own-Hash",
        "Own-Marker",
    ]


@pytest.mark.system
def test_the_real_clamd_refuses_a_size(tmp_path: Path) -> None:
    """StreamMaxLength is trouble of the scanner's, just over it and far over it."""
    with RealClamd(tmp_path, largest=1 << 20) as clamd:
        address = os.fspath(clamd.socket)
        assert trouble(address, bytes((1 << 20) + 1)) is Trouble.SIZE
        assert trouble(address, bytes(20 << 20)) is Trouble.SIZE
        assert signature(ClamdScanner(address, 20.0), bytes(1 << 20)) is None
