"""Which watcher fits which folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest

from daemon.errors import EnvironmentFaultError
from daemon.watching import choice
from daemon.watching.choice import Chosen, choose_watcher
from daemon.watching.filesystem import file_system_of, is_remote
from daemon.watching.native import NativeWatcher
from daemon.watching.polling import PollingWatcher
from tests.watching.recorders import Hints

MOUNTS = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /proc rw - proc proc rw
30 22 0:40 / /srv/nas rw,relatime shared:9 - nfs4 nas:/export rw,vers=4.2
31 30 0:41 / /srv/nas/local rw - tmpfs tmpfs rw
32 22 0:42 / /srv/with\\040space rw - fuse.sshfs host: rw
33 22 0:43 / /srv/twice rw - ext4 /dev/vdb rw
34 22 0:44 / /srv/twice rw - cifs //nas/share rw
"""


def choose(folder: Path, watch: Literal["auto", "native", "polling"] = "auto") -> Chosen:
    hints = Hints()
    chosen = choose_watcher(
        os.fsencode(folder),
        hints,
        watch=watch,
        recursive=False,
        skip=lambda name: False,
        poll_every=0.02,
        on_error=hints.on_error,
    )
    chosen.watcher.stop()
    return chosen


class TestFileSystemOf:
    @pytest.mark.parametrize(
        ("folder", "kind"),
        [
            (b"/home/x", "ext4"),
            (b"/srv/nas", "nfs4"),
            (b"/srv/nas/deep/er", "nfs4"),
            (b"/srv/nas/local/x", "tmpfs"),
            (b"/srv/nas2", "ext4"),
            (b"/srv/with space/x", "fuse.sshfs"),
            (b"/srv/twice/x", "cifs"),
        ],
    )
    def test_nearest_mount(self, folder: bytes, kind: str, tmp_path: Path) -> None:
        """A folder lies on the mount whose point is nearest above, the latest of several."""
        mounts = tmp_path / "mountinfo"
        mounts.write_bytes(MOUNTS)
        assert file_system_of(folder, mounts=mounts) == kind

    def test_not_told(self, tmp_path: Path) -> None:
        """Where the system does not say, nothing is claimed."""
        assert file_system_of(b"/", mounts=tmp_path / "none") is None

    def test_here(self) -> None:
        """The kernel's own table is understood."""
        assert file_system_of(b"/proc/self") == "proc"

    @pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "vboxsf", "fuse.sshfs"])
    def test_remote(self, kind: str) -> None:
        """On network and shared file systems others write without this kernel's knowledge."""
        assert is_remote(kind)

    @pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuseblk", None])
    def test_local(self, kind: str | None) -> None:
        """Local file systems tell all that happens."""
        assert not is_remote(kind)


class TestChooseWatcher:
    def test_local(self, tmp_path: Path) -> None:
        """A local folder is watched by events."""
        chosen = choose(tmp_path)
        assert isinstance(chosen.watcher, NativeWatcher)
        assert chosen.reason is None

    def test_asked_for(self, tmp_path: Path) -> None:
        """Polling that was asked for needs no reason."""
        chosen = choose(tmp_path, "polling")
        assert isinstance(chosen.watcher, PollingWatcher)
        assert chosen.reason is None

    def test_remote(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder on a network file system is polled, and the reason names the file system."""
        monkeypatch.setattr(choice, "file_system_of", lambda folder: "nfs4")
        chosen = choose(tmp_path)
        assert isinstance(chosen.watcher, PollingWatcher)
        assert chosen.reason == "nfs4 sends no events"
        assert isinstance(choose(tmp_path, "native").watcher, NativeWatcher)

    def test_limit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """When a limit forbids events, `auto` polls and says why, and `native` is an error."""

        def refuse(watcher: NativeWatcher) -> None:
            raise EnvironmentFaultError("inotify_max_user_watches", "the limit is reached")

        monkeypatch.setattr(NativeWatcher, "start", refuse)
        chosen = choose(tmp_path)
        assert isinstance(chosen.watcher, PollingWatcher)
        assert chosen.reason == "the limit is reached"
        with pytest.raises(EnvironmentFaultError):
            choose(tmp_path, "native")

    def test_missing(self, tmp_path: Path) -> None:
        """Nothing can watch a folder that is not there."""
        for watch in ("auto", "native", "polling"):
            with pytest.raises(EnvironmentFaultError):
                choose(tmp_path / "none", watch)
