"""Daemons that start in no time: a process that has imported everything, and forks.

Each daemon is a process of its own that runs the `inboxd` command, ends by itself, by a signal or
at a crash point, and leaves nothing in the next. `python -m tests.reliability.nursery` is the
process that forks; it takes orders, a line of JSON each, and answers so.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
TWO_STEPS = "renames-in-two-steps"
"""A file of this name beside the log has a daemon do without an exclusive rename, as on NFS."""
_LOADED = (
    "daemon.cli.main",
    "daemon.config.load",
    "daemon.delivery.folder.destination",
    "daemon.delivery.http",
    "daemon.jobs.state_folder",
    "daemon.observing.log",
    "daemon.pipeline.pipeline",
    "daemon.pipeline.verifying",
    "daemon.service",
)
_LONGEST = 900.0 if os.environ.get("INBOXD_LONG_RUN") == "1" else 60.0


class Nursery:
    """A context manager; `path` is put before all others that modules are looked for in."""

    def __init__(self, path: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(path), str(ROOT)))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(_LONGEST)
        self._process.stdout.close()

    def run(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Run a command to its end and return its exit code, negative for a signal."""
        return self.wait(self.start(*arguments, log=log, crash=crash))

    def start(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Start a command and return its process; what it prints is added to `log`."""
        pid: int = self._ask({"start": arguments, "log": str(log), "crash": crash})
        return pid

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; returns its exit code."""
        code: int | None = self._ask({"wait": pid})
        assert code is not None, f"process {pid} did not end within {_LONGEST:g} s"
        return code

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Programs:
    """Starts a fresh interpreter for each command, as a shell does."""

    def __init__(self, path: Path) -> None:
        paths = os.pathsep.join((str(path), str(ROOT)))
        self._environment = {**os.environ, "PYTHONPATH": paths}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def run(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Run a command to its end and return its exit code, negative for a signal."""
        return self.wait(self.start(*arguments, log=log, crash=crash))

    def start(self, *arguments: str, log: Path, crash: str = "") -> int:
        """Start a command and return its process; what it prints is added to `log`."""
        named = {"INBOXD_CRASHPOINT": crash} if crash else {}
        with log.open("ab") as target:
            process = subprocess.Popen(
                [sys.executable, "-m", "daemon", *arguments],
                stdout=target,
                stderr=target,
                env={**self._environment, **named},
            )
        self._processes[process.pid] = process
        return process.pid

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; returns its exit code."""
        return self._processes.pop(pid).wait(_LONGEST)


def _serve() -> None:
    for name in _LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        answer = _wait(order["wait"]) if "wait" in order else _fork(order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
            os.dup2(number, target)
        if order["crash"]:
            arm(order["crash"])
        if (Path(order["log"]).parent / TWO_STEPS).exists():
            sys.modules["daemon.files"]._rename_exclusively = None  # type: ignore[attr-defined]
        sys.argv = ["inboxd", *order["start"]]
        sys.modules["daemon.cli.main"].main()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 0 if ending.code is None else 1
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def arm(order: str) -> None:
    """Have this process end at a crash point, wherever it was imported already.

    With a signal before the order, as in `SIGTERM,claim.taken:1`, it sends itself that one instead.
    """
    from daemon.crashpoints import CountedCrash  # noqa: PLC0415 - not before it is forked

    name, _, point = order.rpartition(",")
    if name:
        number = signal.Signals[name]
        crash = CountedCrash(point, lambda: os.kill(os.getpid(), number))
    else:
        crash = CountedCrash(point)
    for module in modules_with_points():
        module.crashpoint = crash


def modules_with_points() -> list[Any]:
    """The modules of the daemon that come to crash points."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("daemon.") and hasattr(module, "crashpoint")
    ]


def _wait(pid: int) -> int | None:
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


if __name__ == "__main__":
    _serve()
