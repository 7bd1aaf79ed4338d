"""Running commands in-process and as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from daemon.cli.main import app

ROOT = Path(__file__).parents[2]
Command = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def inboxd() -> Command:
    """Run a command in this process."""

    def run(*arguments: str | os.PathLike[str]) -> Result:
        return CliRunner().invoke(app, [os.fspath(argument) for argument in arguments])

    return run


@pytest.fixture
def process() -> Process:
    """Run a command as `python -m daemon`, as a person does."""

    def run(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "daemon", *map(os.fspath, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Write a configuration beside an existing inbox and return its path."""

    def write(text: str) -> Path:
        (tmp_path / "inbox").mkdir(exist_ok=True)
        path = tmp_path / "inboxd.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """All disks have nothing left."""
    really = os.statvfs

    def full(path: Any) -> os.statvfs_result:
        facts = list(really(path))
        facts[3] = facts[4] = 0  # f_bfree, f_bavail
        return os.statvfs_result(facts)

    monkeypatch.setattr("os.statvfs", full)
