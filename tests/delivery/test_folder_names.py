"""What becomes of a file whose name is taken is what the configuration says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import daemon.files
from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.folder.destination import FolderDestination
from daemon.errors import DeliveryError, Kind
from tests.delivery.parcels import JOB, never, parcel_of, write

TAILED = f"receipt-{JOB[-8:]}.jpg"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


def deliver(target: Path, parcel: Parcel, **options: object) -> str:
    config = {"type": "folder", "path": target, **options}
    destination = FolderDestination("disk", FolderDestinationConfig.model_validate(config))
    location = destination.deliver(parcel, lambda _: None, never()).location
    assert location is not None
    return Path(location).relative_to(target).as_posix()


def contents(target: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()}


def refused(target: Path, parcel: Parcel, **options: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(target, parcel, **options)
    assert caught.value.kind is Kind.PERMANENT
    return caught.value


class TestOtherContentHasTheName:
    @pytest.fixture
    def parcel(self, tmp_path: Path, target: Path) -> Parcel:
        (target / "receipt.jpg").write_bytes(b"another")
        return parcel_of(write(tmp_path, b"content"))

    @pytest.mark.parametrize("collision", ["skip_identical", "rename"])
    def test_it_keeps_the_name(self, target: Path, parcel: Parcel, collision: str) -> None:
        """Ours gets the tail of its job, at the next attempt too."""
        for _ in range(2):
            assert deliver(target, parcel, collision=collision) == TAILED
        assert contents(target) == {"receipt.jpg": b"another", TAILED: b"content"}

    def test_it_is_replaced(self, target: Path, parcel: Parcel) -> None:
        """The newer file takes its place where the configuration says so."""
        assert deliver(target, parcel, collision="overwrite") == "receipt.jpg"
        assert contents(target) == {"receipt.jpg": b"content"}

    def test_ours_is_refused(self, target: Path, parcel: Parcel) -> None:
        """The file fails, and nothing of it is left."""
        assert refused(target, parcel, collision="refuse").code == "name_taken"
        assert contents(target) == {"receipt.jpg": b"another"}


class TestTheSameContentHasTheName:
    @pytest.fixture
    def parcel(self, tmp_path: Path, target: Path) -> Parcel:
        there = write(target, b"content", "receipt.jpg")
        os.utime(there, ns=(0, 0))
        return parcel_of(write(tmp_path, b"content"))

    @pytest.mark.parametrize("collision", ["skip_identical", "overwrite", "refuse"])
    def test_it_counts_as_delivered(self, target: Path, parcel: Parcel, collision: str) -> None:
        """Nothing is written again."""
        assert deliver(target, parcel, collision=collision) == "receipt.jpg"
        assert (target / "receipt.jpg").stat().st_mtime_ns == 0
        assert contents(target) == {"receipt.jpg": b"content"}

    def test_each_file_is_there_on_its_own(self, target: Path, parcel: Parcel) -> None:
        """With `rename` it is another's file, unless it has the time of ours."""
        for _ in range(2):
            assert deliver(target, parcel, collision="rename") == TAILED
        assert contents(target) == {"receipt.jpg": b"content", TAILED: b"content"}


def test_ours_after_a_lost_acknowledgement(tmp_path: Path, target: Path) -> None:
    """With `rename` a file is not there twice because nobody heard that it arrived."""
    parcel = parcel_of(write(tmp_path, b"content"))
    for _ in range(2):
        assert deliver(target, parcel, collision="rename") == "receipt.jpg"
    assert contents(target) == {"receipt.jpg": b"content"}


@pytest.mark.parametrize("collision", ["overwrite", "refuse"])
def test_a_folder_has_the_name(tmp_path: Path, target: Path, collision: str) -> None:
    """A folder is never replaced."""
    (target / "receipt.jpg").mkdir()
    parcel = parcel_of(write(tmp_path, b"content"))
    assert refused(target, parcel, collision=collision).code == "name_taken"
    assert list(contents(target)) == []


def test_a_link_has_the_name(tmp_path: Path, target: Path) -> None:
    """What is replaced is the link, not what it leads to."""
    elsewhere = write(tmp_path, b"elsewhere", "elsewhere")
    (target / "receipt.jpg").symlink_to(elsewhere)
    deliver(target, parcel_of(write(tmp_path, b"content")), collision="overwrite")
    assert not (target / "receipt.jpg").is_symlink()
    assert elsewhere.read_bytes() == b"elsewhere"


class TestAFileSystemWithoutExclusiveRename:
    @pytest.fixture(autouse=True)
    def _cannot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def cannot(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(daemon.files, "_rename_exclusively", None)
        monkeypatch.setattr(os, "link", cannot)

    def test_a_free_name(self, tmp_path: Path, target: Path) -> None:
        """A stick with exFAT takes files too."""
        assert deliver(target, parcel_of(write(tmp_path, b"content"))) == "receipt.jpg"
        assert contents(target) == {"receipt.jpg": b"content"}

    def test_a_name_that_is_taken(self, tmp_path: Path, target: Path) -> None:
        """Nothing is replaced there either."""
        (target / "receipt.jpg").write_bytes(b"another")
        assert deliver(target, parcel_of(write(tmp_path, b"content"))) == TAILED
        assert contents(target) == {"receipt.jpg": b"another", TAILED: b"content"}

    @pytest.mark.parametrize("code", [errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG])
    def test_a_name_that_it_does_not_know(
        self, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        """A name that is none there fails the file for good and leaves nothing."""

        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "rename", refuse)
        parcel = parcel_of(write(tmp_path, b"content"), "a:b?.jpg")
        assert refused(target, parcel).code == "name_refused"
        assert contents(target) == {}


def test_a_file_too_large_for_the_file_system(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What FAT cannot hold fails for good."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(os, "ftruncate", refuse)
    parcel = parcel_of(write(tmp_path, b"content"))
    assert refused(target, parcel).code == "too_large_for_server"
    assert contents(target) == {}
