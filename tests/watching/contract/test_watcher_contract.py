"""What every watcher promises, native or polling."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.errors import EnvironmentFaultError
from daemon.watching.native import NativeWatcher
from daemon.watching.polling import PollingWatcher
from daemon.watching.watcher import Watcher
from tests.watching.recorders import Hints

Watch = Callable[..., Watcher]
ADAPTERS: dict[str, Callable[..., Watcher]] = {
    "native": NativeWatcher,
    "polling": lambda *args, **options: PollingWatcher(*args, every=0.02, **options),
}


def never(name: bytes) -> bool:
    return False


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture(params=ADAPTERS)
def watch(request: pytest.FixtureRequest, inbox: Path, hints: Hints) -> Iterator[Watch]:
    """Start a watcher of the kind under test on the inbox."""
    started: list[Watcher] = []

    def start(*, recursive: bool = False, skip: Callable[[bytes], bool] = never) -> Watcher:
        watcher = ADAPTERS[request.param](
            os.fsencode(inbox), hints, recursive=recursive, skip=skip, on_error=hints.on_error
        )
        watcher.start()
        started.append(watcher)
        return watcher

    yield start
    for watcher in started:
        watcher.stop()


class TestWatcher:
    def test_written_and_closed(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A file that is written and closed is announced."""
        watch()
        (inbox / "a.pdf").write_bytes(b"x")
        assert hints.has(b"a.pdf")

    def test_renamed_in(self, tmp_path: Path, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A file that is renamed into the folder is announced."""
        (tmp_path / "b").write_bytes(b"x")
        watch()
        (tmp_path / "b").rename(inbox / "b.pdf")
        assert hints.has(b"b.pdf")

    def test_renamed_within(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A file that gets its final name by a rename within the folder is announced by it."""
        watch(skip=lambda name: name.endswith(b".part"))
        (inbox / "c.pdf.part").write_bytes(b"x")
        (inbox / "c.pdf.part").rename(inbox / "c.pdf")
        assert hints.has(b"c.pdf")
        assert b"c.pdf.part" not in hints.paths()

    def test_linked_in(self, tmp_path: Path, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A hard link made in the folder is announced."""
        (tmp_path / "d").write_bytes(b"x")
        watch()
        os.link(tmp_path / "d", inbox / "d.pdf")
        assert hints.has(b"d.pdf")

    def test_rewritten(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A file that was there before and grows is announced."""
        (inbox / "e.pdf").write_bytes(b"x")
        watch()
        with (inbox / "e.pdf").open("ab") as file:
            file.write(b"more")
        assert hints.has(b"e.pdf")

    def test_special_files(
        self, inbox: Path, hints: Hints, watch: Watch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Links, FIFOs and sockets are announced like any name, and not followed or opened."""
        watch()
        (inbox / "link").symlink_to("/nowhere")
        os.mkfifo(inbox / "fifo")
        with socket.socket(socket.AF_UNIX) as server:
            monkeypatch.chdir(inbox)  # a socket's path may have 107 bytes only
            server.bind("socket")
        assert hints.has(b"link", b"fifo", b"socket")

    @pytest.mark.parametrize(
        "name",
        [b"\xff\xfe-latin.pdf", b"new\nline.pdf", "Quittung äöü 领.pdf".encode(), b"a" * 255],
    )
    def test_odd_names(self, name: bytes, inbox: Path, hints: Hints, watch: Watch) -> None:
        """Names come as the bytes that they are."""
        watch()
        with open(os.path.join(os.fsencode(inbox), name), "wb") as file:
            file.write(b"x")
        assert hints.has(name)

    def test_skipped_names(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A skipped name is not announced, nor is anything in a skipped folder."""
        watch(recursive=True, skip=lambda name: name.startswith(b"."))
        (inbox / ".hidden").mkdir()
        (inbox / ".hidden" / "x.pdf").write_bytes(b"x")
        (inbox / ".x.pdf").write_bytes(b"x")
        (inbox / "y.pdf").write_bytes(b"x")
        assert hints.has(b"y.pdf")
        assert hints.paths() == {b"y.pdf"}

    def test_not_recursive(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """Folders below are not looked into unless asked for."""
        (inbox / "old").mkdir()
        watch()
        (inbox / "old" / "x.pdf").write_bytes(b"x")
        (inbox / "new").mkdir()
        (inbox / "new" / "x.pdf").write_bytes(b"x")
        (inbox / "y.pdf").write_bytes(b"x")
        assert hints.has(b"y.pdf")
        assert hints.paths() == {b"y.pdf"}

    def test_recursive(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """Files in folders old and new are announced by their path below the inbox."""
        (inbox / "old").mkdir()
        watch(recursive=True)
        (inbox / "old" / "x.pdf").write_bytes(b"x")
        (inbox / "new" / "deep" / "deeper").mkdir(parents=True)
        (inbox / "new" / "deep" / "deeper" / "y.pdf").write_bytes(b"x")
        assert hints.has(b"old/x.pdf", b"new/deep/deeper/y.pdf")

    def test_folder_moved_in(self, tmp_path: Path, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A folder that is moved in announces what is in it, and what is put there later."""
        (tmp_path / "album" / "inner").mkdir(parents=True)
        (tmp_path / "album" / "1.pdf").write_bytes(b"x")
        (tmp_path / "album" / "inner" / "2.pdf").write_bytes(b"x")
        watch(recursive=True)
        (tmp_path / "album").rename(inbox / "album")
        assert hints.has(b"album/1.pdf", b"album/inner/2.pdf")
        (inbox / "album" / "inner" / "3.pdf").write_bytes(b"x")
        assert hints.has(b"album/inner/3.pdf")

    def test_folder_renamed_within(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """After a folder is renamed, files in it are announced under its new name."""
        (inbox / "one" / "inner").mkdir(parents=True)
        watch(recursive=True)
        (inbox / "one").rename(inbox / "two")
        (inbox / "two" / "inner" / "x.pdf").write_bytes(b"x")
        assert hints.has(b"two/inner/x.pdf")

    def test_folder_moved_out(
        self, tmp_path: Path, inbox: Path, hints: Hints, watch: Watch
    ) -> None:
        """A folder that was moved out is none of ours any more."""
        (inbox / "gone").mkdir()
        watch(recursive=True)
        (inbox / "gone").rename(tmp_path / "gone")
        (inbox / "y.pdf").write_bytes(b"x")
        assert hints.has(b"y.pdf")
        (tmp_path / "gone" / "x.pdf").write_bytes(b"x")
        (inbox / "z.pdf").write_bytes(b"x")
        assert hints.has(b"z.pdf")
        assert b"gone/x.pdf" not in hints.paths()

    def test_linked_folder_is_not_followed(
        self, tmp_path: Path, inbox: Path, hints: Hints, watch: Watch
    ) -> None:
        """A symbolic link to a folder is a name like any other, not a way out of the inbox."""
        (tmp_path / "elsewhere").mkdir()
        (inbox / "way").symlink_to(tmp_path / "elsewhere")
        watch(recursive=True)
        (tmp_path / "elsewhere" / "x.pdf").write_bytes(b"x")
        (inbox / "y.pdf").write_bytes(b"x")
        assert hints.has(b"y.pdf")
        assert hints.paths() == {b"y.pdf"}

    def test_inbox_behind_a_link(
        self, tmp_path: Path, hints: Hints, inbox: Path, watch: Watch
    ) -> None:
        """The inbox itself may be a symbolic link to a folder."""
        inbox.rename(tmp_path / "real")
        inbox.symlink_to(tmp_path / "real")
        watcher = watch()
        (tmp_path / "real" / "x.pdf").write_bytes(b"x")
        assert hints.has(b"x.pdf")
        assert watcher.alive()

    def test_sink_that_raises(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """What the sink raises is passed on, and later files are announced all the same."""
        watcher = watch()
        hints.fail_next = True
        (inbox / "a.pdf").write_bytes(b"x")
        assert hints.until(lambda: bool(hints.errors))
        (inbox / "b.pdf").write_bytes(b"x")
        assert hints.has(b"b.pdf")
        told = {hint.lost for hint in hints.hints}
        assert b"a.pdf" in hints.paths() or "error" in told
        assert watcher.alive()

    def test_folder_replaced(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """When the folder is removed and made anew the watcher says that it no longer sees."""
        watcher = watch()
        assert watcher.alive()
        shutil.rmtree(inbox)
        # Another folder first, so that the new one cannot get the old one's inode.
        (inbox.parent / "between").mkdir()
        inbox.mkdir()
        assert hints.until(lambda: any(hint.lost == "folder" for hint in hints.hints))
        assert not watcher.alive()

    def test_burst(self, tmp_path: Path, inbox: Path, hints: Hints, watch: Watch) -> None:
        """Of 5,000 names that appear at once each is announced."""
        watch()
        (tmp_path / "one").write_bytes(b"x")
        for number in range(5000):  # links, because making so many files is slow on busy disks
            os.link(tmp_path / "one", inbox / f"{number}.pdf")
        assert hints.has(*(b"%d.pdf" % number for number in range(5000)))

    def test_missing_folder(self, inbox: Path, watch: Watch) -> None:
        """A folder that is not there is our surroundings' fault."""
        inbox.rmdir()
        with pytest.raises(EnvironmentFaultError):
            watch()

    def test_stop(self, inbox: Path, hints: Hints, watch: Watch) -> None:
        """A watcher stops at once, may be stopped twice, and is then not alive."""
        watcher = watch()
        watcher.stop()
        watcher.stop()
        assert not watcher.alive()
        (inbox / "a.pdf").write_bytes(b"x")
        assert hints.paths() == set()
