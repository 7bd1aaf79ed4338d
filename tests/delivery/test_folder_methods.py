"""A folder gets files by the means that it is told: copied, linked, or with shared blocks."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config.destinations import FolderDestinationConfig
from daemon.delivery.destination import Parcel
from daemon.delivery.folder import destination as folder
from daemon.delivery.folder import placing
from daemon.delivery.folder.destination import FolderDestination
from daemon.errors import DeliveryError, Kind
from tests.delivery.parcels import Watched, never, parcel_of, write

CONTENT = os.urandom(1 << 20)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another disk, in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


def made(target: Path, method: str, **options: object) -> FolderDestination:
    config = {"type": "folder", "path": target, "method": method, **options}
    return FolderDestination("disk", FolderDestinationConfig.model_validate(config))


def deliver(target: Path, parcel: Parcel, method: str, **options: object) -> Path:
    progress = Watched()
    acknowledgement = made(target, method, **options).deliver(parcel, progress, never())
    assert progress.seen[-1] == parcel.size
    return Path(acknowledgement.location or "")


def refused(target: Path, parcel: Parcel, method: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(target, parcel, method)
    assert list(target.iterdir()) == []
    return caught.value


class TestHardlink:
    def test_is_the_original_itself(self, tmp_path: Path, target: Path) -> None:
        """The file has a second name and no second content; another attempt finds it done."""
        source = write(tmp_path, CONTENT)
        parcel = parcel_of(source)
        for _ in range(2):
            assert deliver(target, parcel, "hardlink").samefile(source)
        assert [path.name for path in target.iterdir()] == ["receipt.jpg"]
        source.unlink()  # as `originals: delete` does
        assert (target / "receipt.jpg").read_bytes() == CONTENT

    def test_takes_the_place_of_another(self, tmp_path: Path, target: Path) -> None:
        """A link replaces other content where the configuration says so, and leaves nothing."""
        (target / "receipt.jpg").write_bytes(b"another")
        source = write(tmp_path, CONTENT)
        linked = deliver(target, parcel_of(source), "hardlink", collision="overwrite")
        assert linked.samefile(source)
        assert [path.name for path in target.iterdir()] == ["receipt.jpg"]

    def test_another_disk(self, tmp_path: Path, elsewhere: Path) -> None:
        """A file on another disk fails for good, and says what to set."""
        error = refused(elsewhere, parcel_of(write(tmp_path, CONTENT)), "hardlink")
        assert (error.code, error.kind) == ("target_cannot_share", Kind.PERMANENT)
        assert "set `method` to auto or copy" in error.message

    def test_what_a_crash_left_is_not_written_into(
        self, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A link that a crash left unnamed is the original: copying later must not empty it."""

        class Crash(BaseException):
            pass

        def crash(*_: object) -> None:
            raise Crash

        source = write(tmp_path, CONTENT)
        with monkeypatch.context() as patch:
            patch.setattr(placing, "rename_new", crash)
            patch.setattr(folder, "unlink_if_there", lambda _: False)
            with pytest.raises(Crash):
                deliver(target, parcel_of(source), "hardlink")
        (left,) = target.iterdir()
        assert left.samefile(source)
        copied = deliver(target, parcel_of(source), "copy")
        assert not copied.samefile(source)
        assert (source.read_bytes(), copied.read_bytes()) == (CONTENT, CONTENT)

    def test_check(self, target: Path) -> None:
        """A check says whether links can be made, and leaves none."""
        findings = made(target, "hardlink").check()
        assert [(f.subject, f.ok) for f in findings][2] == ("method", True)
        assert list(target.iterdir()) == []


class TestCopy:
    def test_is_a_file_of_its_own(self, tmp_path: Path, target: Path) -> None:
        """A copy is ours to read and write, the group's to read, and nobody else's."""
        source = write(tmp_path, CONTENT)
        source.chmod(0o777)
        copied = deliver(target, parcel_of(source), "copy")
        assert copied.read_bytes() == CONTENT
        assert not copied.samefile(source)
        assert copied.stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("method", ["auto", "copy"])
    def test_another_disk(self, tmp_path: Path, elsewhere: Path, method: str) -> None:
        """A copy reaches another disk."""
        source = write(tmp_path, CONTENT)
        assert deliver(elsewhere, parcel_of(source), method).read_bytes() == CONTENT


def test_reflink_where_there_is_none(tmp_path: Path, elsewhere: Path) -> None:
    """Blocks that cannot be shared fail the file for good; a check says so before."""
    error = refused(elsewhere, parcel_of(write(tmp_path, CONTENT)), "reflink")
    assert (error.code, error.kind) == ("target_cannot_share", Kind.PERMANENT)
    finding = next(f for f in made(elsewhere, "reflink").check() if f.subject == "method")
    assert not finding.ok


@pytest.fixture(scope="module", params=["xfs", "btrfs"])
def sharing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A mounted file system whose files can share blocks."""
    place = tmp_path_factory.mktemp(request.param)
    image, mounted = place / "image", place / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([f"mkfs.{request.param}", "-q", image], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    yield mounted
    subprocess.run(["umount", mounted], check=True)


@pytest.mark.system
class TestReflink:
    @pytest.mark.parametrize("method", ["auto", "reflink"])
    def test_shares_blocks_until_one_changes(self, sharing: Path, method: str) -> None:
        """No block is written twice, and what is written to one file later is its own."""
        source = write(sharing, os.urandom(64 << 20), f"source-{method}")
        target = sharing / method
        target.mkdir()
        os.sync()
        free = free_bytes(sharing)
        copied = deliver(target, parcel_of(source), method)
        os.sync()
        assert free - free_bytes(sharing) < 16 << 20
        expected = copied.read_bytes()
        assert expected == source.read_bytes()
        with source.open("r+b") as file:
            file.write(b"changed later")
        assert copied.read_bytes() == expected

    def test_copy_has_blocks_of_its_own(self, sharing: Path) -> None:
        """A copy takes its room, so that a bad block is not in both."""
        source = write(sharing, os.urandom(32 << 20), "source-copy")
        target = sharing / "copy"
        target.mkdir()
        os.sync()
        free = free_bytes(sharing)
        deliver(target, parcel_of(source), "copy")
        os.sync()
        assert free - free_bytes(sharing) >= 32 << 20

    def test_from_another_disk(self, sharing: Path, tmp_path: Path) -> None:
        """`auto` copies what cannot be shared, `reflink` says that it cannot be."""
        target = sharing / "other"
        target.mkdir()
        parcel = parcel_of(write(tmp_path, CONTENT))
        assert refused(target, parcel, "reflink").code == "target_cannot_share"
        assert deliver(target, parcel, "auto").read_bytes() == CONTENT

    def test_check(self, sharing: Path) -> None:
        """A check makes a pair that shares, and leaves neither."""
        target = sharing / "checked"
        target.mkdir()
        finding = next(f for f in made(target, "reflink").check() if f.subject == "method")
        assert finding.ok
        assert list(target.iterdir()) == []


def free_bytes(path: Path) -> int:
    facts = os.statvfs(path)
    return facts.f_bfree * facts.f_frsize
