"""What every destination must do: suites that the tests of each adapter inherit.

A test class inherits `Contract`, or `ServerContract` where requests go over HTTP, and has a fixture
`far_side` that gives a `FarSide`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.delivery.benchmark import Discarding
from daemon.delivery.destination import SUBJECTS, Acknowledgement, Destination, Parcel
from daemon.errors import DeliveryError, Kind, StoppedError
from tests.delivery.parcels import Watched, never, parcel_of, write
from tests.delivery.proxy import Fault, Passed, Proxy, answer, cut, silence, swallow
from tests.waiting import wait_until

HOSTILE_NAMES = [
    "a b.jpg",
    "Quittung äöü €.jpg",
    "領収書.pdf",
    'say "hi".jpg',
    "two\nlines\r\n.jpg",
    "per%cent%22.jpg",
    "semi;colon=1.jpg",
    "back\\slash.jpg",
    "question?#hash&.jpg",
    "-rf.jpg",
    "..jpg",
    "plus+and'quote.jpg",
    "n" * 251 + ".jpg",
    "領" * 83 + "12.jpg",
    "bytes-\udcff\udcfe.jpg",
]
MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """One file as the far side has it; `sha256` is None where nobody looked."""

    name: str
    size: int
    sha256: str | None


class FarSide(ABC):
    """One adapter and the place that it delivers to, empty at first; made anew for each test."""

    @abstractmethod
    def destination(self, **options: object) -> Destination:
        """The adapter, configured with these options too."""

    @abstractmethod
    def kept(self) -> list[Kept]:
        """Every file that the far side shows, under whatever name, remains of attempts too.

        An upload that can still be resumed is no such remains.
        """

    def as_named(self, name: str) -> str:
        """How the far side calls a file of this name."""
        return name

    def digests(self) -> list[str | None]:
        """The sha256 of each file that the far side has."""
        return [kept.sha256 for kept in self.kept()]


class ServerSide(FarSide):
    """A far side behind a proxy that makes trouble."""

    proxy: Proxy


def folder_kept(folder: Path) -> list[Kept]:
    """The files below a folder where a server keeps them, which may take some away meanwhile."""
    found = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append(Kept(path.name, os.fstat(file.fileno()).st_size, digest))
    return found


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def deliver(destination: Destination, parcel: Parcel) -> Acknowledgement:
    """One attempt that nobody watches or stops."""
    return destination.deliver(parcel, lambda _: None, never())


def failed(destination: Destination, parcel: Parcel) -> DeliveryError:
    """One attempt that must fail."""
    with pytest.raises(DeliveryError) as caught:
        deliver(destination, parcel)
    return caught.value


def deliver_at_last(destination: Destination, parcel: Parcel) -> Acknowledgement:
    """Attempts until one succeeds; those before it must fail in a way that another can mend."""
    for _ in range(MOST_ATTEMPTS - 1):
        try:
            return deliver(destination, parcel)
        except DeliveryError as error:
            if error.kind is not Kind.TRANSIENT:
                raise
    return deliver(destination, parcel)


def wait_until_empty(far_side: FarSide) -> None:
    """Wait until a server has noticed that we hung up and taken away what it had by then."""
    wait_until(lambda: far_side.kept() == [], lambda: f"{far_side.kept()} to go away")


@contextmanager
def sparse_parcel(size: int) -> Iterator[Parcel]:
    """A parcel of holes with a word in the middle, in memory, where holes cost nothing."""
    descriptor = os.memfd_create("sparse")
    try:
        os.ftruncate(descriptor, size)
        os.pwrite(descriptor, b"in the middle", size // 2)
        yield parcel_of(Path(f"/proc/self/fd/{descriptor}"), sha256="0" * 64)
    finally:
        os.close(descriptor)


class PeakMemory:
    """The most memory that this process has had resident since this was made, in bytes."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # proc_pid_clear_refs(5): resets the peak
        self._before = self._read()

    def growth(self) -> int:
        return self._read() - self._before

    def _read(self) -> int:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert match is not None
        return int(match.group(1)) * 1024


class Contract:
    """What holds for every destination, a folder too."""

    discards: bool = True
    """Whether a file that was delivered can be taken away again."""
    refused_names: frozenset[str] = frozenset()
    """Names that this far side cannot keep; they fail for good."""

    @pytest.mark.parametrize("size", [0, 1, 65_000, 65_536, 262_144, 1_000_001])
    def test_new_name(self, far_side: FarSide, tmp_path: Path, size: int) -> None:
        """A file arrives whole, whatever its size, and its progress ends at that size."""
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        progress = Watched()
        parcel = parcel_of(write(tmp_path, content))
        acknowledgement = far_side.destination().deliver(parcel, progress, never())
        assert far_side.digests() == [digest(content)]
        assert acknowledgement.bytes == size
        assert progress.seen[-1:] == [size]
        assert progress.seen == sorted(progress.seen)

    def test_same_content_twice(self, far_side: FarSide, tmp_path: Path) -> None:
        """The same delivery made twice leaves one file on the far side, and says so twice."""
        parcel = parcel_of(write(tmp_path, b"once"))
        destination = far_side.destination()
        first = deliver(destination, parcel)
        again = deliver(destination, parcel)
        assert far_side.digests() == [digest(b"once")]
        assert first.location == again.location

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_hostile_names(self, far_side: FarSide, tmp_path: Path, name: str) -> None:
        """A name arrives as it is, and nothing in it breaks out of its place."""
        parcel = parcel_of(write(tmp_path, b"named"), name)
        destination = far_side.destination()
        if name in self.refused_names:
            assert failed(destination, parcel).kind is Kind.PERMANENT
            assert far_side.kept() == []
            return
        deliver(destination, parcel)
        assert far_side.digests() == [digest(b"named")]
        assert [kept.name for kept in far_side.kept()] == [far_side.as_named(name)]

    def test_cancel_midway(self, far_side: FarSide, tmp_path: Path) -> None:
        """A stop ends an upload soon, and the far side has no half file."""
        path = tmp_path / "source"
        path.write_bytes(b"x" * (32 << 20))
        stop = threading.Event()
        progress = Watched(at=1 << 20, act=stop.set)
        with pytest.raises(StoppedError):
            far_side.destination(bandwidth="50MB/s").deliver(parcel_of(path), progress, stop)
        wait_until_empty(far_side)
        assert progress.seen[-1] < 32 << 20

    def test_stop_before_the_start(self, far_side: FarSide, tmp_path: Path) -> None:
        """Nothing is sent once a stop is set."""
        stop = threading.Event()
        stop.set()
        parcel = parcel_of(write(tmp_path, b"x"))
        with pytest.raises(StoppedError):
            far_side.destination().deliver(parcel, lambda _: None, stop)
        assert far_side.kept() == []

    def test_bandwidth_limit(self, far_side: FarSide, tmp_path: Path) -> None:
        """A limit makes an upload last at least as long as its size asks for."""
        path = write(tmp_path, b"x" * 300_000)
        destination = far_side.destination(bandwidth="1MB/s")
        began = time.monotonic()
        deliver(destination, parcel_of(path))
        assert time.monotonic() - began >= 0.19
        assert [kept.size for kept in far_side.kept()] == [300_000]

    def test_file_that_shrank(self, far_side: FarSide, tmp_path: Path) -> None:
        """A file that is not as long as it was fails for good and does not count as delivered."""
        path = write(tmp_path, b"x" * 200_000)
        parcel = parcel_of(path)
        path.write_bytes(b"x" * 150_000)
        error = failed(far_side.destination(), parcel)
        assert (error.code, error.kind) == ("file_changed", Kind.PERMANENT)
        wait_until_empty(far_side)

    @pytest.mark.parametrize("size", [10, 5_000_000])
    def test_file_that_grew(self, far_side: FarSide, tmp_path: Path, size: int) -> None:
        """A file that grew fails for good and does not count as delivered."""
        path = write(tmp_path, b"x" * size)
        parcel = parcel_of(path)
        path.write_bytes(b"x" * (size + 1))
        assert failed(far_side.destination(), parcel).code == "file_changed"
        wait_until_empty(far_side)

    def test_file_that_changes_while_it_is_sent(self, far_side: FarSide, tmp_path: Path) -> None:
        """A file whose bytes are replaced by as many others on the way is not delivered."""
        path = write(tmp_path, b"x" * 5_000_000)
        parcel = parcel_of(path)
        progress = Watched(at=1_000_000, act=lambda: rewrite(path))
        with pytest.raises(DeliveryError) as caught:
            far_side.destination(bandwidth="20MB/s").deliver(parcel, progress, never())
        assert (caught.value.code, caught.value.kind) == ("file_changed", Kind.PERMANENT)
        wait_until_empty(far_side)

    def test_file_that_is_gone(self, far_side: FarSide, tmp_path: Path) -> None:
        """A file that is no longer there fails for good."""
        path = write(tmp_path, b"x")
        parcel = parcel_of(path)
        path.unlink()
        error = failed(far_side.destination(), parcel)
        assert (error.code, error.kind) == ("file_missing", Kind.PERMANENT)
        assert far_side.kept() == []

    def test_check_delivers_nothing(self, far_side: FarSide) -> None:
        """A check finds a destination well and leaves nothing behind."""
        findings = far_side.destination().check()
        assert findings
        assert [finding for finding in findings if not finding.ok] == []
        assert far_side.kept() == []

    def test_check_has_one_order_for_all(self, far_side: FarSide) -> None:
        """Every destination is told about in the same words, each subject once, and to the end."""
        subjects = [finding.subject for finding in far_side.destination().check()]
        assert subjects == [subject for subject in SUBJECTS if subject in subjects]
        assert {"rights", "quota"} <= set(subjects)

    def test_discard(self, far_side: FarSide, tmp_path: Path) -> None:
        """What a benchmark delivered can be taken away again, or is said to remain."""
        destination = far_side.destination()
        kept = deliver(destination, parcel_of(write(tmp_path, b"kept"), "kept.bin", key="kept"))
        gone = deliver(destination, parcel_of(write(tmp_path, b"gone"), "gone.bin", key="gone"))
        assert isinstance(destination, Discarding)
        assert destination.discard(gone) is self.discards
        assert digest(b"kept") in far_side.digests()
        assert (digest(b"gone") in far_side.digests()) is not self.discards
        assert kept.location != gone.location or not self.discards

    def test_several_threads(self, far_side: FarSide, tmp_path: Path) -> None:
        """One destination serves several threads at once, each with its own file."""
        destination = far_side.destination()
        contents = [b"file %d" % number * 20_000 for number in range(8)]

        def one(number: int) -> None:
            path = write(tmp_path, contents[number], f"source{number}")
            deliver(destination, parcel_of(path, f"{number}.jpg", key=f"key-{number}"))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(map(str, far_side.digests())) == sorted(map(digest, contents))


class Gigabytes:
    """What holds for every destination and takes seconds; servers that write to a disk are slow."""

    flat = 16 << 20
    """Bytes that memory may grow by, whatever the size of a file."""

    def test_gigabytes_in_flat_memory(self, far_side: FarSide) -> None:
        """Five gigabytes pass through without memory growing with them."""
        destination = far_side.destination()
        with sparse_parcel(5 << 30) as parcel:
            deliver(destination, parcel_of(Path("/dev/null")))
            memory = PeakMemory()
            delivered = deliver(destination, parcel)
        assert memory.growth() < self.flat
        assert 5 << 30 in [kept.size for kept in far_side.kept()]
        assert isinstance(destination, Discarding)
        with contextlib.suppress(DeliveryError):  # a busy disk may take long to forget so much
            destination.discard(delivered)  # no disk of ours is to be full of them


def rewrite(path: Path) -> None:
    """Put as many other bytes in place of a file's own."""
    with path.open("r+b") as file:
        file.write(b"y" * path.stat().st_size)


class ServerContract(Contract):
    """What holds for every destination that is reached by HTTP: whatever goes wrong on the way."""

    large = 3_000_000
    """Bytes of a file that takes the adapter's way for large ones."""
    options: dict[str, object] = {}  # noqa: RUF012  # never changed
    """What the adapter is told for the tests in which something goes wrong."""
    sent_again = large
    """Bytes of a large file that may be sent a second time after a cut in the middle."""

    def test_each_answer_lost(self, far_side: ServerSide, tmp_path: Path) -> None:
        """Whichever answer of a delivery is lost, later attempts end with one whole file."""
        self.with_fault_at_each(far_side, tmp_path, b"lost", swallow)

    def test_each_answer_lost_of_a_large_file(self, far_side: ServerSide, tmp_path: Path) -> None:
        """The same holds for a file that takes the way of large ones."""
        self.with_fault_at_each(far_side, tmp_path, os.urandom(self.large), swallow)

    def test_each_request_refused_for_now(self, far_side: ServerSide, tmp_path: Path) -> None:
        """Whichever request of a delivery meets a 503, later attempts end with one whole file."""
        self.with_fault_at_each(far_side, tmp_path, b"refused", answer(503))

    def test_each_request_cut(self, far_side: ServerSide, tmp_path: Path) -> None:
        """Whichever request of a delivery is broken off at its start, later attempts succeed."""
        self.with_fault_at_each(far_side, tmp_path, b"cut", cut(0))

    def test_cut_in_the_middle(self, far_side: ServerSide, tmp_path: Path) -> None:
        """After a cut in the middle the file arrives whole, what was kept is not sent again."""
        content = os.urandom(self.large)
        heaviest = self.heaviest(far_side, tmp_path)
        parcel = parcel_of(write(tmp_path, content), "large.jpg", key="cut")
        destination = far_side.destination(**self.options)
        far_side.proxy.forget()
        far_side.proxy.at_body(heaviest // 2, cut(heaviest // 2))
        deliver_at_last(destination, parcel)
        assert far_side.digests().count(digest(content)) == 1
        sent = sum(passed.sent for passed in far_side.proxy.requests)
        assert sent <= self.large + self.sent_again + 64 * 1024, far_side.proxy.requests

    @pytest.mark.parametrize("then", ["close", "reset", "hold"])
    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (413, "too_large_for_server", Kind.PERMANENT),
            (503, "server_unavailable", Kind.TRANSIENT),
        ],
    )
    def test_early_answer(
        self,
        far_side: ServerSide,
        tmp_path: Path,
        then: str,
        status: int,
        code: str,
        kind: Kind,
    ) -> None:
        """An answer before the body was read counts, however the connection ends."""
        heaviest = self.heaviest(far_side, tmp_path)
        before = far_side.kept()
        parcel = parcel_of(write(tmp_path, os.urandom(self.large)), "early.jpg", key="early")
        far_side.proxy.forget()
        far_side.proxy.at_body(heaviest // 2, answer(status, then))
        error = failed(far_side.destination(**self.options), parcel)
        assert (error.code, error.kind, error.http_status) == (code, kind, status)
        assert before == [kept for kept in far_side.kept() if kept in before]
        assert digest(Path(tmp_path / "source").read_bytes()) not in far_side.digests()

    def test_too_many_requests(self, far_side: ServerSide, tmp_path: Path) -> None:
        """A server that asks for a pause is heard, whichever request it answers so."""
        for number in range(1, 1 + len(self.passed(far_side, tmp_path, b"reference"))):
            content = b"paused %d" % number
            parcel = parcel_of(write(tmp_path, content), f"{number}.jpg", key=f"pause-{number}")
            destination = far_side.destination(**self.options)
            far_side.proxy.forget()
            far_side.proxy.at(number, answer(429, Retry_After="7"))
            error = failed(destination, parcel)
            assert (error.code, error.retry_after) == ("too_many_requests", 7.0)
            assert error.kind is Kind.TRANSIENT
            deliver_at_last(destination, parcel)
            assert far_side.digests().count(digest(content)) == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_refused_credentials(self, far_side: ServerSide, tmp_path: Path, status: int) -> None:
        """A server that does not accept who we are is not asked again and again."""
        far_side.proxy.always = answer(status)
        error = failed(far_side.destination(), parcel_of(write(tmp_path, b"refused")))
        assert (error.code, error.kind) == ("auth_refused", Kind.PERMANENT)
        findings = far_side.destination().check()
        # With 403 most servers mean that they know us, and that we may not.
        assert [f.subject in ("auth", "rights") for f in findings if not f.ok] == [True]
        assert far_side.kept() == []

    @pytest.mark.parametrize(("status", "subject"), [(503, "answer"), (507, "quota")])
    def test_check_of_a_server_in_trouble(
        self, far_side: ServerSide, status: int, subject: str
    ) -> None:
        """One finding failed, the last, and it says what to do."""
        far_side.proxy.always = answer(status)
        *before, last = far_side.destination().check()
        assert all(finding.ok for finding in before)
        assert (last.subject, last.ok) == (subject, False)
        assert "; " in last.message

    def test_silent_server(self, far_side: ServerSide, tmp_path: Path) -> None:
        """A server that never answers costs no more than the time for reading."""
        options = {**self.options, "timeout": {"connect": "20s", "read": "300ms"}}
        far_side.proxy.at(1, silence)
        error = failed(far_side.destination(**options), parcel_of(write(tmp_path, b"silent")))
        assert (error.code, error.kind) == ("transfer_timeout", Kind.TRANSIENT)

    def test_server_that_is_gone(self, far_side: ServerSide, tmp_path: Path) -> None:
        """A server that does not listen has its own code, and check says how far it came."""
        far_side.proxy.close()
        destination = far_side.destination()
        error = failed(destination, parcel_of(write(tmp_path, b"gone")))
        assert (error.code, error.kind) == ("connection_refused", Kind.TRANSIENT)
        findings = [(finding.subject, finding.ok) for finding in destination.check()]
        assert findings == [("dns", True), ("tcp", False)]

    def with_fault_at_each(
        self, far_side: ServerSide, folder: Path, content: bytes, fault: Fault
    ) -> None:
        """Deliver once for each request that a delivery makes, with that request in trouble."""
        count = len(self.passed(far_side, folder, content))
        for number in range(1, count + 1):
            own = content + b" %d" % number
            parcel = parcel_of(write(folder, own), f"{number}.jpg", key=f"key-{number}")
            far_side.proxy.forget()
            far_side.proxy.at(number, fault)
            deliver_at_last(far_side.destination(**self.options), parcel)
            assert far_side.digests().count(digest(own)) == 1, f"request {number} of {count}"
        assert len(far_side.kept()) == count + 1, "something was left behind"

    def heaviest(self, far_side: ServerSide, folder: Path) -> int:
        """The most bytes of a large file that one request carries, with what is around them."""
        passed = self.passed(far_side, folder, os.urandom(self.large))
        return max(request.length for request in passed)

    def passed(self, far_side: ServerSide, folder: Path, content: bytes) -> list[Passed]:
        """The requests of a delivery in which nothing goes wrong."""
        far_side.proxy.forget()
        parcel = parcel_of(write(folder, content), "reference.jpg", key="reference")
        deliver(far_side.destination(**self.options), parcel)
        return list(far_side.proxy.requests)
