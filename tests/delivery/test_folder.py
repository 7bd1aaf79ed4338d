"""A folder gets whole files under names of their own, and its troubles are its own."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.folder import destination as folder
from daemon.delivery.folder import placing
from daemon.delivery.folder.destination import FolderDestination
from daemon.errors import DeliveryError, EnvironmentFaultError, Kind, StoppedError
from tests.delivery.parcels import JOB, Watched, never, parcel_of, write


def made(path: Path, **options: object) -> FolderDestination:
    config = {"type": "folder", "path": path, **options}
    return FolderDestination("disk", FolderDestinationConfig.model_validate(config))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


def deliver(destination: FolderDestination, parcel: Parcel) -> str | None:
    return destination.deliver(parcel, lambda _: None, never()).location


def test_taken_name_gets_a_tail(tmp_path: Path, target: Path) -> None:
    """A name taken by other content is left alone; ours gets the job's tail, and keeps it."""
    (target / "receipt.jpg").write_bytes(b"another")
    parcel = parcel_of(write(tmp_path, b"content"))
    for _ in range(2):
        assert deliver(made(target), parcel) == str(target / f"receipt-{JOB[-8:]}.jpg")
    assert (target / "receipt.jpg").read_bytes() == b"another"
    assert len(list(target.iterdir())) == 2


def test_no_name_left(tmp_path: Path, target: Path) -> None:
    """Where all names are taken by other content the delivery fails and leaves nothing."""
    for name in ("receipt.jpg", f"receipt-{JOB[-8:]}.jpg", f"receipt-{JOB}.jpg"):
        (target / name).write_bytes(b"another")
    with pytest.raises(DeliveryError) as caught:
        deliver(made(target), parcel_of(write(tmp_path, b"content")))
    assert (caught.value.code, caught.value.kind) == ("name_taken", Kind.PERMANENT)
    assert len(list(target.iterdir())) == 3


def test_a_link_of_that_name_is_not_followed(tmp_path: Path, target: Path) -> None:
    """A symbolic link in the target takes a name and leads nowhere."""
    elsewhere = write(tmp_path, b"elsewhere", "elsewhere")
    (target / "receipt.jpg").symlink_to(elsewhere)
    location = deliver(made(target), parcel_of(write(tmp_path, b"content")))
    assert location == str(target / f"receipt-{JOB[-8:]}.jpg")
    assert elsewhere.read_bytes() == b"elsewhere"


def test_folders_are_made(tmp_path: Path, target: Path) -> None:
    """The folders of a template are made; the target itself is not."""
    destination = made(target, name="{inbox}/{received:%Y/%m}/{sha256}{suffix}")
    parcel = parcel_of(write(tmp_path, b"content"))
    expected = target / "receipts/2026/11" / f"{parcel.sha256}.jpg"
    assert deliver(destination, parcel) == str(expected)
    assert expected.read_bytes() == b"content"
    assert deliver(made(target, name="{inbox}/"), parcel) == str(target / "receipts/receipt.jpg")


def test_no_name_leads_out(tmp_path: Path, target: Path) -> None:
    """A path with dots in it stays below the target."""
    parcel = replace(parcel_of(write(tmp_path, b"content")), path="../../../etc/x.jpg")
    assert deliver(made(target, name="{path}"), parcel) == str(target / "etc" / "x.jpg")


def test_leftovers_are_written_over(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a crash left under the temporary name is replaced, and nothing of it remains."""

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    parcel = parcel_of(write(tmp_path, b"content"))
    with monkeypatch.context() as patch:
        patch.setattr(placing, "rename_new", crash)
        patch.setattr(folder, "unlink_if_there", lambda _: False)
        with pytest.raises(Crash):
            deliver(made(target), parcel)
    assert [path.name[:8] for path in target.iterdir()] == [".inboxd-"]
    deliver(made(target), parcel)
    assert [path.name for path in target.iterdir()] == ["receipt.jpg"]
    assert (target / "receipt.jpg").read_bytes() == b"content"


def test_modification_time_is_kept(tmp_path: Path, target: Path) -> None:
    """The copy has the modification time of the original."""
    path = write(tmp_path, b"content")
    os.utime(path, ns=(10**18, 10**18 + 123))
    deliver(made(target), parcel_of(path))
    assert (target / "receipt.jpg").stat().st_mtime_ns == 10**18 + 123


def test_holes_stay_holes(tmp_path: Path, target: Path) -> None:
    """A sparse file stays sparse, and its content is in its place."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(50_000_000)
        file.seek(20_000_000)
        file.write(b"in the middle")
    deliver(made(target), parcel_of(path))
    copy = target / "receipt.jpg"
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_blocks * 512 < 1_000_000


@pytest.mark.parametrize("code", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, 0])
def test_kernel_that_cannot_copy(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Without the kernel's help the content is copied by hand."""

    def cannot(*_: object) -> int:
        if code:
            raise OSError(code, os.strerror(code))
        return 0

    monkeypatch.setattr(os, "copy_file_range", cannot)
    content = bytes(range(256)) * 10_000
    deliver(made(target), parcel_of(write(tmp_path, content)))
    assert (target / "receipt.jpg").read_bytes() == content


def test_missing_target(tmp_path: Path) -> None:
    """A target that is not there may be mounted again; it is not made."""
    missing = tmp_path / "missing"
    parcel = parcel_of(write(tmp_path, b"content"))
    with pytest.raises(DeliveryError) as caught:
        deliver(made(missing), parcel)
    assert (caught.value.code, caught.value.kind) == ("target_missing", Kind.TRANSIENT)
    assert [f.ok for f in made(missing).check()] == [False]
    assert not missing.exists()


def test_target_that_is_a_file(tmp_path: Path) -> None:
    """A file in the place of the target is no target."""
    path = write(tmp_path, b"file", "target")
    with pytest.raises(DeliveryError) as caught:
        deliver(made(path), parcel_of(write(tmp_path, b"content")))
    assert caught.value.code == "target_missing"
    assert [f.ok for f in made(path).check()] == [False]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, "target_full"),
        (errno.EDQUOT, "target_full"),
        (errno.EROFS, "target_read_only"),
        (errno.EACCES, "target_no_rights"),
        (errno.EIO, "target_failed"),
        (errno.ESTALE, "target_failed"),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_trouble_of_the_disk(
    tmp_path: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    expected: str,
    shared: bool,
) -> None:
    """A full or broken disk is the target's trouble, and ours only where the inbox lies on it."""

    def failing(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("daemon.delivery.folder.target._shares_disk", lambda *_: shared)
    monkeypatch.setattr(os, "fsync", failing)
    parcel = parcel_of(write(tmp_path, b"content"))
    with pytest.raises((DeliveryError, EnvironmentFaultError)) as caught:
        deliver(made(target), parcel)
    if shared and code in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}:
        assert isinstance(caught.value, EnvironmentFaultError)
    else:
        assert (caught.value.code, caught.value.kind) == (expected, Kind.TRANSIENT)
    monkeypatch.undo()
    assert list(target.iterdir()) == []


def test_no_descriptor_left(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few descriptors are our own trouble."""

    def failing(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(EnvironmentFaultError):
        deliver(made(target), parcel_of(write(tmp_path, b"content")))


def test_stop_while_comparing(tmp_path: Path, target: Path) -> None:
    """A stop also ends the comparison with a large file that is already there."""
    content = b"x" * 2_000_000
    (target / "receipt.jpg").write_bytes(content)
    stop = threading.Event()
    parcel = parcel_of(write(tmp_path, content))
    stopping = replace(parcel, open=lambda: (stop.set(), parcel.open())[1])  # type: ignore[func-returns-value]
    with pytest.raises(StoppedError):
        made(target).deliver(stopping, Watched(), stop)
