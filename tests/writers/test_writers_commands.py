"""Files that come by the commands of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.writers.conftest import Arrive, bring

pytestmark = pytest.mark.system
ONCE = "taken whole, once"
TREE = "recursive: true\n    settle: 200ms"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("command", ["cp", "cp -p", "cp --sparse=always", "install -m 600"])
@pytest.mark.reliability("Real writers", "{command}", ONCE)
def test_a_copy_is_taken_whole(command: str, arrive: Arrive, source: Path) -> None:
    """A hundred copies of files of every size, a new process for each tenth."""
    arrivals = arrive()
    for number in range(10):
        some = [source.with_name(f"{number}-{each}.bin") for each in range(10)]
        for path in some:
            path.write_bytes(os.urandom(20 + (number * 7) ** 3))
        arrivals.expect(*some)
        bring(*command.split(), *some, arrivals.inbox)
    arrivals.check()


@pytest.mark.reliability("Real writers", "cp of 64 MB", ONCE)
def test_a_large_copy_is_taken_whole(arrive: Arrive, source: Path) -> None:
    """One that takes longer than an event needs to arrive."""
    source.write_bytes(os.urandom(64_000_000))
    arrivals = arrive()
    arrivals.expect(source)
    subprocess.run(["cp", source, arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "mv on the same file system", ONCE)
def test_a_file_moved_in_is_taken(arrive: Arrive, source: Path) -> None:
    """A rename, with nothing to wait for."""
    arrivals = arrive()
    arrivals.expect(source)
    subprocess.run(["mv", source, arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "mv across file systems", ONCE)
def test_a_file_moved_in_from_another_disk_is_taken_whole(arrive: Arrive, elsewhere: Path) -> None:
    """A copy under its final name."""
    arrivals = arrive()
    for number in range(5):
        path = elsewhere / f"{number}.bin"
        path.write_bytes(os.urandom(5_000_000))
        arrivals.expect(path)
    subprocess.run(["mv", *elsewhere.iterdir(), arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "cp -r of a tree", ONCE)
def test_a_tree_that_is_copied_is_taken_whole(arrive: Arrive, sources: Path) -> None:
    """Folders come to be while what is in them is written already."""
    arrivals = arrive(TREE)
    arrivals.expect(*sources.rglob("*.bin"))
    subprocess.run(["cp", "-r", sources, arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "mv of a tree", ONCE)
def test_a_tree_that_is_moved_in_is_taken(arrive: Arrive, sources: Path) -> None:
    """One event for the whole tree."""
    arrivals = arrive(TREE)
    arrivals.expect(*sources.rglob("*.bin"))
    subprocess.run(["mv", sources, arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "mv of a tree across file systems", ONCE)
def test_a_tree_from_another_disk_is_taken_whole(
    arrive: Arrive, sources: Path, elsewhere: Path
) -> None:
    """Copied in, then removed where it was."""
    arrivals = arrive(TREE)
    arrivals.expect(*sources.rglob("*.bin"))
    subprocess.run(["mv", sources, elsewhere], check=True)
    subprocess.run(["mv", elsewhere / sources.name, arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "tar x with times of 2001", ONCE)
def test_an_archive_that_is_unpacked_is_taken_whole(arrive: Arrive, sources: Path) -> None:
    """Times that were preserved say nothing about being finished."""
    archive = sources.with_suffix(".tar")
    subprocess.run(["tar", "cf", archive, "-C", sources, "."], check=True)
    arrivals = arrive(TREE)
    arrivals.expect(*sources.rglob("*.bin"))
    subprocess.run(["tar", "xf", archive, "-C", arrivals.inbox], check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "tar x of a slow stream", ONCE)
def test_an_archive_that_comes_slowly_is_taken_whole(arrive: Arrive, source: Path) -> None:
    """The file lies there, growing, for half a second."""
    archive = source.with_suffix(".tar")
    subprocess.run(["tar", "cf", archive, "-C", source.parent, source.name], check=True)
    arrivals = arrive()
    arrivals.expect(source)
    slowly = f"pv() {{ while head -c 30000 && sleep 0.05; do [ $((n+=1)) -lt 12 ] || break; done; }}; pv <{archive}"  # noqa: E501
    with subprocess.Popen(["bash", "-c", slowly], stdout=subprocess.PIPE) as feed:
        subprocess.run(["tar", "x", "-C", arrivals.inbox], stdin=feed.stdout, check=True)
    arrivals.check()


@pytest.mark.reliability("Real writers", "ln, a hardlink from outside", ONCE)
def test_a_hardlink_is_taken(arrive: Arrive, source: Path) -> None:
    """The kernel tells of it as of a file that was just created, and of nothing afterwards."""
    arrivals = arrive()
    arrivals.expect(source)
    subprocess.run(["ln", source, arrivals.inbox], check=True)
    arrivals.check()
