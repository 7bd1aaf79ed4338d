"""What every destination must do; each adapter passes the same suite."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.destination import Destination
from daemon.delivery.folder import FolderDestination
from daemon.errors import DeliveryError, Kind, StoppedError
from tests.delivery.parcels import Watched, http_destination, never, parcel_of, write
from tests.receiver import Receiver, lost_answer, ok

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
    "n" * 200 + ".jpg",
    "bytes-\udcff\udcfe.jpg",
]


class Setup(ABC):
    """One adapter and the far side of it."""

    @abstractmethod
    def destination(self, **options: object) -> Destination: ...

    @abstractmethod
    def digests(self) -> list[str]:
        """The sha256 of each file that the far side has."""

    @abstractmethod
    def names(self) -> list[str]:
        """What the far side calls them."""

    @abstractmethod
    def size(self) -> int:
        """The size of the only file on the far side."""

    def as_named(self, name: str) -> str:
        """How a name is written there."""
        return name

    @abstractmethod
    def lose_the_next_answer(self) -> None:
        """Let the far side take the next file and not say so."""

    @abstractmethod
    def close(self) -> None:
        """End the far side."""


class HttpSetup(Setup):
    method = "POST"

    def __init__(self, folder: Path, *, hashing: bool = True) -> None:
        del folder
        self.receiver = Receiver(hashing=hashing)
        self.receiver.__enter__()
        self.opened: list[Destination] = []

    def destination(self, **options: object) -> Destination:
        made = http_destination(self.receiver.url, method=self.method, **options)
        self.opened.append(made)
        return made

    def digests(self) -> list[str]:
        whole = [r for r in self.receiver.requests if r.complete and r.method != "HEAD"]
        by_key = {r.key: r.sha256 for r in whole}
        return [digest for digest in by_key.values() if digest is not None]

    def names(self) -> list[str]:
        return [r.filename or "" for r in self.receiver.requests]

    def as_named(self, name: str) -> str:
        text = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    def size(self) -> int:
        return self.receiver.wait_for(1)[0].size

    def lose_the_next_answer(self) -> None:
        self.receiver.script(lost_answer(), ok())

    def close(self) -> None:
        for destination in self.opened:
            destination.close()
            destination.close()
        self.receiver.close()


class PutSetup(HttpSetup):
    method = "PUT"

    def as_named(self, name: str) -> str:
        return name

    def names(self) -> list[str]:
        return [unquote(r.path[1:], errors="surrogateescape") for r in self.receiver.requests]


class FolderSetup(Setup):
    def __init__(self, folder: Path, *, hashing: bool = True) -> None:
        del hashing
        self.path = folder / "target"
        self.path.mkdir()

    def destination(self, **options: object) -> Destination:
        config = {"type": "folder", "path": self.path, **options}
        return FolderDestination("disk", FolderDestinationConfig.model_validate(config))

    def files(self) -> list[Path]:
        return sorted(self.path.iterdir())

    def digests(self) -> list[str]:
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files()]

    def names(self) -> list[str]:
        return [path.name for path in self.files()]

    def size(self) -> int:
        return self.files()[0].stat().st_size

    def lose_the_next_answer(self) -> None:
        """A copy that was made and not acknowledged looks like one that was."""

    def close(self) -> None:
        """There is nothing to end."""


SETUPS = {"http POST": HttpSetup, "http PUT": PutSetup, "folder": FolderSetup}


@pytest.fixture(params=list(SETUPS))
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Setup]:
    made = SETUPS[request.param](tmp_path)
    yield made
    made.close()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_536, 262_144, 1_000_001])
def test_new_name(setup: Setup, tmp_path: Path, size: int) -> None:
    """A file arrives whole, whatever its size, and its progress ends at that size."""
    content = bytes(range(251)) * (size // 251 + 1)
    path = write(tmp_path, content[:size])
    progress = Watched()
    acknowledgement = setup.destination().deliver(parcel_of(path), progress, never())
    assert setup.digests() == [digest(content[:size])]
    assert acknowledgement.bytes == size
    assert progress.seen[-1:] == [size]
    assert progress.seen == sorted(progress.seen)


def test_same_content_twice(setup: Setup, tmp_path: Path) -> None:
    """The same delivery made twice leaves one file on the far side."""
    parcel = parcel_of(write(tmp_path, b"once"))
    destination = setup.destination()
    first = destination.deliver(parcel, lambda _: None, never())
    again = destination.deliver(parcel, lambda _: None, never())
    assert setup.digests() == [digest(b"once")]
    assert first == again


def test_lost_answer(setup: Setup, tmp_path: Path) -> None:
    """After an answer that was lost the next attempt makes no second file."""
    parcel = parcel_of(write(tmp_path, b"lost"))
    destination = setup.destination()
    setup.lose_the_next_answer()
    with contextlib.suppress(DeliveryError):  # a folder has no answer to lose
        destination.deliver(parcel, lambda _: None, never())
    destination.deliver(parcel, lambda _: None, never())
    assert setup.digests() == [digest(b"lost")]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names(setup: Setup, tmp_path: Path, name: str) -> None:
    """A name arrives as it is, and nothing in it breaks out of its place."""
    path = write(tmp_path, b"named")
    setup.destination().deliver(parcel_of(path, name), lambda _: None, never())
    assert setup.digests() == [digest(b"named")]
    assert setup.names() == [setup.as_named(name)]


@pytest.fixture(scope="module")
def sparse() -> Iterator[Path]:
    """Three gigabytes of holes with a word in the middle, in memory, where holes cost nothing."""
    descriptor = os.memfd_create("sparse")
    os.ftruncate(descriptor, 3 << 30)
    os.pwrite(descriptor, b"in the middle", 1 << 30)
    yield Path(f"/proc/self/fd/{descriptor}")
    os.close(descriptor)


@pytest.mark.parametrize("kind", list(SETUPS))
def test_sparse_file_in_flat_memory(kind: str, sparse: Path, tmp_path: Path) -> None:
    """Gigabytes pass through without memory growing with them."""
    made = SETUPS[kind](tmp_path, hashing=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made.destination().deliver(parcel_of(sparse, sha256="0" * 64), lambda _: None, never())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert made.size() == 3 << 30
    assert grown < 20_000
    made.close()


def test_cancel_midway(setup: Setup, tmp_path: Path) -> None:
    """A stop ends an upload soon, and the far side has no half file."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"x" * (64 << 20))
    stop = threading.Event()
    progress = Watched(at=1 << 20, act=stop.set)
    with pytest.raises(StoppedError):
        setup.destination(bandwidth="100MB/s").deliver(parcel_of(path), progress, stop)
    assert setup.digests() == []
    assert progress.seen[-1] < 64 << 20


def test_stop_before_the_start(setup: Setup, tmp_path: Path) -> None:
    """Nothing is sent once a stop is set."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        setup.destination().deliver(parcel_of(write(tmp_path, b"x")), lambda _: None, stop)
    assert setup.digests() == []


def test_bandwidth_limit(setup: Setup, tmp_path: Path) -> None:
    """A limit makes an upload last at least as long as its size asks for."""
    path = write(tmp_path, b"x" * 300_000)
    began = time.monotonic()
    setup.destination(bandwidth="1MB/s").deliver(parcel_of(path), lambda _: None, never())
    assert time.monotonic() - began >= 0.19
    assert setup.size() == 300_000


def test_file_that_shrank(setup: Setup, tmp_path: Path) -> None:
    """A file that is not as long as it was fails for good and does not count as delivered."""
    path = write(tmp_path, b"x" * 200_000)
    parcel = parcel_of(path)
    path.write_bytes(b"x" * 150_000)
    with pytest.raises(DeliveryError) as caught:
        setup.destination().deliver(parcel, lambda _: None, never())
    assert (caught.value.code, caught.value.kind) == ("file_changed", Kind.PERMANENT)
    assert setup.digests() == []


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_file_that_grew(setup: Setup, tmp_path: Path, size: int) -> None:
    """A file that grew, also while it is sent, fails for good and does not count as delivered."""
    path = write(tmp_path, b"x" * size)
    parcel = parcel_of(path)
    path.write_bytes(b"x" * (size + 1))
    with pytest.raises(DeliveryError) as caught:
        setup.destination().deliver(parcel, lambda _: None, never())
    assert caught.value.code == "file_changed"
    assert setup.digests() == []


def test_file_that_is_gone(setup: Setup, tmp_path: Path) -> None:
    """A file that is no longer there fails for good."""
    path = write(tmp_path, b"x")
    parcel = parcel_of(path)
    path.unlink()
    with pytest.raises(DeliveryError) as caught:
        setup.destination().deliver(parcel, lambda _: None, never())
    assert (caught.value.code, caught.value.kind) == ("file_missing", Kind.PERMANENT)


def test_check_delivers_nothing(setup: Setup) -> None:
    """A check finds a destination well and leaves nothing behind."""
    findings = setup.destination().check()
    assert findings
    assert all(finding.ok for finding in findings)
    assert setup.digests() == []


def test_several_threads(setup: Setup, tmp_path: Path) -> None:
    """One destination serves several threads at once, each with its own file."""
    destination = setup.destination()
    contents = [b"file %d" % number * 20_000 for number in range(8)]

    def deliver(number: int) -> None:
        path = write(tmp_path, contents[number], f"source{number}")
        parcel = parcel_of(path, f"{number}.jpg", key=f"key-{number}")
        destination.deliver(parcel, lambda _: None, never())

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(setup.digests()) == sorted(map(digest, contents))
