"""Small disks to be filled, and other things that a test breaks."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a tmpfs on a folder below `tmp_path`, with the options given."""
    with contextlib.ExitStack() as stack:

        def mounted(name: str, options: str = "size=4m") -> Path:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            subprocess.run(command, check=True)
            stack.callback(lambda: subprocess.run(["umount", "-l", folder], check=False))
            return folder

        yield mounted


def remove(folder: Path) -> None:
    """Remove an inbox in which no file is left; for a moment a probe of its daemon may be there."""

    def removed() -> bool:
        with contextlib.suppress(OSError):
            folder.rmdir()
            return True
        return False

    wait_until(removed, "the folder to be empty")


def fill(folder: Path) -> Path:
    """Leave not a byte on the disk of a folder; returns the file to be removed."""
    filler = folder / ".filler"
    with filler.open("wb", buffering=0) as stream:
        while True:
            try:
                stream.write(bytes(4096))
            except OSError:
                return filler
