"""Daemons for the tests of writers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.reliability.nursery import Nursery
from tests.writers.arrivals import Arrivals

Arrive = Callable[..., Arrivals]
SIZE = 300_000


def bring(*command: str | os.PathLike[str]) -> None:
    """Run a command that writes files into an inbox.

    `install` and the old `scp` set rights and times by a file's name after they have closed it,
    when it may be taken already; that they miss it then is no fault of anybody's.
    """
    done = subprocess.run(command, check=False, capture_output=True)
    said = done.stderr.splitlines()
    missed = [line for line in said if line.endswith(b": No such file or directory")]
    assert done.returncode == 0 or (missed and missed == said), done.stderr


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Starts daemons in no time."""
    with Nursery(tmp_path_factory.mktemp("path")) as started:
        yield started


@pytest.fixture
def arrive(tmp_path: Path, nursery: Nursery) -> Iterator[Arrive]:
    """Starts a daemon on an inbox, with what its configuration should say beyond the rest."""
    with ExitStack() as stack:

        def start(inbox: str = "settle: 200ms", *, deliver: bool = True) -> Arrivals:
            arrivals = Arrivals(tmp_path / "box", nursery, inbox=inbox, deliver=deliver)
            return stack.enter_context(arrivals)

        yield start


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to be brought, of random content."""
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A tree to be brought: nine files in three folders, with old times."""
    root = tmp_path / "tree"
    for number in range(9):
        path = root / f"folder {number % 3}" / "deep" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1000 * number + 20))
        os.utime(path, (1e9, 1e9))
    return root
