"""Real servers for tests: each started when first asked for, ended with the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tests.waiting import PATIENCE, wait_until

T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 on which nothing listens, no two of them the same."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for bound in held:
            bound.bind(("127.0.0.1", 0))
        return [int(bound.getsockname()[1]) for bound in held]


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    return free_ports(1)[0]


def listens(port: int) -> bool:
    """Whether something takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def program(name: str) -> str:
    """A program that came with a Python package."""
    return str(Path(sys.executable).parent / name)


class Servers:
    """Starts servers in groups of processes of their own; `folder` holds what they log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._made: dict[str, object] = {}

    def once(self, name: str, start: Callable[[], T]) -> T:
        """What `start` gave when `name` was first asked for."""
        if name not in self._made:
            self._made[name] = start()
        return self._made[name]  # type: ignore[return-value]

    def folder(self, name: str) -> Path:
        """A new folder for a server's files."""
        path = self._folder / name
        path.mkdir()
        return path

    def run(
        self,
        command: Sequence[str],
        port: int,
        *,
        environment: Mapping[str, str] | None = None,
        seconds: float = PATIENCE,
    ) -> subprocess.Popen[bytes]:
        """Start a program and wait until it listens at `port`; fails with what it said if not."""
        log = self._folder / f"{Path(command[0]).name}-{port}.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._running.append(started)

        def is_up() -> bool:
            assert started.poll() is None, f"{command[0]} ended: {said()}"
            return listens(port)

        def said() -> str:
            return log.read_text(errors="replace")[-2000:]

        wait_until(is_up, lambda: f"{command[0]} to listen: {said()}", seconds)
        return started

    def end(self, started: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM) -> None:
        """End one of them with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, by)
        try:
            started.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait(PATIENCE)

    def close(self) -> None:
        """End all of them."""
        for started in self._running:
            self.end(started)
