"""What is particular to polling."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.errors import EnvironmentFaultError
from daemon.watching.polling import PollingWatcher
from daemon.watching.scan import walk
from daemon.watching.watcher import Skip
from tests.watching.recorders import Hints


class TestPollingWatcher:
    def test_failed_look(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A look that fails is reported and forgets nothing; the next one goes on from before."""
        hints = Hints()

        def failing(
            folder: bytes, *, recursive: bool, skip: Skip
        ) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
            if hints.hints and not hints.errors:
                raise EnvironmentFaultError("emfile", "out of descriptors")
            return walk(folder, recursive=recursive, skip=skip)

        watcher = PollingWatcher(
            os.fsencode(tmp_path),
            hints,
            recursive=False,
            skip=lambda name: False,
            every=0.01,
            on_error=hints.on_error,
        )
        monkeypatch.setattr("daemon.watching.polling.walk", failing)
        watcher.start()
        try:
            (tmp_path / "a").write_bytes(b"x")
            assert hints.has(b"a")
            assert hints.until(lambda: bool(hints.errors))
            (tmp_path / "b").write_bytes(b"x")
            assert hints.has(b"b")
            assert watcher.alive()
        finally:
            watcher.stop()

    def test_old_times(self, tmp_path: Path) -> None:
        """A copy that keeps its old times is as new as any."""
        hints = Hints()
        watcher = PollingWatcher(
            os.fsencode(tmp_path),
            hints,
            recursive=False,
            skip=lambda name: name.startswith(b"."),
            every=0.01,
            on_error=hints.on_error,
        )
        watcher.start()
        try:
            (tmp_path / ".a").write_bytes(b"x")
            os.utime(tmp_path / ".a", (0, 0))
            (tmp_path / ".a").rename(tmp_path / "a")
            assert hints.has(b"a")
        finally:
            watcher.stop()
